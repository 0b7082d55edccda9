// Single pages: their text in each of its versions, the chunks they were cut into, their code, and where their links lead.

import { queryOptions } from "@tanstack/react-query";

import { linkedPages } from "../text/pageLinks";
import type { ChunkPage, ChunkShape, CodeExamplePage, PageLookup, PageShape, PageVersionPage } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

const FRESH_MS = 60_000;
const LOOKUP_AT_ONCE = 500;

/** The page as it is seen, or as a generation of its source has it. */
export const pageQuery = (api: Api, pageId: string, generation?: number) =>
  queryOptions({
    queryKey: ["page", pageId, "text", generation ?? "seen"],
    queryFn: ({ signal }) => api.get<PageShape>(at`/pages/${pageId}`, { generation }, signal),
    staleTime: FRESH_MS,
  });

export const versionsQuery = (api: Api, pageId: string) =>
  pagedQuery(["page", pageId, "versions"], (cursor, signal) =>
    api.get<PageVersionPage>(at`/pages/${pageId}/versions`, { cursor, limit: 50 }, signal),
  );

export const chunksQuery = (api: Api, sourceId: string, pageId: string) =>
  queryOptions({
    queryKey: ["page", pageId, "chunks"],
    queryFn: ({ signal }) => chunksOfPage(api, sourceId, pageId, signal),
    staleTime: FRESH_MS,
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

export const pageCodeQuery = (api: Api, sourceId: string, pageId: string) =>
  pagedQuery(["page", pageId, "code"], (cursor, signal) =>
    api.get<CodeExamplePage>(at`/sources/${sourceId}/code-examples`, { page_id: pageId, cursor, limit: 50 }, signal),
  );

/** Which of the page's links lead to stored pages of the same source: URL → page. */
export const linksQuery = (api: Api, { page_id: pageId, source_id: sourceId, markdown, url, content_hash: hash }: PageShape) =>
  queryOptions({
    queryKey: ["page", pageId, "links", hash],
    queryFn: async ({ signal }) => {
      const urls = linkedPages(markdown, url);
      const starts = Array.from({ length: Math.ceil(urls.length / LOOKUP_AT_ONCE) }, (_, index) => index * LOOKUP_AT_ONCE);
      const found = await Promise.all(
        starts.map((start) =>
          api.post<PageLookup>(at`/sources/${sourceId}/pages/lookup`, { urls: urls.slice(start, start + LOOKUP_AT_ONCE) }, { signal }),
        ),
      );
      return new Map(found.flatMap(({ pages }) => Object.entries(pages)));
    },
    staleTime: FRESH_MS,
  });
