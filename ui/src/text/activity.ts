// The list of tasks as it is shown: which group a task belongs to, the order, what fits a filter, the place in the queue.

import type { TasksState } from "../live/tasks";
import type { TaskShape, TaskStatus } from "../wire";
import { count, upcoming } from "./format";
import { type Face, faceLabel, faceOf, FACES, timeText } from "./progress";

export type ActivityGroup = "attention" | "running" | "queued" | "ended";

export const GROUP_OF: Readonly<Record<Face, ActivityGroup>> = {
  failed: "attention",
  retrying: "attention",
  running: "running",
  paused: "running",
  queued: "queued",
  completed: "ended",
  cancelled: "ended",
};
export const GROUP_NAMES: Readonly<Record<ActivityGroup, string>> = {
  attention: "Need attention",
  running: "Running",
  queued: "Queued",
  ended: "Ended",
};
/** What the server is asked for to fill a group. */
export const GROUP_STATUSES: Readonly<Record<ActivityGroup, readonly TaskStatus[]>> = {
  attention: ["failed"],
  running: ["running", "paused"],
  queued: ["queued"],
  ended: ["completed", "cancelled"],
};

export interface ActivityWish {
  readonly q?: string;
  readonly show?: ActivityGroup;
  readonly type?: string;
}

/** Live ones win over fetched ones. Attention first, then running, queued (as they are due), ended; else the newest first. */
export function merged(live: TasksState, fetched: readonly TaskShape[]): TaskShape[] {
  const byId = new Map(fetched.map((task) => [task.task_id, task]));
  for (const [id, task] of live.byId) {
    if (task.last_seq >= (byId.get(id)?.last_seq ?? 0)) byId.set(id, task);
  }
  return [...byId.values()].sort(byAttention);
}

function byAttention(a: TaskShape, b: TaskShape): number {
  const [first, second] = [faceOf(a), faceOf(b)];
  if (first === "queued" && second === "queued") return byTurn(a, b);
  return FACES[first].rank - FACES[second].rank || compared(b.created_at, a.created_at);
}

/** The order in which waiting tasks are taken: by priority, then the one that was due first. */
function byTurn(a: TaskShape, b: TaskShape): number {
  return b.priority - a.priority || compared(a.run_at, b.run_at) || compared(a.created_at, b.created_at);
}

function compared(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function isShown(task: TaskShape, { q, show, type }: ActivityWish): boolean {
  if (show !== undefined && GROUP_OF[faceOf(task)] !== show) return false;
  if (type !== undefined && task.task_type !== type) return false;
  if (q === undefined) return true;
  const text = `${task.title} ${task.task_id} ${task.task_type} ${task.status} ${faceLabel(task)} ${task.error?.code ?? ""}`.toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function groupSizes(tasks: readonly TaskShape[]): Readonly<Record<ActivityGroup, number>> {
  const sizes = { attention: 0, running: 0, queued: 0, ended: 0 };
  for (const task of tasks) sizes[GROUP_OF[faceOf(task)]] += 1;
  return sizes;
}

export function summary({ running, attention }: Readonly<Record<ActivityGroup, number>>): string {
  const calls = attention === 0 ? "" : ` · ${count(attention)} ${attention === 1 ? "needs" : "need"} attention`;
  return `${count(running)} running${calls}`;
}

/** Of tasks that wait for nothing but a worker: whose turn it is, from 1. `tasks` are in the order of `merged`. */
export function turns(tasks: readonly TaskShape[], now: number): ReadonlyMap<string, number> {
  const waiting = tasks.filter((task) => faceOf(task) === "queued" && task.waits_for === 0 && Date.parse(task.run_at) <= now);
  return new Map(waiting.map((task, index) => [task.task_id, index + 1]));
}

/** What a row says of its time. */
export function rowTime(task: TaskShape, now: number, movedAt: number | undefined, turn: number | undefined): string {
  if (task.is_cancel_requested && task.status === "running") return "cancelling…";
  if (task.is_pause_requested && task.status === "running") return "pausing…";
  if (faceOf(task) !== "queued") return timeText(task, now, movedAt);
  if (task.waits_for > 0) return `waits for ${task.waits_for === 1 ? "another task" : `${count(task.waits_for)} others`}`;
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  if (seconds > 1) return `starts ${upcoming(task.run_at, now)}`;
  return turn === undefined || turn === 1 ? "next in the queue" : `${ordinal(turn)} in the queue`;
}

const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS: Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> = { one: "st", two: "nd", few: "rd" };

export function ordinal(value: number): string {
  return `${count(value)}${ENDINGS[ORDINALS.select(value)] ?? "th"}`;
}
