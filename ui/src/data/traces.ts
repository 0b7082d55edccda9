// Traces of model calls: where there are some, the groups that they are, what these were over time.

import { queryOptions } from "@tanstack/react-query";

import type { GroupHistory, TraceGroupDetail, TraceGroupPage, TracePage, TracePlacePage, TracesForgotten } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export const TRACES_KEY = ["traces"] as const;

export const tracePlacesQuery = (api: Api) =>
  queryOptions({
    queryKey: [...TRACES_KEY, "places"],
    queryFn: ({ signal }) => api.get<TracePlacePage>("/traces/places", { limit: 500 }, signal),
  });

export const traceGroupsQuery = (api: Api, projectId: string | undefined, path: string | undefined) =>
  pagedQuery([...TRACES_KEY, "groups", projectId ?? "", path ?? ""], (cursor, signal) =>
    api.get<TraceGroupPage>("/traces/groups", { project_id: projectId, path, cursor, limit: 100 }, signal),
  );

export const traceGroupQuery = (api: Api, groupId: string) =>
  queryOptions({
    queryKey: [...TRACES_KEY, "group", groupId],
    queryFn: ({ signal }) => api.get<TraceGroupDetail>(at`/traces/groups/${groupId}`, {}, signal),
  });

export const groupTracesQuery = (api: Api, groupId: string) =>
  pagedQuery([...TRACES_KEY, "group", groupId, "traces"], (cursor, signal) =>
    api.get<TracePage>(at`/traces/groups/${groupId}/traces`, { cursor, limit: 50 }, signal),
  );

export const groupHistoryQuery = (api: Api, groupId: string) =>
  queryOptions({
    queryKey: [...TRACES_KEY, "group", groupId, "history"],
    queryFn: ({ signal }) => api.get<GroupHistory>(at`/traces/groups/${groupId}/history`, {}, signal),
  });

/** What goes: of one path or of all, what began before a time or all that is there. A task for each path takes it away. */
export interface Forgotten {
  readonly projectId: string;
  readonly path: string | undefined;
  readonly before: string | undefined;
}

export function forgetTraces(api: Api, { projectId, path, before }: Forgotten): Promise<TracesForgotten> {
  return api.delete("/traces", { project_id: projectId, path, before });
}
