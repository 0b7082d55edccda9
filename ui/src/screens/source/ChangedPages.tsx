// The pages of one refresh, by what became of them, and the diff of one.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";

import { useApp } from "../../components/app";
import { ChangeBadge } from "../../components/ChangeBadge";
import { LoadedDiff } from "../../components/Diff";
import { Loaded } from "../../components/Failure";
import { ApiError } from "../../data/api";
import { changedPagesQuery } from "../../data/changes";
import { count, pathOf } from "../../text/format";
import { visible } from "../../text/visible";
import type { GenerationChanges, PageChange, PageDeltaShape } from "../../wire";

const FROM = "/sources/$sourceId";
const KINDS: readonly PageChange[] = ["added", "changed", "removed"];

interface Props {
  readonly sourceId: string;
  readonly generation: GenerationChanges;
}

export function ChangedPages({ sourceId, generation }: Props): ReactNode {
  const { api } = useApp();
  const { kind, page } = useSearch({ from: FROM });
  const query = useInfiniteQuery(changedPagesQuery(api, sourceId, generation.number, kind));
  if (query.data === undefined && query.error instanceof ApiError && query.error.status === 404) {
    return <p className="card pad muted">The state before generation {generation.number} is not kept any more, so only the numbers are left of what changed.</p>;
  }
  return (
    <section className="stack" aria-label={`Generation ${generation.number}`}>
      <Kinds generation={generation} />
      <Loaded query={query}>
        {({ pages }) => <Pages pages={pages.flatMap((some) => some.items)} generation={generation} sourceId={sourceId} />}
      </Loaded>
      {query.hasNextPage ? (
        <p className="row more">
          <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
            {query.isFetchingNextPage ? "Loading…" : "Show more pages"}
          </button>
        </p>
      ) : null}
      {page === undefined ? null : <PageChanges sourceId={sourceId} generation={generation.number} pageId={page} />}
    </section>
  );
}

function Kinds({ generation: { number, pages, task_id: taskId } }: { generation: GenerationChanges }): ReactNode {
  const { kind } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const choose = (chosen: PageChange | undefined): void =>
    void navigate({
      search: { tab: "changes", generation: String(number), ...(chosen === undefined ? {} : { kind: chosen }) },
      replace: true,
      resetScroll: false,
    });
  return (
    <div className="row" role="group" aria-label="Which pages">
      <button type="button" className="chip" aria-pressed={kind === undefined} onClick={() => choose(undefined)}>
        All
      </button>
      {KINDS.map((some) => (
        <button key={some} type="button" className="chip" aria-pressed={kind === some} onClick={() => choose(some)}>
          {some} {pages === null ? null : <span className="muted num">{count(pages[some])}</span>}
        </button>
      ))}
      <span className="sp" />
      <Link className="sm" to="/activity/$taskId" params={{ taskId }}>
        The task
      </Link>
    </div>
  );
}

function Pages({ pages, generation, sourceId }: Props & { pages: readonly PageDeltaShape[] }): ReactNode {
  const { kind, page: chosen } = useSearch({ from: FROM });
  if (pages.length === 0) return <p className="card pad muted">{kind === undefined ? "No page changed." : `No page was ${kind}.`}</p>;
  return (
    <ul className="card pages" aria-label="Pages">
      {pages.map(({ page_id: pageId, title, url, change }) => (
        <li key={pageId} data-testid="changed-page">
          <div className="ell">
            {change === "changed" ? (
              <Link
                to="."
                search={{ tab: "changes", generation: String(generation.number), ...(kind === undefined ? {} : { kind }), page: pageId }}
                resetScroll={false}
                aria-current={pageId === chosen ? "true" : undefined}
              >
                {visible(title === "" ? pathOf(url) : title)}
              </Link>
            ) : (
              <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId }}>
                {visible(title === "" ? pathOf(url) : title)}
              </Link>
            )}
            <div className="muted xs mono ell">{visible(pathOf(url))}</div>
          </div>
          <ChangeBadge change={change} />
        </li>
      ))}
    </ul>
  );
}

function PageChanges({ sourceId, generation, pageId }: { sourceId: string; generation: number; pageId: string }): ReactNode {
  const section = useRef<HTMLElement>(null);
  // The list above it may be long.
  useEffect(() => {
    section.current?.scrollIntoView({ block: "start" });
    section.current?.focus({ preventScroll: true });
  }, [pageId]);
  return (
    <section className="stack page-changes" aria-label="What changed on the page" ref={section} tabIndex={-1}>
      <p className="row">
        <Link className="btn small" to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId }}>
          Open the page
        </Link>
        <Link className="btn small" to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId }} search={{ tab: "versions", generation: String(generation) }}>
          All its versions
        </Link>
      </p>
      <LoadedDiff sourceId={sourceId} generation={generation} pageId={pageId} />
    </section>
  );
}
