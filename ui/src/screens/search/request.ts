// What the URL asks for, as the server wants it.

import type { CodeSearchRequest, SearchRequest } from "../../wire";
import { listed, type SearchParams } from "./params";

const LIMIT = 20;

type Filters = Omit<CodeSearchRequest, "query">;

export function limitOf({ limit }: SearchParams): number {
  return limit === undefined ? LIMIT : Number(limit);
}

export function searchRequest(params: SearchParams): SearchRequest {
  const { q = "", mode } = params;
  return { query: q, ...filtersOf(params), ...(mode === undefined ? {} : { mode }) };
}

export function codeRequest(params: SearchParams): CodeSearchRequest {
  return { query: params.q ?? "", ...filtersOf(params) };
}

function filtersOf(params: SearchParams): Filters {
  const { source, tag, kind, language, version, path, typos } = params;
  return {
    limit: limitOf(params),
    ...(source === undefined ? {} : { source_ids: listed(source) }),
    ...(tag === undefined ? {} : { tags: listed(tag) }),
    ...(kind === undefined ? {} : { kind }),
    ...(language === undefined ? {} : { language }),
    ...(version === undefined ? {} : { version }),
    ...(path === undefined ? {} : { path_prefix: path }),
    ...(typos === undefined ? {} : { typos: false }),
  };
}
