// The schedules that refresh sources: at most one of each.

import { queryOptions } from "@tanstack/react-query";

import type { ScheduleChange, ScheduleDetail, SchedulePage, ScheduleShape, SourceScheduleRequest } from "../wire";
import { type Api, at } from "./api";

/** By the id of their source. */
export const refreshSchedulesQuery = (api: Api) =>
  queryOptions({
    queryKey: ["schedules", "ofSources"],
    queryFn: ({ signal }) => readAll(api, signal),
    staleTime: 10_000,
  });

async function readAll(api: Api, signal: AbortSignal): Promise<ReadonlyMap<string, ScheduleShape>> {
  const found = new Map<string, ScheduleShape>();
  let cursor: string | null = null;
  do {
    const page: SchedulePage = await api.get("/schedules", { limit: 500, cursor }, signal);
    for (const schedule of page.items) if (schedule.source_id !== null) found.set(schedule.source_id, schedule);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

export function putRefreshSchedule(api: Api, sourceId: string, request: SourceScheduleRequest): Promise<ScheduleDetail> {
  return api.put(at`/sources/${sourceId}/schedule`, request);
}

export function changeRefreshSchedule(api: Api, scheduleId: string, change: ScheduleChange): Promise<ScheduleDetail> {
  return api.patch(at`/schedules/${scheduleId}`, change);
}

export function deleteRefreshSchedule(api: Api, scheduleId: string): Promise<void> {
  return api.delete(at`/schedules/${scheduleId}`);
}
