// `/sources`: what is known, one row a source.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp, useNewCrawl } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { StatusBadge } from "../../components/StatusBadge";
import { useNow } from "../../components/useNow";
import { useTasks } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { sourcesQuery } from "../../data/sources";
import { ago, bytes, count, counted, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { SourceShape, TaskShape } from "../../wire";

export function Sources(): ReactNode {
  const { api } = useApp();
  const newCrawl = useNewCrawl();
  const { byId } = useTasks();
  const isAnyRunning = [...byId.values()].some((task) => !isFinal(task.status));
  const query = useInfiniteQuery({ ...sourcesQuery(api), refetchInterval: isAnyRunning ? 3_000 : false });
  const sources = query.data?.pages.flatMap((page) => page.items);
  const now = useNow(30_000);
  return (
    <>
      <div className="head">
        <Heading title="Sources">Sources</Heading>
        {sources === undefined ? null : (
          <span className="muted num">
            {counted(sources.length, "source")}
            {query.hasNextPage ? " and more" : ""}
          </span>
        )}
        <span className="sp" />
        <button type="button" className="btn pri" onClick={newCrawl}>
          New crawl <kbd>C</kbd>
        </button>
      </div>
      <Loaded query={{ data: sources, error: query.error }}>
        {(items) =>
          items.length === 0 ? (
            <p className="card pad muted">No source yet. Start a crawl to make one.</p>
          ) : (
            <ul className="card list" aria-label="Sources">
              {items.map((source) => (
                <SourceRow key={source.source_id} source={source} task={taskOf(source, byId)} now={now} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {query.hasNextPage ? (
        <p className="row more">
          <button type="button" className="btn" onClick={() => void query.fetchNextPage()}>
            Show more
          </button>
        </p>
      ) : null}
    </>
  );
}

function taskOf(source: SourceShape, byId: ReadonlyMap<string, TaskShape>): TaskShape | undefined {
  return [...byId.values()].find((task) => task.payload.source_id === source.source_id && !isFinal(task.status));
}

function SourceRow({ source, task, now }: { source: SourceShape; task: TaskShape | undefined; now: number }): ReactNode {
  const { source_id: sourceId, url, title, tags } = source;
  return (
    <li data-testid="source-row" data-source-id={sourceId}>
      <div className="ell">
        <Link className="b" to="/sources/$sourceId" params={{ sourceId }}>
          {visible(title === "" ? shortUrl(url) : title)}
        </Link>
        <div className="muted xs mono ell">{visible(shortUrl(url))}</div>
      </div>
      <div className="row">
        {task === undefined ? null : (
          <Link to="/activity/$taskId" params={{ taskId: task.task_id }} aria-label="Follow the crawl">
            <StatusBadge task={task} />
          </Link>
        )}
        {tags.map((tag) => (
          <Link key={tag} className="tag" to="/search" search={{ tag }}>
            {visible(tag)}
          </Link>
        ))}
      </div>
      <div className="num sm">
        {counted(source.pages, "page")} <span className="muted">· {count(source.code_examples)} code</span>
      </div>
      <div className="muted num sm">
        {bytes(source.size_bytes)} · {ago(source.updated_at, now)}
      </div>
    </li>
  );
}
