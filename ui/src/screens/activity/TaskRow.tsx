// One task in the list.

import { Link } from "@tanstack/react-router";
import type { ReactNode, RefCallback } from "react";

import { Bar } from "../../components/Bar";
import { errorOf } from "../../components/Failure";
import { StatusBadge } from "../../components/StatusBadge";
import { CancelButton, PauseButton, RetryButton, useTaskCommands } from "../../components/taskCommands";
import { rowTime } from "../../text/activity";
import { adviceFor } from "../../text/failure";
import { ago, count, counted, pathOf, shortUrl } from "../../text/format";
import { barOf, pagesShort } from "../../text/progress";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";

export interface RowProps {
  readonly task: TaskShape;
  readonly now: number;
  /** When a page of it was last settled (ms). */
  readonly movedAt: number | undefined;
  /** Its place among those that wait for a worker, from 1. */
  readonly turn: number | undefined;
  readonly isNear: boolean;
  readonly isSelected: boolean;
  readonly watch: RefCallback<HTMLLIElement>;
  readonly onSelect: (taskId: string) => void;
}

export function TaskRow({ task, now, movedAt, turn, isSelected, watch, onSelect }: RowProps): ReactNode {
  const commands = useTaskCommands(task);
  const name = visible(shortUrl(task.title));
  const bar = barOf(task);
  const ended = task.processing_completed_at;
  return (
    <li
      ref={watch}
      className={isSelected ? "selected" : undefined}
      data-testid="task-row"
      data-task-id={task.task_id}
      onFocus={() => {
        if (!isSelected) onSelect(task.task_id);
      }}
    >
      <div className="ell">
        <Link className="b" to="/activity/$taskId" params={{ taskId: task.task_id }} title={name}>
          {name}
        </Link>
        <div className="muted xs mono ell">{visible(detailOf(task))}</div>
      </div>
      <div>
        <StatusBadge task={task} />
      </div>
      <div className="w2 bar-cell">
        <Bar {...bar} label={`Progress of ${name}`} />
      </div>
      <div className="num sm" title={bar.text}>
        {task.progress.stages.stored === undefined && task.task_type !== "crawl" ? percentText(task) : pagesShort(task)}
      </div>
      <div className="muted num sm time">
        {rowTime(task, now, movedAt, turn)}
        {ended === null ? null : ` · ${ago(ended, now)}`}
      </div>
      <div className="act">
        <PauseButton task={task} commands={commands} isIconOnly />
        <CancelButton task={task} commands={commands} isIconOnly />
        <RetryButton task={task} commands={commands} isIconOnly />
      </div>
      <RowError task={task} error={commands.error} />
    </li>
  );
}

/** Of what has no pages. */
function percentText({ status, progress }: TaskShape): string {
  return status === "queued" && progress.percentage === 0 ? "–" : `${Math.floor(progress.percentage)} %`;
}

function RowError({ task, error }: { task: TaskShape; error: Error | null }): ReactNode {
  const body = error !== null ? errorOf(error) : task.status === "failed" ? task.error : null;
  if (body === null) return null;
  const stored = task.progress.stages.stored?.done ?? 0;
  return (
    <div className="err w2">
      <span>
        <b>{adviceFor(body.code).what}.</b> {visible(body.message)}{" "}
        {stored > 0 ? `${counted(stored, "page")} stay searchable. ` : ""}
        <Link to="/activity/$taskId" params={{ taskId: task.task_id }}>
          What you can do
        </Link>
        {task.progress.failed > 0 ? (
          <>
            {" · "}
            <Link to="/activity/$taskId" params={{ taskId: task.task_id }} search={{ tab: "problems" }}>
              {count(task.progress.failed)} failing
            </Link>
          </>
        ) : null}
      </span>
    </div>
  );
}

/** The line below the name: what it is doing, or what came of it. */
function detailOf(task: TaskShape): string {
  const { progress } = task;
  if (task.status === "running") return progress.current_url === null ? progress.message : pathOf(progress.current_url);
  if (task.status === "queued" && task.error_details !== null) return task.error_details.message;
  if (task.status === "failed" && task.error !== null) return `stopped: ${task.error.code}`;
  if (task.status === "completed" && task.result !== null) return resultText(task);
  return progress.message;
}

function resultText(task: TaskShape): string {
  const { chunks, code_examples: code } = task.result ?? {};
  const parts = [
    typeof chunks === "number" ? counted(chunks, "chunk") : null,
    typeof code === "number" ? counted(code, "code example") : null,
    task.progress.failed > 0 ? `${counted(task.progress.failed, "page")} failed` : null,
    task.progress.skipped > 0 ? `${count(task.progress.skipped)} skipped` : null,
  ].filter((part) => part !== null);
  return parts.length > 0 ? parts.join(" · ") : task.progress.message;
}
