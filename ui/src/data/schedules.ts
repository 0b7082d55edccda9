// Schedules: recurring tasks.

import { queryOptions } from "@tanstack/react-query";

import type { ScheduleChange, ScheduleDetail, SchedulePage, ScheduleRequest, ScheduleRun } from "../wire";
import { type Api, at } from "./api";
import { QUEUE_KEY, QUEUE_MS } from "./queue";
import { pagedQuery } from "./queryClient";

export const schedulesQuery = (api: Api) => ({
  ...pagedQuery([...QUEUE_KEY, "schedules"], (cursor, signal) =>
    api.get<SchedulePage>("/schedules", { limit: 100, cursor }, signal),
  ),
  refetchInterval: QUEUE_MS,
});

export const scheduleQuery = (api: Api, scheduleId: string) =>
  queryOptions({
    queryKey: [...QUEUE_KEY, "schedule", scheduleId],
    queryFn: ({ signal }) => api.get<ScheduleDetail>(at`/schedules/${scheduleId}`, {}, signal),
  });

export function createSchedule(api: Api, request: ScheduleRequest): Promise<ScheduleDetail> {
  return api.post("/schedules", request);
}

export function changeSchedule(api: Api, scheduleId: string, change: ScheduleChange): Promise<ScheduleDetail> {
  return api.patch(at`/schedules/${scheduleId}`, change);
}

export function deleteSchedule(api: Api, scheduleId: string): Promise<void> {
  return api.delete(at`/schedules/${scheduleId}`);
}

export function runSchedule(api: Api, scheduleId: string): Promise<ScheduleRun> {
  return api.post(at`/schedules/${scheduleId}/run`, {});
}
