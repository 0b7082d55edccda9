// One task that failed for good.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { InlineError } from "../../components/Failure";
import { RetryButton, useTaskCommands } from "../../components/taskCommands";
import { adviceFor } from "../../text/failure";
import { ago, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import { attemptsText, taskName } from "../../text/waiting";
import type { TaskShape } from "../../wire";

interface Props {
  readonly task: TaskShape;
  readonly now: number;
  readonly isSelected: boolean;
  readonly onSelect: (isRange: boolean) => void;
}

export function FailedRow({ task, now, isSelected, onSelect }: Props): ReactNode {
  const commands = useTaskCommands(task);
  const name = taskName(task);
  const ended = task.processing_completed_at;
  return (
    <li data-testid="failed-row" data-task-id={task.task_id} className={isSelected ? "selected" : undefined}>
      <input
        type="checkbox"
        aria-label={`Select ${name}`}
        checked={isSelected}
        onChange={() => undefined}
        onClick={(event) => onSelect(event.shiftKey)}
      />
      <div className="ell">
        <Link data-row-link className="b" to="/activity/$taskId" params={{ taskId: task.task_id }} title={name}>
          {name}
        </Link>
        <div className="muted xs ell">{visible(task.task_type)}</div>
      </div>
      <div className="sm w2">
        {task.error === null ? null : (
          <>
            <div>
              <b>{adviceFor(task.error.code).what}</b> <code className="mono xs muted">{visible(task.error.code)}</code>
            </div>
            <div className="muted clamp">{visible(task.error.message)}</div>
          </>
        )}
      </div>
      <div className="muted sm num">
        {attemptsText(task)}
        {ended === null ? null : (
          <div className="xs" title={dateAndTime(ended)}>
            {ago(ended, now)}
          </div>
        )}
      </div>
      <div className="act">
        <RetryButton task={task} commands={commands} isIconOnly />
      </div>
      {commands.error === null ? null : (
        <div className="err">
          <InlineError error={commands.error} />
        </div>
      )}
    </li>
  );
}
