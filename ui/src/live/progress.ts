// What is known of one followed task: a pure reducer over acks and messages. No line is lost, doubled or out of order.

import type { EventShape, ProgressUpdate, SubscribeAck, TaskShape } from "../wire";

/** A place in the log where the line was down. `afterSeq` is the last line from before. */
export interface Divider {
  readonly afterSeq: number;
  readonly lostAt: number;
  readonly caughtUpAt: number;
  readonly isStartOver: boolean;
}

export interface ProgressState {
  readonly taskId: string;
  /** Null until the server has said whether there is such a task. */
  readonly isFound: boolean | null;
  readonly task: TaskShape | null;
  /** Ascending and without gaps; begins at `firstSeq`. */
  readonly events: readonly EventShape[];
  /** The newest line held; null before the first ack. */
  readonly lastSeq: number | null;
  readonly isSyncing: boolean;
  /** Messages that came while an answer was awaited; they are applied after it. */
  readonly waiting: readonly ProgressUpdate[];
  /** When the line went down, and after which line of the log; null while it holds. */
  readonly lost: { readonly at: number; readonly afterSeq: number } | null;
  readonly dividers: readonly Divider[];
}

export type Step = { readonly state: ProgressState; readonly next: "nothing" | "subscribe" };

export function emptyProgress(taskId: string): ProgressState {
  return {
    taskId,
    isFound: null,
    task: null,
    events: [],
    lastSeq: null,
    isSyncing: false,
    waiting: [],
    lost: null,
    dividers: [],
  };
}

/** A subscription was sent: until its ack comes, messages wait. */
export function syncStarted(state: ProgressState): ProgressState {
  return { ...state, isSyncing: true, waiting: [] };
}

/** The line went down at `at` (ms). A second loss before the first was made good keeps the first's time. */
export function lineLost(state: ProgressState, at: number): ProgressState {
  const lost = state.lost ?? (state.lastSeq === null ? null : { at, afterSeq: state.lastSeq });
  return { ...state, isSyncing: false, waiting: [], lost };
}

export function takeAck(state: ProgressState, ack: SubscribeAck, at: number): Step {
  if (!ack.found || ack.task === null) {
    return { state: { ...emptyProgress(state.taskId), isFound: false }, next: "nothing" };
  }
  const held: ProgressState = ack.startOver ? startedOver(state) : state;
  const events = withNewer(held.events, ack.events, held.lastSeq ?? 0);
  const lastSeq = events.at(-1)?.seq ?? held.lastSeq ?? ack.lastSeq;
  const isNewest = ack.startOver || ack.lastSeq >= (held.lastSeq ?? 0);
  const caughtUp: ProgressState = {
    ...held,
    isFound: true,
    task: isNewest ? ack.task : held.task,
    events,
    lastSeq,
    isSyncing: ack.more,
  };
  if (ack.more) return { state: caughtUp, next: "subscribe" };
  return drain(withDivider(caughtUp, at));
}

export function takeUpdate(state: ProgressState, update: ProgressUpdate): Step {
  if (state.isSyncing) return { state: { ...state, waiting: [...state.waiting, update] }, next: "nothing" };
  if (state.lastSeq === null || state.task === null || update.prevSeq > state.lastSeq) {
    return { state, next: "subscribe" };
  }
  if (update.seq < state.lastSeq) return { state, next: "nothing" };
  const events = withNewer(state.events, update.events, state.lastSeq);
  const task = taskAfter(state.task, update);
  // A message doesn't carry everything of a task (when it ended, its result): a new status asks for the whole.
  const next = task.status === state.task.status ? "nothing" : "subscribe";
  return { state: { ...state, events, task, lastSeq: update.seq }, next };
}

/** Lines from before the first one held, as `GET /tasks/{id}/events?before=` gives them. */
export function takeOlder(state: ProgressState, older: readonly EventShape[]): ProgressState {
  const first = state.events[0]?.seq ?? Infinity;
  const fresh = older.filter((event) => event.seq < first);
  if (fresh.length === 0 || (fresh.at(-1)?.seq ?? 0) !== first - 1) return state;
  return { ...state, events: [...fresh, ...state.events] };
}

function drain(state: ProgressState): Step {
  let step: Step = { state: { ...state, waiting: [] }, next: "nothing" };
  for (const update of state.waiting) {
    step = takeUpdate(step.state, update);
    if (step.next === "subscribe") return step;
  }
  return step;
}

/** The server's log is not the one that was followed (a restored backup, say): what is held is dropped. */
function startedOver(state: ProgressState): ProgressState {
  const lost = state.lost === null ? null : { at: state.lost.at, afterSeq: 0 };
  return { ...state, events: [], lastSeq: null, dividers: [], lost };
}

function withDivider(state: ProgressState, at: number): ProgressState {
  if (state.lost === null) return state;
  const divider: Divider = {
    afterSeq: state.lost.afterSeq,
    lostAt: state.lost.at,
    caughtUpAt: at,
    isStartOver: state.lost.afterSeq === 0,
  };
  return { ...state, lost: null, dividers: [...state.dividers, divider] };
}

function withNewer(held: readonly EventShape[], events: readonly EventShape[], last: number): readonly EventShape[] {
  const fresh = events.filter((event) => event.seq > last);
  return fresh.length === 0 ? held : [...held, ...fresh];
}

/** What an event says of its task beside the status and the progress, which come with every message. */
function taskTold(task: TaskShape, { type, data }: EventShape): TaskShape {
  switch (type) {
    case "task_pause_requested":
      return { ...task, is_pause_requested: true };
    case "task_cancel_requested":
      return { ...task, is_cancel_requested: true };
    case "task_queued":
      return data.reason === "resume" ? { ...task, is_pause_requested: false } : task;
    case "task_changed":
      return typeof data.changed === "object" ? { ...task, payload: { ...task.payload, ...data.changed } } : task;
    default:
      return task;
  }
}

function taskAfter(task: TaskShape, update: ProgressUpdate): TaskShape {
  const isFailed = update.percentage < 0;
  return {
    ...update.events.reduce(taskTold, task),
    status: update.taskStatus,
    error: update.error,
    last_seq: Math.max(task.last_seq, update.seq),
    progress: {
      percentage: isFailed ? task.progress.percentage : update.percentage,
      stage: update.stage,
      stages: update.stages,
      message: update.log,
      eta_seconds: update.etaSeconds,
      rate_per_second: update.ratePerSecond,
      current_url: update.currentUrl,
      failed: update.failed,
      skipped: update.skipped,
    },
  };
}
