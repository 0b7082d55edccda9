// Words about stories: their states, what differs by section, what the agents took. Pure.

import type { AgentStep, CitedSource, Goal, Stage, StepKind, StoryShape, StoryState, StorySummary, TaskShape } from "../wire";
import { type DiffRow, rowsOf } from "./diffRows";
import { count, duration } from "./format";
import type { Tone } from "./progress";

/** What somebody has to do something about, what is on its way, what is over. */
export type StoryGroup = "attention" | "working" | "ended";

interface StateFace {
  readonly label: string;
  readonly tone: Tone;
  readonly group: StoryGroup;
  readonly what: string;
}

export const STATE_FACES: Readonly<Record<StoryState, StateFace>> = {
  waiting: { label: "Waiting", tone: "idle", group: "working", what: "Nothing of it has begun." },
  working: { label: "Working", tone: "run", group: "working", what: "The agents are at it." },
  needs_approval: { label: "Needs approval", tone: "warn", group: "attention", what: "Nothing was written yet: it waits for your word." },
  written: { label: "Written", tone: "ok", group: "ended", what: "It is in Shortcut." },
  dry_run: { label: "Dry run", tone: "ok", group: "ended", what: "All was done but the writing." },
  conflict: { label: "Conflict", tone: "bad", group: "attention", what: "Somebody changed it meanwhile: nothing was written over that." },
  rejected: { label: "Rejected", tone: "idle", group: "ended", what: "Somebody decided against it: nothing was written." },
  failed: { label: "Failed", tone: "bad", group: "attention", what: "One of its tasks failed." },
  cancelled: { label: "Cancelled", tone: "idle", group: "ended", what: "One of its tasks was cancelled." },
  superseded: { label: "Superseded", tone: "idle", group: "ended", what: "A newer request stands for it." },
};

export const STORY_GROUPS: readonly StoryGroup[] = ["attention", "working", "ended"];
export const STORY_GROUP_NAMES: Readonly<Record<StoryGroup, string>> = { attention: "Need you", working: "Under way", ended: "Over" };

const STATES: readonly StoryState[] = ["waiting", "working", "needs_approval", "written", "dry_run", "conflict", "rejected", "failed", "cancelled", "superseded"];

export function statesOf(group: StoryGroup | undefined): readonly StoryState[] {
  return group === undefined ? [] : STATES.filter((state) => STATE_FACES[state].group === group);
}

export function isUnderWay({ state }: StorySummary): boolean {
  return STATE_FACES[state].group === "working";
}

const TASK_NAMES: Readonly<Record<string, string>> = {
  triage_story: "Triage",
  analyze_story: "Analysis",
  enhance_story: "Enhancement",
  write_back_story: "Write-back",
};

export function isStoryTask({ task_type: type }: Pick<TaskShape, "task_type">): boolean {
  return type in TASK_NAMES;
}

export function taskName(type: string): string {
  return TASK_NAMES[type] ?? type.replaceAll("_", " ");
}

export const GOAL_NAMES: Readonly<Record<Goal, string>> = { analyze: "analyse", enhance: "enhance" };
export const STAGES: readonly Stage[] = ["triage", "analysis", "enhancement"];
export const STAGE_NAMES: Readonly<Record<Stage, string>> = { triage: "Triage", analysis: "Analysis", enhancement: "Enhancement" };
export const KIND_NAMES: Readonly<Record<StepKind, string>> = { model: "model", tool: "tool", handoff: "hand-off" };

/** "US$0.0042": small sums keep their digits. Null where no price is known. */
export function costText(cost: number | null): string | null {
  if (cost === null) return null;
  return `US$${cost >= 0.1 || cost === 0 ? cost.toFixed(2) : cost.toPrecision(2)}`;
}

/** "480 tokens, US$0.0014", "480 of at most 2,000 tokens, US$0.0014 of at most US$0.50". */
export function tookText(tokens: number, cost: number | null, most: number | null = null, mostCost: number | null = null): string {
  const told = `${count(tokens)} ${most === null ? "" : `of at most ${count(most)} `}tokens`;
  const price = costText(cost);
  if (price === null) return told;
  return `${told}, ${price}${mostCost === null ? "" : ` of at most ${costText(mostCost)}`}`;
}

