import { describe, expect, it } from "vitest";

import type { EstimateShape } from "../../wire";
import { costText, pagesText, priceText, timeText } from "./estimate";
import { reasonText } from "./fields";

const LOCAL: EstimateShape = { pages: 1080, is_whole: true, seconds: 32.4, tokens: 1_234_567, model: "local:minilm", embed_seconds: 309, cost_usd: 0 };
const PAID: EstimateShape = { ...LOCAL, model: "openai:text-embedding-3-small", embed_seconds: 12, cost_usd: 0.0247 };

describe("an estimate in words", () => {
  it("says how many pages, and that there are more", () => {
    expect([pagesText(LOCAL), pagesText({ ...LOCAL, pages: 1, is_whole: false })]).toEqual(["1,080 pages", "1 page known so far"]);
  });
  it("says when all is found, and when by meaning where that takes much longer", () => {
    expect(timeText(LOCAL)).toBe("about 32 s until all is found by words, about 5 min 10 s by meaning");
    expect(timeText(PAID)).toBe("about 32 s until all is found by words");
    expect(timeText({ ...PAID, seconds: 0.3 })).toContain("under a second");
  });
  it("says what it costs", () => {
    expect(costText(LOCAL)).toBe("free: vectors are made on this machine, about 1,200,000 tokens");
    expect(costText(PAID)).toBe("about $0.02 with text-embedding-3-small, about 1,200,000 tokens");
    expect(costText({ ...PAID, cost_usd: null })).toContain("a price that isn't known");
    expect(costText({ ...PAID, model: null })).toContain("free");
    expect([LOCAL, PAID, { ...PAID, cost_usd: 0.001 }, { ...PAID, cost_usd: null }].map(priceText)).toEqual([
      "free",
      "about $0.02",
      "under $0.01",
      "price unknown",
    ]);
  });
});

describe("the server's reason below its field", () => {
  it.each([
    ["must be like 90m", "This must be like 90m."],
    ["Input should be greater than or equal to 1", "It should be greater than or equal to 1."],
    ["a pattern is longer than 512 characters", "A pattern is longer than 512 characters."],
  ])("%s", (reason, sentence) => expect(reasonText(reason)).toBe(sentence));
});
