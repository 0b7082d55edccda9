// `/reports/:id`: one report. How its controls stand, how far it is, each control with its evidence, what changed.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Failure, InlineError, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { FaceBadge } from "../../components/StatusBadge";
import { type Tab, Tabs } from "../../components/Tabs";
import { reportQuery } from "../../data/compliance";
import { sourcesQuery } from "../../data/sources";
import { isFinal } from "../../live/tasks";
import { countOf, keptText } from "../../text/compliance";
import { count, counted, dateAndTime } from "../../text/format";
import { FACES } from "../../text/progress";
import { sourceName } from "../../text/sources";
import { visible } from "../../text/visible";
import type { ReportShape } from "../../wire";
import { ChangesTab } from "./ChangesTab";
import { ControlsTab } from "./ControlsTab";
import { Exports } from "./Exports";
import { GapsTab } from "./GapsTab";
import type { ReportTab } from "./params";
import { CancelReport, DeleteReport, type ReportCommands, RetryReport, useReportCommands } from "./reportCommands";
import { Summary } from "./Summary";
import { UnderWay } from "./UnderWay";
import { useLiveReport } from "./useLiveReport";
import "../../components/table.css";
import "./reports.css";

const FROM = "/reports/$reportId";
const AGAIN_MS = 15_000;

export function ReportDetail(): ReactNode {
  const { api } = useApp();
  const { reportId } = useParams({ from: FROM });
  const query = useQuery({
    ...reportQuery(api, reportId),
    // Its tasks' rooms tell when something has changed; this is for when there is no line.
    refetchInterval: ({ state }) => (state.data === undefined || isFinal(state.data.status) ? false : AGAIN_MS),
  });
  return (
    <>
      {query.data === undefined ? (
        <>
          <Crumb />
          <div className="head">
            <Heading title="Report">Report</Heading>
          </div>
        </>
      ) : null}
      <Loaded query={query}>{(report) => <Known key={report.report_id} report={report} />}</Loaded>
    </>
  );
}

function Crumb(): ReactNode {
  return (
    <p className="sm">
      <Link to="/reports">Reports</Link>
    </p>
  );
}

function Known({ report }: { report: ReportShape }): ReactNode {
  const live = useLiveReport(report);
  const commands = useReportCommands(report, live.isCancelAsked);
  const { title, status } = report;
  return (
    <div className="report-screen">
      <Crumb />
      <div className="head">
        <Heading title={visible(title)} className="wrap report-heading">
          {visible(title)}
        </Heading>
        <FaceBadge face={status} status={status} label={FACES[status].label} />
        <span className="sp" />
        <CancelReport report={report} commands={commands} />
        {isToldWhy(report) ? null : <RetryReport report={report} commands={commands} />}
        <DeleteReport report={report} commands={commands} />
      </div>
      <InlineError error={commands.error} />
      <Asked report={report} />
      <Ended report={report} commands={commands} />
      {isFinal(status) ? null : <UnderWay report={report} tasks={live.tasks} isCancelling={commands.isCancelling} />}
      <Summary report={report} />
      <Exports report={report} />
      <Parts report={report} />
    </div>
  );
}

/** Then what can be done stands with what happened. */
function isToldWhy({ status, error }: ReportShape): boolean {
  return status === "failed" && error !== null;
}

/** What was asked for. */
function Asked({ report }: { report: ReportShape }): ReactNode {
  const { api } = useApp();
  const sources = useInfiniteQuery(sourcesQuery(api)).data?.pages.flatMap((page) => page.items) ?? [];
  const { source_ids: ids, tokens, max_tokens: most } = report;
  return (
    <p className="row sm muted report-asked">
      <span className="wrap">{visible(`${report.framework_title} (${report.framework_id} ${report.version})`)}</span>
      <span>{dateAndTime(report.created_at)}</span>
      {ids.length === 0 ? <span>All sources</span> : null}
      {ids.map((sourceId) => {
        const source = sources.find((each) => each.source_id === sourceId);
        return (
          <Link key={sourceId} to="/sources/$sourceId" params={{ sourceId }} className="wrap">
            {visible(source === undefined ? sourceId : sourceName(source))}
          </Link>
        );
      })}
      {tokens === 0 && most === null ? null : (
        <span className="num">
          {count(tokens)} {most === null ? "tokens" : `of at most ${counted(most, "token")}`}
        </span>
      )}
    </p>
  );
}

/** An end that was not a good one: what survived, and how to go on. */
function Ended({ report, commands }: { report: ReportShape; commands: ReportCommands }): ReactNode {
  const { status, error, report_id: reportId } = report;
  if (status === "failed" && error !== null) {
    return (
      <Failure error={error} survived={keptText(report)} context={{ report_id: reportId }}>
        <p>
          <RetryReport report={report} commands={commands} />
        </p>
      </Failure>
    );
  }
  if (status !== "cancelled") return null;
  return (
    <section className="card pad note" aria-label="Cancelled">
      <p>
        <b>It was cancelled.</b> {keptText(report)} “Go on with it” does the rest.
      </p>
    </section>
  );
}

const PANELS: Readonly<Record<ReportTab, (report: ReportShape) => ReactNode>> = {
  controls: (report) => <ControlsTab report={report} />,
  gaps: (report) => <GapsTab report={report} />,
  changes: (report) => <ChangesTab report={report} />,
};

function Parts({ report }: { report: ReportShape }): ReactNode {
  const { tab = "controls" } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  return (
    <Tabs
      label="Parts of the report"
      tabs={tabsOf(report)}
      current={tab}
      onChoose={(name) => void navigate({ search: name === "controls" ? {} : { tab: name }, resetScroll: false })}
    >
      <div className="tab-body stack">{PANELS[tab](report)}</div>
    </Tabs>
  );
}

function tabsOf({ controls, counts }: ReportShape): readonly Tab<ReportTab>[] {
  const gaps = countOf(counts, "not_met") + countOf(counts, "partly");
  return [
    { name: "controls", label: "Controls", badge: <span className="n num">{count(controls.length)}</span> },
    { name: "gaps", label: "Gaps", badge: <span className="n num">{count(gaps)}</span> },
    { name: "changes", label: "Changes" },
  ];
}