export interface StepsTotal {
  readonly models: number;
  readonly tools: number;
  readonly seconds: number;
}

export function totalOf(steps: readonly AgentStep[]): StepsTotal {
  return {
    models: steps.filter(({ kind }) => kind === "model").length,
    tools: steps.filter(({ kind }) => kind === "tool").length,
    seconds: steps.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Where a step lies within those of its stage, as shares of their whole time; `at` is when it ended. */
export function placeOf(step: AgentStep, steps: readonly AgentStep[]): { readonly from: number; readonly share: number } {
  const end = (each: AgentStep): number => Date.parse(each.at) / 1000;
  const first = Math.min(...steps.map((each) => end(each) - each.seconds));
  const whole = Math.max(...steps.map(end)) - first;
  if (whole <= 0) return { from: 0, share: 1 };
  const from = Math.min(0.99, Math.max(0, (end(step) - step.seconds - first) / whole));
  return { from, share: Math.min(1 - from, Math.max(0.01, step.seconds / whole)) };
}

export function secondsText(seconds: number): string {
  return seconds > 0 && seconds < 0.1 ? "under 0.1 s" : duration(seconds);
}

/** Each once: analysis and enhancement may cite the same. */
export function sourcesOf({ analysis, enhancement }: StoryShape): readonly CitedSource[] {
  const all = [...(enhancement?.sources ?? []), ...(analysis?.sources ?? [])];
  return all.filter((source, index) => all.findIndex(({ url }) => url === source.url) === index);
}

export function questionsOf({ analysis, enhancement }: StoryShape): readonly string[] {
  return [...new Set([...(enhancement?.open_questions ?? []), ...(analysis?.open_questions ?? [])])];
}

export interface DiffSection {
  /** Empty: before the first heading. */
  readonly title: string;
  readonly rows: readonly DiffRow[];
  readonly added: number;
  readonly removed: number;
}

/** What differs between two descriptions, section by section: what is gone goes by the headings that it stood below. */
export function diffSections({ before, after, diff }: StoryShape): readonly DiffSection[] {
  if (before === null || after === null || diff === null) return [];
  const [old, now] = [headingsOf(before.description), headingsOf(after.description)];
  const titleOf = (row: DiffRow): string | null => {
    if (row.kind === "gap") return null;
    const { old_number: oldNumber, new_number: newNumber } = row.line;
    return newNumber === null ? (old[(oldNumber ?? 1) - 1] ?? "") : (now[newNumber - 1] ?? "");
  };
  const sections = new Map<string, DiffRow[]>();
  let gaps: DiffRow[] = [];
  for (const row of rowsOf(diff.description)) {
    const title = titleOf(row);
    if (title === null) {
      gaps.push(row);
      continue;
    }
    sections.set(title, [...(sections.get(title) ?? []), ...gaps, row]);
    gaps = [];
  }
  return [...sections]
    .map(([title, rows]) => ({ title, rows, added: linesOf(rows, "added"), removed: linesOf(rows, "removed") }))
    .filter(({ added, removed }) => added + removed > 0);
}

function linesOf(rows: readonly DiffRow[], kind: "added" | "removed"): number {
  return rows.filter((row) => row.kind === "line" && row.line.kind === kind).length;
}

const HEADING = /^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** The heading that each line stands below, or is. */
function headingsOf(markdown: string): readonly string[] {
  let [title, fence] = ["", ""];
  return markdown.split(/\r\n|\r|\n/).map((line) => {
    const run = FENCE.exec(line)?.[1] ?? "";
    if (fence === "" && run !== "") fence = run;
    else if (fence !== "" && run.startsWith(fence)) fence = "";
    if (fence === "") title = HEADING.exec(line)?.[1] ?? title;
    return title;
  });
}
