// The log of a task: how each kind of event is shown, and the rows that lines and dividers make.

import type { Divider } from "../live/progress";
import type { EventShape, EventType } from "../wire";
import { clock } from "./format";

export type Level = "info" | "warn" | "error";

const LEVELS: Readonly<Record<EventType, Level>> = {
  task_queued: "info",
  task_started: "info",
  task_resumed: "warn",
  task_retry_scheduled: "warn",
  task_cancel_requested: "info",
  task_completed: "info",
  task_failed: "error",
  task_cancelled: "warn",
  stage_started: "info",
  page_stored: "info",
  page_skipped: "info",
  page_failed: "error",
  page_retry_scheduled: "warn",
  pages_embedded: "info",
  warning_raised: "warn",
};

export function levelOf(type: string): Level {
  return Object.hasOwn(LEVELS, type) ? LEVELS[type as EventType] : "info";
}

export type Row =
  | { readonly kind: "line"; readonly event: EventShape; readonly level: Level }
  | { readonly kind: "divider"; readonly divider: Divider };

/** Rows in order: each divider stands after the last line that came before the loss. */
export function rowsOf(events: readonly EventShape[], dividers: readonly Divider[], isErrorsOnly: boolean): Row[] {
  const rows: Row[] = [];
  let next = 0;
  const first = events[0]?.seq ?? 0;
  while (next < dividers.length && (dividers[next]?.afterSeq ?? 0) < first - 1) next += 1;
  const put = (upTo: number): void => {
    for (let divider = dividers[next]; divider !== undefined && divider.afterSeq < upTo; divider = dividers[next]) {
      rows.push({ kind: "divider", divider });
      next += 1;
    }
  };
  for (const event of events) {
    put(event.seq);
    const level = levelOf(event.type);
    if (!isErrorsOnly || level === "error") rows.push({ kind: "line", event, level });
  }
  put(Infinity);
  return rows;
}

export function dividerText({ lostAt, caughtUpAt, isStartOver }: Divider): string {
  const times = `connection lost ${clock(lostAt)}, caught up at ${clock(caughtUpAt)}`;
  return isStartOver ? `${times}: the server's log starts over` : `${times}, no lines missing`;
}
