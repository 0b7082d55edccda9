// A story's text as its Markdown reads. It is other people's: no raw HTML, no pictures, no target but web and mail.

import { lazy, type ReactNode, Suspense } from "react";

import { visible } from "../../text/visible";

const Markdown = lazy(async () => ({ default: (await import("../../components/Markdown")).Markdown }));

interface Props {
  readonly name: string;
  readonly description: string;
  readonly labels: readonly string[];
  readonly appUrl: string;
  /** The level of the heading that it stands below. */
  readonly under: number;
}

export function StoryText({ name, description, labels, appUrl, under }: Props): ReactNode {
  return (
    <div className="stack">
      <p className="b wrap">{visible(name)}</p>
      <Labels labels={labels} />
      {description.trim() === "" ? <p className="muted">No description.</p> : <Description markdown={description} appUrl={appUrl} under={under} />}
    </div>
  );
}

export function Description({ markdown, appUrl, under }: { markdown: string; appUrl: string; under: number }): ReactNode {
  return (
    <Suspense fallback={<p className="story-plain">{visible(markdown)}</p>}>
      <Markdown markdown={markdown} baseUrl={appUrl} cited={null} under={under} />
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
