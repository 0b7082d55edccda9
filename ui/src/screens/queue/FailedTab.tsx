// Tasks that failed for good: why, how often they were tried, and retrying or removing many of them at once.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { InlineError, Loaded } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { useShortcut } from "../../components/shortcuts";
import { useNow } from "../../components/useNow";
import { failedQuery, QUEUE_KEY, retryTasks, statsQuery } from "../../data/queue";
import { adviceFor } from "../../text/failure";
import { count, counted } from "../../text/format";
import { isAll, NOTHING, type Selection, toggled, toggledAll, within } from "../../text/selection";
import type { TaskSelection, TaskShape } from "../../wire";
import { FailedRow } from "./FailedRow";
import { Choices, More, Outcome } from "./Parts";
import { PruneDialog } from "./PruneDialog";
import { useQueueParams } from "./useQueueParams";
import { useRowKeys } from "./useRowKeys";

export function FailedTab(): ReactNode {
  const { api } = useApp();
  const { params } = useQueueParams();
  const query = useInfiniteQuery(failedQuery(api, params.type, params.code));
  return (
    <>
      <Filters tasks={query.data?.pages.flatMap((page) => page.items) ?? []} />
      <Loaded query={query}>
        {(data) => (
          <Rows
            key={`${params.type ?? ""} ${params.code ?? ""}`}
            tasks={data.pages.flatMap((page) => page.items)}
            hasMore={query.hasNextPage}
          />
        )}
      </Loaded>
      <More query={query} />
    </>
  );
}

function Filters({ tasks }: { tasks: readonly TaskShape[] }): ReactNode {
  const { api } = useApp();
  const { params, filter } = useQueueParams();
  const [isPruning, setPruning] = useState(false);
  const byType = useQuery(statsQuery(api)).data?.by_type ?? {};
  const failed = (name: string): number => byType[name]?.failed ?? 0;
  const codes = [...new Set(tasks.map((task) => task.error?.code ?? ""))].filter((code) => code !== "").sort();
  return (
    <div className="row filters">
      <Choices
        label="Filter by task type"
        names={Object.keys(byType).filter((name) => failed(name) > 0)}
        chosen={params.type}
        onChoose={(type) => filter({ type })}
        countOf={(name) => count(failed(name))}
      />
      <Choices label="Filter by error code" names={codes} chosen={params.code} onChoose={(code) => filter({ code })} />
      <span className="sp" />
      <button type="button" className="btn" onClick={() => setPruning(true)}>
        Remove old tasks…
      </button>
      {isPruning ? <PruneDialog onClose={() => setPruning(false)} /> : null}
    </div>
  );
}

const MOST_IDS = 1000;

/** The rows with their selection. It is gone with another filter. */
function Rows({ tasks, hasMore }: { tasks: readonly TaskShape[]; hasMore: boolean }): ReactNode {
  const { params } = useQueueParams();
  const now = useNow(10_000);
  const list = useRowKeys<HTMLUListElement>();
  const [kept, setKept] = useState<Selection>(NOTHING);
  const [isEvery, setEvery] = useState(false);
  const order = tasks.map((task) => task.task_id);
  const selection = within(kept, order);
  const retry = useRetry(() => {
    setKept(NOTHING);
    setEvery(false);
  });
  const isWhole = isAll(selection, order);
  const chosen: TaskSelection | null = isEvery
    ? { task_type: params.type ?? null, error_code: params.code ?? null }
    : selection.ids.size > 0
      ? { task_ids: [...selection.ids].slice(0, MOST_IDS) }
      : null;
  useShortcut("r", "Retry what is selected", () => {
    if (chosen !== null && !retry.isPending) retry.mutate(chosen);
  });
  const select = (next: Selection): void => {
    setEvery(false);
    setKept(next);
  };
  return (
    <>
      <div className="row bulk">
        <label className="chk">
          <SomeBox
            isChecked={isEvery || isWhole}
            isMixed={selection.ids.size > 0 && !isWhole}
            isDisabled={order.length === 0}
            onChange={() => select(toggledAll(selection, order))}
          />
          {isEvery ? "All that fit" : selection.ids.size === 0 ? "Select all shown" : `${count(selection.ids.size)} selected`}
        </label>
        {isWhole && hasMore && !isEvery ? (
          <button type="button" className="link sm" onClick={() => setEvery(true)}>
            Select all that fit, also those not shown
          </button>
        ) : null}
        <Button
          className="btn pri"
          data-testid="retry-selected"
          isOff={chosen === null || retry.isPending}
          onClick={() => {
            if (chosen !== null) retry.mutate(chosen);
          }}
        >
          <Icon name="retry" />
          {retry.isPending ? "Retrying…" : isEvery ? "Retry all that fit" : retryLabel(selection.ids.size)}
        </Button>
        <Outcome did="queued again" steered={retry.data} />
        <InlineError error={retry.error} />
      </div>
      {tasks.length === 0 ? <Nothing code={params.code} isFiltered={params.type !== undefined} /> : null}
      {tasks.length === 0 ? null : (
        <ul className="queue-rows failed card" ref={list} aria-label="Failed tasks, the newest first">
          {tasks.map((task) => (
            <FailedRow
              key={task.task_id}
              task={task}
              now={now}
              isSelected={isEvery || selection.ids.has(task.task_id)}
              onSelect={(isRange) => select(toggled(selection, order, task.task_id, isRange))}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function retryLabel(size: number): string {
  return size === 0 ? "Retry" : `Retry ${counted(size, "task")}`;
}

function Nothing({ code, isFiltered }: { code: string | undefined; isFiltered: boolean }): ReactNode {
  if (code !== undefined) return <p className="card pad muted">No task failed with {code}. ({adviceFor(code).what}.)</p>;
  return (
    <p className="card pad muted">
      {isFiltered ? "No task of this type has failed." : "No task has failed. One that fails for good is kept here until you retry or remove it."}
    </p>
  );
}

function useRetry(onDone: () => void) {
  const { api } = useApp();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (selection: TaskSelection) => retryTasks(api, selection),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: QUEUE_KEY }),
  });
}

interface BoxProps {
  readonly isChecked: boolean;
  readonly isMixed: boolean;
  readonly isDisabled: boolean;
  readonly onChange: () => void;
}

function SomeBox({ isChecked, isMixed, isDisabled, onChange }: BoxProps): ReactNode {
  return (
    <input
      type="checkbox"
      checked={isChecked}
      aria-disabled={isDisabled}
      ref={(box) => {
        if (box !== null) box.indeterminate = isMixed;
      }}
      onChange={onChange}
    />
  );
}
