// Before and after: what differs, section by section, or either of them whole.

import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { DiffRowLine } from "../../components/Diff";
import { rowsOf } from "../../text/diffRows";
import { counted } from "../../text/format";
import { type DiffSection, diffSections } from "../../text/stories";
import { visible } from "../../text/visible";
import type { StoryDiff, StoryShape } from "../../wire";
import type { StoryView } from "./params";
import { Description, StoryText } from "./StoryText";

const FROM = "/stories/$storyId";
const VIEWS: readonly { readonly view: StoryView | undefined; readonly label: string }[] = [
  { view: undefined, label: "What differs" },
  { view: "before", label: "Before" },
  { view: "after", label: "After" },
];

export function ChangesTab({ story }: { story: StoryShape }): ReactNode {
  const { view } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const { before, after, diff } = story;
  if (before === null) return <p className="muted">It has not been read from Shortcut yet.</p>;
  if (after === null || diff === null) {
    return (
      <>
        <p className="muted">Nothing was proposed{story.ended_at === null ? " yet" : ""}. This is the story as it was read:</p>
        <div className="card pad">
          <StoryText {...before} appUrl={before.app_url} under={1} />
        </div>
      </>
    );
  }
  return (
    <>
      <div className="row" role="group" aria-label="Which text">
        {VIEWS.map((each) => (
          <button
            key={each.label}
            type="button"
            className="chip"
            aria-pressed={view === each.view}
            onClick={() => void navigate({ search: each.view === undefined ? {} : { view: each.view }, resetScroll: false })}
          >
            {each.label}
          </button>
        ))}
      </div>
      {view === undefined ? <Differences story={story} diff={diff} /> : null}
      {view === "before" ? (
        <div className="card pad">
          <StoryText {...before} appUrl={before.app_url} under={1} />
        </div>
      ) : null}
      {view === "after" ? (
        <div className="card pad">
          <StoryText {...after} appUrl={before.app_url} under={1} />
        </div>
      ) : null}
      {after.comment === "" ? null : (
        <section className="card pad stack" aria-labelledby="comment">
          <h2 id="comment">Comment</h2>
          <Description markdown={after.comment} appUrl={before.app_url} under={2} />
        </section>
      )}
    </>
  );
}

function Differences({ story, diff }: { story: StoryShape; diff: StoryDiff }): ReactNode {
  const { is_name_changed: isNamed, is_description_changed: isChanged } = diff;
  return (
    <div className="stack" data-testid="differences">
      <p className="num">{summaryOf(diff)}</p>
      {isNamed ? (
        <section className="card diff" aria-label="Title">
          <div className="row diff-bar">
            <h2>Title</h2>
          </div>
          <ul className="diff-lines">
            {rowsOf(diff.name).map((row) => (
              <DiffRowLine key={row.key} row={row} />
            ))}
          </ul>
        </section>
      ) : null}
      {isChanged ? diffSections(story).map((section, index) => <Section key={index} section={section} />) : null}
      {diff.is_cut ? <p className="muted xs">The rest of what differs is not shown.</p> : null}
    </div>
  );
}

function Section({ section: { title, rows, added, removed } }: { section: DiffSection }): ReactNode {
  const name = title === "" ? "Before the first heading" : visible(title);
  return (
    <section className="card diff" aria-label={name} data-testid="diff-section">
      <div className="row diff-bar">
        <h2 className="wrap">{name}</h2>
        <span className="muted sm num">
          {added === 0 ? "" : `+${added}`} {removed === 0 ? "" : `−${removed}`}
          <span className="sr">
            {counted(added, "line")} added, {counted(removed, "line")} removed
          </span>
        </span>
      </div>
      <ul className="diff-lines">
        {rows.map((row) => (
          <DiffRowLine key={row.key} row={row} />
        ))}
      </ul>
    </section>
  );
}

function summaryOf({ is_name_changed: isNamed, is_description_changed: isChanged, lines_added: added, lines_removed: removed, labels_added: given, labels_removed: taken }: StoryDiff): string {
  const parts = [
    isNamed ? "The title is another." : "The title stays.",
    isChanged ? `Description: ${counted(added, "line")} added, ${counted(removed, "line")} removed.` : "The description stays.",
    given.length === 0 ? "" : `Label given: ${given.map(visible).join(", ")}.`,
    taken.length === 0 ? "" : `Label taken away: ${taken.map(visible).join(", ")}.`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}
