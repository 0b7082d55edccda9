// Tasks: their rows, their logs, and the commands that steer them.

import { queryOptions } from "@tanstack/react-query";

import type { RetryRequest, TaskPage, TaskShape, TaskStatus, TaskTypes } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

/** Tasks in some states (none given: in all) and of one type, the newest first. */
export const taskListQuery = (api: Api, statuses: readonly TaskStatus[], type: string | undefined) =>
  pagedQuery(["tasks", "list", statuses.join(), type ?? "all"], (cursor, signal) =>
    api.get<TaskPage>("/tasks", { limit: 50, cursor, status: statuses.join() || null, task_type: type }, signal),
  );

export const taskTypesQuery = (api: Api) =>
  queryOptions({
    queryKey: ["taskTypes"],
    queryFn: ({ signal }) => api.get<TaskTypes>("/task-types", {}, signal),
    staleTime: Infinity,
  });

export const taskQuery = (api: Api, taskId: string) =>
  queryOptions({ queryKey: ["task", taskId], queryFn: ({ signal }) => getTask(api, taskId, signal) });

export function getTask(api: Api, taskId: string, signal?: AbortSignal): Promise<TaskShape> {
  return api.get(at`/tasks/${taskId}`, {}, signal);
}

/** The tasks that one has started. */
export const childrenQuery = (api: Api, taskId: string) =>
  queryOptions({
    queryKey: ["task", taskId, "children"],
    queryFn: ({ signal }) => api.get<TaskPage>("/tasks", { parent_task_id: taskId, limit: 20 }, signal),
  });

export function cancelTask(api: Api, taskId: string): Promise<TaskShape> {
  return api.put(at`/tasks/${taskId}/cancel`);
}

export function pauseTask(api: Api, taskId: string): Promise<TaskShape> {
  return api.post(at`/tasks/${taskId}/pause`);
}

export function resumeTask(api: Api, taskId: string): Promise<TaskShape> {
  return api.post(at`/tasks/${taskId}/resume`);
}

export function retryTask(api: Api, taskId: string, request: RetryRequest): Promise<TaskShape> {
  return api.post(at`/tasks/${taskId}/retry`, request);
}
