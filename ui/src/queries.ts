// What the pages read by REST, as query options: keys, freshness and paging in one place.

import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";

import { type Api, ApiError } from "./api";
import type { CodeSearchRequest, Paged, SearchRequest, UrlState } from "./wire";

const MAX_RETRIES = 2;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) => failures < MAX_RETRIES && error instanceof ApiError && isPassing(error.status),
      },
    },
  });
}

function isPassing(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

function nextCursor<Item>(last: Paged<Item>): string | null {
  return last.next_cursor;
}

const FIRST = null as string | null;

export const healthQuery = (api: Api) =>
  queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => api.health(signal), refetchInterval: 30_000 });

/** Whether there is anything yet: decides between the first run and the search. */
export const isEmptyQuery = (api: Api) =>
  queryOptions({
    queryKey: ["isEmpty"],
    queryFn: async ({ signal }) => {
      const [sources, tasks] = await Promise.all([api.sources({ limit: 1 }, signal), api.tasks({ limit: 1 }, signal)]);
      return sources.items.length === 0 && tasks.items.length === 0;
    },
  });

export const olderTasksQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["tasks"],
    queryFn: ({ pageParam, signal }) => api.tasks({ limit: 50, cursor: pageParam }, signal),
    initialPageParam: FIRST,
    getNextPageParam: nextCursor,
  });

export const taskQuery = (api: Api, taskId: string) =>
  queryOptions({ queryKey: ["task", taskId], queryFn: ({ signal }) => api.task(taskId, signal) });

export const urlsQuery = (api: Api, taskId: string, state: UrlState | undefined, reason: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["task", taskId, "urls", state ?? "all", reason ?? "any"],
    queryFn: ({ pageParam, signal }) => api.urls(taskId, { state, reason, cursor: pageParam, limit: 100 }, signal),
    initialPageParam: FIRST,
    getNextPageParam: nextCursor,
  });

export const sourcesQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["sources"],
    queryFn: ({ pageParam, signal }) => api.sources({ limit: 100, cursor: pageParam }, signal),
    initialPageParam: FIRST,
    getNextPageParam: nextCursor,
  });

export const sourceQuery = (api: Api, sourceId: string) =>
  queryOptions({ queryKey: ["source", sourceId], queryFn: ({ signal }) => api.source(sourceId, signal) });

export const pagesQuery = (api: Api, sourceId: string) =>
  infiniteQueryOptions({
    queryKey: ["source", sourceId, "pages"],
    queryFn: ({ pageParam, signal }) => api.pages(sourceId, { cursor: pageParam, limit: 200 }, signal),
    initialPageParam: FIRST,
    getNextPageParam: nextCursor,
  });

export const codeQuery = (api: Api, sourceId: string, language: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["source", sourceId, "code", language ?? "all"],
    queryFn: ({ pageParam, signal }) => api.codeExamples(sourceId, { language, cursor: pageParam, limit: 20 }, signal),
    initialPageParam: FIRST,
    getNextPageParam: nextCursor,
  });

export const pageQuery = (api: Api, pageId: string) =>
  queryOptions({ queryKey: ["page", pageId], queryFn: ({ signal }) => api.page(pageId, signal), staleTime: 60_000 });

export const chunksQuery = (api: Api, sourceId: string, pageId: string) =>
  queryOptions({
    queryKey: ["page", pageId, "chunks"],
    queryFn: ({ signal }) => api.chunksOfPage(sourceId, pageId, signal),
    staleTime: 60_000,
  });

export const searchQuery = (api: Api, request: SearchRequest) =>
  queryOptions({
    queryKey: ["search", request],
    queryFn: ({ signal }) => api.search(request, signal),
    enabled: request.query !== "",
  });

export const searchCodeQuery = (api: Api, request: CodeSearchRequest) =>
  queryOptions({
    queryKey: ["searchCode", request],
    queryFn: ({ signal }) => api.searchCode(request, signal),
    enabled: request.query !== "",
  });
