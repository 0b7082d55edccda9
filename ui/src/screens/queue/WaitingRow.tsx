// One waiting task: its priority, what it waits for, and how often it was tried.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { InlineError } from "../../components/Failure";
import { StatusBadge } from "../../components/StatusBadge";
import { CancelButton, useTaskCommands } from "../../components/taskCommands";
import { changeTask, QUEUE_KEY } from "../../data/queue";
import { counted, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import { attemptText, taskName, waitText } from "../../text/waiting";
import type { TaskShape } from "../../wire";

interface Props {
  readonly task: TaskShape;
  readonly now: number;
  /** The task that runs under its serial key. */
  readonly holder: TaskShape | undefined;
  readonly byId: ReadonlyMap<string, TaskShape>;
}

export function WaitingRow({ task, now, holder, byId }: Props): ReactNode {
  const commands = useTaskCommands(task);
  const name = taskName(task);
  const attempt = attemptText(task);
  return (
    <li data-testid="waiting-row" data-task-id={task.task_id}>
      <Priority task={task} name={name} />
      <div className="ell">
        <Link data-row-link className="b" to="/activity/$taskId" params={{ taskId: task.task_id }} title={name}>
          {name}
        </Link>
        <div className="muted xs ell">
          {visible(task.task_type)} · queue {visible(task.queue_name)}
          {task.serial_key === null ? null : (
            <>
              {" "}
              · one at a time of <span className="mono xs">{visible(task.serial_key)}</span>
            </>
          )}
        </div>
      </div>
      <div>
        <StatusBadge task={task} />
      </div>
      <div className="sm w2">
        <span title={dateAndTime(task.run_at)}>
          {attempt === null ? null : `${attempt}, `}
          {waitText(task, now, holder)}
        </span>
        <Others task={task} holder={holder} byId={byId} />
      </div>
      <div className="act">
        <CancelButton task={task} commands={commands} isIconOnly />
      </div>
      {commands.error === null ? null : (
        <div className="err">
          <InlineError error={commands.error} />
        </div>
      )}
    </li>
  );
}

const MOST_NAMED = 3;

/** The tasks that it waits for, as links. */
function Others({ task, holder, byId }: Omit<Props, "now">): ReactNode {
  const ids = task.waits_for > 0 ? task.depends_on : holder === undefined ? [] : [holder.task_id];
  if (ids.length === 0) return null;
  const rest = ids.length - MOST_NAMED;
  return (
    <div className="muted xs ell">
      {ids.slice(0, MOST_NAMED).map((id, index) => {
        const other = byId.get(id);
        return (
          <span key={id}>
            {index === 0 ? "" : ", "}
            <Link to="/activity/$taskId" params={{ taskId: id }}>
              {other === undefined ? id : taskName(other)}
            </Link>
            {other === undefined ? "" : ` (${other.status})`}
          </span>
        );
      })}
      {rest > 0 ? ` and ${counted(rest, "other")}` : ""}
    </div>
  );
}

/** Kept on Enter or when it is left. What was typed stays until the server's answer has come. */
function Priority({ task, name }: { task: TaskShape; name: string }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<string | null>(null);
  const change = useMutation({
    mutationFn: (priority: number) => changeTask(api, task.task_id, { priority }),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: QUEUE_KEY });
      setDraft(null);
    },
  });
  const keep = (): void => {
    if (draft === null || change.isPending) return;
    const priority = Math.round(Number(draft));
    const isWrong = draft.trim() === "" || !(priority >= 0 && priority <= 100);
    if (isWrong || priority === task.priority) setDraft(null);
    else change.mutate(priority);
  };
  return (
    <div>
      <input
        className="in small num priority"
        type="number"
        min={0}
        max={100}
        step={10}
        inputMode="numeric"
        aria-label={`Priority of ${name}, 0 to 100`}
        title="Priority, 0 to 100: higher runs first"
        aria-busy={change.isPending}
        value={draft ?? task.priority}
        onChange={(event) => setDraft(event.target.value)}
        onBlur={keep}
        onKeyDown={(event) => {
          if (event.key === "Enter") keep();
          if (event.key === "Escape") setDraft(null);
        }}
      />
      <InlineError error={change.error} />
    </div>
  );
}
