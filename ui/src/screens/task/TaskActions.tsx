// What can be done with a task, as buttons and as keys. What its state doesn't allow isn't there.

import { Link } from "@tanstack/react-router";
import { type ReactNode, useRef, useState } from "react";

import { Icon } from "../../components/Icon";
import { useShortcut } from "../../components/shortcuts";
import { CancelButton, type Commands, PauseButton, RetryButton, RetryFailedButton } from "../../components/taskCommands";
import { PARSE_TYPE } from "../../data/parses";
import { isFinal } from "../../live/tasks";
import type { TaskShape } from "../../wire";
import { LimitsDialog } from "./LimitsDialog";

interface Props {
  readonly task: TaskShape;
  readonly commands: Commands;
}

export function TaskActions({ task, commands }: Props): ReactNode {
  const cancelButton = useRef<HTMLButtonElement>(null);
  const hasLimits = task.task_type === "crawl" && !isFinal(task.status);
  const [isChanging, setChanging] = useState(false);
  useShortcut("p", "Pause or resume", () => togglePause(task, commands));
  useShortcut("r", "Retry", () => retry(task, commands));
  useShortcut("l", "Change limits", () => setChanging(hasLimits));
  useShortcut("x", "Cancel: twice, Esc takes it back", () => {
    // As a click does it: the first arms the button, the second cancels.
    cancelButton.current?.focus();
    cancelButton.current?.click();
  });
  return (
    <div className="row">
      <SourceLinks task={task} />
      <WorkLinks task={task} />
      {task.task_type === PARSE_TYPE ? (
        <Link className="btn" to="/parse/$taskId" params={{ taskId: task.task_id }}>
          <Icon name="parse" />
          Open parse
        </Link>
      ) : null}
      {hasLimits ? (
        <button type="button" className="btn" data-testid="change-limits" onClick={() => setChanging(true)}>
          <Icon name="settings" />
          Limits
        </button>
      ) : null}
      <PauseButton task={task} commands={commands} />
      <CancelButton task={task} commands={commands} ref={cancelButton} />
      {task.status === "completed" ? <RetryFailedButton task={task} commands={commands} /> : null}
      <RetryButton task={task} commands={commands} />
      {isChanging ? <LimitsDialog task={task} onClose={() => setChanging(false)} /> : null}
    </div>
  );
}

/** To the report or the story that it is a part of. */
function WorkLinks({ task: { payload } }: { task: TaskShape }): ReactNode {
  const { report_id: reportId, story_id: storyId } = payload;
  if (typeof reportId === "string") {
    return (
      <Link className="btn" to="/reports/$reportId" params={{ reportId }}>
        <Icon name="reports" />
        Open report
      </Link>
    );
  }
  return typeof storyId === "string" ? (
    <Link className="btn" to="/stories/$storyId" params={{ storyId }}>
      <Icon name="stories" />
      Open story
    </Link>
  ) : null;
}

function SourceLinks({ task }: { task: TaskShape }): ReactNode {
  const sourceId = task.payload.source_id;
  const hasPages = (task.progress.stages.stored?.done ?? 0) > 0;
  if (typeof sourceId !== "string" || sourceId === "" || !hasPages) return null;
  return (
    <>
      <Link className="btn" to="/sources/$sourceId" params={{ sourceId }}>
        Open source
      </Link>
      <Link className="btn" to="/search" search={{ source: sourceId }}>
        <Icon name="search" />
        Search it
      </Link>
    </>
  );
}

function togglePause(task: TaskShape, { pause, resume, isPausing, isResuming, isCancelling }: Commands): void {
  if (isFinal(task.status) || isPausing || isResuming || isCancelling) return;
  if (task.status === "paused") resume();
  else pause();
}

function retry(task: TaskShape, commands: Commands): void {
  if (commands.isRetrying) return;
  if (task.status === "failed" || task.status === "cancelled") commands.retry({});
  if (task.status === "completed" && task.task_type === "crawl" && task.progress.failed > 0) commands.retry({ only: "failed" });
}
