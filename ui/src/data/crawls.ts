// Crawls: the preview, the start, and what became of each URL.

import { queryOptions } from "@tanstack/react-query";

import type {
  CrawlChange,
  CrawlStart,
  CrawlStarted,
  PreviewShape,
  SourcePage,
  TaskShape,
  UrlCounts,
  UrlPage,
  UrlState,
} from "../wire";
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

/** Changes the limits of a crawl that has not ended; what is not named stays. */
export function changeLimits(api: Api, taskId: string, change: CrawlChange): Promise<TaskShape> {
  return api.patch(at`/knowledge/crawls/${taskId}`, change);
}

export interface UrlFilter {
  readonly state?: UrlState | undefined;
  readonly reason?: string | undefined;
  /** What the address holds. */
  readonly text?: string | undefined;
}

export const urlsQuery = (api: Api, taskId: string, filter: UrlFilter, limit = 100) =>
  pagedQuery(["task", taskId, "urls", filter, limit], (cursor, signal) =>
    api.get<UrlPage>(at`/tasks/${taskId}/pages`, { ...filter, cursor, limit }, signal),
  );

/** How many URLs of a crawl are in which state, and why. */
export const urlCountsQuery = (api: Api, taskId: string) =>
  queryOptions({
    queryKey: ["task", taskId, "counts"],
    queryFn: ({ signal }) => api.get<UrlCounts>(at`/tasks/${taskId}/pages/counts`, {}, signal),
  });
