// Crawls: the preview, the start, and what became of each URL.

import { queryOptions } from "@tanstack/react-query";

import type { CrawlStart, CrawlStarted, PreviewShape, SourcePage, UrlPage, UrlState } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export function startCrawl(api: Api, request: CrawlStart, idempotencyKey: string): Promise<CrawlStarted> {
  return api.post("/knowledge/add", request, { headers: { "Idempotency-Key": idempotencyKey } });
}

/** What a crawl would take and skip; it takes seconds, as the server looks at the site. */
export function previewCrawl(api: Api, request: CrawlStart, signal?: AbortSignal): Promise<PreviewShape> {
  return api.post("/knowledge/preview", request, { signal });
}

/** The source that a crawl of this URL would fill; null for none, also while the URL is no whole one. */
export const knownSourceQuery = (api: Api, url: string) =>
  queryOptions({
    queryKey: ["sources", "of", url],
    queryFn: async ({ signal }) => (await api.get<SourcePage>("/sources", { url, limit: 1 }, signal)).items[0] ?? null,
    enabled: URL.canParse(url),
    retry: false,
  });

export function crawlAgain(api: Api, sourceId: string, idempotencyKey: string): Promise<CrawlStarted> {
  return api.post(at`/sources/${sourceId}/refresh`, {}, { headers: { "Idempotency-Key": idempotencyKey } });
}

export function uploadFile(
  api: Api,
  file: File,
  { key, onSent }: { readonly key: string; readonly onSent: (share: number) => void },
): Promise<CrawlStarted> {
  const form = new FormData();
  form.set("file", file);
  return api.sendForm("/knowledge/upload", form, { headers: { "Idempotency-Key": key }, onSent });
}

export const urlsQuery = (api: Api, taskId: string, state: UrlState | undefined, reason: string | undefined) =>
  pagedQuery(["task", taskId, "urls", state ?? "all", reason ?? "any"], (cursor, signal) =>
    api.get<UrlPage>(at`/tasks/${taskId}/pages`, { state, reason, cursor, limit: 100 }, signal),
  );
