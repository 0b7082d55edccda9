// Pauses a task that waits or runs, goes on with a paused one. Pending from the click until the task is seen so.

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Icon } from "../../components/Icon";
import { pauseTask, resumeTask } from "../../data/tasks";
import { isFinal } from "../../live/tasks";
import { shortUrl } from "../../text/format";
import type { TaskShape } from "../../wire";

export function PauseButton({ task }: { task: TaskShape }): ReactNode {
  const { api } = useApp();
  const isPaused = task.status === "paused";
  const command = useMutation({ mutationFn: () => (isPaused ? resumeTask : pauseTask)(api, task.task_id) });
  const isUnderWay = command.isPending || (command.data !== undefined && task.last_seq < command.data.last_seq);
  const isAsked = task.status === "running" && task.is_pause_requested;
  if (isFinal(task.status)) return null;
  const label = command.error !== null ? `Not done: ${command.error.message}` : isPaused ? "Resume" : "Pause";
  return (
    <button
      type="button"
      className="btn icon quiet"
      data-testid={isPaused ? "resume" : "pause"}
      disabled={isUnderWay || isAsked || task.is_cancel_requested}
      aria-label={`${label} ${shortUrl(task.title)}`}
      title={label}
      onClick={() => command.mutate()}
    >
      <Icon name={isPaused ? "play" : "pause"} />
    </button>
  );
}
