// Sources: the list, one of them, what it holds, and what can be done with it.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import type {
  BranchPage,
  CodeExamplePage,
  CrawlStarted,
  PageSummary,
  PageSummaryPage,
  RefreshRequest,
  SourceChangeRequest,
  SourcePage,
  SourceShape,
  StorageShape,
  TaskPage,
} from "../wire";
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

export function changeSource(api: Api, sourceId: string, change: SourceChangeRequest): Promise<SourceShape> {
  return api.patch(at`/sources/${sourceId}`, change);
}

export function deleteSource(api: Api, sourceId: string): Promise<void> {
  return api.delete(at`/sources/${sourceId}`);
}

export function refreshSource(api: Api, sourceId: string, request: Partial<RefreshRequest> = {}): Promise<CrawlStarted> {
  return api.post(at`/sources/${sourceId}/refresh`, request);
}

/** Takes in a file that another gleanery has exported. */
export function importSource(api: Api, file: Blob, mayReplace: boolean): Promise<CrawlStarted> {
  return api.postRaw("/knowledge/import", file, "application/zip", { replace: mayReplace });
}

export interface PageFilter {
  readonly text: string | undefined;
  readonly isMissing: boolean;
}

export const pagesQuery = (api: Api, sourceId: string, { text, isMissing }: PageFilter) => ({
  ...pagedQuery(["source", sourceId, "pages", text ?? "", isMissing], (cursor, signal) =>
    api.get<PageSummaryPage>(at`/sources/${sourceId}/pages`, { text, missing: isMissing, cursor, limit: 100 }, signal),
  ),
  placeholderData: keepPreviousData,
});

export interface Branch {
  readonly under: string;
  readonly folders: BranchPage["folders"];
  readonly pages: readonly PageSummary[];
  readonly hasMore: boolean;
}

/** The first `most` pages right below a folder, and all of its folders; null is the folder of all pages. */
export const branchQuery = (api: Api, sourceId: string, under: string | null, most: number) =>
  queryOptions({
    queryKey: ["source", sourceId, "tree", under, most],
    queryFn: ({ signal }) => readBranch(api, sourceId, under, most, signal),
    placeholderData: keepPreviousData,
  });

async function readBranch(api: Api, sourceId: string, under: string | null, most: number, signal: AbortSignal): Promise<Branch> {
  const limit = Math.min(most, 500);
  let page = await api.get<BranchPage>(at`/sources/${sourceId}/tree`, { under, limit }, signal);
  const { under: folder, folders } = page;
  const pages = [...page.items];
  while (page.next_cursor !== null && pages.length < most) {
    page = await api.get<BranchPage>(at`/sources/${sourceId}/tree`, { under, limit, cursor: page.next_cursor }, signal);
    pages.push(...page.items);
  }
  return { under: folder, folders, pages, hasMore: page.next_cursor !== null };
}

export const codeQuery = (api: Api, sourceId: string, language: string | undefined) =>
  pagedQuery(["source", sourceId, "code", language ?? "all"], (cursor, signal) =>
    api.get<CodeExamplePage>(at`/sources/${sourceId}/code-examples`, { language, cursor, limit: 20 }, signal),
  );

export const storageQuery = (api: Api, sourceId: string) =>
  queryOptions({
    queryKey: ["source", sourceId, "storage"],
    queryFn: ({ signal }) => api.get<StorageShape>(at`/sources/${sourceId}/storage`, {}, signal),
    staleTime: 30_000,
  });
