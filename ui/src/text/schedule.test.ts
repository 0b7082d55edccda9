import { describe, expect, it } from "vitest";

import { crawlPayload, intervalOf, payloadOf, timingFields, timingText } from "./schedule";
import type { SourceShape } from "../wire";

describe("when a schedule comes", () => {
  it.each([
    [90, "every 90 seconds"],
    [60, "every minute"],
    [5400, "every 90 minutes"],
    [3600, "every hour"],
    [21_600, "every 6 hours"],
    [604_800, "every 7 days"],
  ])("every %s seconds", (seconds, text) =>
    expect(timingText({ cron: null, interval_seconds: seconds, time_zone: "UTC" })).toBe(text),
  );
  it("by cron, with its zone", () =>
    expect(timingText({ cron: "30 2 * * *", interval_seconds: null, time_zone: "Europe/Berlin" })).toBe("30 2 * * * in Europe/Berlin"));
  it("is asked for by the one kind that is chosen", () => {
    const timing = { interval: { amount: 6, unit: "hours" }, cron: " 0 4 * * * ", timeZone: "UTC" } as const;
    expect(timingFields({ ...timing, kind: "interval" })).toEqual({ interval_seconds: 21_600 });
    expect(timingFields({ ...timing, kind: "cron" })).toEqual({ cron: "0 4 * * *", time_zone: "UTC" });
    expect([3600, 5400, 172_800].map(intervalOf)).toEqual([
      { amount: 1, unit: "hours" },
      { amount: 90, unit: "minutes" },
      { amount: 2, unit: "days" },
    ]);
  });
});

describe("what it runs", () => {
  it("is the request that made the source, which makes no schedule of its own", () => {
    const source = {
      url: "https://a.test/",
      tags: ["x"],
      knowledge_type: "docs",
      options: { max_pages: 7, refresh_every: "1d" },
    } as unknown as SourceShape;
    expect(crawlPayload(source)).toEqual({ url: "https://a.test/", tags: ["x"], knowledge_type: "docs", max_pages: 7 });
  });
  it.each([
    ['{"a": 1}', { a: 1 }],
    ["  ", {}],
    ["[1]", null],
    ["null", null],
    ["{", null],
  ])("is a JSON object: %s", (text, value) => expect(payloadOf(text)).toEqual(value));
});
