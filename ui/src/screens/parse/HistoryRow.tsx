// One parse in the history.

import { Link } from "@tanstack/react-router";
import { memo, type ReactNode } from "react";

import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { StatusBadge } from "../../components/StatusBadge";
import { CancelButton, useTaskCommands } from "../../components/taskCommands";
import { isFinal } from "../../live/tasks";
import { adviceOf } from "../../text/failure";
import { ago, shortUrl } from "../../text/format";
import { factsOf, factsText, milliseconds, parseName, STEP_DOES, stepAt, STEPS } from "../../text/parses";
import { faceOf, timeText } from "../../text/progress";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";
import { againOf, hasSecrets } from "./parseRequest";
import { useStartParse } from "./useStartParse";

interface Props {
  readonly task: TaskShape;
  readonly now: number;
}

export const HistoryRow = memo(function HistoryRow({ task, now }: Props): ReactNode {
  const commands = useTaskCommands(task);
  const again = useStartParse();
  const name = parseName(task);
  return (
    <li data-testid="parse-row" data-task-id={task.task_id}>
      <StatusBadge task={task} />
      <div className="ell">
        <Link className="b" to="/parse/$taskId" params={{ taskId: task.task_id }} title={name} data-row-link>
          {name}
        </Link>
        <div className="muted xs mono ell">{visible(shortUrl(factsOf(task).finalUrl))}</div>
      </div>
      <div className="sm what">{whatText(task, now)}</div>
      <div className="muted num sm when">
        {tookText(task)}
        <span>{ago(task.created_at, now)}</span>
      </div>
      <div className="act">
        <CancelButton task={task} commands={commands} isIconOnly />
        <AgainButton task={task} name={name} again={again} />
      </div>
      <div className="wide">
        <InlineError error={commands.error ?? again.error} />
      </div>
    </li>
  );
}, isSame);

/** An ended parse changes no more but in its age. */
function isSame(before: Props, next: Props): boolean {
  return before.task === next.task && (before.now === next.now || (isFinal(next.task.status) && ago(next.task.created_at, before.now) === ago(next.task.created_at, next.now)));
}

function whatText(task: TaskShape, now: number): string {
  if (task.status === "completed") return factsText(task);
  if (task.status === "failed") return task.error === null ? "failed" : adviceOf(task.error).what;
  if (task.status !== "running") return faceOf(task) === "cancelled" ? "" : timeText(task, now, undefined);
  const step = STEPS[stepAt(task.progress.stage)];
  return `${step === undefined ? "Getting going" : STEP_DOES[step]}…`;
}

function tookText(task: TaskShape): ReactNode {
  const took = task.result?.processing_time_ms;
  const seconds = task.ran_seconds;
  if (typeof took !== "number" && seconds === 0) return null;
  return <span>{milliseconds(typeof took === "number" ? took : seconds * 1000)}</span>;
}

interface AgainProps {
  readonly task: TaskShape;
  readonly name: string;
  readonly again: ReturnType<typeof useStartParse>;
}

/** The same once more, loaded anew. What carried secrets goes by the form, as the server keeps them to itself. */
function AgainButton({ task, name, again }: AgainProps): ReactNode {
  if (!isFinal(task.status)) return null;
  const label = `Parse again: ${name}`;
  if (hasSecrets(task.payload)) {
    return (
      <Link className="btn icon quiet" to="/parse" search={{ again: task.task_id }} aria-label={label} title="Parse again, with its headers and cookies">
        <Icon name="retry" />
      </Link>
    );
  }
  return (
    <button
      type="button"
      className="btn icon quiet"
      data-testid="again"
      aria-label={label}
      title="Parse again, with the same options"
      aria-disabled={again.isPending}
      onClick={() => again.start(againOf(task.payload))}
    >
      <Icon name="retry" />
    </button>
  );
}
