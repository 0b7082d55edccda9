// What a group's traces were over time, and what happened to its template.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Plot } from "../../components/Plot";
import { groupHistoryQuery } from "../../data/traces";
import { count, dateAndTime, duration } from "../../text/format";
import type { Series } from "../../text/plot";
import { changeText, latencySeries, latencyText, tokenSeries, tokensText, trafficSeries } from "../../text/traces";
import type { GroupEventShape, GroupHistory } from "../../wire";
import { Marked } from "./TemplateTab";

export function HistoryTab({ groupId }: { groupId: string }): ReactNode {
  const { api } = useApp();
  return <Loaded query={useQuery(groupHistoryQuery(api, groupId))}>{(history) => <Known history={history} />}</Loaded>;
}

function Known({ history }: { history: GroupHistory }): ReactNode {
  const { drift } = history;
  return (
    <>
      <section className="card pad trace-plots" aria-label="Over time" data-testid="drift">
        <h2>Over time</h2>
        <Part title={`Traces in each ${duration(history.bucket_seconds)}`} kind="areas" series={trafficSeries(drift)} format={count} />
        <Part title="Latency" kind="lines" series={latencySeries(drift)} format={latencyText} />
        <Part title="Tokens of a call" kind="lines" series={tokenSeries(drift)} format={tokensText} />
      </section>
      <section className="card pad" aria-label="What happened">
        <h2>What happened</h2>
        <ol className="trace-events">
          {history.events.toReversed().map((event) => (
            <Event key={event.number} event={event} />
          ))}
        </ol>
      </section>
    </>
  );
}

interface PartProps {
  readonly title: string;
  readonly kind: "lines" | "areas";
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}

function Part({ title, kind, series, format }: PartProps): ReactNode {
  if (series.length === 0) return null;
  return (
    <>
      <h3 className="sm">{title}</h3>
      <Plot label={title} kind={kind} series={series} format={format} />
    </>
  );
}

function Event({ event }: { event: GroupEventShape }): ReactNode {
  const names = event.constants.slice(1).map(() => "…");
  return (
    <li>
      <p className="row sm">
        <span className="b">{dateAndTime(event.at)}</span>
        {changeText(event)}
        <Link to="/activity/$taskId" params={{ taskId: event.task_id }}>
          Its grouping
        </Link>
        {event.others.map((groupId) => (
          <Link key={groupId} to="/traces/$groupId" params={{ groupId }} className="mono xs">
            {groupId}
          </Link>
        ))}
      </p>
      <details>
        <summary className="sm">The template from then on</summary>
        <Marked constants={event.constants} names={names} />
      </details>
    </li>
  );
}
