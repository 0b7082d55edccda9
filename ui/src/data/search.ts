// Search, for passages and for code.

import { queryOptions } from "@tanstack/react-query";

import type { CodeSearchReply, CodeSearchRequest, SearchReply, SearchRequest } from "../wire";
import type { Api } from "./api";

export const searchQuery = (api: Api, request: SearchRequest) =>
  queryOptions({
    queryKey: ["search", request],
    queryFn: ({ signal }) => api.post<SearchReply>("/search", request, { signal }),
    enabled: request.query !== "",
  });

export const searchCodeQuery = (api: Api, request: CodeSearchRequest) =>
  queryOptions({
    queryKey: ["searchCode", request],
    queryFn: ({ signal }) => api.post<CodeSearchReply>("/search/code", request, { signal }),
    enabled: request.query !== "",
  });
