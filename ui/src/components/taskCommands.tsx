// Commands on a task: they go by REST, what comes of them is heard live. A command shows as pending at once.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { cancelTask, retryTask } from "../data/tasks";
import { isFinal } from "../live/tasks";
import { shortUrl } from "../text/format";
import type { RetryRequest, TaskShape } from "../wire";
import { useApp } from "./app";
import { ConfirmButton } from "./buttons";
import { Icon } from "./Icon";

export interface Commands {
  readonly cancel: () => void;
  readonly retry: (request: RetryRequest) => void;
  /** From the click until the task is seen to have ended. */
  readonly isCancelling: boolean;
  readonly isRetrying: boolean;
  readonly error: Error | null;
}

export function useTaskCommands(task: TaskShape): Commands {
  const { api } = useApp();
  const queries = useQueryClient();
  const refresh = (): void => {
    void queries.invalidateQueries({ queryKey: ["task", task.task_id] });
    void queries.invalidateQueries({ queryKey: ["tasks"] });
  };
  const cancel = useMutation({ mutationFn: () => cancelTask(api, task.task_id), onSettled: refresh });
  const retry = useMutation({
    mutationFn: (request: RetryRequest) => retryTask(api, task.task_id, request),
    onMutate: () => cancel.reset(),
    onSettled: refresh,
  });
  return {
    cancel: () => cancel.mutate(),
    retry: (request) => retry.mutate(request),
    isCancelling: !isFinal(task.status) && (cancel.isPending || cancel.isSuccess),
    isRetrying: retry.isPending,
    error: cancel.error ?? retry.error,
  };
}

interface Props {
  readonly task: TaskShape;
  readonly commands: Commands;
  readonly isIconOnly?: boolean;
}

export function CancelButton({ task, commands, isIconOnly = false }: Props): ReactNode {
  if (isFinal(task.status)) return null;
  return (
    <ConfirmButton
      label={isIconOnly ? `Cancel ${shortUrl(task.title)}` : "Cancel"}
      confirmLabel={isIconOnly ? "Cancel?" : "Yes, cancel it"}
      pendingLabel="Cancelling…"
      isPending={commands.isCancelling}
      onConfirm={commands.cancel}
      icon="stop"
      isIconOnly={isIconOnly}
      testId="cancel"
    />
  );
}

export function RetryButton({ task, commands, isIconOnly = false }: Props): ReactNode {
  if (task.status !== "failed" && task.status !== "cancelled") return null;
  const label = task.status === "failed" ? "Retry" : "Go on with it";
  return (
    <button
      type="button"
      className={isIconOnly ? "btn icon quiet" : "btn pri"}
      data-testid="retry"
      disabled={commands.isRetrying}
      aria-label={isIconOnly ? `${label}: ${shortUrl(task.title)}` : undefined}
      title={isIconOnly ? label : undefined}
      onClick={() => commands.retry({})}
    >
      <Icon name="retry" />
      {isIconOnly ? null : commands.isRetrying ? "Retrying…" : label}
    </button>
  );
}

export function RetryFailedButton({ task, commands }: Props): ReactNode {
  if (!isFinal(task.status) || task.task_type !== "crawl" || task.progress.failed === 0) return null;
  return (
    <button
      type="button"
      className="btn"
      data-testid="retry-failed"
      disabled={commands.isRetrying}
      onClick={() => commands.retry({ only: "failed" })}
    >
      <Icon name="retry" />
      {commands.isRetrying ? "Retrying…" : "Retry failed pages"}
    </button>
  );
}
