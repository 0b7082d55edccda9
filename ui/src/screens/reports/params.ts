import { oneOf, type Raw, text } from "../../params";
import type { Verdict } from "../../wire";

export interface ReportsParams {
  /** Only reports of this framework. */
  readonly framework?: string;
}

export function reportsParams(raw: Raw): ReportsParams {
  return text("framework", raw.framework);
}

export type ReportTab = "controls" | "gaps" | "changes";

const TABS: Readonly<Record<ReportTab, true>> = { controls: true, gaps: true, changes: true };
const VERDICTS: Readonly<Record<Verdict, true>> = { met: true, partly: true, not_met: true, unknown: true };

export interface ReportParams {
  readonly tab?: ReportTab;
  readonly verdict?: Verdict;
  readonly q?: string;
  /** The control that is looked into. */
  readonly control?: string;
  /** The number of its passage that is shown in its page, from 1. */
  readonly passage?: string;
  /** The report that is compared with. */
  readonly with?: string;
}

export function reportParams(raw: Raw): ReportParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...oneOf("verdict", VERDICTS, raw.verdict),
    ...text("q", raw.q),
    ...text("control", raw.control),
    ...(typeof raw.passage === "string" && /^[1-9]\d{0,2}$/.test(raw.passage) ? { passage: raw.passage } : {}),
    ...text("with", raw.with),
  };
}
