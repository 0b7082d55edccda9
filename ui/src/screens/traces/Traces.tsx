// `/traces`: what agents ask their models, as groups of one template each, by project and path.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Code } from "../../components/Code";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { More } from "../../components/More";
import { traceGroupsQuery, tracePlacesQuery, TRACES_KEY } from "../../data/traces";
import { useListedMarks, useQuietReading, useReadWhenTold } from "../../live/reading";
import { count, counted } from "../../text/format";
import { confidenceText, isOfTraces } from "../../text/traces";
import { visible } from "../../text/visible";
import type { TraceGroupShape, TracePlaceShape } from "../../wire";
import { useRowKeys } from "../queue/useRowKeys";
import { BeingDeleted, DeleteTraces } from "./DeleteTraces";
import { Places } from "./Places";
import "../../components/table.css";
import "./traces.css";

const LEAST_MS = 1_000;

export function Traces(): ReactNode {
  const { api } = useApp();
  const places = useQuery({ ...tracePlacesQuery(api), ...useQuietReading() });
  useReadWhenTold(TRACES_KEY, useListedMarks(isOfTraces), LEAST_MS);
  return (
    <>
      <Heading title="Traces" className="traces-title">
        Traces
      </Heading>
      <Loaded query={places}>{({ items }) => (items.length === 0 ? <NoTrace /> : <Known places={items} />)}</Loaded>
    </>
  );
}

function Known({ places }: { places: readonly TracePlaceShape[] }): ReactNode {
  const { api } = useApp();
  const { project, path } = useSearch({ from: "/traces" });
  const query = useInfiniteQuery({ ...traceGroupsQuery(api, project, path), ...useQuietReading() });
  const groups = query.data?.pages.flatMap((page) => page.items);
  const chosen = places.filter((place) => (project === undefined || place.project_id === project) && (path === undefined || place.path === path));
  return (
    <div className="stack">
      <Places places={places} />
      <div className="row">
        <Waiting places={chosen} />
        <span className="sp" />
        {project === undefined || chosen.length === 0 ? null : <DeleteTraces key={`${project} ${path ?? ""}`} projectId={project} path={path} places={chosen} />}
      </div>
      <BeingDeleted projectId={project} />
      <Loaded query={{ data: groups, error: query.error }}>
        {(items) => (items.length === 0 ? <NoGroup hasTraces={chosen.length > 0} /> : <Groups groups={items} isOfOnePlace={path !== undefined} />)}
      </Loaded>
      <More query={query} />
    </div>
  );
}

function Waiting({ places }: { places: readonly TracePlaceShape[] }): ReactNode {
  const traces = places.reduce((sum, place) => sum + place.traces, 0);
  const waiting = places.reduce((sum, place) => sum + place.waiting, 0);
  return (
    <p className="muted sm" role="status">
      {counted(traces, "trace")}
      {waiting === 0 ? ", all in groups" : `, ${count(waiting)} wait to be grouped`}
    </p>
  );
}

function NoGroup({ hasTraces }: { hasTraces: boolean }): ReactNode {
  if (hasTraces) return <p className="muted">No group yet. Groups appear as soon as the traces are grouped.</p>;
  return (
    <p className="card pad">
      There are no traces here, or none any more. <Link to="/traces">Show all</Link>
    </p>
  );
}

function Groups({ groups, isOfOnePlace }: { groups: readonly TraceGroupShape[]; isOfOnePlace: boolean }): ReactNode {
  const list = useRowKeys<HTMLUListElement>();
  return (
    <ul className="card trace-groups" aria-label="Groups, the largest first" ref={list}>
      {groups.map((group) => (
        <li key={group.group_id}>
          <Link to="/traces/$groupId" params={{ groupId: group.group_id }} className="b wrap" data-row-link>
            {visible(group.title)}
          </Link>
          {group.prompt === group.title ? null : <span className="trace-excerpt muted">{visible(group.prompt)}</span>}
          <span className="row sm muted">
            <span className="num">{counted(group.trace_count, "trace")}</span>
            <span>{counted(group.variables.length, "variable")}</span>
            <span>{confidenceText(group.confidence)}</span>
            {isOfOnePlace ? null : (
              <span className="wrap">
                {visible(group.project_id)} {visible(group.path)}
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

const EXAMPLE = `{"project_id": "shop", "path": "/reply",
 "instruction": "Answer the customer.\\nName: Ada\\nMessage: Where is my parcel?",
 "model": "gpt-5-mini", "latency_ms": 812}`;

function NoTrace(): ReactNode {
  return (
    <section className="empty" aria-label="No traces">
      <p>
        No traces yet. Send what your agents ask their models to <code className="mono">POST /api/v1/traces</code>, one or a batch, or point an
        OpenTelemetry exporter at <code className="mono">/api/v1/traces/otlp</code>. Here you will see the prompts that it was written as.
      </p>
      <Code code={EXAMPLE} language="json" />
      <p>
        <a href="/example/traces.html">How traces are sent and grouped</a>
      </p>
    </section>
  );
}
