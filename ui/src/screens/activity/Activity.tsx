// `/activity`: all tasks, what needs attention first. Kept fresh by the live list; older ones come by REST.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useRef } from "react";

import { useApp, useNewCrawl } from "../../components/app";
import { errorOf, Failure } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { useShortcut } from "../../components/shortcuts";
import { TaskRow } from "./TaskRow";
import { useNow } from "../../components/useNow";
import { useTasks } from "../../live/react";
import type { TasksState } from "../../live/tasks";
import { olderTasksQuery } from "../../data/tasks";
import type { ActivityFilter } from "./params";
import { count } from "../../text/format";
import { type Face, faceLabel, faceOf, FACES } from "../../text/progress";
import type { TaskShape } from "../../wire";

const SHOWN_IN: Readonly<Record<Face, ActivityFilter>> = {
  failed: "attention",
  retrying: "attention",
  running: "running",
  paused: "running",
  queued: "queued",
  completed: "ended",
  cancelled: "ended",
};
const FILTER_NAMES: Readonly<Record<ActivityFilter, string>> = {
  attention: "Need attention",
  running: "Running",
  queued: "Queued",
  ended: "Ended",
};

export function Activity(): ReactNode {
  const { api } = useApp();
  const newCrawl = useNewCrawl();
  const live = useTasks();
  const older = useInfiniteQuery(olderTasksQuery(api));
  const filter = useSearch({ from: "/activity" });
  const tasks = merged(live, older.data?.pages.flatMap((page) => page.items) ?? []);
  const shown = tasks.filter((task) => isShown(task, filter.q, filter.show));
  const isLoaded = live.isLoaded || older.data !== undefined;
  return (
    <>
      <div className="head">
        <Heading title="Activity">Activity</Heading>
        <span className="muted num">{summary(tasks)}</span>
        <span className="sp" />
        <button type="button" className="btn pri" onClick={newCrawl}>
          New crawl <kbd>C</kbd>
        </button>
      </div>
      <Filters tasks={tasks} />
      {isLoaded ? <List tasks={shown} live={live} isFiltered={shown.length < tasks.length} /> : null}
      {!isLoaded && older.error !== null ? <Failure error={errorOf(older.error)} /> : null}
      {!isLoaded && older.error === null ? <p className="muted loading">Loading…</p> : null}
      {older.hasNextPage ? (
        <p className="row more">
          <button type="button" className="btn" aria-disabled={older.isFetchingNextPage} onClick={() => void older.fetchNextPage({ cancelRefetch: false })}>
            {older.isFetchingNextPage ? "Loading…" : "Show older"}
          </button>
        </p>
      ) : null}
    </>
  );
}

function List({ tasks, live, isFiltered }: { tasks: TaskShape[]; live: TasksState; isFiltered: boolean }): ReactNode {
  const now = useNow(2_000);
  const list = useRef<HTMLUListElement>(null);
  const move = (step: number): void => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>("li a.b") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  useShortcut("j", "Next row", () => move(1));
  useShortcut("k", "Previous row", () => move(-1));
  if (tasks.length === 0) {
    return (
      <p className="card pad muted">
        {isFiltered ? "No task matches the filter." : "Nothing has run yet. Start a crawl to see it here."}
      </p>
    );
  }
  return (
    <ul className="rows card" ref={list} aria-label="Tasks">
      {tasks.map((task) => (
        <TaskRow key={task.task_id} task={task} now={now} movedAt={live.movedAt.get(task.task_id)} />
      ))}
    </ul>
  );
}

function Filters({ tasks }: { tasks: readonly TaskShape[] }): ReactNode {
  const { q, show } = useSearch({ from: "/activity" });
  const navigate = useNavigate({ from: "/activity" });
  const choose = (next: { q?: string | undefined; show?: ActivityFilter | undefined }): void => {
    const { q: text = q, show: group = show } = next;
    void navigate({
      search: {
        ...(text === undefined || text === "" ? {} : { q: text }),
        ...(group === undefined || (next.show === group && group === show) ? {} : { show: group }),
      },
      replace: true,
    });
  };
  return (
    <div className="row filters" role="search" aria-label="Filter tasks">
      {Object.entries(FILTER_NAMES).map(([name, label]) => {
        const size = tasks.filter((task) => SHOWN_IN[faceOf(task)] === name).length;
        return (
          <button
            key={name}
            type="button"
            className="chip"
            aria-pressed={show === name}
            onClick={() => choose({ show: name as ActivityFilter })}
          >
            {label} <span className="num muted">{count(size)}</span>
          </button>
        );
      })}
      <input
        className="in filter"
        type="search"
        aria-label="Filter by address or status"
        placeholder="Filter by address or status"
        value={q ?? ""}
        onChange={(event) => choose({ q: event.target.value })}
      />
    </div>
  );
}

/** Live ones win over fetched ones. Attention first, then running, queued, ended; the newest first within each. */
function merged(live: TasksState, fetched: readonly TaskShape[]): TaskShape[] {
  const byId = new Map(fetched.map((task) => [task.task_id, task]));
  for (const [id, task] of live.byId) {
    if (task.last_seq >= (byId.get(id)?.last_seq ?? 0)) byId.set(id, task);
  }
  return [...byId.values()].sort(
    (a, b) => FACES[faceOf(a)].rank - FACES[faceOf(b)].rank || b.created_at.localeCompare(a.created_at),
  );
}

function isShown(task: TaskShape, q: string | undefined, show: ActivityFilter | undefined): boolean {
  if (show !== undefined && SHOWN_IN[faceOf(task)] !== show) return false;
  const words = (q ?? "").toLowerCase().split(/\s+/);
  const text = `${task.title} ${task.task_type} ${task.status} ${faceLabel(task)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function summary(tasks: readonly TaskShape[]): string {
  const size = (group: ActivityFilter): number => tasks.filter((task) => SHOWN_IN[faceOf(task)] === group).length;
  const parts = [`${count(size("running"))} running`];
  if (size("attention") > 0) {
    const attention = size("attention");
    parts.push(`${count(attention)} ${attention === 1 ? "needs" : "need"} attention`);
  }
  return parts.join(" · ");
}
