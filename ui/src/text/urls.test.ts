import { describe, expect, it } from "vitest";

import { event, task } from "../live/samples";
import type { UrlCounts, UrlShape } from "../wire";
import { choicesOf } from "./log";
import { isSkipping, reasonOf } from "./reasons";
import { nearUrl, reasonChoices, sameAsText, stateCount } from "./urls";

function url(changes: Partial<UrlShape> = {}): UrlShape {
  return {
    url: "https://docs.example.org/a",
    state: "skipped",
    reason: null,
    message: null,
    status_code: null,
    depth: 1,
    attempts: 0,
    found_on: null,
    page_id: null,
    chunks: null,
    code_examples: null,
    elapsed_seconds: null,
    settled_at: null,
    origin: "link",
    lastmod: null,
    fetched_by: null,
    same_as: null,
    ...changes,
  };
}

const ended = task({ status: "completed", result: { skipped: 12, reasons: { too_deep: 2, other_host: 9, robots_denied: 1, http_404: 4 } } });

describe("the URLs of a crawl", () => {
  it("are counted by state as far as that is known", () => {
    const running = task();
    expect([stateCount(running, "stored"), stateCount(running, "queued"), stateCount(running, "skipped")]).toEqual([412, 668, null]);
    expect([stateCount(ended, "skipped"), stateCount(ended, "queued")]).toEqual([12, 0]);
  });

  it("have their reasons by frequency, those of the state that is shown", () => {
    const counted: UrlCounts["reasons"] = [
      { state: "skipped", reason: "other_host", count: 9 },
      { state: "failed", reason: "http_404", count: 4 },
      { state: "skipped", reason: "http_404", count: 1 },
    ];
    const shown = (state?: "skipped" | "failed" | "stored") => reasonChoices(counted, { state }).map(({ reason, count }) => [reason, count]);
    expect(shown()).toEqual([["other_host", 9], ["http_404", 5]]);
    expect(shown("failed")).toEqual([["http_404", 4]]);
    expect(shown("stored")).toEqual([]);
    expect(reasonChoices([], { reason: "calendar" })).toEqual([{ reason: "calendar", count: null }]);
  });

  it("are shown with their host only where it is another", () => {
    expect(nearUrl("https://docs.example.org/a?b", "https://docs.example.org/")).toBe("/a?b");
    expect(nearUrl("https://else.example/a", "https://docs.example.org/")).toBe("else.example/a");
  });

  it("say what they are the same as, by path on the same host", () => {
    expect(sameAsText(url())).toBeNull();
    expect(sameAsText(url({ same_as: "//docs.example.org/b?x=1" }))).toBe("/b?x=1");
    expect(sameAsText(url({ same_as: "//docs.example.org" }))).toBe("/");
    expect(sameAsText(url({ same_as: "//else.example/b" }))).toBe("//else.example/b");
  });
});

describe("reasons", () => {
  it("tells skips from errors, and says something of any", () => {
    expect([isSkipping("calendar"), isSkipping("http_404"), isSkipping("toString")]).toEqual([true, false, false]);
    expect(reasonOf("http_404").label).toBe("answered 404");
    expect(reasonOf("timed_out").label).toBe("the site took too long to answer");
    expect(reasonOf("of_tomorrow").help).toContain("Something went wrong");
  });
});

describe("what the crawl chose", () => {
  it("is the survey, and the last word on each host", () => {
    const chosen = (seq: number, host: string) => ({ ...event(seq, "rendering_chosen"), data: { host } });
    const events = [event(1), event(2, "site_surveyed"), chosen(3, "a"), chosen(4, "b"), chosen(5, "a")];
    expect(choicesOf(events).map(({ seq }) => seq)).toEqual([2, 5, 4]);
    expect(choicesOf([event(1)])).toEqual([]);
  });
});
