// What is not met in full: what does not hold first, then what only partly does.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { counted } from "../../text/format";
import { countOf, standingOf } from "../../text/compliance";
import { visible } from "../../text/visible";
import type { ReportShape } from "../../wire";
import { VerdictBadge } from "./faces";

export function GapsTab({ report }: { report: ReportShape }): ReactNode {
  const gaps = (["not_met", "partly"] as const).flatMap((verdict) => report.controls.filter((control) => standingOf(control) === verdict));
  const open = countOf(report.counts, "unknown") + countOf(report.counts, "waiting");
  if (gaps.length === 0) {
    return <p className="muted">No gap was shown{open === 0 ? "." : `; ${counted(open, "control")} without a verdict that says so.`}</p>;
  }
  return (
    <div className="card table-frame" tabIndex={0} role="region" aria-label="Gaps">
      <table className="table report-gaps">
        <thead>
          <tr>
            <th scope="col">Control and verdict</th>
            <th scope="col">What is missing</th>
          </tr>
        </thead>
        <tbody>
          {gaps.map((control) => (
            <tr key={control.control_id}>
              <th scope="row">
                <Link from="/reports/$reportId" search={{ control: control.control_id }} className="wrap">
                  {visible(`${control.control_id} ${control.title}`)}
                </Link>{" "}
                <VerdictBadge standing={standingOf(control)} />
              </th>
              <td className="wrap">{visible(control.assessment?.gap ?? "") || visible(control.assessment?.reasoning ?? "")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
