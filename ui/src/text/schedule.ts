// Schedules in words, and what a form says of one as a request.

import type { MissedTicks, ScheduleRequest, ScheduleShape, SourceShape } from "../wire";
import { counted } from "./format";

export type Unit = "minutes" | "hours" | "days";

export const UNIT_SECONDS: Readonly<Record<Unit, number>> = { minutes: 60, hours: 3600, days: 86_400 };
const UNIT_NAMES: Readonly<Record<Unit, string>> = { minutes: "minute", hours: "hour", days: "day" };

export interface Interval {
  readonly amount: number;
  readonly unit: Unit;
}

/** In the largest unit that leaves no rest; minutes may have one. */
export function intervalOf(seconds: number): Interval {
  const unit = (["days", "hours"] as const).find((name) => seconds % UNIT_SECONDS[name] === 0) ?? "minutes";
  return { amount: seconds / UNIT_SECONDS[unit], unit };
}

/** "every 6 hours", "30 2 * * * in Europe/Berlin". */
export function timingText(schedule: Pick<ScheduleShape, "cron" | "interval_seconds" | "time_zone">): string {
  if (schedule.cron !== null) return `${schedule.cron} in ${schedule.time_zone}`;
  const seconds = schedule.interval_seconds ?? 0;
  if (seconds % 60 !== 0) return `every ${counted(seconds, "second")}`;
  const { amount, unit } = intervalOf(seconds);
  return amount === 1 ? `every ${UNIT_NAMES[unit]}` : `every ${counted(amount, UNIT_NAMES[unit])}`;
}

export const MISSED_NAMES: Readonly<Record<MissedTicks, string>> = {
  once: "run once for all of them",
  skip: "skip them",
  all: "run for each of them",
};

/** What crawls a source again: the request that made it, without what would make another schedule. */
export function crawlPayload(source: SourceShape): Readonly<Record<string, unknown>> {
  const options = Object.fromEntries(Object.entries(source.options).filter(([name]) => name !== "refresh_every"));
  return { ...options, url: source.url, tags: source.tags, knowledge_type: source.knowledge_type };
}

export interface Timing {
  readonly kind: "interval" | "cron";
  readonly interval: Interval;
  readonly cron: string;
  readonly timeZone: string;
}

/** The fields of the request that say when. */
export function timingFields(timing: Timing): Pick<ScheduleRequest, "cron" | "interval_seconds" | "time_zone"> {
  return timing.kind === "cron"
    ? { cron: timing.cron.trim(), time_zone: timing.timeZone.trim() }
    : { interval_seconds: timing.interval.amount * UNIT_SECONDS[timing.interval.unit] };
}

/** The text as a JSON object; null when it is none. */
export function payloadOf(text: string): Readonly<Record<string, unknown>> | null {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
