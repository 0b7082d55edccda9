// How the controls stand, as one bar and in numbers, and what was left out.

import type { ReactNode } from "react";

import { countOf, STANDINGS, totalOf } from "../../text/compliance";
import { count, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { ReportShape } from "../../wire";
import { VerdictBadge, VerdictBar } from "./faces";

export function Summary({ report }: { report: ReportShape }): ReactNode {
  const { counts, controls, left_out: leftOut } = report;
  const said = controls.flatMap(({ assessment }) => (assessment === null ? [] : [assessment]));
  const quotes = said.reduce((sum, { quotes: kept }) => sum + kept.length, 0);
  const dropped = said.reduce((sum, each) => sum + each.quotes_dropped, 0);
  return (
    <section className="card pad stack" aria-labelledby="summary">
      <h2 id="summary">
        {count(countOf(counts, "met"))} of {counted(totalOf(counts), "control")} met
      </h2>
      <VerdictBar counts={counts} />
      <ul className="row" data-testid="verdict-counts">
        {STANDINGS.filter((standing) => standing !== "waiting" || countOf(counts, "waiting") > 0).map((standing) => (
          <li key={standing} className="row">
            <VerdictBadge standing={standing} />
            <b className="num">{count(countOf(counts, standing))}</b>
          </li>
        ))}
      </ul>
      {quotes + dropped === 0 ? null : (
        <p className="muted sm">
          {counted(quotes, "quote")} {quotes === 1 ? "stands" : "stand"} in {quotes === 1 ? "its page" : "their pages"}
          {dropped === 0 ? "." : `; ${counted(dropped, "quote")} of the model ${dropped === 1 ? "does" : "do"} not, and did not count.`}
        </p>
      )}
      {leftOut.map((note) => (
        <p key={note} className="sm wrap">
          {visible(note)}
        </p>
      ))}
    </section>
  );
}
