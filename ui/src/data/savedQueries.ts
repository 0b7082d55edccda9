// Saved queries of a source, and what they gave over time.

import { queryOptions } from "@tanstack/react-query";

import type { EvaluationPage, EvaluationShape, SavedQueriesImported, SavedQueryPage, SavedQueryRequest, SavedQueryShape } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export const savedQueriesQuery = (api: Api, sourceId: string) =>
  pagedQuery(["source", sourceId, "queries"], (cursor, signal) =>
    api.get<SavedQueryPage>(at`/sources/${sourceId}/queries`, { cursor, limit: 100 }, signal),
  );

export function saveQuery(api: Api, sourceId: string, queryId: string | null, request: SavedQueryRequest): Promise<SavedQueryShape> {
  return queryId === null
    ? api.post(at`/sources/${sourceId}/queries`, request)
    : api.put(at`/sources/${sourceId}/queries/${queryId}`, request);
}

export function deleteQuery(api: Api, sourceId: string, queryId: string): Promise<void> {
  return api.delete(at`/sources/${sourceId}/queries/${queryId}`);
}

export function importQueries(api: Api, sourceId: string, lines: Blob): Promise<SavedQueriesImported> {
  return api.postRaw(at`/sources/${sourceId}/queries.jsonl`, lines, "application/jsonl");
}

export function evaluate(api: Api, sourceId: string): Promise<EvaluationShape> {
  return api.post(at`/sources/${sourceId}/evaluate`, {});
}

/** The newest first; enough of them for a plot. */
export const evaluationsQuery = (api: Api, sourceId: string) =>
  queryOptions({
    queryKey: ["source", sourceId, "evaluations"],
    queryFn: ({ signal }) => api.get<EvaluationPage>(at`/sources/${sourceId}/evaluations`, { limit: 200 }, signal),
  });

export const evaluationQuery = (api: Api, sourceId: string, evaluationId: string) =>
  queryOptions({
    queryKey: ["source", sourceId, "evaluation", evaluationId],
    queryFn: ({ signal }) => api.get<EvaluationShape>(at`/sources/${sourceId}/evaluations/${evaluationId}`, {}, signal),
    staleTime: Infinity,
  });
