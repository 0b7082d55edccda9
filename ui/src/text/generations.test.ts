import { describe, expect, it } from "vitest";

import { brought, figuresOf, reasonsOf, savedText } from "./generations";

const result = {
  pages_added: 1,
  pages_changed: 0,
  pages_removed: 2,
  saved: { pages_unchanged: 12, pages_not_fetched: 9, chunks: 1, tokens: 1200 },
  figures: { pages: 12, chars: 5000, asked: 14, gone: 2, scope: "max_depth=10" },
  reasons: ["It lost much."],
};

describe("a generation in words", () => {
  it("tells what it brought, also nothing of a kind", () => {
    expect(brought({ result }).map(({ value }) => value)).toEqual([1, 0, 2]);
    expect(brought({ result: {} })).toEqual([]);
  });

  it("tells what was saved", () => {
    expect(savedText({ result })).toBe("Saved: 12 pages unchanged (9 not even fetched), 1 chunk and 1,200 tokens needed no new vectors.");
    expect(savedText({ result: { saved: { pages_unchanged: 0, chunks: 0 } } })).toBeNull();
    expect(savedText({ result: { saved: "?" } })).toBeNull();
  });

  it("takes only numbers as figures", () => {
    expect(figuresOf({ result }).map(({ value }) => value)).toEqual([12, 5000, 14, 2]);
  });

  it("tells why it was refused", () => {
    expect(reasonsOf({ result })).toEqual(["It lost much."]);
    expect(reasonsOf({ result: { reasons: "no list" } })).toEqual([]);
  });
});
