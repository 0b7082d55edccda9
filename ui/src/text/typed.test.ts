import { expect, test } from "vitest";

import { correctedPieces, fewerWords, unquoted, without, writtenFilters } from "./typed";

const text = (query: string, corrections: Record<string, string>): string =>
  correctedPieces(query, corrections)
    .map((piece) => (piece.isCorrected ? `*${piece.text}*` : piece.text))
    .join("");

test("a corrected word is told from the others", () => {
  expect(text("Websokcet server", { websokcet: "websocket" })).toBe("*websocket* server");
  expect(text("asyncio.craete_task", { craete: "create" })).toBe("asyncio.*create*_task");
  expect(text("a c++x b", { "c++x": "c++" })).toBe("a *c++* b");
  expect(text("plain", {})).toBe("plain");
});

test("a correction never stands within another word", () => {
  expect(text("cat concat", { cat: "cut" })).toBe("*cut* concat");
});

test("filters and what is left out are found where they are written", () => {
  const query = 'pool site:docs.test/a path:"/a b/" -"rate limit" std::vector http://x -rf';
  expect(writtenFilters(query)).toEqual(["site:docs.test/a", 'path:"/a b/"', '-"rate limit"']);
  expect(without(query, "site:docs.test/a")).toBe('pool path:"/a b/" -"rate limit" std::vector http://x -rf');
});

test("quotes are taken away, and their words stay", () => {
  expect(unquoted('"rate limit" of tag:"a b"')).toBe('rate limit of tag:"a b"');
});

test("of many words the two longest are tried", () => {
  expect(fewerWords("how to close open websockets")).toBe("close websockets");
  expect(fewerWords("open websockets")).toBeNull();
  expect(fewerWords('one two three "four five"')).toBeNull();
});
