// The states of a source: which there are, and which one is seen.

import type { GenerationPage, GenerationShape } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export const generationsQuery = (api: Api, sourceId: string) =>
  pagedQuery(["source", sourceId, "generations"], (cursor, signal) =>
    api.get<GenerationPage>(at`/sources/${sourceId}/generations`, { cursor, limit: 20 }, signal),
  );

export function activateGeneration(api: Api, sourceId: string, number: number): Promise<GenerationShape> {
  return api.post(at`/sources/${sourceId}/generations/${number}/activate`);
}
