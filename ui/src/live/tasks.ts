// The list of tasks as last heard: a pure reducer over the list's snapshots and changes.

import type { TaskShape, TaskStatus } from "../wire";

export interface TasksState {
  readonly isLoaded: boolean;
  readonly byId: ReadonlyMap<string, TaskShape>;
  /** When the count of settled pages of a task was last seen to grow (ms): what "stalled" is judged by. */
  readonly movedAt: ReadonlyMap<string, number>;
}

export const NO_TASKS: TasksState = { isLoaded: false, byId: new Map(), movedAt: new Map() };

const IS_FINAL: Readonly<Record<TaskStatus, boolean>> = {
  queued: false,
  running: false,
  paused: false,
  completed: true,
  failed: true,
  cancelled: true,
};

export function isFinal(status: TaskStatus): boolean {
  return IS_FINAL[status];
}

/** All active tasks and the newest: what is held as active and is not among them is gone. */
export function takeSnapshot(state: TasksState, items: readonly TaskShape[], at: number): TasksState {
  const named = new Set(items.map((task) => task.task_id));
  const kept = [...state.byId].filter(([id, task]) => named.has(id) || isFinal(task.status));
  return { ...put({ ...state, byId: new Map(kept) }, items, at), isLoaded: true };
}

/** Changed tasks. One that is older than what is held (an answer that was overtaken) is left out. */
export function takeChanges(state: TasksState, items: readonly TaskShape[], at: number): TasksState {
  const fresh = items.filter((task) => task.last_seq >= (state.byId.get(task.task_id)?.last_seq ?? 0));
  return fresh.length === 0 ? state : put(state, fresh, at);
}

export function settledPages(task: TaskShape): number {
  return (task.progress.stages.stored?.done ?? 0) + task.progress.failed + task.progress.skipped;
}

/** Differs whenever one of the tasks has told anything. */
export function marksOf(tasks: readonly (TaskShape | null)[]): string {
  return tasks.map((task) => (task === null ? "" : `${task.task_id}:${task.last_seq}`)).join(" ");
}

function put(state: TasksState, items: readonly TaskShape[], at: number): TasksState {
  const byId = new Map(state.byId);
  const movedAt = new Map(state.movedAt);
  for (const task of items) {
    const before = byId.get(task.task_id);
    if (before === undefined || settledPages(before) !== settledPages(task)) movedAt.set(task.task_id, at);
    byId.set(task.task_id, task);
  }
  return { ...state, byId, movedAt };
}
