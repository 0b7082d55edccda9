// The limits of a crawl, to be changed while it runs, waits or is paused. Only what was changed is sent.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { ApiError } from "../../data/api";
import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Dialog } from "../../components/Dialog";
import { InlineError } from "../../components/Failure";
import { changeLimits } from "../../data/crawls";
import { count, counted } from "../../text/format";
import type { CrawlChange, TaskShape } from "../../wire";

type Limit = keyof CrawlChange;

interface Field {
  readonly label: string;
  readonly help: string;
  readonly min: number;
  readonly max: number;
  readonly step: number | "any";
  /** What stands in an empty field; null where there has to be a number. */
  readonly none: string | null;
}

const FIELDS: Readonly<Record<Limit, Field>> = {
  max_pages: { label: "Pages at most", help: "in all, with those that are stored", min: 1, max: 1_000_000, step: 1, none: null },
  max_depth: { label: "Links away from the start", help: "0 takes just the start page", min: 0, max: 100, step: 1, none: null },
  max_minutes: { label: "Minutes at most", help: "in all, without pauses", min: 0, max: 100_000, step: "any", none: "no limit" },
  concurrency: { label: "Pages fetched at once", help: "fewer are gentler to the site", min: 1, max: 64, step: 1, none: "as the server" },
};
const LIMITS: readonly Limit[] = ["max_pages", "max_depth", "max_minutes", "concurrency"];

interface Props {
  readonly task: TaskShape;
  readonly onClose: () => void;
}

export function LimitsDialog({ task, onClose }: Props): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const [texts, setTexts] = useState<Readonly<Record<Limit, string>>>(() => textsOf(task));
  const command = useMutation({
    mutationFn: (change: CrawlChange) => changeLimits(api, task.task_id, change),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["task", task.task_id] });
      onClose();
    },
  });
  const change = changeOf(task, texts);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (Object.keys(change).length === 0) onClose();
    else if (!command.isPending) command.mutate(change);
  };
  const field = command.error instanceof ApiError ? command.error.details.field : undefined;
  return (
    <Dialog title="Limits of this crawl" onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <p className="muted sm">{situation(task)} A change holds at once, and for the next refresh too.</p>
        <div className="limits">
          {LIMITS.map((limit) => (
            <LimitField
              key={limit}
              limit={limit}
              text={texts[limit]}
              error={field === limit ? command.error : null}
              onText={(text) => setTexts({ ...texts, [limit]: text })}
            />
          ))}
        </div>
        <Effect task={task} change={change} />
        {typeof field === "string" && field in FIELDS ? null : <InlineError error={command.error} />}
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Close
          </button>
          <Button type="submit" className="btn pri" isOff={command.isPending} data-testid="set-limits">
            {command.isPending ? "Changing…" : "Change limits"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface LimitProps {
  readonly limit: Limit;
  readonly text: string;
  readonly error: Error | null;
  readonly onText: (text: string) => void;
}

function LimitField({ limit, text, error, onText }: LimitProps): ReactNode {
  const id = useId();
  const { label, help, none, ...bounds } = FIELDS[limit];
  return (
    <div className="field">
      <label htmlFor={id} className="b">
        {label}
      </label>
      <input
        id={id}
        name={limit}
        className="in"
        type="number"
        inputMode="decimal"
        {...bounds}
        required={none === null}
        placeholder={none ?? undefined}
        value={text}
        aria-invalid={error !== null}
        aria-describedby={`${id}-help`}
        onChange={(event) => onText(event.target.value)}
      />
      <span id={`${id}-help`} className="muted xs">
        {help}
      </span>
      <InlineError error={error} />
    </div>
  );
}

/** What follows from the change, where that isn't plain. */
function Effect({ task, change }: { task: TaskShape; change: CrawlChange }): ReactNode {
  const stored = task.progress.stages.stored?.done ?? 0;
  const isFull = typeof change.max_pages === "number" && change.max_pages <= stored;
  const { max_depth: depth } = task.payload;
  const isShallower = typeof change.max_depth === "number" && typeof depth === "number" && change.max_depth < depth;
  if (!isFull && !isShallower) return null;
  return (
    <p className="sm" role="status">
      {isFull ? `${counted(stored, "page")} ${stored === 1 ? "is" : "are"} stored already and stay: no more will be taken. ` : ""}
      {isShallower ? "Waiting pages that are deeper are left out; those that are stored stay." : ""}
    </p>
  );
}

function situation(task: TaskShape): string {
  const { stored, discovered } = task.progress.stages;
  return `${count(stored?.done ?? 0)} of ${count(discovered?.done ?? 0)} found so far ${stored?.done === 1 ? "is" : "are"} stored.`;
}

function textsOf({ payload }: TaskShape): Record<Limit, string> {
  const text = (limit: Limit): string => (typeof payload[limit] === "number" ? String(payload[limit]) : "");
  return { max_pages: text("max_pages"), max_depth: text("max_depth"), max_minutes: text("max_minutes"), concurrency: text("concurrency") };
}

/** The limits whose text is another than the crawl has. An empty one is none. */
function changeOf(task: TaskShape, texts: Readonly<Record<Limit, string>>): CrawlChange {
  const now = textsOf(task);
  const changed = LIMITS.filter((limit) => texts[limit] !== now[limit]);
  return Object.fromEntries(changed.map((limit) => [limit, texts[limit] === "" ? null : Number(texts[limit])]));
}
