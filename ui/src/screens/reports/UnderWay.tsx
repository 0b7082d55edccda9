// A report that is being made: its three steps, which control is looked at, how far it is.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Bar } from "../../components/Bar";
import { Icon, type IconName } from "../../components/Icon";
import { type ReportStage, REPORT_STAGES, STAGE_TEXTS, stageOf } from "../../text/compliance";
import { count } from "../../text/format";
import { FACES } from "../../text/progress";
import { visible } from "../../text/visible";
import type { ReportShape, TaskShape } from "../../wire";
import type { ReportTaskShapes } from "./useLiveReport";

interface Props {
  readonly report: ReportShape;
  readonly tasks: ReportTaskShapes;
  readonly isCancelling: boolean;
}

export function UnderWay({ report, tasks, isCancelling }: Props): ReactNode {
  const stage = stageOf(report);
  const task = stage === null ? null : tasks[stage];
  const percentage = Math.max(report.percentage, livePercentage(tasks) ?? 0);
  const does = isCancelling ? "Cancelling" : doesText(stage, task);
  return (
    <section className="card pad note" aria-label="What it does" data-testid="under-way">
      <p className="wrap">
        <b>{does}…</b> <span className="muted">{isCancelling ? "" : messageOf(task)}</span>
      </p>
      <Bar value={percentage} tone={FACES[report.status].tone} text={`${does}, ${Math.floor(percentage)} %`} label="Progress of the report" />
      <ol className="report-steps" aria-label="Steps">
        {REPORT_STAGES.map((each) => (
          <Step key={each} stage={each} at={stage} task={tasks[each]} taskId={report.task_ids[each]} />
        ))}
      </ol>
    </section>
  );
}

function doesText(stage: ReportStage | null, task: TaskShape | null): string {
  if (stage === null) return "Getting going";
  if (task?.status === "queued") return "Waiting for a free worker";
  if (task?.status === "paused") return "Paused";
  return STAGE_TEXTS[stage].does;
}

/** Which control it has come to. */
function messageOf(task: TaskShape | null): string {
  return task?.status === "running" ? visible(task.progress.message.replace(/^Looking for evidence: /, "")) : "";
}

type StepState = "done" | "runs" | "to come";

const STEP_ICONS: Readonly<Record<StepState, IconName>> = { done: "check", runs: "busy", "to come": "dash" };

interface StepProps {
  readonly stage: ReportStage;
  readonly at: ReportStage | null;
  readonly task: TaskShape | null;
  readonly taskId: string;
}

function Step({ stage, at, task, taskId }: StepProps): ReactNode {
  const [here, now] = [REPORT_STAGES.indexOf(stage), at === null ? REPORT_STAGES.length : REPORT_STAGES.indexOf(at)];
  const state: StepState = here < now ? "done" : here === now ? "runs" : "to come";
  const controls = task?.progress.stages.controls;
  return (
    <li className={state === "to come" ? "muted" : undefined} aria-current={state === "runs" ? "step" : undefined}>
      <Icon name={STEP_ICONS[state]} className={state === "runs" ? "spin" : ""} />
      <Link to="/activity/$taskId" params={{ taskId }}>
        {STAGE_TEXTS[stage].name}
      </Link>
      <span className="sr">: {state}</span>
      {controls === undefined ? null : (
        <span className="num sm">
          {count(controls.done)}
          {controls.total === null ? "" : ` of ${count(controls.total)} controls`}
        </span>
      )}
    </li>
  );
}

/** As the server weighs the three tasks; null before they are heard. */
function livePercentage(tasks: ReportTaskShapes): number | null {
  const { evidence, analysis, report } = tasks;
  if (evidence === null || analysis === null || report === null) return null;
  const share = (task: TaskShape): number => (task.status === "completed" ? 100 : task.progress.percentage);
  return Math.min(99, share(evidence) * 0.3 + share(analysis) * 0.6 + share(report) * 0.1);
}
