import { describe, expect, it } from "vitest";

import { coverage, coverageText, embedderRequest, estimateFacts } from "./embedder";
import { endedText, endSeries, levelSeries, spreadText, throughputText } from "./queue";

const BUCKET = { at: "2026-01-01T12:00:00Z", queued: 4, running: 2, retrying: 1, completed: 5, failed: 3, cancelled: 0 };
const TIMELINE = { window_seconds: 60, bucket_seconds: 30, is_whole: true, buckets: [BUCKET, { ...BUCKET, completed: 1 }] };
const AT = Date.parse(BUCKET.at);

describe("the queue's figures", () => {
  it("make series of states and of ends", () => {
    expect(levelSeries(TIMELINE).map(({ name, points }) => [name, points[0]])).toEqual([
      ["Queued", [AT, 4]],
      ["Running", [AT, 2]],
      ["Waiting again", [AT, 1]],
    ]);
    expect(endSeries(TIMELINE).map(({ name, points }) => [name, points[1]?.[1]])).toEqual([
      ["Completed", 1],
      ["Failed", 3],
      ["Cancelled", 0],
    ]);
    expect(endedText(TIMELINE)).toBe("6 completed, 6 failed, 0 cancelled");
  });
  it.each([
    [0, "0 per hour"],
    [0.0061, "22 per hour"],
    [0.05, "3 per min"],
    [2.34, "2.3 per s"],
    [1234, "1,234 per s"],
  ])("throughput of %s a second", (perSecond, text) => expect(throughputText(perSecond)).toBe(text));
  it("say nothing of times that are not there", () => {
    expect(spreadText({ count: 0, p50: null, p95: null })).toBe("–");
    expect(spreadText({ count: 2, p50: 0.25, p95: 90 })).toBe("0.3 s / 1 min 30 s");
  });
});

describe("an embedder", () => {
  const model = { texts: 10, embedded: 7, failed: 1 };
  it("tells how much has a vector", () => {
    expect(coverage(model)).toBe(80);
    expect(coverage({ texts: 0, embedded: 0, failed: 0 })).toBe(100);
    expect(coverageText(model)).toBe("7 of 10 texts have a vector, 1 was refused");
  });
  it("tells what it would take", () => {
    const estimate = { model: "m", texts: 10, tokens: 1000, is_exact: false, cost_usd: null, seconds: 90 };
    const value = (cost: number | null) => estimateFacts({ ...estimate, cost_usd: cost }).map((fact) => fact.value);
    expect(value(null)).toEqual(["10", "about 1,000", "not known: give a price", "about 1 min 30 s"]);
    expect([0, 0.0001, 1.5].map((cost) => value(cost)[2])).toEqual(["free", "less than $0.01", "$1.50"]);
  });
  it("is asked for with the limits of the one before, where that is an API too", () => {
    const form = { kind: "openai", model: " m ", dimensions: "8", baseUrl: "", price: "" } as const;
    const base = { kind: "openai", concurrency: 2, model: "old", base_url: "https://a.test/v1" } as const;
    const asked = { kind: "openai", model: "m", dimensions: 8, base_url: null, price_per_million: null };
    expect(embedderRequest(form, base)).toEqual({ ...asked, concurrency: 2 });
    expect(embedderRequest(form, { kind: "local" })).toEqual(asked);
    expect(embedderRequest({ ...form, kind: "local" }, base)).toEqual({ kind: "local" });
  });
});
