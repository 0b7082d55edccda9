// The queue as a whole: figures, states over time, what waits, what failed for good, and commands on many tasks at once.

import { queryOptions } from "@tanstack/react-query";

import type {
  BackgroundHealth,
  Pruned,
  PruneRequest,
  Steered,
  TaskChange,
  TaskCounts,
  TaskPage,
  TaskSelection,
  TaskShape,
  TaskStatsShape,
  TaskTypes,
  TimelineShape,
} from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

/** Everything of the queue is read again this often while the page is seen, and at once after a command. */
export const QUEUE_MS = 3_000;
export const QUEUE_KEY = ["queue"] as const;
export const COUNTS_KEY = [...QUEUE_KEY, "counts"] as const;

const TIMELINE_BUCKETS = 60;
const PAGE_ROWS = 100;

export const countsQuery = (api: Api) =>
  queryOptions({
    queryKey: COUNTS_KEY,
    queryFn: ({ signal }) => api.get<TaskCounts>("/tasks/counts", {}, signal),
    refetchInterval: 15_000,
  });

export const statsQuery = (api: Api) =>
  queryOptions({
    queryKey: [...QUEUE_KEY, "stats"],
    queryFn: ({ signal }) => api.get<TaskStatsShape>("/tasks/stats", {}, signal),
    refetchInterval: QUEUE_MS,
  });

export const timelineQuery = (api: Api, windowSeconds: number) =>
  queryOptions({
    queryKey: [...QUEUE_KEY, "timeline", windowSeconds],
    queryFn: ({ signal }) =>
      api.get<TimelineShape>("/tasks/timeline", { window_seconds: windowSeconds, buckets: TIMELINE_BUCKETS }, signal),
    refetchInterval: windowSeconds > 3600 ? 4 * QUEUE_MS : QUEUE_MS,
  });

/** How workers, tasks and webhooks do. */
export const backgroundQuery = (api: Api) =>
  queryOptions({
    queryKey: [...QUEUE_KEY, "background"],
    queryFn: ({ signal }) => api.getRoot<BackgroundHealth>("/health/background-tasks", signal),
    refetchInterval: QUEUE_MS,
  });

export const taskTypesQuery = (api: Api) =>
  queryOptions({
    queryKey: ["taskTypes"],
    queryFn: ({ signal }) => api.get<TaskTypes>("/task-types", {}, signal),
    staleTime: Infinity,
  });

/** What waits, in the order in which it will be chosen. */
export const waitingQuery = (api: Api, type: string | undefined) => ({
  ...pagedQuery([...QUEUE_KEY, "waiting", type ?? "all"], (cursor, signal) =>
    api.get<TaskPage>(
      "/tasks",
      { status: "queued,paused", order: "priority", task_type: type, limit: PAGE_ROWS, cursor },
      signal,
    ),
  ),
  refetchInterval: QUEUE_MS,
});

export const failedQuery = (api: Api, type: string | undefined, code: string | undefined) => ({
  ...pagedQuery([...QUEUE_KEY, "failed", type ?? "all", code ?? "any"], (cursor, signal) =>
    api.get<TaskPage>("/tasks", { status: "failed", task_type: type, error_code: code, limit: PAGE_ROWS, cursor }, signal),
  ),
  refetchInterval: QUEUE_MS,
});

export function changeTask(api: Api, taskId: string, change: TaskChange): Promise<TaskShape> {
  return api.patch(at`/tasks/${taskId}`, change);
}

export function cancelTasks(api: Api, selection: TaskSelection): Promise<Steered> {
  return api.post("/tasks/cancel", selection);
}

export function retryTasks(api: Api, selection: TaskSelection): Promise<Steered> {
  return api.post("/tasks/retry", selection);
}

export function pruneTasks(api: Api, request: PruneRequest, signal?: AbortSignal): Promise<Pruned> {
  return api.post("/tasks/prune", request, { signal });
}
