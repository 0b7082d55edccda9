// Counts and times by task type and by queue, folded away.

import type { ReactNode } from "react";

import { count } from "../../text/format";
import { spreadText } from "../../text/queue";
import { visible } from "../../text/visible";
import type { TaskStatsShape, TaskStatus } from "../../wire";

const STATES: readonly TaskStatus[] = ["queued", "running", "paused", "completed", "failed", "cancelled"];
const NO_SPREAD = { count: 0, p50: null, p95: null };

export function ByType({ stats }: { stats: TaskStatsShape }): ReactNode {
  return (
    <details className="card pad">
      <summary>By task type and queue</summary>
      <div className="table-frame" tabIndex={0} role="region" aria-label="By task type">
        <table className="table sm">
          <thead>
            <tr>
              <th scope="col">Type</th>
              <StateHeads />
              <th scope="col">Waited (median / 95 %)</th>
              <th scope="col">Ran (median / 95 %)</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(stats.by_type).map(([name, counts]) => (
              <tr key={name}>
                <th scope="row">{visible(name)}</th>
                <Counts counts={counts} />
                <td className="num">{spreadText(stats.waiting_by_type[name] ?? NO_SPREAD)}</td>
                <td className="num">{spreadText(stats.running_by_type[name] ?? NO_SPREAD)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="table-frame" tabIndex={0} role="region" aria-label="By queue">
        <table className="table sm">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <StateHeads />
            </tr>
          </thead>
          <tbody>
            {Object.entries(stats.by_queue).map(([name, counts]) => (
              <tr key={name}>
                <th scope="row">{visible(name)}</th>
                <Counts counts={counts} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="muted sm">Counts are of all tasks that are kept, times of those that ended in the last hour.</p>
    </details>
  );
}

function StateHeads(): ReactNode {
  return STATES.map((state) => (
    <th key={state} scope="col">
      {state}
    </th>
  ));
}

function Counts({ counts }: { counts: Readonly<Record<string, number>> }): ReactNode {
  return STATES.map((state) => (
    <td key={state} className="num">
      {count(counts[state] ?? 0)}
    </td>
  ));
}
