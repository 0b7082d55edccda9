// What changed since another report of the same framework, control by control.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useId } from "react";

import { useApp } from "../../components/app";
import { TONE_CLASS } from "../../components/Bar";
import { Loaded } from "../../components/Failure";
import { comparisonQuery, reportsQuery } from "../../data/compliance";
import { COURSE_FACES, COURSES } from "../../text/compliance";
import { count, dateAndTime } from "../../text/format";
import { safeHref, visible } from "../../text/visible";
import type { ComparisonShape, ControlChange, Course, ReportShape, ReportSummary, Verdict } from "../../wire";
import { VerdictBadge } from "./faces";

const FROM = "/reports/$reportId";

export function ChangesTab({ report }: { report: ReportShape }): ReactNode {
  const { api } = useApp();
  const { with: other } = useSearch({ from: FROM });
  const reports = useInfiniteQuery(reportsQuery(api, report.framework_id)).data?.pages.flatMap((page) => page.items) ?? [];
  const others = reports.filter(({ report_id: id, completed_at: at }) => id !== report.report_id && at !== null);
  const comparison = useQuery(comparisonQuery(api, report.report_id, other));
  return (
    <>
      <OtherReport report={report} others={others} />
      <Loaded query={comparison}>{(known) => <Compared comparison={known} report={report} />}</Loaded>
    </>
  );
}

function OtherReport({ report, others }: { report: ReportShape; others: readonly ReportSummary[] }): ReactNode {
  const id = useId();
  const { with: other } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  if (others.length === 0) return null;
  return (
    <p className="row">
      <label htmlFor={id} className="b sm">
        Compared with
      </label>
      <select
        id={id}
        className="in small report-compared"
        value={other ?? report.previous_report_id ?? ""}
        onChange={(event) => void navigate({ search: { tab: "changes", with: event.target.value }, resetScroll: false })}
      >
        {other === undefined && report.previous_report_id === null ? <option value="">Choose a report</option> : null}
        {others.map((each) => (
          <option key={each.report_id} value={each.report_id}>
            {visible(`${dateAndTime(each.created_at)} · ${each.title} (${each.version})`)}
          </option>
        ))}
      </select>
    </p>
  );
}

function Compared({ comparison, report }: { comparison: ComparisonShape; report: ReportShape }): ReactNode {
  const { with_report_id: other, counts, changes } = comparison;
  if (other === null) {
    return <p className="muted">There is no earlier report of this framework over the same sources. Make another one later to see what changed.</p>;
  }
  const told = COURSES.filter((course) => course !== "same").flatMap((course) => changes.filter((change) => change.course === course));
  const evidenceOnly = changes.filter((change) => change.course === "same" && change.new_evidence.length + change.lost_evidence.length > 0);
  const titles = new Map(report.controls.map((control) => [control.control_id, control.title]));
  return (
    <>
      <p className="row">
        <Link to="/reports/$reportId" params={{ reportId: other }}>
          The other report
        </Link>
        {COURSES.filter((course) => (counts[course] ?? 0) > 0).map((course) => (
          <span key={course} className="row">
            <CourseBadge course={course} />
            <b className="num">{count(counts[course] ?? 0)}</b>
          </span>
        ))}
      </p>
      {told.length + evidenceOnly.length === 0 ? (
        <p className="muted">Nothing changed: all verdicts and all evidence are the same.</p>
      ) : (
        <ul className="card report-changes" aria-label="Controls that changed">
          {[...told, ...evidenceOnly].map((change) => (
            <Change key={change.control_id} change={change} title={titles.get(change.control_id)} />
          ))}
        </ul>
      )}
    </>
  );
}

function CourseBadge({ course }: { course: Course }): ReactNode {
  const { label, sign, tone } = COURSE_FACES[course];
  return (
    <span className={`st ${TONE_CLASS[tone]}`} data-course={course}>
      <span aria-hidden="true" className="mono">
        {sign}
      </span>
      {label}
    </span>
  );
}

function Change({ change, title }: { change: ControlChange; title: string | undefined }): ReactNode {
  const { control_id: control, course, was, now } = change;
  const name = visible(`${control} ${title ?? ""}`);
  return (
    <li>
      <div className="row">
        <CourseBadge course={course} />
        {title === undefined ? (
          <b className="wrap">{name}</b>
        ) : (
          <Link from={FROM} search={{ control }} className="b wrap">
            {name}
          </Link>
        )}
      </div>
      <p className="row sm">
        <Was verdict={was} /> <span aria-hidden="true">→</span>
        <span className="sr">became</span> <Was verdict={now} />
      </p>
      <Urls label="New evidence" urls={change.new_evidence} />
      <Urls label="Evidence that is gone" urls={change.lost_evidence} />
    </li>
  );
}

function Was({ verdict }: { verdict: Verdict | null }): ReactNode {
  return verdict === null ? <span className="muted">none</span> : <VerdictBadge standing={verdict} />;
}

function Urls({ label, urls }: { label: string; urls: readonly string[] }): ReactNode {
  if (urls.length === 0) return null;
  return (
    <div className="sm">
      <span className="muted">{label}</span>
      <ul aria-label={label}>
        {urls.map((url) => {
          const href = safeHref(url);
          return (
            <li key={url} className="wrap">
              {href === null ? (
                visible(url)
              ) : (
                <a href={href} target="_blank" rel="noreferrer noopener nofollow">
                  {visible(url)}
                </a>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
