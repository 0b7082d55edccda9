// Search, for passages and for code, and what it can be filtered by.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import type { CodeSearchReply, CodeSearchRequest, FacetsReply, SearchReply, SearchRequest } from "../wire";
import type { Api } from "./api";

/** Who comes back from a page finds the hits as they were, with the same place in the list. */
const KEPT_MS = 30 * 60_000;
const HELD = { gcTime: KEPT_MS, refetchOnWindowFocus: false, placeholderData: keepPreviousData } as const;

export const searchQuery = (api: Api, request: SearchRequest) =>
  queryOptions({
    queryKey: ["search", request],
    queryFn: ({ signal }) => api.post<SearchReply>("/search", request, { signal }),
    enabled: request.query !== "",
    ...HELD,
  });

export const searchCodeQuery = (api: Api, request: CodeSearchRequest) =>
  queryOptions({
    queryKey: ["searchCode", request],
    queryFn: ({ signal }) => api.post<CodeSearchReply>("/search/code", request, { signal }),
    enabled: request.query !== "",
    ...HELD,
  });

/** Of these sources; none means of all. */
export const facetsQuery = (api: Api, sourceIds: readonly string[]) =>
  queryOptions({
    queryKey: ["facets", sourceIds],
    queryFn: ({ signal }) => api.get<FacetsReply>("/search/facets", { source_id: sourceIds }, signal),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });
