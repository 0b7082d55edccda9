import { describe, expect, it } from "vitest";

import { belowFolder, costText, crawlFace, scheduleText, sourceName, tagsOf, until } from "./sources";

describe("sources in words", () => {
  it("calls a source by its title, else by its address", () => {
    expect(sourceName({ title: "", url: "https://a.test/docs/" })).toBe("a.test/docs");
    expect(sourceName({ title: "The docs", url: "https://a.test/" })).toBe("The docs");
  });

  it("reads tags once each, without blanks", () => {
    expect(tagsOf(" python, docs ,, python")).toEqual(["python", "docs"]);
  });

  it("tells a refusal of the gate from another failure", () => {
    expect(crawlFace({ status: "failed", error_code: "refresh_rejected" })).toEqual({ label: "Refused by the gate", tone: "warn" });
    expect(crawlFace({ status: "failed", error_code: "host_not_found" }).label).toBe("Failed");
    expect(crawlFace({ status: "completed", error_code: null }).tone).toBe("ok");
  });

  it("says how often", () => {
    const at = (cron: string | null, every: number | null) => scheduleText({ cron, interval_seconds: every, time_zone: "UTC" });
    expect(at("30 2 * * *", null)).toBe("30 2 * * * (UTC)");
    expect([at(null, 86_400), at(null, 7 * 86_400), at(null, 5400)]).toEqual(["every day", "every 7 days", "every 1 h 30 min"]);
  });

  it("says when, in the coarsest unit that tells", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    const after = (seconds: number) => until(new Date(now + seconds * 1000).toISOString(), now);
    expect([after(-5), after(90), after(7300), after(5 * 86_400)]).toEqual(["any moment", "in 2 min", "in 2 h", "in 5 days"]);
  });

  it("says what is known of a cost", () => {
    expect([costText(null), costText(0), costText(0.004), costText(1.5)]).toEqual([null, "nothing", "less than $0.01", "$1.50"]);
  });

  it("shows a folder below another one", () => {
    expect(belowFolder("//a.test/docs/api/v1/", "//a.test/docs/")).toBe("api/v1/");
    expect(belowFolder("//a.test/docs/", "//")).toBe("a.test/docs/");
    expect(belowFolder("//a.test/", "")).toBe("a.test/");
  });
});
