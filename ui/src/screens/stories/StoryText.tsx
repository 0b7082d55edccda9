// A story's text as its Markdown reads. It is other people's: no raw HTML, no pictures, no target but web and mail.

import { lazy, type ReactNode, Suspense } from "react";

import { visible } from "../../text/visible";

const Markdown = lazy(async () => ({ default: (await import("../../components/Markdown")).Markdown }));

interface Props {
  readonly name: string;
  readonly description: string;
  readonly labels: readonly string[];
  readonly appUrl: string;
}

export function StoryText({ name, description, labels, appUrl }: Props): ReactNode {
  return (
    <div className="stack">
      <h3 className="wrap">{visible(name)}</h3>
      <Labels labels={labels} />
      {description.trim() === "" ? <p className="muted">No description.</p> : <Description markdown={description} appUrl={appUrl} />}
    </div>
  );
}

export function Description({ markdown, appUrl }: { markdown: string; appUrl: string }): ReactNode {
  return (
    <Suspense fallback={<p className="story-plain">{visible(markdown)}</p>}>
      <Markdown markdown={markdown} baseUrl={appUrl} cited={null} under={3} />
    </Suspense>
  );
}

export function Labels({ labels }: { labels: readonly string[] }): ReactNode {
  if (labels.length === 0) return null;
  return (
    <ul className="row" aria-label="Labels">
      {labels.map((label) => (
        <li key={label} className="tag">
          {visible(label)}
        </li>
      ))}
    </ul>
  );
}
