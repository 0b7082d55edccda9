// Which models answered with which settings: share of the traffic, latency, tokens, errors.

import type { ReactNode } from "react";

import { count } from "../../text/format";
import { latencyText, settingsText, shareText } from "../../text/traces";
import { visible } from "../../text/visible";
import type { TraceGroupDetail } from "../../wire";

export function Implementations({ group }: { group: TraceGroupDetail }): ReactNode {
  if (group.implementations.length === 0) return <p className="muted">No trace is in this group any more.</p>;
  return (
    <div className="card table-frame" tabIndex={0} role="region" aria-label="Implementations">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Model and settings</th>
            <th scope="col">Share</th>
            <th scope="col">Traces</th>
            <th scope="col">Failed</th>
            <th scope="col">Half within</th>
            <th scope="col">95 % within</th>
            <th scope="col">Tokens in</th>
            <th scope="col">Tokens out</th>
          </tr>
        </thead>
        <tbody>
          {group.implementations.map((one) => (
            <tr key={one.implementation_id}>
              <th scope="row" className="wrap">
                {one.model === "" ? "Model not told" : visible(one.model)}
                <span className="muted sm"> {visible(settingsText(one.settings))}</span>
              </th>
              <td className="num">{shareText(one.share)}</td>
              <td className="num">{count(one.traces)}</td>
              <td className="num">{count(one.errors)}</td>
              <td className="num">{latencyText(one.latency_p50_ms)}</td>
              <td className="num">{latencyText(one.latency_p95_ms)}</td>
              <td className="num">{count(one.input_tokens)}</td>
              <td className="num">{count(one.output_tokens)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
