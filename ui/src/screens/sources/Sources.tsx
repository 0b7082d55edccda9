// `/sources`: what is known, one row a source, filtered by words and tags.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";

import { useApp, useNewCrawl } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { More } from "../../components/More";
import { useNow } from "../../components/useNow";
import { refreshSchedulesQuery } from "../../data/refreshSchedules";
import { sourcesQuery } from "../../data/sources";
import { useTasks } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { count, counted } from "../../text/format";
import { sourceName } from "../../text/sources";
import { visible } from "../../text/visible";
import type { SourceShape, TaskShape } from "../../wire";
import { ImportDialog } from "./ImportDialog";
import { SourceRow } from "./SourceRow";
import "./sources.css";
import { useReadAgain } from "./useReadAgain";
import { useRowKeys } from "./useRowKeys";

const FROM = "/sources";

export function Sources(): ReactNode {
  const { api } = useApp();
  const { byId } = useTasks();
  const tasks = tasksBySource(byId);
  const query = useInfiniteQuery({ ...sourcesQuery(api), refetchInterval: tasks.size > 0 ? 3_000 : false });
  useReadAgain(["sources"], [...tasks.values()].map((task) => task.task_id).join(" "));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const { q = "", tag } = useSearch({ from: FROM });
  const isFiltered = q !== "" || tag !== undefined;
  useEffect(() => {
    // What is filtered is filtered here, so all of it has to be here.
    if (isFiltered && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [isFiltered, hasNextPage, isFetchingNextPage, fetchNextPage]);
  const sources = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <Head sources={sources} hasMore={hasNextPage} />
      <Loaded query={{ data: sources, error: query.error }}>
        {(items) => (items.length === 0 ? <NoSource /> : <List sources={items} tasks={tasks} />)}
      </Loaded>
      <More query={query} />
    </>
  );
}

function Head({ sources, hasMore }: { sources: readonly SourceShape[] | undefined; hasMore: boolean }): ReactNode {
  const newCrawl = useNewCrawl();
  const [isImporting, setImporting] = useState(false);
  const pages = sources?.reduce((sum, source) => sum + source.pages, 0) ?? 0;
  return (
    <div className="head">
      <Heading title="Sources">Sources</Heading>
      {sources === undefined ? null : (
        <span className="muted num">
          {counted(sources.length, "source")}
          {hasMore ? " and more" : ` · ${counted(pages, "page")}`}
        </span>
      )}
      <span className="sp" />
      <button type="button" className="btn" onClick={() => setImporting(true)}>
        Import…
      </button>
      <button type="button" className="btn pri" onClick={newCrawl}>
        New crawl <kbd>C</kbd>
      </button>
      {isImporting ? <ImportDialog onClose={() => setImporting(false)} /> : null}
    </div>
  );
}

function NoSource(): ReactNode {
  const newCrawl = useNewCrawl();
  return (
    <div className="card pad stack">
      <p>
        <b>No source yet.</b> A source is a site that was crawled, a file that was uploaded, or what another gleanery has exported.
      </p>
      <p className="row">
        <button type="button" className="btn pri" onClick={newCrawl}>
          Crawl a site
        </button>
        <Link to="/" className="btn">
          Try the example
        </Link>
      </p>
    </div>
  );
}

function List({ sources, tasks }: { sources: readonly SourceShape[]; tasks: ReadonlyMap<string, TaskShape> }): ReactNode {
  const { api } = useApp();
  const { q = "", tag } = useSearch({ from: FROM });
  const schedules = useQuery(refreshSchedulesQuery(api)).data;
  const now = useNow(30_000);
  const list = useRowKeys<HTMLUListElement>();
  const shown = sources.filter((source) => fits(source, q, tag));
  return (
    <>
      <Filters sources={sources} shown={shown.length} />
      {shown.length === 0 ? (
        <p className="card pad">
          No source fits.{" "}
          <Link to="/sources" search={{}}>
            Show all {count(sources.length)}
          </Link>
        </p>
      ) : (
        <ul className="card source-rows" aria-label="Sources" ref={list}>
          {shown.map((source) => (
            <SourceRow
              key={source.source_id}
              source={source}
              task={tasks.get(source.source_id)}
              schedule={schedules?.get(source.source_id)}
              now={now}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function Filters({ sources, shown }: { sources: readonly SourceShape[]; shown: number }): ReactNode {
  const { q = "", tag } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const counts = new Map<string, number>();
  for (const each of sources.flatMap((source) => source.tags)) counts.set(each, (counts.get(each) ?? 0) + 1);
  const choose = (next: { q?: string; tag?: string | undefined }): void => {
    const now = { q, tag, ...next };
    const search = { ...(now.q === "" ? {} : { q: now.q }), ...(now.tag === undefined ? {} : { tag: now.tag }) };
    void navigate({ search, replace: true });
  };
  return (
    <div className="row filters" role="search" aria-label="Filter sources">
      {[...counts].sort().map(([name, many]) => (
        <button
          key={name}
          type="button"
          className="chip"
          aria-pressed={tag === name}
          onClick={() => choose({ tag: tag === name ? undefined : name })}
        >
          {visible(name)} <span className="muted num">{count(many)}</span>
        </button>
      ))}
      <input
        className="in filter"
        type="search"
        aria-label="Filter by name, address or tag"
        placeholder="Name, address or tag"
        value={q}
        onChange={(event) => choose({ q: event.target.value })}
      />
      <span className="sr" role="status">
        {q === "" && tag === undefined ? "" : `${counted(shown, "source")} shown`}
      </span>
      {tag !== undefined && !counts.has(tag) ? (
        <button type="button" className="chip" aria-pressed onClick={() => choose({ tag: undefined })}>
          {visible(tag)} <Icon name="cross" />
        </button>
      ) : null}
    </div>
  );
}

function fits(source: SourceShape, q: string, tag: string | undefined): boolean {
  if (tag !== undefined && !source.tags.includes(tag)) return false;
  const text = [sourceName(source), source.url, source.knowledge_type, ...source.tags].join("\n").toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The tasks that have not ended, by the source that they work on; a crawl before one that makes vectors. */
function tasksBySource(byId: ReadonlyMap<string, TaskShape>): ReadonlyMap<string, TaskShape> {
  const found = new Map<string, TaskShape>();
  for (const task of byId.values()) {
    const sourceId = task.payload.source_id;
    if (typeof sourceId !== "string" || isFinal(task.status)) continue;
    if (task.task_type === "crawl" || !found.has(sourceId)) found.set(sourceId, task);
  }
  return found;
}
