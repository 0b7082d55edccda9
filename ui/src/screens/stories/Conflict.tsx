// Somebody changed the story while the agents were at it: both sides, beside each other. Nothing was written over it.

import type { ReactNode } from "react";

import { dateAndTime } from "../../text/format";
import { safeHref } from "../../text/visible";
import type { StoryShape } from "../../wire";
import { StoryText } from "./StoryText";

export function Conflict({ story: { theirs, after, before, app_url: appUrl } }: { story: StoryShape }): ReactNode {
  const href = safeHref(appUrl);
  return (
    <section className="card fail" aria-labelledby="conflict" data-testid="conflict">
      <h2 id="conflict">Somebody changed it meanwhile</h2>
      <p>
        Nothing was written over that. <b>What you can do.</b> Take from the proposal what you like{" "}
        {href === null ? null : (
          <a href={href} target="_blank" rel="noreferrer noopener">
            in Shortcut
          </a>
        )}
        , or give the story its label again: the agents then begin with what it is now.
      </p>
      <div className="story-sides">
        {theirs === null ? null : (
          <section className="card pad stack" aria-labelledby="theirs">
            <h2 id="theirs">As it is in Shortcut</h2>
            <p className="muted sm">changed {dateAndTime(theirs.updated_at)}</p>
            <StoryText {...theirs} appUrl={theirs.app_url} under={2} />
          </section>
        )}
        {after === null ? null : (
          <section className="card pad stack" aria-labelledby="ours">
            <h2 id="ours">What would have been written</h2>
            <p className="muted sm">made of the story as of {before === null ? "before" : dateAndTime(before.updated_at)}</p>
            <StoryText {...after} appUrl={appUrl} under={2} />
          </section>
        )}
      </div>
    </section>
  );
}
