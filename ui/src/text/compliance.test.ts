import { expect, it } from "vitest";

import type { ControlShape, Passage, Quote } from "../wire";
import { countsText, fits, passageName, quoteRanges, shortfall, standingOf, totalOf } from "./compliance";

const PASSAGE: Passage = {
  page_id: "pg_1",
  chunk_id: "ch_1",
  source_id: "src_1",
  url: "https://a.test/backup",
  title: "Backups",
  heading_path: ["Backups", "Nightly"],
  start: 100,
  end: 150,
  content: "",
  seen_at: "2026-01-01T00:00:00Z",
  is_missing: false,
  why: [],
};
const CONTROL: ControlShape = {
  control_id: "H-1",
  title: "Backups",
  text: "A restore is tried.",
  guidance: "",
  evidence_wanted: [],
  evidence: [PASSAGE],
  assessment: { verdict: "partly", reasoning: "It says when.", gap: "Who does it.", quotes: [], quotes_dropped: 0, by: "model", model: "m", note: "" },
};

function quote(start: number | null, end: number | null, pageId = "pg_1"): Quote {
  return { passage: 1, page_id: pageId, url: "", text: "", start, end };
}

it("counts are told without what there is none of", () => {
  expect(countsText({ met: 12, not_met: 1, waiting: 2 })).toBe("12 met, 1 not met, 2 waiting");
  expect(totalOf({ met: 1, partly: 2, not_met: 3, unknown: 4, waiting: 5 })).toBe(15);
});

it("a control without a verdict waits", () => {
  expect(standingOf({ ...CONTROL, assessment: null })).toBe("waiting");
  expect(shortfall({ ...CONTROL, assessment: null })).toBe("1 passage found, no verdict yet");
  expect(shortfall(CONTROL)).toBe("Who does it.");
});

it("a filter looks at verdict, texts and pages", () => {
  expect(fits(CONTROL, "partly", "")).toBe(true);
  expect(fits(CONTROL, "met", "")).toBe(false);
  expect(fits(CONTROL, undefined, "RESTORE a.test")).toBe(true);
  expect(fits(CONTROL, undefined, "restore telepathy")).toBe(false);
});

it("quotes are marked where they stand in the passage, each place once", () => {
  const quotes = [quote(140, 170), quote(90, 110), quote(105, 120), quote(10, 20), quote(null, null), quote(120, 130, "pg_2")];
  expect(quoteRanges(PASSAGE, quotes)).toEqual([[0, 10], [40, 50]]);
});

it("a page that is called as its first heading is named once", () => {
  expect(passageName(PASSAGE)).toBe("Backups › Nightly");
  expect(passageName({ ...PASSAGE, title: "26.3.\u00a0Archiving", heading_path: ["26.3. Archiving", "26.3. Archiving", "`pg_stat`"] })).toBe("26.3. Archiving › pg_stat");
  expect(passageName({ ...PASSAGE, title: "", heading_path: [] })).toBe("https://a.test/backup");
});
