// A task that doesn't run: behind what it waits, when it is tried again, how it goes on.

import type { ReactNode } from "react";

import { useNow } from "../../components/useNow";
import { useTasks } from "../../live/react";
import { adviceFor } from "../../text/failure";
import { clock, count, counted, duration } from "../../text/format";
import { type QueuePlace, queuePlace } from "../../text/taskTime";
import { stateCount } from "../../text/urls";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";
import { ReasonLinks } from "./ReasonLinks";
import { TaskLink } from "./Related";
import { survivedText } from "./outcome";
import type { PanelProps } from "./WhatHappened";

export function Queued({ task }: PanelProps): ReactNode {
  const now = useNow(1_000);
  const { byId } = useTasks();
  const place = queuePlace(task, byId.values(), now);
  return (
    <section className="card pad note" aria-label="Waiting">
      <p>
        <b>{reasonText(task, place, now)}</b> {startText(task, place)}
      </p>
      {place.holder === null ? null : (
        <p className="row sm">
          <span className="muted">Works on it now:</span> <TaskLink taskId={place.holder.task_id} name={place.holder.title} />
        </p>
      )}
    </section>
  );
}

/** What it waits for, the first that holds it up. */
function reasonText(task: TaskShape, { ahead, running, holder }: QueuePlace, now: number): string {
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  if (task.waits_for > 0) return `Waits for ${counted(task.waits_for, "other task")}.`;
  if (seconds > 1) return `Starts in ${duration(seconds)}, at ${clock(task.run_at)}.`;
  if (holder !== null) return "Another task works on the same source: one at a time.";
  if (ahead > 0) return `${counted(ahead, "task")} ${ahead === 1 ? "comes" : "come"} first.`;
  return running > 0 ? `It is next: ${counted(running, "task")} ${running === 1 ? "runs" : "run"} now.` : "Waiting for a free worker.";
}

function startText(task: TaskShape, { holder }: QueuePlace): string {
  const isHeld = task.waits_for > 0 || holder !== null;
  return `It starts by itself${isHeld ? " when that has ended" : ""}; priority ${count(task.priority)}.`;
}

export function Retrying({ task, commands }: PanelProps): ReactNode {
  const now = useNow(1_000);
  const seconds = (Date.parse(task.run_at) - now) / 1000;
  const error = task.error_details;
  const when = seconds > 1 ? `in ${duration(seconds)}, at ${clock(task.run_at)}` : "now";
  return (
    <section className="card fail warn" aria-label="Waiting to try again">
      <h2>
        Trying again {when}: attempt {task.retry_attempts + 1} of {task.max_retries + 1}
      </h2>
      {error === null ? null : (
        <>
          <p className="wrap">
            {adviceFor(error.code).what}: {visible(error.message)} <code className="mono">{error.code}</code>
          </p>
          <p>
            <b>What you can do.</b> Nothing needs to be done. {adviceFor(error.code).todo}
          </p>
        </>
      )}
      {commands.isCancelling ? null : <p className="muted sm">{survivedText(task)}</p>}
    </section>
  );
}

export function Paused({ task }: PanelProps): ReactNode {
  const waiting = stateCount(task, "queued") ?? 0;
  const stored = task.progress.stages.stored?.done ?? 0;
  const isCrawl = task.task_type === "crawl";
  return (
    <section className="card pad note" aria-label="Paused">
      <p>
        <b>Paused: it stays so until it is resumed or cancelled, also over restarts.</b>{" "}
        {isCrawl && stored > 0 ? `${counted(stored, "page")} ${stored === 1 ? "is" : "are"} stored. ` : ""}
        {isCrawl && waiting > 0 ? `${counted(waiting, "address waits", "addresses wait")}; ` : ""}it goes on where it stopped.
      </p>
      {isCrawl ? <ReasonLinks task={task} /> : null}
    </section>
  );
}
