// The processes that run tasks, as they last told of themselves.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { useNow } from "../../components/useNow";
import { backgroundQuery } from "../../data/queue";
import { ago, clock, count, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import type { WorkerShape } from "../../wire";

export function WorkersTab(): ReactNode {
  const { api } = useApp();
  const query = useQuery(backgroundQuery(api));
  return (
    <Loaded query={query}>
      {({ workers, dispatcher }) => (
        <div className="stack">
          {workers.length === 0 ? (
            <p className="card pad muted">
              No process runs tasks. Start one with <code className="mono">gleanery worker</code>, or the server with
              GLEANERY_WORKER_CONCURRENCY above 0.
            </p>
          ) : (
            <Workers workers={workers} />
          )}
          <p className="muted sm">{dispatcher}</p>
        </div>
      )}
    </Loaded>
  );
}

function Workers({ workers }: { workers: readonly WorkerShape[] }): ReactNode {
  const now = useNow(2_000);
  return (
    <div className="card table-frame" tabIndex={0} role="region" aria-label="Workers">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col">Running</th>
            <th scope="col">Memory</th>
            <th scope="col">Task types</th>
            <th scope="col">Since</th>
            <th scope="col">Last heard</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <Row key={worker.worker_id} worker={worker} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ worker, now }: { worker: WorkerShape; now: number }): ReactNode {
  return (
    <tr data-testid="worker">
      <th scope="row">
        <span className="mono">{visible(worker.worker_id)}</span>
        <div className="muted xs">
          {visible(worker.host)} · process {worker.pid} · {worker.version}
        </div>
      </th>
      <td>
        <span className={`st ${worker.is_alive ? "ok" : "bad"}`}>
          <Icon name={worker.is_alive ? "check" : "cross"} />
          {worker.is_alive ? visible(worker.state) : "gone"}
        </span>
      </td>
      <td className="num">{worker.concurrency === 0 ? "takes none" : `${count(worker.running)} of ${count(worker.concurrency)}`}</td>
      <td className="num">{count(Math.round(worker.memory_mb))} MB</td>
      <td className="sm">{worker.task_types.length === 0 ? "none" : worker.task_types.map(visible).join(", ")}</td>
      <td className="num" title={dateAndTime(worker.started_at)}>
        {ago(worker.started_at, now)}
      </td>
      <td className="num" title={clock(worker.beat_at)}>
        {ago(worker.beat_at, now)}
      </td>
    </tr>
  );
}
