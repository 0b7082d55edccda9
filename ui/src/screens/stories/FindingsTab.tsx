// What the stages found: triage, analysis, open questions, the sources that they cite, related stories.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { pageQuery } from "../../data/pages";
import { counted } from "../../text/format";
import { questionsOf, sourcesOf } from "../../text/stories";
import { safeHref, visible } from "../../text/visible";
import type { CitedSource, RelatedStory, StoryShape, Triage } from "../../wire";

export function FindingsTab({ story }: { story: StoryShape }): ReactNode {
  const { triage, analysis, enhancement } = story;
  if (triage === null) return <p className="muted">Nothing was found yet: no stage has ended.</p>;
  const dropped = (analysis?.sources_dropped ?? 0) + (enhancement?.sources_dropped ?? 0);
  return (
    <>
      <Triaged triage={triage} />
      {analysis === null ? null : (
        <section className="card pad stack" aria-labelledby="analysis">
          <h2 id="analysis">Analysis</h2>
          <p className="wrap">{visible(analysis.summary)}</p>
          <Lines lines={analysis.findings} />
        </section>
      )}
      <Questions questions={questionsOf(story)} />
      <Sources sources={sourcesOf(story)} dropped={dropped} />
      <Related stories={analysis?.related ?? []} />
    </>
  );
}

function Triaged({ triage: { kind, complexity, summary, missing, risks, needs_enhancement: needs, by_model: byModel } }: { triage: Triage }): ReactNode {
  return (
    <section className="card pad stack" aria-labelledby="triage">
      <h2 id="triage">Triage</h2>
      <p className="wrap">{visible(summary)}</p>
      <p className="row sm">
        <span className="tag">{visible(kind)}</span>
        <span className="tag">complexity {visible(complexity)}</span>
        <span className="muted">
          {needs ? "It can be made better." : "It is good as it is."} {byModel ? "" : "Judged by rules, without a model."}
        </span>
      </p>
      {missing.length === 0 ? null : (
        <p className="wrap">
          <b>Missing:</b> {missing.map(visible).join(", ")}
        </p>
      )}
      {risks.length === 0 ? null : (
        <>
          <h3>Risks</h3>
          <Lines lines={risks} />
        </>
      )}
    </section>
  );
}

function Lines({ lines }: { lines: readonly string[] }): ReactNode {
  if (lines.length === 0) return null;
  return (
    <ul className="story-lines">
      {lines.map((line, index) => (
        // The same may be said twice.
        <li key={index} className="wrap">
          {visible(line)}
        </li>
      ))}
    </ul>
  );
}

function Questions({ questions }: { questions: readonly string[] }): ReactNode {
  if (questions.length === 0) return null;
  return (
    <section className="card pad stack" aria-labelledby="questions">
      <h2 id="questions">Open questions</h2>
      <Lines lines={questions} />
    </section>
  );
}

function Sources({ sources, dropped }: { sources: readonly CitedSource[]; dropped: number }): ReactNode {
  return (
    <section className="card pad stack" aria-labelledby="cited">
      <h2 id="cited">Sources</h2>
      {sources.length === 0 ? <p className="muted">None is cited.</p> : null}
      <ul className="stack" aria-labelledby="cited">
        {sources.map((source) => (
          <Source key={source.url} source={source} />
        ))}
      </ul>
      {dropped === 0 ? null : <p className="muted sm">{counted(dropped, "source")} that a model named {dropped === 1 ? "was" : "were"} not there, and left out.</p>}
    </section>
  );
}

function Source({ source: { url, title, page_id: pageId, why } }: { source: CitedSource }): ReactNode {
  const href = safeHref(url);
  return (
    <li>
      {pageId === null ? <b className="wrap">{visible(title || url)}</b> : <PageLink pageId={pageId} title={title || url} />}
      {why === "" ? null : <p className="sm wrap">{visible(why)}</p>}
      {href === null ? (
        <span className="muted xs wrap">{visible(url)}</span>
      ) : (
        <a href={href} className="xs wrap" target="_blank" rel="noreferrer noopener nofollow">
          {visible(url)}
        </a>
      )}
    </li>
  );
}

/** Its source is known once the page is; one that is gone has no link. */
function PageLink({ pageId, title }: { pageId: string; title: string }): ReactNode {
  const { api } = useApp();
  const page = useQuery(pageQuery(api, pageId)).data;
  if (page === undefined) return <b className="wrap">{visible(title)}</b>;
  return (
    <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId: page.source_id, pageId }} className="b wrap">
      {visible(title)}
    </Link>
  );
}

function Related({ stories }: { stories: readonly RelatedStory[] }): ReactNode {
  if (stories.length === 0) return null;
  return (
    <section className="card pad stack" aria-labelledby="related">
      <h2 id="related">Related stories</h2>
      <ul className="story-lines" aria-labelledby="related">
        {stories.map(({ shortcut_id: number, name, app_url: url }) => {
          const href = safeHref(url);
          const text = visible(`#${number} ${name}`);
          return (
            <li key={number} className="wrap">
              {href === null ? (
                text
              ) : (
                <a href={href} target="_blank" rel="noreferrer noopener nofollow">
                  {text}
                </a>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
