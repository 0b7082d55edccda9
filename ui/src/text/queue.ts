// The queue's figures in words, and its timeline as series for a plot.

import type { TaskStatsShape, TimelineBucketShape, TimelineShape } from "../wire";
import { count, duration } from "./format";
import type { Series } from "./plot";

type Level = "queued" | "running" | "retrying";
type End = "completed" | "failed" | "cancelled";

const LEVEL_NAMES: Readonly<Record<Level, string>> = { queued: "Queued", running: "Running", retrying: "Waiting again" };
const END_NAMES: Readonly<Record<End, string>> = { completed: "Completed", failed: "Failed", cancelled: "Cancelled" };

export function levelSeries(timeline: TimelineShape): readonly Series[] {
  return seriesOf(timeline.buckets, LEVEL_NAMES);
}

export function endSeries(timeline: TimelineShape): readonly Series[] {
  return seriesOf(timeline.buckets, END_NAMES);
}

function seriesOf<Name extends Level | End>(buckets: readonly TimelineBucketShape[], names: Readonly<Record<Name, string>>): Series[] {
  return (Object.entries(names) as [Name, string][]).map(([key, name]) => ({
    name,
    points: buckets.map((bucket) => [Date.parse(bucket.at), bucket[key]] as const),
  }));
}

/** How many ended in all, for the plot's label. */
export function endedText(timeline: TimelineShape): string {
  const sum = (name: End): number => timeline.buckets.reduce((total, bucket) => total + bucket[name], 0);
  return `${count(sum("completed"))} completed, ${count(sum("failed"))} failed, ${count(sum("cancelled"))} cancelled`;
}

/** "3.2 per min": tasks that ended, in the unit in which it is a number to read. */
export function throughputText(perSecond: number): string {
  if (perSecond === 0) return "0 per hour";
  if (perSecond >= 1) return `${rounded(perSecond)} per s`;
  return perSecond * 60 >= 1 ? `${rounded(perSecond * 60)} per min` : `${rounded(perSecond * 3600)} per hour`;
}

function rounded(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : count(Math.round(value));
}

export function spreadText(spread: TaskStatsShape["waiting"]): string {
  if (spread.p50 === null || spread.p95 === null) return "–";
  return `${duration(spread.p50)} / ${duration(spread.p95)}`;
}
