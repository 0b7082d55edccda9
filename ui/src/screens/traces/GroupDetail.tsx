// `/traces/:id`: one group: its template, its traces, how they were answered, what became of it.

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Download } from "../../components/Download";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { type Tab, Tabs } from "../../components/Tabs";
import { traceGroupQuery, TRACES_KEY } from "../../data/traces";
import { useListedMarks, useQuietReading, useReadWhenTold } from "../../live/reading";
import { count, counted } from "../../text/format";
import { confidenceText, isOfTraces } from "../../text/traces";
import { visible } from "../../text/visible";
import type { TraceGroupDetail } from "../../wire";
import { HistoryTab } from "./HistoryTab";
import { Implementations } from "./Implementations";
import type { GroupTab } from "./params";
import { TemplateTab } from "./TemplateTab";
import { TracesTab } from "./TracesTab";
import "../../components/table.css";
import "./traces.css";

const LEAST_MS = 1_000;

export function GroupDetail(): ReactNode {
  const { api } = useApp();
  const { groupId } = useParams({ from: "/traces/$groupId" });
  const query = useQuery({ ...traceGroupQuery(api, groupId), ...useQuietReading() });
  const place = query.data;
  const told = useListedMarks((task) => isOfTraces(task) && task.payload.project_id === place?.project_id && task.payload.path === place?.path);
  useReadWhenTold([...TRACES_KEY, "group", groupId], told, LEAST_MS);
  return (
    <>
      <p className="sm">
        <Link to="/traces">Traces</Link>
      </p>
      {query.data === undefined ? (
        <div className="head">
          <Heading title="Group of traces">Group of traces</Heading>
        </div>
      ) : null}
      <Loaded query={query}>{(group) => <Known group={group} />}</Loaded>
    </>
  );
}

function Known({ group }: { group: TraceGroupDetail }): ReactNode {
  const { tab = "template" } = useSearch({ from: "/traces/$groupId" });
  const navigate = useNavigate({ from: "/traces/$groupId" });
  return (
    <>
      <div className="head">
        <Heading title={visible(group.title)} className="wrap trace-heading">
          {visible(group.title)}
        </Heading>
        <span className="sp" />
        <Download path={`/traces/groups/${encodeURIComponent(group.group_id)}/export`} fileName={`${group.group_id}.yaml`} label="Export as YAML" isSmall />
      </div>
      <p className="row sm muted">
        <Link to="/traces" search={{ project: group.project_id, path: group.path }} className="wrap">
          {visible(group.project_id)} {visible(group.path)}
        </Link>
        <span className="num">{counted(group.trace_count, "trace")}</span>
        <span title={`Confidence ${group.confidence.toFixed(2)} of 1`}>{confidenceText(group.confidence)}</span>
        <code className="mono xs">{group.group_id}</code>
      </p>
      {group.merged_into === null ? null : (
        <p className="card pad">
          This group turned out to be the same template as{" "}
          <Link to="/traces/$groupId" params={{ groupId: group.merged_into }}>
            {group.merged_into}
          </Link>{" "}
          and is part of it now.
        </p>
      )}
      <Tabs label="Parts of the group" tabs={tabsOf(group)} current={tab} onChoose={(name) => void navigate({ search: name === "template" ? {} : { tab: name }, resetScroll: false })}>
        <div className="tab-body stack">{PANELS[tab](group)}</div>
      </Tabs>
    </>
  );
}

const PANELS: Readonly<Record<GroupTab, (group: TraceGroupDetail) => ReactNode>> = {
  template: (group) => <TemplateTab group={group} />,
  traces: (group) => <TracesTab group={group} />,
  implementations: (group) => <Implementations group={group} />,
  history: (group) => <HistoryTab groupId={group.group_id} />,
};

function tabsOf(group: TraceGroupDetail): readonly Tab<GroupTab>[] {
  return [
    { name: "template", label: "Template" },
    { name: "traces", label: "Traces", badge: <span className="n num">{count(group.trace_count)}</span> },
    { name: "implementations", label: "Implementations", badge: <span className="n num">{count(group.implementations.length)}</span> },
    { name: "history", label: "History" },
  ];
}
