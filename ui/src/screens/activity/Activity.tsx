// `/activity`: all tasks, what needs attention first. Kept fresh by the live list; older ones come by REST.

import "./activity.css";

import { useInfiniteQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp, useNewCrawl } from "../../components/app";
import { errorOf, Failure, InlineError } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Loading } from "../../components/Loading";
import { useNow } from "../../components/useNow";
import { taskListQuery } from "../../data/tasks";
import { useTasks } from "../../live/react";
import { type ActivityWish, GROUP_STATUSES, groupSizes, isShown, merged, summary, turns } from "../../text/activity";
import type { TaskShape } from "../../wire";
import { Filters } from "./Filters";
import { TaskList } from "./TaskList";

export function Activity(): ReactNode {
  const newCrawl = useNewCrawl();
  const live = useTasks();
  const wish = useSearch({ from: "/activity" });
  const older = useOlder(wish);
  const now = useNow(2_000);
  const tasks = merged(live, older.tasks);
  const shown = tasks.filter((task) => isShown(task, wish));
  const sizes = groupSizes(tasks);
  const isLoaded = live.isLoaded || older.isLoaded;
  return (
    <>
      <div className="head">
        <Heading title="Activity">Activity</Heading>
        <span className="muted num">{isLoaded ? summary(sizes) : ""}</span>
        <span className="sp" />
        <button type="button" className="btn pri" onClick={newCrawl}>
          New crawl <kbd>C</kbd>
        </button>
      </div>
      <Filters sizes={sizes} hasMore={older.hasMore} />
      {shown.length > 0 ? <TaskList tasks={shown} now={now} movedAt={live.movedAt} turns={turns(tasks, now)} /> : null}
      {isLoaded && shown.length === 0 ? <Nothing isFiltered={tasks.length > 0} hasMore={older.hasMore} /> : null}
      {!isLoaded && older.error !== null ? <Failure error={errorOf(older.error)} /> : null}
      {!isLoaded && older.error === null ? <Loading /> : null}
      {isLoaded ? <InlineError error={older.error} /> : null}
      {older.hasMore ? <More isLoading={older.isLoading} onMore={older.load} /> : null}
    </>
  );
}

function More({ isLoading, onMore }: { isLoading: boolean; onMore: () => void }): ReactNode {
  return (
    <p className="row more">
      <button type="button" className="btn" aria-disabled={isLoading} onClick={() => (isLoading ? undefined : onMore())} data-testid="older">
        {isLoading ? "Loading…" : "Show older"}
      </button>
    </p>
  );
}

function Nothing({ isFiltered, hasMore }: { isFiltered: boolean; hasMore: boolean }): ReactNode {
  const newCrawl = useNewCrawl();
  if (isFiltered) {
    return <p className="card pad muted">No task matches the filter{hasMore ? " among those loaded so far." : "."}</p>;
  }
  return (
    <div className="card pad stack nothing">
      <p>
        <b>Nothing has run yet.</b> A crawl shows here what it does, how fast, and what went wrong.
      </p>
      <p>
        <button type="button" className="btn" onClick={newCrawl}>
          Start a crawl
        </button>
      </p>
    </div>
  );
}

interface Older {
  readonly tasks: readonly TaskShape[];
  readonly isLoaded: boolean;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly error: Error | null;
  readonly load: () => void;
}

/** Pages back in time of what the filter asks for, and what failed, however long ago: that wants attention. */
function useOlder({ show, type }: ActivityWish): Older {
  const { api } = useApp();
  const statuses = show === undefined ? [] : GROUP_STATUSES[show];
  const all = useInfiniteQuery(taskListQuery(api, statuses, type));
  const failed = useInfiniteQuery(taskListQuery(api, GROUP_STATUSES.attention, type));
  const pages = [...(failed.data?.pages ?? []), ...(all.data?.pages ?? [])];
  return {
    tasks: pages.flatMap((page) => page.items),
    isLoaded: all.data !== undefined,
    hasMore: all.hasNextPage,
    isLoading: all.isFetchingNextPage,
    error: all.error,
    load: () => void all.fetchNextPage(),
  };
}
