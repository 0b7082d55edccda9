// The queue in numbers.

import type { ReactNode } from "react";

import { count, duration } from "../../text/format";
import { spreadText, throughputText } from "../../text/queue";
import type { TaskStatsShape } from "../../wire";

interface Figure {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
}

export function Figures({ stats }: { stats: TaskStatsShape }): ReactNode {
  return (
    <dl className="card figures" aria-label="In numbers">
      {figuresOf(stats).map(({ label, value, note }) => (
        <div key={label}>
          <dt className="muted sm">{label}</dt>
          <dd className="num">
            <b>{value}</b>
            {note === undefined ? null : <span className="muted xs">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function figuresOf(stats: TaskStatsShape): readonly Figure[] {
  const { queued = 0, running = 0, paused = 0 } = stats.by_status;
  const { failed = 0 } = stats.ended;
  return [
    { label: "Queued", value: count(queued), ...(paused > 0 ? { note: `and ${count(paused)} paused` } : {}) },
    { label: "Due now", value: count(stats.due) },
    { label: "Oldest due", value: stats.oldest_due_seconds === null ? "–" : duration(stats.oldest_due_seconds) },
    { label: "Running", value: count(running) },
    { label: "Failed", value: count(failed), note: "in the last hour" },
    { label: "Throughput", value: throughputText(stats.throughput_per_second), note: "over the last hour" },
    { label: "Waited", value: spreadText(stats.waiting), note: "median / 95 %" },
  ];
}
