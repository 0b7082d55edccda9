// The attempts of a task as its log tells them: when each began, who ran it, and what it ended with. Pure.

import type { ErrorBody, EventShape } from "../wire";

export interface Attempt {
  readonly number: number;
  readonly startedAt: string;
  readonly workerId: string;
  /** Null while it runs. */
  readonly endedAt: string | null;
  readonly end: string;
  readonly error: ErrorBody | null;
  /** When it is tried again, if it is. */
  readonly retryAt: string | null;
}

const ENDS: Readonly<Record<string, string>> = {
  task_retry_scheduled: "Failed, to be tried again",
  task_failed: "Failed",
  task_completed: "Completed",
  task_cancelled: "Cancelled",
  task_paused: "Paused",
  task_queued: "Put back",
};

/** In order. An attempt whose start is no longer held is left out. */
export function attemptsOf(events: readonly EventShape[]): Attempt[] {
  const attempts: Attempt[] = [];
  for (const event of events) {
    if (event.type === "task_started" || event.type === "task_resumed") attempts.push(begun(event));
    const end = ENDS[event.type];
    const last = attempts.at(-1);
    if (end === undefined || last?.endedAt !== null) continue;
    if (event.type === "task_queued" && event.data.reason === "resume") continue; // a pause that was taken back
    attempts[attempts.length - 1] = ended(last, event, end);
  }
  return attempts;
}

function begun({ at, data }: EventShape): Attempt {
  return {
    number: typeof data.attempt === "number" ? data.attempt : 1,
    startedAt: at,
    workerId: typeof data.worker_id === "string" ? data.worker_id : "",
    endedAt: null,
    end: "Runs",
    error: null,
    retryAt: null,
  };
}

function ended(attempt: Attempt, { at, type, message, data }: EventShape, end: string): Attempt {
  return {
    ...attempt,
    endedAt: at,
    end: type === "task_queued" ? message : end,
    error: isError(data.error) ? data.error : null,
    retryAt: typeof data.run_at === "string" ? data.run_at : null,
  };
}

function isError(value: unknown): value is ErrorBody {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}
