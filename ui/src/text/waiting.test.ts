import { describe, expect, it } from "vitest";

import { task } from "../live/samples";
import { attemptsText, attemptText, taskName, waitText } from "./waiting";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const at = (seconds: number): string => new Date(NOW + 1000 * seconds).toISOString();
const BROKEN = { code: "broken", message: "It broke.", details: {} };

describe("what a task waits for", () => {
  const due = { ...task({ processing_started_at: null, error_details: null, waits_for: 0 }), status: "queued", created_at: at(-600), run_at: at(-600) } as const;
  const again = { ...due, error_details: BROKEN, processing_started_at: at(-60), retry_attempts: 1, max_retries: 3, run_at: at(30) };
  it.each([
    [due, "due 10 min ago"],
    [{ ...due, run_at: at(90) }, "starts in 1 min 30 s"],
    [{ ...due, waits_for: 2 }, "waits for 2 tasks"],
    [{ ...due, status: "paused" as const }, "paused"],
    [again, "again in 30 s"],
  ])("is said in words %#", (some, text) => expect(waitText(some, NOW, undefined)).toBe(text));
  it("is the one before it under the same key", () => expect(waitText(due, NOW, due)).toContain("the one before it"));
  it("counts attempts once one has failed", () => {
    expect(attemptText(due)).toBeNull();
    expect(attemptText(again)).toBe("attempt 2 of 4");
    expect(attemptsText({ ...again, status: "failed", retry_attempts: 3 })).toBe("4 of 4 attempts");
    expect(attemptsText({ ...due, status: "failed" })).toBe("never ran");
  });
  it("has a name also where it has no title, and none that hides anything", () => {
    expect(taskName({ ...due, title: "", task_type: "test", task_id: "tsk_0123456789" })).toBe("test 456789");
    expect(taskName({ ...due, title: "a\u202eb" })).toBe("a⟨RLO⟩b");
  });
});
