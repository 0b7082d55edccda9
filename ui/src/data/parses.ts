// Parses of single pages: starting one, and what it gave.

import { queryOptions } from "@tanstack/react-query";

import type { ParseBody, ParseShape, ParseStarted } from "../wire";
import { type Api, at } from "./api";
import { taskListQuery } from "./tasks";

export const PARSE_TYPE = "parse_page";

export function startParse(api: Api, request: ParseBody, idempotencyKey: string): Promise<ParseStarted> {
  return api.post("/web-pages/parse", request, { headers: { "Idempotency-Key": idempotencyKey } });
}

/** By the id of its task, or of the page as it is kept. */
export const parseQuery = (api: Api, id: string) =>
  queryOptions({ queryKey: ["parse", id], queryFn: ({ signal }) => api.get<ParseShape>(at`/web-pages/${id}`, {}, signal) });

/** The tasks that parse, the newest first. */
export const parseTasksQuery = (api: Api) => taskListQuery(api, [], PARSE_TYPE);

/** The picture of a page, kept in memory: for a server that wants a key, which no `<img>` can bring along. */
export const screenshotQuery = (api: Api, id: string) =>
  queryOptions({ queryKey: ["parse", id, "screenshot"], queryFn: () => api.file(at`/web-pages/${id}/screenshot`), staleTime: Infinity });
