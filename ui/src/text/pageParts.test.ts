import { describe, expect, it } from "vitest";

import { byNearness, notesOf, partAt, partsOf } from "./pageParts";

const words = (count: number): string => "word ".repeat(count).trim();
const section = (number: number, length: number): string => `## Part ${number}\n\n${words(length)}\n\n`;

describe("the parts of a page", () => {
  it("are the page, whatever it holds", () => {
    for (const page of ["", "one", section(1, 50), Array.from({ length: 40 }, (_, n) => section(n, 200)).join(""), `${words(9_000)}\n`, "- a\n".repeat(9_000)]) {
      const parts = partsOf(page);
      expect(parts.map(({ start, end }) => page.slice(start, end)).join("")).toBe(page);
      for (const { start, end, text, shift } of parts) expect(text.slice(start - shift, end - shift)).toBe(page.slice(start, end));
    }
  });

  it("begin at headings where they can", () => {
    const page = Array.from({ length: 12 }, (_, n) => section(n, 500)).join("");
    expect(partsOf(page)).toHaveLength(12);
    for (const { text } of partsOf(page)) expect(text).toMatch(/^## Part \d/);
  });

  it("never begin within a block of code", () => {
    const code = `\`\`\`md\n${"# no heading\n\ntext\n\n".repeat(900)}\`\`\`\n\n`;
    expect(partsOf(`${code}## After\n\nit\n`).map(({ text }) => text)).toEqual([code, "## After\n\nit\n"]);
  });

  it("repeat the head of a table that goes on", () => {
    const page = `| a | b |\n| --- | --- |\n${"| some cell | another |\n".repeat(2_000)}`;
    const parts = partsOf(page);
    expect(parts.length).toBeGreaterThan(3);
    for (const { text } of parts) expect(text.startsWith("| a | b |\n| --- | --- |\n| some cell")).toBe(true);
    expect(Math.max(...parts.map(({ text }) => text.length))).toBeLessThan(11_000);
  });

  it("have the definitions that they refer to, and no others", () => {
    const page = `${section(1, 400)}See [this][One] and a note.[^n]\n\n${section(2, 400)}Nothing.\n\n[one]: https://a.example/\n\n[^n]: Said before.\n`;
    const [first, second] = partsOf(page);
    expect(first?.text.endsWith("\n\n[one]: https://a.example/\n\n[^n]: Said before.\n")).toBe(true);
    expect(second?.text.match(/\[one\]: /g)).toHaveLength(1);
  });
});

it("a place is found in its part", () => {
  const parts = partsOf(Array.from({ length: 3 }, (_, n) => section(n, 500)).join(""));
  for (const [index, { start, end }] of parts.entries()) expect([partAt(parts, start), partAt(parts, end - 1)]).toEqual([index, index]);
  expect(partAt(parts, 1e9)).toBe(2);
});

it("what is below comes sooner than what is as far above", () => expect(byNearness(6, 2)).toEqual([2, 3, 4, 1, 5, 0]));

describe("notes", () => {
  it("are numbered as the page refers to them", () => {
    const { numbers, text } = notesOf("A.[^b] B.[^a] C.[^b] D.[^none]\n\n[^a]: one\n    more of it\n\n[^b]: two\n");
    expect([...numbers]).toEqual([["b", 1], ["a", 2]]);
    expect(text).toBe("[^b] [^a]\n\n[^b]: two\n\n[^a]: one\n    more of it\n");
  });

  it("are nothing where there are none", () => expect(notesOf("# Title\n\ntext [^1]")).toEqual({ text: "", numbers: new Map() }));
});
