// What the refreshes of a source changed: by generations, by pages, and down to the words of one page.

import { queryOptions } from "@tanstack/react-query";

import type { GenerationChangesPage, PageChange, PageDeltaPage, PageDiffShape } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export const changesQuery = (api: Api, sourceId: string) =>
  pagedQuery(["source", sourceId, "changes"], (cursor, signal) =>
    api.get<GenerationChangesPage>(at`/sources/${sourceId}/changes`, { cursor, limit: 50 }, signal),
  );

export const changedPagesQuery = (api: Api, sourceId: string, generation: number, kind: PageChange | undefined) =>
  pagedQuery(["source", sourceId, "changes", generation, kind ?? "any"], (cursor, signal) =>
    api.get<PageDeltaPage>(at`/sources/${sourceId}/changes/${generation}`, { kind, cursor, limit: 100 }, signal),
  );

export const diffQuery = (api: Api, sourceId: string, generation: number, pageId: string) =>
  queryOptions({
    queryKey: ["source", sourceId, "changes", generation, "page", pageId],
    queryFn: ({ signal }) => api.get<PageDiffShape>(at`/sources/${sourceId}/changes/${generation}/pages/${pageId}`, {}, signal),
    staleTime: Infinity, // both versions stay as they are
  });

/** Where a feed reader follows a source. */
export function feedUrl(sourceId: string, format: "atom" | "json"): string {
  return new URL(`/api/v1${at`/sources/${sourceId}/changes`}.${format}`, location.origin).href;
}
