// How far a task is, in words and as the value of a bar.

import { isFinal } from "../live/tasks";
import type { CrawlStage, ProgressShape, TaskShape, TaskStatus } from "../wire";
import { count, counted, duration } from "./format";

export const STAGES: readonly CrawlStage[] = ["discovered", "fetched", "extracted", "chunked", "stored", "embedded"];

export const STAGE_NAMES: Readonly<Record<CrawlStage, string>> = {
  discovered: "Discovered",
  fetched: "Fetched",
  extracted: "Extracted",
  chunked: "Chunked",
  stored: "Stored",
  embedded: "Embedded",
};

/** How a task's state is shown: its status, with what is going on spelled out. */
export type Face = TaskStatus | "retrying";
export type Tone = "idle" | "run" | "ok" | "warn" | "bad";

export const FACES: Readonly<Record<Face, { readonly label: string; readonly tone: Tone; readonly rank: number }>> = {
  failed: { label: "Failed", tone: "bad", rank: 0 },
  retrying: { label: "Retrying", tone: "warn", rank: 1 },
  running: { label: "Running", tone: "run", rank: 2 },
  paused: { label: "Paused", tone: "warn", rank: 3 },
  queued: { label: "Queued", tone: "idle", rank: 4 },
  completed: { label: "Done", tone: "ok", rank: 5 },
  cancelled: { label: "Cancelled", tone: "idle", rank: 5 },
};

const RUNNING_LABELS: Readonly<Record<string, string>> = {
  analyzing: "Discovering",
  crawling: "Crawling",
  embedding: "Embedding",
};

export function faceOf(task: TaskShape): Face {
  return task.status === "queued" && task.error_details !== null ? "retrying" : task.status;
}

export function faceLabel(task: TaskShape): string {
  const face = faceOf(task);
  return face === "running" ? (RUNNING_LABELS[task.progress.stage] ?? FACES.running.label) : FACES[face].label;
}

/** What a bar shows. `value` is null while the total is not known: the bar is then indeterminate. */
export interface Bar {
  readonly value: number | null;
  readonly tone: Tone;
  readonly text: string;
}

/** The bar of a task. Its value is the server's percentage, the one number that never goes back, also over reloads. */
export function barOf(task: TaskShape): Bar {
  const tone = FACES[faceOf(task)].tone;
  const text = pagesText(task);
  if (task.status === "completed") return { value: 100, tone, text };
  const isOpen = task.status === "running" && task.progress.percentage === 0;
  return { value: isOpen ? null : task.progress.percentage, tone, text };
}

/** "412 of 1,080 found so far", "118 pages", "finding pages…". */
export function pagesText(task: TaskShape): string {
  const { stages } = task.progress;
  const stored = stages.stored?.done ?? 0;
  const found = stages.discovered?.done ?? 0;
  if (task.status === "completed") return counted(stored, "page");
  if (found === 0) return task.status === "running" ? "finding pages…" : "–";
  if (isFinal(task.status)) return `${count(stored)} of ${counted(found, "page")}`;
  return `${count(stored)} of ${count(found)} found so far`;
}

/** For tight places: "412 / 1,080". */
export function pagesShort(task: TaskShape): string {
  const stored = task.progress.stages.stored?.done ?? 0;
  const found = task.progress.stages.discovered?.done ?? 0;
  if (task.status === "completed") return count(stored);
  return found === 0 ? "–" : `${count(stored)} / ${count(found)}`;
}

export const STALLED_SECONDS = 30;

/** Time left, rounded since it is a guess; "stalled" instead of a frozen guess; null when nothing can be said. */
export function etaText(progress: ProgressShape, quietSeconds: number): string | null {
  if (quietSeconds >= STALLED_SECONDS) return `stalled, no page for ${roundedQuiet(quietSeconds)}`;
  const seconds = progress.eta_seconds;
  if (seconds === null) return null;
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return `about ${Math.round(seconds / 10) * 10} s left`;
  if (seconds < 3570) return `about ${Math.max(1, Math.round(seconds / 60))} min left`;
  const half = Math.round(seconds / 1800) / 2;
  return `about ${half} h left`;
}

function roundedQuiet(seconds: number): string {
  return seconds < 120 ? duration(Math.floor(seconds / 10) * 10) : `${Math.floor(seconds / 60)} min`;
}

export function rateText(rate: number | null): string | null {
  return rate === null ? null : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} pages/s`;
}

/** What a row says of its time: rate and time left, when it starts again, when it ended. */
export function timeText(task: TaskShape, now: number, movedAt: number | undefined): string {
  if (task.status === "running") return runningText(task, now, movedAt);
  if (faceOf(task) === "retrying") return retryText(task, now);
  if (task.status === "queued") return "waiting for a free worker";
  if (task.status === "paused") return "paused";
  return endedText(task);
}

function runningText(task: TaskShape, now: number, movedAt: number | undefined): string {
  const quiet = movedAt === undefined ? 0 : (now - movedAt) / 1000;
  const eta = etaText(task.progress, quiet);
  const embedded = task.progress.stages.embedded;
  if (task.progress.stage === "embedding" && embedded !== undefined) {
    return `embedded ${count(embedded.done)}${embedded.total === null ? "" : ` of ${count(embedded.total)}`}`;
  }
  const parts = [quiet >= STALLED_SECONDS ? null : rateText(task.progress.rate_per_second), eta];
  return parts.filter((part) => part !== null).join(" · ") || "getting going…";
}

function retryText(task: TaskShape, now: number): string {
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  const when = seconds > 1 ? `in ${duration(seconds)}` : "now";
  return `attempt ${task.retry_attempts + 1} of ${task.max_retries + 1} · ${when}`;
}

function endedText(task: TaskShape): string {
  const { processing_started_at: start, processing_completed_at: end } = task;
  if (start === null || end === null) return "";
  return `took ${duration((Date.parse(end) - Date.parse(start)) / 1000)}`;
}
