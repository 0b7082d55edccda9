// Crawls: the preview, the start, and what became of each URL.

import type { CrawlStart, CrawlStarted, PreviewShape, UrlPage, UrlState } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export function startCrawl(api: Api, request: CrawlStart, idempotencyKey: string): Promise<CrawlStarted> {
  return api.post("/knowledge/add", request, { headers: { "Idempotency-Key": idempotencyKey } });
}

/** What a crawl would take and skip; it takes seconds, as the server looks at the site. */
export function previewCrawl(api: Api, request: CrawlStart, signal?: AbortSignal): Promise<PreviewShape> {
  return api.post("/knowledge/preview", request, { signal });
}

export const urlsQuery = (api: Api, taskId: string, state: UrlState | undefined, reason: string | undefined) =>
  pagedQuery(["task", taskId, "urls", state ?? "all", reason ?? "any"], (cursor, signal) =>
    api.get<UrlPage>(at`/tasks/${taskId}/pages`, { state, reason, cursor, limit: 100 }, signal),
  );
