// What the documentation lists, the UI has words for: every reason, every error code, every type of event.

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { adviceFor } from "./failure";
import { hasLevel } from "./log";
import { isSkipping, reasonOf } from "./reasons";

const EXAMPLE = new URL("../../../server/gleanery/example/", import.meta.url);

function firstCodes(page: string, heading: string): string[] {
  const html = readFileSync(new URL(page, EXAMPLE), "utf-8");
  const start = html.indexOf(`<h2 id="${heading}">`);
  const section = html.slice(start, html.indexOf("<h2 ", start + 1) + 1 || undefined);
  const cells = [...section.matchAll(/<tr><td>(.*?)<\/td>/g)].map((row) => row[1] ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/<code>(\w+)<\/code>/g)].map((code) => code[1] ?? ""));
}

describe("the documentation", () => {
  it("names the reasons why a URL is skipped, and the UI explains just these as such", () => {
    const codes = firstCodes("errors.html", "skipped");
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes) expect([code, isSkipping(code), reasonOf(code).help.endsWith(".")]).toEqual([code, true, true]);
  });
  it.each(["requests", "pages", "tasks", "embedder", "command-line"])("names errors (%s) that the UI has advice for", (heading) => {
    const codes = firstCodes("errors.html", heading);
    expect(codes.length).toBeGreaterThan(2);
    for (const code of codes) expect([code, adviceFor(code).what]).not.toEqual([code, "Something went wrong"]);
  });
  it("names types of events that the log knows", () => {
    const types = firstCodes("tasks.html", "events");
    expect(types).toContain("page_stored");
    expect(types.filter((type) => !hasLevel(type))).toEqual([]);
  });
});
