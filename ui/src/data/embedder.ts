// The embedder: what makes the vectors, what another one would cost, and the change to it.

import { queryOptions } from "@tanstack/react-query";

import type { EmbedderRequest, EmbedderShape, EmbeddingEstimate, TaskShape } from "../wire";
import type { Api } from "./api";

const BUILDING_MS = 1_000;
const IDLE_MS = 5_000;

export const embedderQuery = (api: Api) =>
  queryOptions({
    queryKey: ["embedder"],
    queryFn: ({ signal }) => api.get<EmbedderShape>("/embedder", {}, signal),
    refetchInterval: ({ state }) => (isAtWork(state.data) ? BUILDING_MS : IDLE_MS),
  });

function isAtWork(embedder: EmbedderShape | undefined): boolean {
  const { active = null, building = null } = embedder ?? {};
  return building !== null || (active !== null && active.embedded + active.failed < active.texts);
}

export function changeEmbedder(api: Api, options: EmbedderRequest): Promise<EmbedderShape> {
  return api.put("/embedder", options);
}

export function estimateEmbedder(api: Api, options: EmbedderRequest): Promise<EmbeddingEstimate> {
  return api.post("/embedder/estimate", { options });
}

/** A task that tries the source's texts without a vector once more; null for the model in use. */
export function embedSource(api: Api, sourceId: string, model: string | null): Promise<TaskShape> {
  return api.post("/tasks", { task_type: "embed_source", payload: { source_id: sourceId, model } });
}

/** Stay with the present one. */
export function giveUpEmbedder(api: Api): Promise<void> {
  return api.delete("/embedder/building");
}
