import { describe, expect, it } from "vitest";

import type { EvaluationSummary } from "../wire";
import { generationMarks, rankFace, seriesOf } from "./savedQueries";

function run(at: string, generation: number, recall: number): EvaluationSummary {
  const rest = { evaluation_id: at, source_id: "src_1", task_id: null, queries: 2 };
  return { ...rest, at, generation, recall_at_5: recall, recall_at_10: 1, mrr: recall / 2 };
}

const RUNS = [run("2026-01-03T00:00:00Z", 2, 0.5), run("2026-01-02T00:00:00Z", 2, 0.8), run("2026-01-01T00:00:00Z", 1, 1)];

describe("saved queries", () => {
  it("are plotted from the oldest run to the newest", () => {
    const [recall, rank] = seriesOf(RUNS);
    expect(recall?.points.map(([, value]) => value)).toEqual([1, 0.8, 0.5]);
    expect(rank?.points[0]).toEqual([Date.parse("2026-01-01T00:00:00Z"), 0.5]);
  });

  it("are marked where a generation was first run", () => {
    expect(generationMarks(RUNS)).toEqual([
      { at: Date.parse("2026-01-02T00:00:00Z"), label: "gen 2" },
      { at: Date.parse("2026-01-01T00:00:00Z"), label: "gen 1" },
    ]);
  });

  it("say where their page came", () => {
    const label = (rank: number | null, error: string | null = null) => rankFace({ rank, error }).label;
    expect([1, 2, 3, 4].map((rank) => label(rank))).toEqual(["Found 1st", "Found 2nd", "Found 3rd", "Found 4th"]);
    expect([label(null), label(null, "no embedder")]).toEqual(["Not among the first ten", "Could not be run"]);
  });
});
