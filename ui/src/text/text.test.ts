import { describe, expect, it } from "vitest";

import { event } from "../live/samples";
import { adviceFor, adviceOf } from "./failure";
import { ago, bytes, dateAndTime, duration, pathOf, shortUrl, upcoming } from "./format";
import { tokensOf } from "./highlight";
import { rowsOf } from "./log";
import { spansOf } from "./spans";
import { safeHref, visible } from "./visible";

describe("format", () => {
  it.each([
    [0.42, "0.4 s"],
    [9, "9 s"],
    [131, "2 min 11 s"],
    [120, "2 min"],
    [11_100, "3 h 5 min"],
  ])("duration %s", (seconds, text) => expect(duration(seconds)).toBe(text));
  it.each([
    [1, "1 byte"],
    [1_500, "1.5 kB"],
    [999_600, "1.0 MB"],
    [12_345_678, "12 MB"],
  ])("bytes %s", (size, text) => expect(bytes(size)).toBe(text));
  it("ago", () => expect(ago("2026-01-01T12:00:00Z", Date.parse("2026-01-01T12:02:00Z"))).toBe("2 min ago"));
  it("URLs", () => {
    expect(shortUrl("https://docs.example.org/guide/")).toBe("docs.example.org/guide");
    expect(pathOf("https://docs.example.org/guide/?a=1#b")).toBe("/guide/?a=1#b");
    expect(pathOf("not a url")).toBe("not a url");
  });
});

describe("errors", () => {
  it("knows codes, statuses, and what to say of others", () => {
    expect(adviceFor("robots_denied").what).toContain("robots.txt");
    expect(adviceOf({ code: "render_failed", details: { reason: "bad_selector" } }).what).toContain("CSS selector");
    expect(adviceOf({ code: "timed_out", details: { wait_for: "h2" } }).what).toContain("never shown");
    expect(adviceOf({ code: "timed_out", details: { has_come: true } }).what).toContain("busy");
    expect(adviceOf({ code: "timed_out", details: { has_come: false } })).toEqual(adviceFor("timed_out"));
    expect(adviceOf({ code: "browser_unavailable", details: { retry_after: 9 } }).what).toContain("rest");
    expect(adviceFor("http_503").what).toContain("503");
    expect(adviceFor("toString").what).toBe("Something went wrong");
  });
});

describe("the log's rows", () => {
  const divider = { afterSeq: 2, lostAt: 1, caughtUpAt: 2, isStartOver: false };
  it("has the divider after the last line before the loss", () => {
    const rows = rowsOf([event(1), event(2), event(3)], [divider], false);
    expect(rows.map((row) => (row.kind === "line" ? row.event.seq : "lost"))).toEqual([1, 2, "lost", 3]);
  });
  it("keeps the divider among errors only", () => {
    const rows = rowsOf([event(1, "page_failed"), event(2), event(3, "task_failed")], [divider], true);
    expect(rows.map((row) => (row.kind === "line" ? row.event.seq : "lost"))).toEqual([1, "lost", 3]);
  });
  it("leaves out a divider of lines that are not loaded", () => {
    expect(rowsOf([event(9)], [divider], false)).toHaveLength(1);
  });
});

describe("spans", () => {
  it("cuts tokens at marks and loses no character", () => {
    const spans = spansOf("abcdef", [{ start: 1, end: 5, style: "x" }], [[3, 6]]);
    expect(spans.map(({ text, style, isMarked }) => [text, style, isMarked])).toEqual([
      ["a", null, false],
      ["bc", "x", false],
      ["de", "x", true],
      ["f", null, true],
    ]);
  });
  it("has the tokens of a language, none of an unknown one", () => {
    expect(tokensOf("def f(): pass", "python")[0]).toMatchObject({ start: 0, end: 3 });
    expect(tokensOf("def f(): pass", "klingon")).toEqual([]);
  });
});

describe("hostile text", () => {
  it("spells direction controls out", () => expect(visible("admin\u202egnp.exe")).toBe("admin⟨RLO⟩gnp.exe"));
  it.each(["javascript:alert(1)", "data:text/html,x", "vbscript:x", "blob:x", "http://"])("refuses %s", (href) =>
    expect(safeHref(href)).toBeNull(),
  );
  it("resolves relative links", () =>
    expect(safeHref("../b#c", "https://example.org/a/d")).toBe("https://example.org/b#c"));
});

it("tells what is to come by the distance, then by the day", () => {
  const now = Date.parse("2026-11-03T12:00:00Z");
  expect(upcoming("2026-11-03T12:00:09Z", now)).toBe("in 9 s");
  expect(upcoming("2026-11-03T11:00:00Z", now)).toBe("in 0.0 s");
  expect(upcoming("2026-12-24T12:00:00Z", now)).toBe(dateAndTime("2026-12-24T12:00:00Z"));
  expect(upcoming("2099-06-01T12:00:00Z", now)).toBe("1 Jun 2099");
});
