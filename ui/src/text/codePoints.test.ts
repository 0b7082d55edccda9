import { expect, it } from "vitest";

import { utf16Offsets, utf16Ranges } from "./codePoints";

it("counts a character beyond the basic plane as one", () => {
  const text = "a😀b👩‍💻c";
  const marked = utf16Ranges(text, [[2, 3], [6, 7]]).map(([start, end]) => text.slice(start, end));
  expect(marked).toEqual(["b", "c"]);
});

it("is the identity in plain text", () => {
  expect(utf16Offsets("plain", [0, 3, 5])).toEqual([0, 3, 5]);
});

it("takes offsets in any order and none beyond the end", () => {
  expect(utf16Offsets("😀😀x", [3, 0, 1, 99])).toEqual([5, 0, 2, 5]);
});

it("merges ranges that overlap and drops empty ones", () => {
  expect(utf16Ranges("abcdefgh", [[4, 6], [0, 3], [2, 4], [7, 7]])).toEqual([[0, 4], [4, 6]]);
});
