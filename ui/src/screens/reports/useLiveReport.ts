// A report that is being made, followed through the rooms of its three tasks: what they tell, and when to read it again.

import { reportKey } from "../../data/compliance";
import { useProgress } from "../../live/react";
import { useReadWhenTold } from "../../live/reading";
import type { ReportStage } from "../../text/compliance";
import type { ReportShape, TaskShape } from "../../wire";

/** A report comes whole, with all of its evidence: the longer it is, the more seldom. */
const LEAST_MS = 1_000;
const MS_A_CONTROL = 25;

export type ReportTaskShapes = Readonly<Record<ReportStage, TaskShape | null>>;

interface LiveReport {
  readonly tasks: ReportTaskShapes;
  readonly isCancelAsked: boolean;
}

export function useLiveReport({ report_id: reportId, task_ids: ids, controls }: ReportShape): LiveReport {
  const evidence = useProgress(ids.evidence)?.task ?? null;
  const analysis = useProgress(ids.analysis)?.task ?? null;
  const report = useProgress(ids.report)?.task ?? null;
  const told = [evidence, analysis, report];
  useReadWhenTold(reportKey(reportId), told.map(markOf).join(), Math.max(LEAST_MS, controls.length * MS_A_CONTROL));
  return { tasks: { evidence, analysis, report }, isCancelAsked: told.some((task) => task?.status === "running" && task.is_cancel_requested) };
}

/** Changes with whatever of a task is seen in its report. */
function markOf(task: TaskShape | null): string {
  return task === null ? "" : `${task.status} ${task.progress.stages.controls?.done ?? 0}`;
}
