// What a task of the queue waits for, in words.

import type { TaskShape } from "../wire";
import { ago, counted, shortUrl, upcoming } from "./format";
import { visible } from "./visible";

/** Why it does not run yet. `holder` is the task that runs under its serial key. */
export function waitText(task: TaskShape, now: number, holder: TaskShape | undefined): string {
  if (task.status === "paused") return "paused";
  if (task.waits_for > 0) return `waits for ${counted(task.waits_for, "task")}`;
  if (Date.parse(task.run_at) > now) return `${isAgain(task) ? "again" : "starts"} ${upcoming(task.run_at, now)}`;
  if (holder !== undefined) return "waits until the one before it has ended";
  return `due ${ago(dueSince(task), now)}`;
}

/** "attempt 2 of 4", and nothing before the first has failed. */
export function attemptText(task: TaskShape): string | null {
  return isAgain(task) ? `attempt ${task.retry_attempts + 1} of ${task.max_retries + 1}` : null;
}

/** "2 of 4 attempts", of one that failed for good. */
export function attemptsText(task: TaskShape): string {
  if (task.processing_started_at === null) return "never ran";
  return `${task.retry_attempts + 1} of ${counted(Math.max(task.max_retries, task.retry_attempts) + 1, "attempt")}`;
}

/** Its title, or its type and the end of its id where it has none. */
export function taskName(task: TaskShape): string {
  return visible(task.title === "" ? `${task.task_type} ${task.task_id.slice(-6)}` : shortUrl(task.title));
}

function isAgain(task: TaskShape): boolean {
  return task.error_details !== null && task.processing_started_at !== null;
}

function dueSince(task: TaskShape): string {
  return task.run_at > task.created_at ? task.run_at : task.created_at;
}
