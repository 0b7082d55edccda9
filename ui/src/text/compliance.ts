// Words about reports on compliance: verdicts, how they went, which controls a filter lets by. Pure.

import type { ControlShape, Counts, Course, Passage, Quote, Range, ReportSummary, TaskShape, Verdict } from "../wire";
import { counted } from "./format";
import type { Tone } from "./progress";

/** `waiting` is a control without a verdict yet. */
export type Standing = Verdict | "waiting";

export const VERDICTS: readonly Verdict[] = ["met", "partly", "not_met", "unknown"];
export const STANDINGS: readonly Standing[] = [...VERDICTS, "waiting"];

export const STANDING_FACES: Readonly<Record<Standing, { readonly label: string; readonly tone: Tone }>> = {
  met: { label: "Met", tone: "ok" },
  partly: { label: "Partly met", tone: "warn" },
  not_met: { label: "Not met", tone: "bad" },
  unknown: { label: "Unknown", tone: "idle" },
  waiting: { label: "Waiting", tone: "idle" },
};

export const COURSE_FACES: Readonly<Record<Course, { readonly label: string; readonly sign: string; readonly tone: Tone }>> = {
  worse: { label: "Worse", sign: "↓", tone: "bad" },
  better: { label: "Better", sign: "↑", tone: "ok" },
  changed: { label: "From or to unknown", sign: "±", tone: "run" },
  added: { label: "New in the framework", sign: "+", tone: "idle" },
  removed: { label: "Gone from the framework", sign: "−", tone: "idle" },
  same: { label: "Same", sign: "=", tone: "idle" },
};
/** What matters most first. */
export const COURSES: readonly Course[] = ["worse", "better", "changed", "added", "removed", "same"];

export function countOf(counts: Counts, standing: Standing): number {
  return counts[standing] ?? 0;
}

export function totalOf(counts: Counts): number {
  return STANDINGS.reduce((sum, standing) => sum + countOf(counts, standing), 0);
}

/** "12 met, 3 partly met, 5 unknown": what there is none of is left out. */
export function countsText(counts: Counts): string {
  const told = STANDINGS.filter((standing) => countOf(counts, standing) > 0);
  return told.map((standing) => `${countOf(counts, standing)} ${STANDING_FACES[standing].label.toLowerCase()}`).join(", ");
}

export function standingOf(control: ControlShape): Standing {
  return control.assessment?.verdict ?? "waiting";
}

/** What is missing, or why there is no verdict: one line for a list. */
export function shortfall({ assessment, evidence }: ControlShape): string {
  if (assessment === null) return evidence === null ? "" : `${counted(evidence.length, "passage")} found, no verdict yet`;
  return assessment.gap || assessment.note || assessment.reasoning;
}

export function fits(control: ControlShape, verdict: Verdict | undefined, q: string): boolean {
  if (verdict !== undefined && standingOf(control) !== verdict) return false;
  const said = control.assessment;
  const pages = (control.evidence ?? []).flatMap(({ title, url }) => [title, url]);
  const text = [control.control_id, control.title, control.text, said?.reasoning, said?.gap, said?.note, ...pages].join("\n").toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Where the quotes stand in a passage, in code points of its content: sorted, none within another. */
export function quoteRanges(passage: Passage, quotes: readonly Quote[]): readonly Range[] {
  const length = passage.end - passage.start;
  const found = quotes.flatMap(({ page_id: pageId, start, end }): Range[] => {
    if (pageId !== passage.page_id || start === null || end === null) return [];
    const range = [Math.max(0, start - passage.start), Math.min(length, end - passage.start)] as const;
    return range[0] < range[1] ? [range] : [];
  });
  return found.sort((a, b) => a[0] - b[0]).reduce<Range[]>((kept, range) => (range[0] < (kept.at(-1)?.[1] ?? 0) ? kept : [...kept, range]), []);
}

/** The three tasks, as their steps are told. */
export type ReportStage = keyof ReportSummary["task_ids"];

const TASK_TYPES: readonly string[] = ["fetch_evidence", "analyze_compliance", "generate_report"];

export function isReportTask({ task_type: type }: Pick<TaskShape, "task_type">): boolean {
  return TASK_TYPES.includes(type);
}

export const REPORT_STAGES: readonly ReportStage[] = ["evidence", "analysis", "report"];

export const STAGE_TEXTS: Readonly<Record<ReportStage, { readonly name: string; readonly does: string }>> = {
  evidence: { name: "Evidence", does: "Looking for evidence" },
  analysis: { name: "Verdicts", does: "Judging the evidence" },
  report: { name: "Files", does: "Writing the files" },
};

/** The stage that is at work or has failed; null when all is done. */
export function stageOf({ stage }: ReportSummary): ReportStage | null {
  return REPORT_STAGES.find((each) => each === stage) ?? null;
}

/** What of an unfinished report is kept. */
export function keptText({ counts }: ReportSummary): string {
  const judged = totalOf(counts) - countOf(counts, "waiting");
  return judged === 0 ? "What was found for its controls is kept." : `The verdicts on ${counted(judged, "control")} are kept.`;
}

/** "Page › Section": what is called as what it stands in, as the first heading of most pages is, is named once. */
export function passageName({ title, heading_path: path, url }: Pick<Passage, "title" | "heading_path" | "url">): string {
  const plain = (text: string | undefined): string => (text ?? "").replaceAll("`", "").replace(/\s+/g, " ").trim();
  const all = [title, ...path].map(plain);
  const names = all.filter((name, index) => name !== "" && name !== all[index - 1]);
  return names.length === 0 ? url : names.join(" › ");
}
