// Single pages and the chunks they were cut into.

import { queryOptions } from "@tanstack/react-query";

import type { ChunkPage, ChunkShape, PageShape } from "../wire";
import { type Api, at } from "./api";

export const pageQuery = (api: Api, pageId: string) =>
  queryOptions({
    queryKey: ["page", pageId],
    queryFn: ({ signal }) => api.get<PageShape>(at`/pages/${pageId}`, {}, signal),
    staleTime: 60_000,
  });

export const chunksQuery = (api: Api, sourceId: string, pageId: string) =>
  queryOptions({
    queryKey: ["page", pageId, "chunks"],
    queryFn: ({ signal }) => chunksOfPage(api, sourceId, pageId, signal),
    staleTime: 60_000,
  });

/** All chunks of a page, in order. */
async function chunksOfPage(api: Api, sourceId: string, pageId: string, signal: AbortSignal): Promise<ChunkShape[]> {
  const chunks: ChunkShape[] = [];
  let cursor: string | null = null;
  do {
    const query = { page_id: pageId, limit: 200, cursor };
    const some: ChunkPage = await api.get(at`/sources/${sourceId}/chunks`, query, signal);
    chunks.push(...some.items);
    cursor = some.next_cursor;
  } while (cursor !== null);
  return chunks;
}
