// Commands on a task: they go by REST, what comes of them is heard live. A command shows as pending at once, until the
// task is seen as the server's answer told it.

import { useMutation, type UseMutationResult, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type Ref, useRef } from "react";

import { cancelTask, pauseTask, resumeTask, retryTask } from "../data/tasks";
import { isFinal } from "../live/tasks";
import { shortUrl } from "../text/format";
import type { RetryRequest, TaskShape } from "../wire";
import { useApp } from "./app";
import { Button, ConfirmButton } from "./buttons";
import { Icon, type IconName } from "./Icon";

export interface Commands {
  readonly cancel: () => void;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly retry: (request: RetryRequest) => void;
  /** From the click until the task is seen to have ended. */
  readonly isCancelling: boolean;
  /** From the click until it is paused. */
  readonly isPausing: boolean;
  readonly isResuming: boolean;
  readonly isRetrying: boolean;
  readonly error: Error | null;
}

export function useTaskCommands(task: TaskShape): Commands {
  const cancel = useCommand(task, cancelTask);
  const pause = useCommand(task, pauseTask);
  const resume = useCommand(task, resumeTask);
  const retry = useCommand(task, retryTask);
  const all = [cancel, pause, resume, retry];
  /** What went wrong with the last command is no news any more. */
  const begin = <Request,>(command: Command<Request>, request: Request): void => {
    for (const { reset, isError } of all) if (isError) reset();
    command.sendOnce(request);
  };
  const isActive = !isFinal(task.status);
  return {
    cancel: () => begin(cancel, undefined),
    pause: () => begin(pause, undefined),
    resume: () => begin(resume, undefined),
    retry: (request) => begin(retry, request),
    isCancelling: isActive && (isUnderWay(cancel, task) || task.is_cancel_requested),
    isPausing: isActive && (isUnderWay(pause, task) || (task.status === "running" && task.is_pause_requested)),
    isResuming: isActive && isUnderWay(resume, task),
    isRetrying: isUnderWay(retry, task),
    error: all.find(({ error }) => error !== null)?.error ?? null,
  };
}

type Send<Request> = (api: ReturnType<typeof useApp>["api"], taskId: string, request: Request) => Promise<TaskShape>;
type Command<Request> = UseMutationResult<TaskShape, Error, Request> & { readonly sendOnce: (request: Request) => void };

function useCommand<Request>(task: TaskShape, send: Send<Request>): Command<Request> {
  const { api } = useApp();
  const queries = useQueryClient();
  const isSending = useRef(false);
  const mutation = useMutation({
    mutationFn: (request: Request) => send(api, task.task_id, request),
    onSettled: () => {
      isSending.current = false;
      void queries.invalidateQueries({ queryKey: ["task", task.task_id] });
      void queries.invalidateQueries({ queryKey: ["tasks"] });
    },
  });
  const sendOnce = (request: Request): void => {
    // A second click may come before the first has been drawn as pending.
    if (isSending.current) return;
    isSending.current = true;
    mutation.mutate(request);
  };
  return { ...mutation, sendOnce };
}

/** Whether the answer is awaited, or what it told has not come here yet. */
function isUnderWay<Request>({ isPending, data }: Command<Request>, task: TaskShape): boolean {
  return isPending || (data !== undefined && task.last_seq < data.last_seq);
}

interface Props {
  readonly task: TaskShape;
  readonly commands: Commands;
  readonly isIconOnly?: boolean;
}

export function CancelButton({ task, commands, isIconOnly = false, ref }: Props & { readonly ref?: Ref<HTMLButtonElement> }): ReactNode {
  if (isFinal(task.status)) return null;
  return (
    <ConfirmButton
      {...(ref === undefined ? {} : { ref })}
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

interface PlainProps extends Props {
  readonly name: string;
  readonly label: string;
  readonly pendingLabel: string;
  readonly isPending: boolean;
  readonly icon: IconName;
  readonly isPrimary?: boolean;
  readonly onClick: () => void;
}

function PlainButton(props: PlainProps): ReactNode {
  const { task, name, label, pendingLabel, isPending, commands, icon, isIconOnly = false, isPrimary = false, onClick } = props;
  const isOff = isPending || commands.isCancelling;
  return (
    <Button
      className={isIconOnly ? "btn icon quiet" : isPrimary ? "btn pri" : "btn"}
      data-testid={name}
      isOff={isOff}
      aria-label={isIconOnly ? `${label}: ${shortUrl(task.title)}` : undefined}
      title={isIconOnly ? label : undefined}
      onClick={onClick}
    >
      <Icon name={icon} />
      {isIconOnly ? null : isPending ? pendingLabel : label}
    </Button>
  );
}

/** Pauses a task that waits or runs, goes on with a paused one. */
export function PauseButton(props: Props): ReactNode {
  const { task, commands } = props;
  if (isFinal(task.status)) return null;
  if (task.status === "paused") {
    const { isResuming, resume } = commands;
    return <PlainButton {...props} name="resume" label="Resume" pendingLabel="Resuming…" isPending={isResuming} icon="play" isPrimary onClick={resume} />;
  }
  const { isPausing, pause } = commands;
  return <PlainButton {...props} name="pause" label="Pause" pendingLabel="Pausing…" isPending={isPausing} icon="pause" onClick={pause} />;
}

export function RetryButton(props: Props): ReactNode {
  const { task, commands } = props;
  if (task.status !== "failed" && task.status !== "cancelled") return null;
  const label = task.status === "failed" ? "Retry" : "Go on with it";
  const { isRetrying, retry } = commands;
  return <PlainButton {...props} name="retry" label={label} pendingLabel="Retrying…" isPending={isRetrying} icon="retry" isPrimary onClick={() => retry({})} />;
}

export function RetryFailedButton(props: Props): ReactNode {
  const { task, commands } = props;
  if (!isFinal(task.status) || task.task_type !== "crawl" || task.progress.failed === 0) return null;
  const { isRetrying, retry } = commands;
  return (
    <PlainButton
      {...props}
      name="retry-failed"
      label="Retry failed pages"
      pendingLabel="Retrying…"
      isPending={isRetrying}
      icon="retry"
      onClick={() => retry({ only: "failed" })}
    />
  );
}
