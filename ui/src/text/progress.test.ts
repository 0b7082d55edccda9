import { describe, expect, it } from "vitest";

import { task } from "../live/samples";
import type { ProgressShape, TaskShape } from "../wire";
import { barOf, etaText, faceLabel, pagesText, timeText } from "./progress";

function progress(changes: Partial<ProgressShape>): ProgressShape {
  return { ...task().progress, ...changes };
}

describe("pages", () => {
  const cases: [string, Partial<TaskShape>, string][] = [
    ["while more may be found", {}, "412 of 1,080 found so far"],
    ["when it has ended early", { status: "failed" }, "412 of 1,080 pages"],
    ["when it is done", { status: "completed" }, "412 pages"],
    ["before anything is known", { progress: progress({ stages: {} }) }, "finding pages…"],
  ];
  it.each(cases)("%s", (_, changes, text) => expect(pagesText(task(changes))).toBe(text));
});

describe("the bar", () => {
  it("shows the server's percentage", () => expect(barOf(task()).value).toBe(38));
  it("is indeterminate while nothing is known", () =>
    expect(barOf(task({ progress: progress({ percentage: 0, stages: {} }) })).value).toBeNull());
  it("is full when it is done", () => expect(barOf(task({ status: "completed" })).value).toBe(100));
  it("stands where it failed", () => expect(barOf(task({ status: "failed" }))).toMatchObject({ value: 38, tone: "bad" }));
});

describe("time left", () => {
  const cases: [number | null, number, string | null][] = [
    [null, 0, null],
    [4, 0, "a few seconds left"],
    [43, 0, "about 40 s left"],
    [70, 0, "about 1 min left"],
    [1_000, 0, "about 17 min left"],
    [5_300, 0, "about 1.5 h left"],
    [43, 44, "stalled, no page for 40 s"],
    [null, 400, "stalled, no page for 6 min"],
  ];
  it.each(cases)("%s s, quiet for %s s", (eta, quiet, text) =>
    expect(etaText(progress({ eta_seconds: eta }), quiet)).toBe(text),
  );
});

it("says what a retry waits for", () => {
  const error = { code: "timed_out", message: "", details: {} };
  const waiting = task({ status: "queued", error_details: error, retry_attempts: 1, run_at: "2026-01-01T12:00:24Z" });
  expect(faceLabel(waiting)).toBe("Retrying");
  expect(timeText(waiting, Date.parse("2026-01-01T12:00:00Z"), undefined)).toBe("attempt 2 of 4 · in 24 s");
});

it("names the stage of a running task", () => expect(faceLabel(task())).toBe("Crawling"));
