// Commands on a story: approve, reject, cancel what is under way, go on with what failed, delete it.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Button, DeleteButton, GoOnButton, StopButton } from "../../components/buttons";
import { Field } from "../../components/Field";
import { Icon } from "../../components/Icon";
import { text } from "../../data/formValues";
import { approveStory, deleteStory, rejectStory, STORIES_KEY } from "../../data/stories";
import { cancelTask, retryTask } from "../../data/tasks";
import { isFinal } from "../../live/tasks";
import { isUnderWay } from "../../text/stories";
import type { StoryShape } from "../../wire";

export interface StoryCommands {
  readonly approve: () => void;
  readonly reject: (note: string) => void;
  readonly cancel: () => void;
  readonly retry: () => void;
  readonly remove: () => void;
  /** From the click until the story is seen as it is then. */
  readonly isApproving: boolean;
  readonly isRejecting: boolean;
  readonly isCancelling: boolean;
  readonly isRetrying: boolean;
  readonly isRemoving: boolean;
  readonly error: Error | null;
}

export function useStoryCommands(story: StoryShape): StoryCommands {
  const { api } = useApp();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { story_id: id, state, tasks } = story;
  const again = { onSettled: () => queries.invalidateQueries({ queryKey: STORIES_KEY }) };
  const approve = useMutation({ mutationFn: () => approveStory(api, id), ...again });
  const reject = useMutation({ mutationFn: (note: string) => rejectStory(api, id, note), ...again });
  const cancel = useMutation({
    // The last first: none of them begins meanwhile.
    mutationFn: async () => {
      for (const task of tasks.toReversed()) if (!isFinal(task.status)) await cancelTask(api, task.task_id);
    },
    ...again,
  });
  const retry = useMutation({
    mutationFn: async () => {
      for (const task of tasks) if (task.status === "failed" || task.status === "cancelled") await retryTask(api, task.task_id, {});
    },
    ...again,
  });
  const remove = useMutation({
    mutationFn: async () => {
      // What waits behind a task that failed would still begin.
      for (const task of tasks.toReversed()) if (!isFinal(task.status)) await cancelTask(api, task.task_id);
      await deleteStory(api, id);
    },
    onSuccess: async () => {
      // A list that was read before would show it for a moment.
      queries.removeQueries({ queryKey: STORIES_KEY, type: "inactive" });
      await navigate({ to: "/stories" });
      queries.removeQueries({ queryKey: [...STORIES_KEY, "one", id] });
    },
  });
  const begin = (run: () => void): void => {
    // What went wrong with the last command is no news any more.
    for (const each of [approve, reject, cancel, retry, remove]) each.reset();
    run();
  };
  return {
    approve: () => begin(() => approve.mutate()),
    reject: (note) => begin(() => reject.mutate(note)),
    cancel: () => begin(() => cancel.mutate()),
    retry: () => begin(() => retry.mutate()),
    remove: () => begin(() => remove.mutate()),
    isApproving: approve.isPending || (approve.isSuccess && state === "needs_approval"),
    isRejecting: reject.isPending || (reject.isSuccess && state === "needs_approval"),
    isCancelling: cancel.isPending || (cancel.isSuccess && isUnderWay(story)),
    isRetrying: retry.isPending,
    isRemoving: remove.isPending || remove.isSuccess,
    error: [approve, reject, cancel, retry, remove].find(({ error }) => error !== null)?.error ?? null,
  };
}

interface Props {
  readonly story: StoryShape;
  readonly commands: StoryCommands;
}

export function CancelStory({ story, commands }: Props): ReactNode {
  if (!isUnderWay(story)) return null;
  return <StopButton isPending={commands.isCancelling} onConfirm={commands.cancel} />;
}

export function RetryStory({ story, commands }: Props): ReactNode {
  if (story.state !== "failed" && story.state !== "cancelled") return null;
  return <GoOnButton isPending={commands.isRetrying} onClick={commands.retry} />;
}

/** Whether anything is still to become of it, or to be decided. */
function isOpen(story: StoryShape): boolean {
  return isUnderWay(story) || story.state === "needs_approval";
}

export function DeleteStory({ story, commands }: Props): ReactNode {
  if (isOpen(story)) return null;
  return <DeleteButton isPending={commands.isRemoving} onConfirm={commands.remove} />;
}

/** Approve, or reject with a word why. */
export function Decision({ commands }: Props): ReactNode {
  const [isRejecting, setRejecting] = useState(false);
  const isOff = commands.isApproving || commands.isRejecting;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    commands.reject(text(new FormData(event.currentTarget), "note"));
  };
  return (
    <>
      <div className="row">
        <Button className="btn pri" isOff={isOff} onClick={commands.approve}>
          <Icon name="check" />
          {commands.isApproving ? "Approving…" : "Approve: write it to Shortcut"}
        </Button>
        <button type="button" className="btn" aria-expanded={isRejecting} onClick={() => setRejecting(!isRejecting)}>
          Reject…
        </button>
      </div>
      {isRejecting ? (
        <form className="row story-reject" onSubmit={submit}>
          <Field label="Why">{(field) => <input {...field} name="note" className="in" maxLength={1000} autoFocus />}</Field>
          <Button type="submit" className="btn danger" isOff={isOff}>
            {commands.isRejecting ? "Rejecting…" : "Reject it"}
          </Button>
        </form>
      ) : null}
    </>
  );
}
