// What the refreshes of a source changed: over time, by pages, and down to the words of one page; and as feeds to follow.

import "./changes.css";

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CopyButton } from "../../components/buttons";
import { Loaded } from "../../components/Failure";
import { changesQuery, feedUrl } from "../../data/changes";
import { dateAndTime } from "../../text/format";
import type { GenerationChanges, GenerationState } from "../../wire";
import { ChangeBars } from "./ChangeBars";
import { ChangedPages } from "./ChangedPages";

const FROM = "/sources/$sourceId";

export function Changes({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery(changesQuery(api, sourceId));
  return (
    <div className="tab-body stack">
      <Loaded query={query}>
        {({ pages }) => {
          const generations = pages.flatMap((some) => some.items);
          return (
            <>
              <div className="card pad over-time">
                <ChangeBars generations={generations} />
                <Feeds sourceId={sourceId} />
              </div>
              <div className="changes">
                <div className="stack">
                  <Refreshes generations={generations} />
                  {query.hasNextPage ? (
                    <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
                      {query.isFetchingNextPage ? "Loading…" : "Show older ones"}
                    </button>
                  ) : null}
                </div>
                <Chosen sourceId={sourceId} generations={generations} />
              </div>
            </>
          );
        }}
      </Loaded>
    </div>
  );
}

function Feeds({ sourceId }: { sourceId: string }): ReactNode {
  const feeds = [
    { format: "atom", label: "Atom feed" },
    { format: "json", label: "JSON feed" },
  ] as const;
  return (
    <ul className="row feeds" aria-label="Follow the changes">
      {feeds.map(({ format, label }) => (
        <li key={format} className="row">
          <a className="sm" href={feedUrl(sourceId, format)} target="_blank" rel="noreferrer noopener">
            {label}
          </a>
          <CopyButton text={feedUrl(sourceId, format)} label={`Copy ${label} address`} isQuiet />
        </li>
      ))}
    </ul>
  );
}

const STATES: Readonly<Record<GenerationState, { readonly word: string; readonly tone: string }>> = {
  building: { word: "being built", tone: "run" },
  complete: { word: "complete", tone: "ok" },
  rejected: { word: "refused by the gate", tone: "bad" },
  discarded: { word: "given up", tone: "" },
};

function Refreshes({ generations }: { generations: readonly GenerationChanges[] }): ReactNode {
  const chosen = useChosen(generations);
  return (
    <ol className="card version-list" aria-label="Refreshes, newest first">
      {generations.map((generation) => (
        <li key={generation.number}>
          <Link
            to="."
            search={{ tab: "changes", generation: String(generation.number) }}
            resetScroll={false}
            aria-current={generation === chosen ? "true" : undefined}
            data-testid="refresh-row"
          >
            <span className="row">
              <b className="num">Generation {generation.number}</b>
              {generation.is_visible ? <span className="tag">now seen</span> : null}
              {generation.state === "complete" ? null : (
                <span className={`st change ${STATES[generation.state].tone}`}>{STATES[generation.state].word}</span>
              )}
            </span>
            <span className="sm num">{countsText(generation)}</span>
            <span className="muted xs num">{dateAndTime(generation.completed_at ?? generation.created_at)}</span>
          </Link>
        </li>
      ))}
    </ol>
  );
}

function countsText({ pages, base, state }: GenerationChanges): string {
  if (pages === null) return base === null ? "the first state" : state === "building" ? "not counted yet" : "not counted";
  const { added, changed, removed } = pages;
  return added + changed + removed === 0 ? "no page changed" : `+${added} added · ±${changed} changed · −${removed} removed`;
}

function useChosen(generations: readonly GenerationChanges[]): GenerationChanges | undefined {
  const { generation } = useSearch({ from: FROM });
  return generation === undefined ? generations[0] : generations.find((some) => some.number === Number(generation));
}

function Chosen({ sourceId, generations }: { sourceId: string; generations: readonly GenerationChanges[] }): ReactNode {
  const { generation: asked } = useSearch({ from: FROM });
  const chosen = useChosen(generations);
  if (chosen === undefined) {
    return <p className="card pad muted">{asked === undefined ? "No crawl has begun yet." : `Generation ${asked} is not kept any more.`}</p>;
  }
  if (chosen.base === null) {
    return (
      <section className="card pad stack" aria-label={`Generation ${chosen.number}`}>
        <p>This is the first state of the source: there was nothing before it to compare with.</p>
        <p>
          <Link to="." search={{}}>
            All its pages
          </Link>
        </p>
      </section>
    );
  }
  return <ChangedPages key={chosen.number} sourceId={sourceId} generation={chosen} />;
}
