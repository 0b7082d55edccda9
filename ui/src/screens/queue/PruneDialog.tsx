// Removing ended tasks: counted first, then done.

import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useDeferredValue, useId, useState } from "react";

import { useApp } from "../../components/app";
import { ConfirmButton } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError } from "../../components/Failure";
import { pruneTasks, QUEUE_KEY } from "../../data/queue";
import { counted } from "../../text/format";
import type { Pruned, PruneRequest } from "../../wire";

type Ended = "completed" | "failed" | "cancelled";
const STATES: readonly Ended[] = ["failed", "cancelled", "completed"];
const DEFAULT_DAYS = 7;

export function PruneDialog({ onClose }: { onClose: () => void }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const id = useId();
  const [states, setStates] = useState<readonly Ended[]>(["failed"]);
  const [days, setDays] = useState(String(DEFAULT_DAYS));
  const asked = useDeferredValue(requestOf(states, days));
  const preview = useQuery({
    queryKey: [...QUEUE_KEY, "prunable", asked],
    queryFn: ({ signal }) => (asked === null ? NONE : pruneTasks(api, { ...asked, dry_run: true }, signal)),
    placeholderData: keepPreviousData,
  });
  const prune = useMutation({
    mutationFn: (request: PruneRequest) => pruneTasks(api, request),
    onSettled: () => queries.invalidateQueries({ queryKey: QUEUE_KEY }),
  });
  const flip = (state: Ended): void => {
    setStates(states.includes(state) ? states.filter((some) => some !== state) : [...states, state]);
    prune.reset();
  };
  return (
    <Dialog title="Remove old tasks" onClose={onClose}>
      <form className="stack" onSubmit={(event: SubmitEvent<HTMLFormElement>) => event.preventDefault()}>
        <fieldset>
          <legend>Tasks that</legend>
          <div className="row">
            {STATES.map((state) => (
              <label key={state} className="chk">
                <input type="checkbox" checked={states.includes(state)} onChange={() => flip(state)} />
                {state === "cancelled" ? "were cancelled" : state}
              </label>
            ))}
          </div>
        </fieldset>
        <label htmlFor={id} className="b sm">
          and ended at least so many days ago
        </label>
        <input
          id={id}
          className="in"
          type="number"
          min={0}
          step="any"
          inputMode="decimal"
          value={days}
          onChange={(event) => {
            setDays(event.target.value);
            prune.reset();
          }}
        />
        <p className="muted sm">
          They go with their logs. Pages stay. The last crawl of a source stays, and so does what an unfinished task waits for.
        </p>
        <p role="status" data-testid="prunable">
          {foundText(prune.data ?? preview.data)}
        </p>
        <InlineError error={prune.error ?? preview.error} />
        <div className="row end">
          <button type="button" className="btn" onClick={onClose}>
            Close
          </button>
          {asked !== null && (preview.data?.tasks ?? 0) > 0 && !prune.isSuccess ? (
            <ConfirmButton
              label={`Remove ${counted(preview.data?.tasks ?? 0, "task")}`}
              confirmLabel="Yes, remove them for good"
              pendingLabel="Removing…"
              isPending={prune.isPending}
              onConfirm={() => prune.mutate(asked)}
              icon="cross"
              testId="prune"
            />
          ) : null}
        </div>
      </form>
    </Dialog>
  );
}

const NONE: Pruned = { tasks: 0, events: 0, dry_run: true };

function requestOf(states: readonly Ended[], days: string): PruneRequest | null {
  const least = Number(days);
  return states.length === 0 || days.trim() === "" || !(least >= 0) ? null : { older_than_days: least, status: states };
}

function foundText(found: Pruned | undefined): string {
  if (found === undefined) return "Counting…";
  const what = `${counted(found.tasks, "task")} with ${counted(found.events, "line")} of log`;
  if (!found.dry_run) return `${what} removed.`;
  return found.tasks === 0 ? "No task is that old." : `${what} would go.`;
}
