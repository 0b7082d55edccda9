// The traces of a group, newest first: what each variable was, how the call went, the whole instruction on demand.

import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { More } from "../../components/More";
import { groupTracesQuery } from "../../data/traces";
import { counted, dateAndTime } from "../../text/format";
import { latencyText } from "../../text/traces";
import { visible } from "../../text/visible";
import type { TraceGroupDetail, TraceShape } from "../../wire";

const MOST_VALUE = 240;

export function TracesTab({ group }: { group: TraceGroupDetail }): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery(groupTracesQuery(api, group.group_id));
  const traces = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <Loaded query={{ data: traces, error: query.error }}>
        {(items) =>
          items.length === 0 ? (
            <p className="muted">No trace is in this group any more.</p>
          ) : (
            <ul className="card trace-rows" aria-label="Traces, newest first">
              {items.map((trace) => (
                <Row key={trace.trace_id} trace={trace} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <More query={query} />
    </>
  );
}

function Row({ trace }: { trace: TraceShape }): ReactNode {
  const tokens = trace.input_tokens === null && trace.output_tokens === null ? null : (trace.input_tokens ?? 0) + (trace.output_tokens ?? 0);
  return (
    <li className="pad">
      <div className="row sm">
        <span className="b">{dateAndTime(trace.started_at)}</span>
        <span className="muted wrap">{trace.model === "" ? "model not told" : visible(trace.model)}</span>
        {trace.latency_ms === null ? null : <span className="muted num">{latencyText(trace.latency_ms)}</span>}
        {tokens === null ? null : <span className="muted num">{counted(tokens, "token")}</span>}
        <code className="mono xs muted wrap">{visible(trace.trace_id)}</code>
      </div>
      {trace.error === null ? null : <p className="inline-error">Failed: {visible(trace.error)}</p>}
      <dl className="trace-values sm">
        {Object.entries(trace.values).map(([name, value]) => (
          <div key={name}>
            <dt className="muted mono">{visible(name)}</dt>
            <dd className="wrap">{value === "" ? <span className="muted">empty</span> : visible(value.length > MOST_VALUE ? `${value.slice(0, MOST_VALUE)}…` : value)}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary className="sm">The whole instruction</summary>
        <p className="trace-prompt">{visible(trace.instruction)}</p>
      </details>
    </li>
  );
}
