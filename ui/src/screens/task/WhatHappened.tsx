// What became of a task, in words, and what comes next. Nothing while it simply runs.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { adviceFor } from "../../text/failure";
import { count, counted, duration } from "../../text/format";
import { faceOf, type Face } from "../../text/progress";
import { reasonOf } from "../../text/reasons";
import { resultReasons } from "../../text/urls";
import { visible } from "../../text/visible";
import type { Facts, TaskShape } from "../../wire";
import { Failure } from "../../components/Failure";
import { useNow } from "../../components/useNow";

type Panel = (props: { task: TaskShape }) => ReactNode;

const PANELS: Readonly<Record<Face, Panel | null>> = {
  queued: Queued,
  retrying: Retrying,
  running: null,
  paused: null,
  completed: Completed,
  failed: Failed,
  cancelled: Cancelled,
};

export function WhatHappened({ task }: { task: TaskShape }): ReactNode {
  const Shown = PANELS[faceOf(task)];
  return Shown === null ? null : <Shown task={task} />;
}

function Queued({ task }: { task: TaskShape }): ReactNode {
  const now = useNow(1_000);
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  return (
    <p className="card pad note">
      {seconds > 1 ? `Starts in ${duration(seconds)}.` : "Waiting for a free worker. It starts by itself."}
    </p>
  );
}

function Retrying({ task }: { task: TaskShape }): ReactNode {
  const now = useNow(1_000);
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  const error = task.error_details;
  return (
    <section className="card fail warn" aria-label="Waiting to try again">
      <h2>
        Trying again {seconds > 1 ? `in ${duration(seconds)}` : "now"}: attempt {task.retry_attempts + 1} of{" "}
        {task.max_retries + 1}
      </h2>
      {error === null ? null : (
        <p className="wrap">
          {adviceFor(error.code).what}: {visible(error.message)} <code className="mono">{error.code}</code>
        </p>
      )}
    </section>
  );
}

function Failed({ task }: { task: TaskShape }): ReactNode {
  const error = task.error ?? { code: "internal_error", message: "The task failed.", details: {} };
  return <Failure error={error} survived={survivedText(task)} context={{ task_id: task.task_id, title: task.title }} />;
}

function Cancelled({ task }: { task: TaskShape }): ReactNode {
  const isSuperseded = task.error?.code === "superseded";
  return (
    <p className="card pad note">
      {isSuperseded ? "A newer request took this task's place." : "It was cancelled."} {survivedText(task)}
    </p>
  );
}

function Completed({ task }: { task: TaskShape }): ReactNode {
  const { result, progress } = task;
  if (task.task_type !== "crawl" || result === null) return <p className="card pad note">{visible(progress.message)}</p>;
  const reasons = Object.entries(resultReasons(task)).sort((a, b) => b[1] - a[1]);
  return (
    <section className="card pad note" aria-label="Result">
      <p>
        <b>{counted(numberOf(result.pages), "page")}</b> stored as {counted(numberOf(result.chunks), "passage")} with{" "}
        {counted(numberOf(result.code_examples), "code example")}.{" "}
        {meaningText(result)}
      </p>
      {reasons.length > 0 ? (
        <ul className="row sm left-out" aria-label="Left out">
          <li className="muted" aria-hidden="true">
            Left out:
          </li>
          {reasons.map(([reason, size]) => (
            <li key={reason}>
              <Link from="/activity/$taskId" search={{ tab: "pages", reason }} title={reasonOf(reason).help}>
                {visible(reasonOf(reason).label)}
              </Link>{" "}
              <span className="muted num">{count(size)}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function meaningText(result: Facts): string {
  const [pages, embedded] = [numberOf(result.pages), numberOf(result.embedded_pages)];
  if (result.embedding_model === null) return "Search finds them by words: no embedder is on.";
  return embedded >= pages ? "Search finds them by words and by meaning." : `${count(embedded)} of the pages can be found by meaning too.`;
}

function survivedText(task: TaskShape): string | null {
  const stored = task.progress.stages.stored?.done ?? 0;
  if (task.task_type !== "crawl") return null;
  return stored === 0 ? "No page had been stored." : `${counted(stored, "page")} stored before that stay searchable.`;
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
