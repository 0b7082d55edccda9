import { expect, it } from "vitest";

import type { Range } from "../wire";
import { blocksOf } from "./passage";

function marksOn(text: string, word: string): Range[] {
  const start = text.indexOf(word);
  return [[start, start + word.length]];
}

it("cuts paragraphs and fenced code", () => {
  const blocks = blocksOf("# Title\n\nSome *words*.\n\n```py\nx = 1\n\ny = 2\n```\nafter", []);
  expect(blocks.map(({ kind, language }) => [kind, language])).toEqual([
    ["prose", null],
    ["prose", null],
    ["code", "py"],
    ["prose", null],
  ]);
  expect(blocks[2]?.spans.map((span) => span.text).join("")).toBe("x = 1\n\ny = 2");
});

it("leaves link targets out, but nothing that is marked", () => {
  const text = "See [the guide](https://example.org/shutdown) now";
  const plain = blocksOf(text, []).flatMap((block) => block.spans.map((span) => span.text));
  expect(plain.join("")).toBe("See the guide now");
  const marked = blocksOf(text, marksOn(text, "shutdown")).flatMap((block) => block.spans);
  expect(marked.filter((span) => span.isMarked).map((span) => span.text)).toEqual(["shutdown"]);
});

it("keeps every mark on its characters, in prose and in code", () => {
  const text = "close **websockets** now\n\n```\nawait ws.close()\n```";
  const marks: Range[] = [...marksOn(text, "websockets"), ...marksOn(text, "ws.close")];
  const marked = blocksOf(text, marks).flatMap((block) => block.spans.filter((span) => span.isMarked));
  expect(marked.map((span) => span.text)).toEqual(["websockets", "ws.close"]);
});

it("shows a quotation without what begins its lines, its code too", () => {
  const text = "> **Note**\n>\n> If *return_exceptions* is 2 * 3 or a*b*c\n> then\n>\n> ```py\n> x = 1\n>\n> y > 2\n> ```\n\nafter";
  const blocks = blocksOf(text, marksOn(text, "y > 2"));
  expect(blocks.map(({ kind, spans }) => [kind, spans.map((span) => span.text).join("")])).toEqual([
    ["prose", "Note"],
    ["prose", "If return_exceptions is 2 * 3 or a*b*c\nthen"],
    ["code", "x = 1\n\ny > 2"],
    ["prose", "after"],
  ]);
  expect(blocks[1]?.spans.filter((span) => span.style === "em").map((span) => span.text)).toEqual(["return_exceptions"]);
  expect(blocks[2]?.spans.filter((span) => span.isMarked).map((span) => span.text)).toEqual(["y > 2"]);
});

it("leaves in code what only looks like a quotation", () => {
  const shown = (text: string): string[] => blocksOf(text, []).map((block) => block.spans.map((span) => span.text).join(""));
  expect(shown("```py\n>>> 1 + 1\n2\n```")).toEqual([">>> 1 + 1\n2"]);
  expect(shown("```sh\ncat <<E\n> x\n> E\n```")).toEqual(["cat <<E\n> x\n> E"]);
  expect(shown("~~~md\n> ~~~\n> x\n~~~\nafter")).toEqual(["> ~~~\n> x", "after"]);
  expect(shown("> ```\n> >>> x = 1\n> ```")).toEqual([">>> x = 1"]);
  expect(shown("> > deep\n> > ```\n> > a\n> > > b\n> > ```")).toEqual(["deep", "a\n> b"]);
});

it("does not close a fence with a shorter one", () => {
  const blocks = blocksOf("````md\n```py\nx\n```\n````", []);
  expect(blocks).toHaveLength(1);
  expect(blocks[0]?.spans.map((span) => span.text).join("")).toBe("```py\nx\n```");
});

it("takes a hostile passage in linear time", () => {
  const started = performance.now();
  for (const text of ["[".repeat(20_000), "`".repeat(20_000), "**".repeat(10_000), "[a](".repeat(5_000), "*a ".repeat(9_000), "> ".repeat(9_000)]) blocksOf(text, []);
  expect(performance.now() - started).toBeLessThan(2_000);
});
