// Takes traces of a project or of one of its paths away: its name has to be typed. Tasks do it, a few traces at a time.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { Field } from "../../components/Field";
import { Icon } from "../../components/Icon";
import { WrongField } from "../../components/WrongField";
import { number, text } from "../../data/formValues";
import { type Forgotten, forgetTraces, TRACES_KEY } from "../../data/traces";
import { useTasks } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { counted } from "../../text/format";
import { isForgetting } from "../../text/traces";
import { visible } from "../../text/visible";
import type { TracePlaceShape } from "../../wire";

const DAY_MS = 86_400_000;

interface Props {
  readonly projectId: string;
  readonly path: string | undefined;
  /** Those that are meant. */
  readonly places: readonly TracePlaceShape[];
}

export function DeleteTraces(props: Props): ReactNode {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="btn small" onClick={() => setOpen(true)}>
        <Icon name="cross" />
        Delete…
      </button>
      {isOpen ? (
        <Dialog title="Delete these traces?" onClose={() => setOpen(false)}>
          <Form {...props} onClose={() => setOpen(false)} />
        </Dialog>
      ) : null}
    </>
  );
}

function Form({ projectId, path, places, onClose }: Props & { onClose: () => void }): ReactNode {
  const name = (path === undefined || path === "" ? projectId : path).trim();
  const [isOld, setOld] = useState(false);
  const [isWrong, setWrong] = useState(false);
  const { forget, isPending, error } = useForget(onClose);
  const traces = places.reduce((sum, place) => sum + place.traces, 0);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const typed = text(form, "name");
    const isRight = typed === name || typed === visible(name);
    setWrong(!isRight);
    if (isRight) forget(() => ({ projectId, path, before: isOld ? timeBefore(number(form, "days") ?? 0) : undefined }));
  };
  return (
    <form className="stack" onSubmit={submit} autoComplete="off">
      <p className="wrap">
        There are {counted(traces, "trace")} of <b>{visible(path === undefined ? projectId : `${projectId} ${path}`)}</b>. What is deleted is gone for good, with the
        groups that nothing is left of.
      </p>
      <fieldset>
        <legend>Which</legend>
        <label className="chk">
          <input type="radio" name="which" checked={!isOld} onChange={() => setOld(false)} /> All of them
        </label>
        <label className="chk">
          <input type="radio" name="which" checked={isOld} onChange={() => setOld(true)} /> Only those that are old
        </label>
      </fieldset>
      {isOld ? <Field label="Older than so many days">{(field) => <input {...field} name="days" className="in" type="number" min={0} max={36_500} step="any" defaultValue="30" required />}</Field> : null}
      <Field label={`Type ${visible(name)} to delete them`} hint={isWrong ? "That is not its name. Nothing was deleted." : undefined} isWrong={isWrong}>
        {(field) => <input {...field} name="name" className="in" spellCheck={false} aria-invalid={isWrong} onChange={() => setWrong(false)} />}
      </Field>
      <WrongField error={error} />
      <div className="row end">
        <button type="button" className="btn quiet" onClick={onClose}>
          Keep them
        </button>
        <Button type="submit" className="btn danger" isOff={isPending}>
          {isPending ? "Deleting…" : "Delete"}
        </Button>
      </div>
    </form>
  );
}

function timeBefore(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString();
}

function useForget(onDone: () => void) {
  const { api } = useApp();
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (read: () => Forgotten) => forgetTraces(api, read()),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: TRACES_KEY }),
  });
  return { forget: mutate, isPending, error };
}

/** The tasks that are at it, of one project or of all. */
export function BeingDeleted({ projectId }: { projectId: string | undefined }): ReactNode {
  const { byId } = useTasks();
  const tasks = [...byId.values()].filter((task) => isForgetting(task) && !isFinal(task.status) && (projectId === undefined || task.payload.project_id === projectId));
  if (tasks.length === 0) return null;
  return (
    <ul className="card pad note" aria-label="Being deleted" data-testid="being-deleted">
      {tasks.map(({ task_id: taskId, payload, progress }) => (
        <li key={taskId} className="row sm">
          <Icon name="busy" className="spin" />
          <Link to="/activity/$taskId" params={{ taskId }} className="wrap">
            {visible(`${String(payload.project_id)} ${String(payload.path)}`)}
          </Link>
          <span className="muted">{visible(progress.message)}</span>
        </li>
      ))}
    </ul>
  );
}
