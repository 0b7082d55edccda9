// The list of reports: what was asked, how its controls stand, how far it is.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Bar } from "../../components/Bar";
import { FaceBadge } from "../../components/StatusBadge";
import { useNow } from "../../components/useNow";
import { sourcesQuery } from "../../data/sources";
import { isFinal } from "../../live/tasks";
import { countOf, countsText, STAGE_TEXTS, stageOf, totalOf } from "../../text/compliance";
import { adviceFor } from "../../text/failure";
import { ago, count, counted } from "../../text/format";
import { FACES } from "../../text/progress";
import { sourceName } from "../../text/sources";
import { visible } from "../../text/visible";
import type { ReportSummary, SourceShape } from "../../wire";
import { useRowKeys } from "../queue/useRowKeys";
import { VerdictBar } from "./faces";

export function ReportRows({ reports }: { reports: readonly ReportSummary[] }): ReactNode {
  const { api } = useApp();
  const now = useNow(30_000);
  const list = useRowKeys<HTMLUListElement>();
  const sources = useInfiniteQuery(sourcesQuery(api)).data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <ul className="card report-rows" aria-label="Reports, newest first" ref={list}>
      {reports.map((report) => (
        <Row key={report.report_id} report={report} sources={sources} now={now} />
      ))}
    </ul>
  );
}

interface RowProps {
  readonly report: ReportSummary;
  readonly sources: readonly SourceShape[];
  readonly now: number;
}

function Row({ report, sources, now }: RowProps): ReactNode {
  const { report_id: reportId, status, counts } = report;
  return (
    <li data-testid="report-row" data-report-id={reportId}>
      <FaceBadge face={status} status={status} label={FACES[status].label} />
      <div className="report-name">
        <Link to="/reports/$reportId" params={{ reportId }} className="b wrap" data-row-link>
          {visible(report.title)}
        </Link>
        <span className="muted sm wrap">
          {visible(`${report.framework_id} ${report.version}`)} · {sourcesText(report, sources)}
        </span>
      </div>
      <div className="report-standing">
        <VerdictBar counts={counts} />
        <span className="sm">{standingText(report)}</span>
      </div>
      <span className="muted sm num">{ago(report.created_at, now)}</span>
      {isFinal(status) ? null : <Progress report={report} />}
    </li>
  );
}

function Progress({ report }: { report: ReportSummary }): ReactNode {
  const stage = stageOf(report);
  const text = `${stage === null ? "Getting going" : STAGE_TEXTS[stage].does}, ${Math.floor(report.percentage)} %`;
  return (
    <div className="report-progress">
      <Bar value={report.percentage} tone={FACES[report.status].tone} text={text} label={`Progress of ${visible(report.title)}`} />
    </div>
  );
}

function standingText({ status, error, counts, stage }: ReportSummary): string {
  const judged = totalOf(counts) - countOf(counts, "waiting");
  if (status === "failed" && error !== null) return adviceFor(error.code).what;
  if (judged === 0 && stage === "evidence") return `${counted(totalOf(counts), "control")} to look at`;
  return countsText(counts);
}

function sourcesText({ source_ids: ids }: ReportSummary, sources: readonly SourceShape[]): string {
  if (ids.length === 0) return "all sources";
  if (ids.length > 2) return `${count(ids.length)} sources`;
  const name = (id: string): string => {
    const source = sources.find((each) => each.source_id === id);
    return source === undefined ? id : sourceName(source);
  };
  return visible(ids.map(name).join(", "));
}
