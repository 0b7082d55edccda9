// Words about traces and their groups. Pure.

import type { DriftPointShape, GroupEventShape, ImplementationShape, TaskShape } from "../wire";
import { count, counted } from "./format";
import type { Series } from "./plot";

export function isForgetting({ task_type: type }: Pick<TaskShape, "task_type">): boolean {
  return type === "forget_traces";
}

/** Whether a task changes groups. */
export function isOfTraces(task: Pick<TaskShape, "task_type">): boolean {
  return task.task_type === "group_traces" || isForgetting(task);
}

type GroupChange = GroupEventShape["type"];

/** How sure it is, in a word: numbers of two digits would say more than is known. */
export function confidenceText(confidence: number): string {
  if (confidence >= 0.8) return "clear template";
  if (confidence >= 0.5) return "likely template";
  return "few traces yet";
}

export function shareText(share: number): string {
  if (share > 0 && share < 0.005) return "under 1 %";
  return `${Math.round(share * 100)} %`;
}

/** "812 ms", "4.2 s". */
export function latencyText(ms: number | null): string {
  if (ms === null) return "not told";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** The settings of a call in one line. */
export function settingsText(settings: ImplementationShape["settings"]): string {
  const told = Object.entries(settings).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return told.length === 0 ? "no settings told" : told.join(", ");
}

const CHANGES: Readonly<Record<GroupChange, (event: GroupEventShape) => string>> = {
  created: () => "The first traces of this template came.",
  changed: ({ trace_count: traces }) => `The template changed, with ${counted(traces, "trace")} in it.`,
  split: ({ others }) => `It turned out to be several templates: ${counted(others.length, "group")} came of it.`,
  merged: ({ others }) => `${counted(others.length, "group")} turned out to be the same template and became part of it.`,
};

export function changeText(event: GroupEventShape): string {
  return CHANGES[event.type](event);
}

/** Traces of each span, those that failed apart. */
export function trafficSeries(points: readonly DriftPointShape[]): readonly Series[] {
  const at = (point: DriftPointShape): number => Date.parse(point.at);
  return [
    { name: "answered", points: points.map((point) => [at(point), point.traces - point.errors]) },
    { name: "failed", points: points.map((point) => [at(point), point.errors]) },
  ];
}

/** Mean latency of each span that tells one. */
export function latencySeries(points: readonly DriftPointShape[]): readonly Series[] {
  const told = points.flatMap((point) => (point.latency_ms === null ? [] : [[Date.parse(point.at), point.latency_ms] as const]));
  return told.length === 0 ? [] : [{ name: "mean latency", points: told }];
}

/** Mean tokens of each span that tells them. */
export function tokenSeries(points: readonly DriftPointShape[]): readonly Series[] {
  const of = (name: string, pick: (point: DriftPointShape) => number | null): readonly Series[] => {
    const told = points.flatMap((point) => {
      const value = pick(point);
      return value === null ? [] : [[Date.parse(point.at), value] as const];
    });
    return told.length === 0 ? [] : [{ name, points: told }];
  };
  return [...of("in", (point) => point.input_tokens), ...of("out", (point) => point.output_tokens)];
}

export function tokensText(value: number): string {
  return count(Math.round(value));
}
