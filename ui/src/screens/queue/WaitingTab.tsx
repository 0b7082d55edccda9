// What waits, in the order in which it will be chosen: priorities can be changed, one or all that are shown cancelled.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { ConfirmButton } from "../../components/buttons";
import { InlineError, Loaded } from "../../components/Failure";
import { useNow } from "../../components/useNow";
import { cancelTasks, QUEUE_KEY, statsQuery, waitingQuery } from "../../data/queue";
import { useTasks } from "../../live/react";
import { count } from "../../text/format";
import type { TaskSelection, TaskShape, TaskStatsShape } from "../../wire";
import { Choices, More, Outcome } from "./Parts";
import { useQueueParams } from "./useQueueParams";
import { useRowKeys } from "./useRowKeys";
import { WaitingRow } from "./WaitingRow";

export function WaitingTab(): ReactNode {
  const { api } = useApp();
  const { params } = useQueueParams();
  const query = useInfiniteQuery(waitingQuery(api, params.type));
  return (
    <>
      <Bar />
      <Loaded query={query}>
        {(data) => <Rows tasks={data.pages.flatMap((page) => page.items)} isFiltered={params.type !== undefined} />}
      </Loaded>
      <More query={query} />
    </>
  );
}

function Bar(): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const { params, filter } = useQueueParams();
  const stats = useQuery(statsQuery(api)).data;
  const cancel = useMutation({
    mutationFn: (selection: TaskSelection) => cancelTasks(api, selection),
    onSettled: () => queries.invalidateQueries({ queryKey: QUEUE_KEY }),
  });
  const size = waiting(stats, params.type);
  return (
    <div className="row filters">
      <Choices
        label="Filter by task type"
        names={Object.keys(stats?.by_type ?? {}).filter((name) => waiting(stats, name) > 0)}
        chosen={params.type}
        onChoose={(type) => filter({ type })}
        countOf={(name) => count(waiting(stats, name))}
      />
      <span className="sp" />
      <Outcome did="cancelled" steered={cancel.data} />
      <InlineError error={cancel.error} />
      {size === 0 ? null : (
        <ConfirmButton
          label={`Cancel all ${count(size)}`}
          confirmLabel={`Yes, cancel ${count(size)}`}
          pendingLabel="Cancelling…"
          isPending={cancel.isPending}
          onConfirm={() => cancel.mutate({ status: ["queued", "paused"], task_type: params.type ?? null })}
          icon="stop"
          testId="cancel-all"
        />
      )}
    </div>
  );
}

function waiting(stats: TaskStatsShape | undefined, type: string | undefined): number {
  const { queued = 0, paused = 0 } = (type === undefined ? stats?.by_status : stats?.by_type[type]) ?? {};
  return queued + paused;
}

function Rows({ tasks, isFiltered }: { tasks: readonly TaskShape[]; isFiltered: boolean }): ReactNode {
  const now = useNow(1_000);
  const { byId } = useTasks();
  const list = useRowKeys<HTMLUListElement>();
  if (tasks.length === 0) {
    return (
      <p className="card pad muted">
        {isFiltered ? "No task of this type waits." : "Nothing waits: whatever was asked for runs or is done."}
      </p>
    );
  }
  const holders = new Map([...byId.values()].filter((task) => task.status === "running").map((task) => [task.serial_key, task]));
  return (
    <ul className="queue-rows waiting card" ref={list} aria-label="Waiting tasks, the next first">
      {tasks.map((task) => (
        <WaitingRow
          key={task.task_id}
          task={task}
          now={now}
          holder={task.serial_key === null ? undefined : holders.get(task.serial_key)}
          byId={byId}
        />
      ))}
    </ul>
  );
}
