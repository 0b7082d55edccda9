// Sources in words: what one is called, how its last crawl went, when it is refreshed.

import type { GenerationState, LastCrawlShape, ScheduleShape, SourceShape, TaskStatus } from "../wire";
import { counted, duration, shortUrl } from "./format";
import type { Tone } from "./progress";

export function sourceName({ title, url }: Pick<SourceShape, "title" | "url">): string {
  return title === "" ? shortUrl(url) : title;
}

/** What a source's tags are written as in one field, and read from it. */
export function tagsOf(text: string): string[] {
  return [...new Set(text.split(",").map((tag) => tag.trim()))].filter((tag) => tag !== "");
}

export interface CrawlFace {
  readonly label: string;
  readonly tone: Tone;
}

const FACES: Readonly<Record<TaskStatus, CrawlFace>> = {
  queued: { label: "Queued", tone: "idle" },
  running: { label: "Running", tone: "run" },
  paused: { label: "Paused", tone: "warn" },
  completed: { label: "Up to date", tone: "ok" },
  failed: { label: "Failed", tone: "bad" },
  cancelled: { label: "Cancelled", tone: "idle" },
};

export function crawlFace({ status, error_code: code }: Pick<LastCrawlShape, "status" | "error_code">): CrawlFace {
  return code === "refresh_rejected" && status === "failed" ? { label: "Refused by the gate", tone: "warn" } : FACES[status];
}

/** Whether it can be fetched again: an uploaded file can't. */
export function canRefresh({ url }: Pick<SourceShape, "url">): boolean {
  return !url.startsWith("upload:");
}

/** How often: "every day", "every 12 h", "30 2 * * * (UTC)". */
export function scheduleText({ cron, interval_seconds: every, time_zone: zone }: Pick<ScheduleShape, "cron" | "interval_seconds" | "time_zone">): string {
  if (cron !== null) return `${cron} (${zone})`;
  if (every === null) return "never";
  if (every % 86_400 === 0) return every === 86_400 ? "every day" : `every ${counted(every / 86_400, "day")}`;
  return `every ${duration(every)}`;
}

/** "in 5 min", "in 3 h", "in 2 days", "now". */
export function until(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1000;
  if (seconds < 60) return "any moment";
  if (seconds < 3600) return `in ${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `in ${Math.round(seconds / 3600)} h`;
  return `in ${counted(Math.round(seconds / 86_400), "day")}`;
}

export const GENERATION_FACES: Readonly<Record<GenerationState, CrawlFace>> = {
  building: { label: "Being built", tone: "run" },
  complete: { label: "Kept", tone: "idle" },
  rejected: { label: "Refused by the gate", tone: "warn" },
  discarded: { label: "Given up", tone: "idle" },
};

/** "$0.02", "less than $0.01", "nothing"; null where the price isn't known. */
export function costText(usd: number | null): string | null {
  if (usd === null) return null;
  if (usd === 0) return "nothing";
  return usd < 0.01 ? "less than $0.01" : `$${usd.toFixed(2)}`;
}

/** A folder's path as it is shown below another one: without what that one has. */
export function belowFolder(path: string, under: string): string {
  const below = path.startsWith(under) ? path.slice(under.length) : path;
  return below.replace(/^\/\//, "");
}
