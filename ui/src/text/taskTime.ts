// How long a task has run, what it waits for, and how long no page has come. Pure: "now" is always given.

import { isFinal } from "../live/tasks";
import type { EventShape, TaskShape } from "../wire";

const BEGUN = new Set(["task_started", "task_resumed"]);
const PAGE_EVENTS = new Set(["page_stored", "page_skipped", "page_failed", "pages_embedded", ...BEGUN]);

/** How long it has run, over all attempts and without its pauses; null before its start, and when that can't be known. */
export function runSeconds(task: TaskShape, events: readonly EventShape[], now: number): number | null {
  if (task.processing_started_at === null) return null;
  if (task.status !== "running") return task.ran_seconds;
  const begun = events.findLast((event) => BEGUN.has(event.type))?.at ?? (task.ran_seconds === 0 ? task.processing_started_at : null);
  return begun === null ? null : task.ran_seconds + Math.max(0, (now - Date.parse(begun)) / 1000);
}

/** How long no page has come, in seconds; 0 where that says nothing. */
export function quietSeconds(task: TaskShape, events: readonly EventShape[], now: number): number {
  const last = events.findLast((event) => PAGE_EVENTS.has(event.type))?.at ?? task.processing_started_at;
  return task.status !== "running" || last === null ? 0 : Math.max(0, (now - Date.parse(last)) / 1000);
}

export interface QueuePlace {
  /** How many of the tasks that are due come before it. */
  readonly ahead: number;
  readonly running: number;
  /** The task that works on the same source: it has to end first. */
  readonly holder: TaskShape | null;
}

/** Where a queued task stands among those that are known: best priority first, then who has been due longest. */
export function queuePlace(task: TaskShape, others: Iterable<TaskShape>, now: number): QueuePlace {
  let [ahead, running] = [0, 0];
  let holder: TaskShape | null = null;
  for (const other of others) {
    if (other.task_id === task.task_id || isFinal(other.status)) continue;
    if (other.status === "running") {
      running += 1;
      if (task.serial_key !== null && other.serial_key === task.serial_key) holder = other;
    } else if (other.status === "queued" && isDue(other, now) && isBefore(other, task)) ahead += 1;
  }
  return { ahead, running, holder };
}

function isDue(task: TaskShape, now: number): boolean {
  return task.waits_for === 0 && Date.parse(task.run_at) <= now;
}

function isBefore(one: TaskShape, other: TaskShape): boolean {
  if (one.priority !== other.priority) return one.priority > other.priority;
  return Date.parse(one.run_at) < Date.parse(other.run_at);
}
