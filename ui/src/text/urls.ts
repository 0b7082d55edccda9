// The URLs of a crawl: how each was found and got, in words, and how many there are of what.

import type { FetchedBy, TaskShape, UrlCounts, UrlOrigin, UrlShape, UrlState } from "../wire";
import { isFinal } from "../live/tasks";
import { pathOf, shortUrl } from "./format";

export const ORIGINS: Readonly<Record<UrlOrigin, { readonly label: string; readonly help: string }>> = {
  start: { label: "start", help: "The crawl began here" },
  link: { label: "link", help: "A page links to it" },
  sitemap: { label: "sitemap", help: "The site's sitemap lists it" },
  llms: { label: "llms.txt", help: "The site's llms.txt lists it" },
  feed: { label: "feed", help: "The site's feed lists it" },
  canonical: { label: "canonical", help: "A page names it as its canonical address" },
  part: { label: "part", help: "It is a part of a document, such as an operation of an API" },
};

export const WAYS: Readonly<Record<FetchedBy, { readonly label: string; readonly help: string }>> = {
  http: { label: "HTTP", help: "Fetched over HTTP" },
  browser: { label: "browser", help: "Rendered in the browser" },
  markdown: { label: "Markdown", help: "Taken as the Markdown that the site offers of the page" },
  unchanged: { label: "unchanged", help: "The site said that it has not changed since the last crawl" },
};

/** How many URLs are in a state; null while that isn't known. */
export function stateCount(task: TaskShape, state: UrlState): number | null {
  const { stages, failed, skipped } = task.progress;
  const stored = stages.stored?.done ?? 0;
  switch (state) {
    case "stored":
      return stored;
    case "failed":
      return failed;
    case "skipped":
      // While it runs only those are counted that were asked for; with those that were refused unasked there are more.
      return typeof task.result?.skipped === "number" ? task.result.skipped : null;
    case "queued":
      return isFinal(task.status) ? 0 : Math.max(0, (stages.discovered?.done ?? 0) - stored - failed - skipped);
  }
}

export interface ReasonChoice {
  readonly reason: string;
  readonly count: number | null;
}

/** The reasons to choose from, the most frequent first: those of the state that is shown, and the chosen one. */
export function reasonChoices(
  counted: UrlCounts["reasons"],
  { state, reason: chosen }: { state?: UrlState | undefined; reason?: string | undefined },
): ReasonChoice[] {
  const counts = new Map<string, number | null>();
  for (const row of counted) {
    if (state === undefined || row.state === state) counts.set(row.reason, (counts.get(row.reason) ?? 0) + row.count);
  }
  if (chosen !== undefined && !counts.has(chosen)) counts.set(chosen, null);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => (b.count ?? 0) - (a.count ?? 0) || a.reason.localeCompare(b.reason));
}

/** How many URLs of a crawl that has ended have which reason. */
export function resultReasons(task: TaskShape): Readonly<Record<string, number>> {
  const { reasons } = task.result ?? {};
  return typeof reasons === "object" && reasons !== null ? (reasons as Record<string, number>) : {};
}

/** A URL as it is shown among those of a crawl: its path, and the host where that is another than the start's. */
export function nearUrl(url: string, startUrl: string): string {
  return hostOf(url) === hostOf(startUrl) ? pathOf(url) : shortUrl(url);
}

function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).host : null;
}

/** The URL that another is the same as, from its key: only the path where the host is the same. */
export function sameAsText(row: UrlShape): string | null {
  if (row.same_as === null) return null;
  const [, host = "", path = ""] = /^\/\/([^/]*)(.*)$/.exec(row.same_as) ?? [];
  return hostOf(row.url) === host ? path || "/" : row.same_as;
}
