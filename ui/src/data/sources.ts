// Sources: the list, one of them, and what it holds.

import { queryOptions } from "@tanstack/react-query";

import type { CodeExamplePage, PageSummaryPage, SourcePage, SourceShape, TaskPage } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

/** Whether there is anything yet: decides between the first run and the search. */
export const isEmptyQuery = (api: Api) =>
  queryOptions({
    queryKey: ["isEmpty"],
    queryFn: async ({ signal }) => {
      const [sources, tasks] = await Promise.all([
        api.get<SourcePage>("/sources", { limit: 1 }, signal),
        api.get<TaskPage>("/tasks", { limit: 1 }, signal),
      ]);
      return sources.items.length === 0 && tasks.items.length === 0;
    },
  });

export const sourcesQuery = (api: Api) =>
  pagedQuery(["sources"], (cursor, signal) => api.get<SourcePage>("/sources", { limit: 100, cursor }, signal));

export const sourceQuery = (api: Api, sourceId: string) =>
  queryOptions({
    queryKey: ["source", sourceId],
    queryFn: ({ signal }) => api.get<SourceShape>(at`/sources/${sourceId}`, {}, signal),
  });

export function deleteSource(api: Api, sourceId: string): Promise<void> {
  return api.delete(at`/sources/${sourceId}`);
}

export const pagesQuery = (api: Api, sourceId: string) =>
  pagedQuery(["source", sourceId, "pages"], (cursor, signal) =>
    api.get<PageSummaryPage>(at`/sources/${sourceId}/pages`, { cursor, limit: 200 }, signal),
  );

export const codeQuery = (api: Api, sourceId: string, language: string | undefined) =>
  pagedQuery(["source", sourceId, "code", language ?? "all"], (cursor, signal) =>
    api.get<CodeExamplePage>(at`/sources/${sourceId}/code-examples`, { language, cursor, limit: 20 }, signal),
  );
