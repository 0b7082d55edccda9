import { expect, test } from "vitest";

import { matchedText, partsOf } from "./scoreText";

test("the parts of a score are told with their rank and measure", () => {
  const parts = partsOf({ keyword: 0.6, keyword_rank: 1, keyword_raw: 9.214, links: -0.24, rerank: 1.5, rerank_raw: 0.9 });
  expect(parts.map(({ name, added, rank, raw }) => [name, added, rank, raw])).toEqual([
    ["keyword", "+0.600", "1", "BM25 9.21"],
    ["links", "−0.240", "", ""],
    ["rerank", "+1.500", "", "reranker 0.90"],
  ]);
});

test("where the words stand is told", () => {
  expect(matchedText([])).toContain("by its meaning");
  expect(matchedText(["title"])).toBe("Words of the search stand in the title.");
  expect(matchedText(["title", "headings", "content"])).toBe("Words of the search stand in the title, the headings and the text.");
});
