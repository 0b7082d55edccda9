// What saved queries gave, in words and as points of a plot.

import type { EvaluationSummary, QueryResultShape } from "../wire";
import type { Series } from "./plot";
import type { CrawlFace } from "./sources";

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Runs come newest first, plots go the other way. */
export function seriesOf(runs: readonly EvaluationSummary[]): readonly Series[] {
  const ascending = [...runs].reverse();
  return [
    { name: "Recall at 5", points: ascending.map((run) => [Date.parse(run.at), run.recall_at_5] as const) },
    { name: "Mean reciprocal rank", points: ascending.map((run) => [Date.parse(run.at), run.mrr] as const) },
  ];
}

/** Where each generation was first run. */
export function generationMarks(runs: readonly EvaluationSummary[]): readonly { readonly at: number; readonly label: string }[] {
  const first = new Map<number, number>();
  for (const { generation, at } of runs) first.set(generation, Date.parse(at));
  return [...first].map(([generation, at]) => ({ at, label: `gen ${generation}` }));
}

const TH = new Intl.PluralRules("en", { type: "ordinal" });
const ENDINGS: Readonly<Record<string, string>> = { one: "st", two: "nd", few: "rd" };

export function rankFace({ rank, error }: Pick<QueryResultShape, "rank" | "error">): CrawlFace {
  if (error !== null) return { label: "Could not be run", tone: "bad" };
  if (rank === null) return { label: "Not among the first ten", tone: "bad" };
  return { label: `Found ${rank}${ENDINGS[TH.select(rank)] ?? "th"}`, tone: rank <= 5 ? "ok" : "warn" };
}
