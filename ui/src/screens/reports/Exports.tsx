// The report as files.

import type { ReactNode } from "react";

import { Download } from "../../components/Download";
import type { ReportShape } from "../../wire";

const FORMATS = [
  { format: "pdf", label: "PDF", ending: "pdf" },
  { format: "html", label: "HTML", ending: "html" },
  { format: "markdown", label: "Markdown", ending: "md" },
  { format: "json", label: "JSON", ending: "json" },
] as const;

export function Exports({ report }: { report: ReportShape }): ReactNode {
  const { report_id: reportId, framework_id: frameworkId, created_at: at, formats } = report;
  const there = FORMATS.filter(({ format }) => formats.includes(format));
  if (there.length === 0) return null;
  return (
    <div className="row report-files" role="group" aria-label="Export">
      <span className="sm muted">Export</span>
      {there.map(({ format, label, ending }) => (
        <Download
          key={format}
          path={`/compliance/reports/${encodeURIComponent(reportId)}/file?format=${format}`}
          fileName={`${frameworkId}-${at.slice(0, 10)}-${reportId.slice(-6)}.${ending}`}
          label={label}
          isSmall
        />
      ))}
    </div>
  );
}
