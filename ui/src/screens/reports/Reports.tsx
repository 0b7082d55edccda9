// `/reports`: how far sources show that the controls of frameworks are met. The reports, and the frameworks that are there.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { More } from "../../components/More";
import { useShortcut } from "../../components/shortcuts";
import { frameworksQuery, REPORTS_KEY, reportsQuery } from "../../data/compliance";
import { useListedMarks, useQuietReading, useReadWhenTold } from "../../live/reading";
import { isReportTask } from "../../text/compliance";
import { FrameworkFilter } from "./FrameworkFilter";
import { Frameworks } from "./Frameworks";
import { ImportFramework } from "./ImportFramework";
import { NewReport } from "./NewReport";
import { ReportRows } from "./ReportRows";
import "../../components/table.css";
import "./reports.css";

const LEAST_MS = 1_000;

type Open = "none" | "report" | "framework";

export function Reports(): ReactNode {
  const { api } = useApp();
  const { framework } = useSearch({ from: "/reports" });
  const [open, setOpen] = useState<Open>("none");
  const frameworks = useQuery(frameworksQuery(api)).data?.items;
  const query = useInfiniteQuery({ ...reportsQuery(api, framework), ...useQuietReading() });
  useReadWhenTold(REPORTS_KEY, useListedMarks(isReportTask), LEAST_MS);
  const reports = query.data?.pages.flatMap((page) => page.items);
  useShortcut("n", "New report", () => setOpen("report"));
  const close = (): void => setOpen("none");
  return (
    <>
      <div className="head">
        <Heading title="Reports">Reports</Heading>
        <span className="sp" />
        <button type="button" className="btn" onClick={() => setOpen("framework")}>
          Import framework…
        </button>
        <button type="button" className="btn pri" onClick={() => setOpen("report")}>
          New report <kbd>N</kbd>
        </button>
      </div>
      <div className="stack">
        {frameworks === undefined ? null : <FrameworkFilter frameworks={frameworks} />}
        <Loaded query={{ data: reports, error: query.error }}>
          {(items) => (items.length === 0 ? <NoReport isFiltered={framework !== undefined} onNew={() => setOpen("report")} /> : <ReportRows reports={items} />)}
        </Loaded>
        <More query={query} />
        {frameworks === undefined ? null : <Frameworks frameworks={frameworks} />}
      </div>
      {open === "report" ? <NewReport onClose={close} /> : null}
      {open === "framework" ? <ImportFramework onClose={close} /> : null}
    </>
  );
}

function NoReport({ isFiltered, onNew }: { isFiltered: boolean; onNew: () => void }): ReactNode {
  return (
    <section className="card pad stack" aria-label="No reports">
      <p>
        <b>{isFiltered ? "No report of this framework yet." : "No report yet."}</b> A report tells for each control of a framework which passages of your
        sources speak of it, whether they show that it is met, and what is missing.
      </p>
      <p className="row">
        <button type="button" className="btn pri" onClick={onNew}>
          Make a report
        </button>
        <a className="btn" href="/example/compliance.html">
          How reports are made
        </a>
      </p>
    </section>
  );
}
