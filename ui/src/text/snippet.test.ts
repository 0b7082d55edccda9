import { expect, test } from "vitest";

import type { Range } from "../wire";
import { blocksOf } from "./passage";
import { clipped, snippetRange } from "./snippet";

const shown = (content: string, marks: readonly Range[], size?: number): string[] =>
  clipped(blocksOf(content, marks), snippetRange(content, marks, size)).map((block) => block.spans.map((span) => span.text).join(""));

const filler = "lorem ipsum dolor sit amet ".repeat(40);

test("a short passage is shown whole", () => {
  expect(shown("One **two** three.\n\n```py\nx = 1\n```", [])).toEqual(["One two three.", "x = 1"]);
});

test("of a long one the part with the most marks is shown, from a word on", () => {
  const content = `wombat ${filler}here a wombat and a wombat sleep ${filler}`;
  const at = content.indexOf("wombat and");
  const marks: Range[] = [[0, 6], [at, at + 6], [content.indexOf("wombat sleep"), content.indexOf("wombat sleep") + 6]];
  const [text = ""] = shown(content, marks, 200);
  expect(text).toMatch(/^…\w+ .*here a wombat and a wombat sleep lorem.*…$/);
  expect(text.length).toBeLessThan(210);
});

test("marks stay on their characters", () => {
  const content = `${filler}\n\nthe 👩‍👩‍👧 wombat 有袋类 eats ${filler}`;
  const at = content.indexOf("有袋类");
  const blocks = clipped(blocksOf(content, [[at, at + 3]]), snippetRange(content, [[at, at + 3]], 100));
  expect(blocks.flatMap((block) => block.spans.filter((span) => span.isMarked).map((span) => span.text))).toEqual(["有袋类"]);
});

test("a character is never cut in two", () => {
  const content = "👩".repeat(600);
  const range = snippetRange(content, [[601, 603]], 101);
  for (const text of shown(content, [[601, 603]], 101)) expect(text.replaceAll("…", "").replaceAll("👩", "")).toBe("");
  expect(range[0] % 2).toBe(0);
});

test("without marks its beginning is shown", () => {
  expect(shown(filler, [], 100)[0]).toMatch(/^lorem .*…$/);
});
