// The log of a task: how each kind of event is shown, and the rows that lines and dividers make.

import type { Divider } from "../live/progress";
import type { EventShape, EventType } from "../wire";
import { clock } from "./format";

/** `note` is what the crawl decided by itself: how the site is taken, how its pages are got. */
export type Level = "info" | "note" | "warn" | "error";

const LEVELS: Readonly<Record<EventType, Level>> = {
  task_queued: "info",
  task_released: "info",
  task_reprioritised: "info",
  task_changed: "note",
  task_rebound: "info",
  task_started: "info",
  task_resumed: "warn",
  task_progressed: "info",
  task_step_completed: "info",
  task_retry_scheduled: "warn",
  task_pause_requested: "info",
  task_paused: "info",
  task_cancel_requested: "info",
  task_completed: "info",
  task_failed: "error",
  task_cancelled: "warn",
  task_superseded: "warn",
  stage_started: "info",
  page_stored: "info",
  page_skipped: "info",
  page_failed: "error",
  page_retry_scheduled: "warn",
  web_page_stored: "info",
  pages_embedded: "info",
  site_surveyed: "note",
  rendering_chosen: "note",
  source_published: "note",
  warning_raised: "warn",
};

/** Whether the type is one that this UI knows. */
export function hasLevel(type: string): type is EventType {
  return Object.hasOwn(LEVELS, type);
}

export function levelOf(type: string): Level {
  return hasLevel(type) ? LEVELS[type] : "info";
}

const MOST_HOSTS = 4;

/** How the site is taken, and the last word on how the pages of each host are got (of the last few hosts). */
export function choicesOf(events: readonly EventShape[]): EventShape[] {
  const survey = events.findLast((event) => event.type === "site_surveyed");
  const byHost = new Map<unknown, EventShape>();
  for (const event of events) if (event.type === "rendering_chosen") byHost.set(event.data.host, event);
  return [...(survey === undefined ? [] : [survey]), ...[...byHost.values()].slice(-MOST_HOSTS)];
}

export interface Warning {
  readonly event: EventShape;
  readonly times: number;
}

const MOST_WARNINGS = 5;

/** What was warned of, and with `hasRetries` which pages are tried again: the last event of each code, the newest last. */
export function warningsOf(events: readonly EventShape[], hasRetries: boolean): Warning[] {
  const byCode = new Map<unknown, Warning>();
  for (const event of events) {
    const isRetry = hasRetries && event.type === "page_retry_scheduled";
    if (event.type !== "warning_raised" && !isRetry) continue;
    const code = isRetry ? event.data.reason : event.data.code;
    const times = (byCode.get(code)?.times ?? 0) + 1;
    byCode.delete(code);
    byCode.set(code, { event, times });
  }
  return [...byCode.values()].slice(-MOST_WARNINGS);
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

/** The lines that hold all words of `find`, in their message, type or data. Dividers stay. */
export function found(rows: readonly Row[], find: string): readonly Row[] {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    if (row.kind === "divider") return true;
    const { message, type, data, seq } = row.event;
    const text = `${seq} ${type} ${message} ${JSON.stringify(data)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function dividerText({ lostAt, caughtUpAt, isStartOver }: Divider): string {
  const times = `connection lost ${clock(lostAt)}, caught up at ${clock(caughtUpAt)}`;
  return isStartOver ? `${times}: the server's log starts over` : `${times}, no lines missing`;
}
