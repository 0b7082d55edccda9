// All controls of a report, filtered by verdict and words; the one that is looked into opens below its row.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useDeferredValue, useEffect, useRef } from "react";

import { countOf, fits, shortfall, STANDING_FACES, standingOf, VERDICTS } from "../../text/compliance";
import { count, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { ControlShape, ReportShape } from "../../wire";
import { useRowKeys } from "../queue/useRowKeys";
import { ControlDetail } from "./ControlDetail";
import { VerdictBadge } from "./faces";
import type { ReportParams } from "./params";

const FROM = "/reports/$reportId";

/** Changes what the URL says; what is undefined goes. */
export function useReportParams(): [ReportParams, (next: { [Name in keyof ReportParams]?: ReportParams[Name] | undefined }, replace?: boolean) => void] {
  const now = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const change = (next: { [Name in keyof ReportParams]?: ReportParams[Name] | undefined }, replace = false): void => {
    const search: ReportParams = Object.fromEntries(Object.entries({ ...now, ...next }).filter(([, value]) => value !== undefined));
    void navigate({ search, replace, resetScroll: false });
  };
  return [now, change];
}

export function ControlsTab({ report }: { report: ReportShape }): ReactNode {
  const [{ verdict, q = "", control: open }] = useReportParams();
  const words = useDeferredValue(q);
  const list = useRowKeys<HTMLUListElement>();
  const shown = report.controls.filter((control) => control.control_id === open || fits(control, verdict, words));
  return (
    <>
      <Filters report={report} shown={shown.length} />
      {shown.length === 0 ? (
        <p className="card pad">No control fits. Choose another verdict or other words.</p>
      ) : (
        <ul className="card controls" aria-label="Controls" ref={list}>
          {shown.map((control) => (
            <Row key={control.control_id} control={control} isOpen={control.control_id === open} />
          ))}
        </ul>
      )}
    </>
  );
}

function Filters({ report, shown }: { report: ReportShape; shown: number }): ReactNode {
  const [{ verdict, q = "" }, change] = useReportParams();
  return (
    <div className="row" role="search" aria-label="Filter controls">
      {VERDICTS.map((each) => (
        <button
          key={each}
          type="button"
          className="chip"
          aria-pressed={verdict === each}
          onClick={() => change({ verdict: verdict === each ? undefined : each, control: undefined, passage: undefined })}
        >
          {STANDING_FACES[each].label} <span className="muted num">{count(countOf(report.counts, each))}</span>
        </button>
      ))}
      <input
        className="in small report-filter"
        type="search"
        aria-label="Filter by words"
        placeholder="Control, reasoning or page"
        value={q}
        onChange={(event) => change({ q: event.target.value === "" ? undefined : event.target.value }, true)}
      />
      <span className="sr" role="status">
        {verdict === undefined && q === "" ? "" : `${counted(shown, "control")} shown`}
      </span>
    </div>
  );
}

function Row({ control, isOpen }: { control: ControlShape; isOpen: boolean }): ReactNode {
  const [, change] = useReportParams();
  const row = useRef<HTMLLIElement>(null);
  const isLinked = useRef(isOpen);
  useEffect(() => {
    // Only where the link led to it: who opens it sees it already.
    if (isLinked.current) row.current?.scrollIntoView({ block: "start" });
  }, []);
  const { control_id: id, title, evidence } = control;
  const toggle = (): void => change({ control: isOpen ? undefined : id, passage: undefined });
  const name = visible(`${id} ${title}`);
  return (
    <li ref={row} className={isOpen ? "open" : undefined} data-testid="control" data-control={id}>
      <div className="control-head">
        <h3>
          <button type="button" className="link" aria-expanded={isOpen} onClick={toggle} data-row-link>
            {name}
          </button>
        </h3>
        <VerdictBadge standing={standingOf(control)} />
        <span className="muted sm num">{evidence === null ? "" : counted(evidence.length, "passage")}</span>
        {isOpen ? null : <p className="muted sm control-short">{visible(shortfall(control))}</p>}
      </div>
      {isOpen ? <ControlDetail control={control} /> : null}
    </li>
  );
}
