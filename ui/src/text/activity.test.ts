import { expect, it } from "vitest";

import { task } from "../live/samples";
import { NO_TASKS, takeSnapshot } from "../live/tasks";
import { groupSizes, isShown, merged, ordinal, rowTime, summary, turns } from "./activity";

const FAILED = task({ task_id: "failed", status: "failed", created_at: "2026-01-01T00:00:00Z" });
const RETRYING = task({
  task_id: "retrying",
  status: "queued",
  error_details: { code: "timed_out", message: "", details: {} },
});
const RUNNING = task({ task_id: "running", status: "running", created_at: "2026-01-05T00:00:00Z" });
const LATE = task({ task_id: "late", status: "queued", priority: 50, run_at: "2026-01-02T00:00:00Z" });
const EARLY = task({ task_id: "early", status: "queued", priority: 50, run_at: "2026-01-01T00:00:00Z" });
const URGENT = task({ task_id: "urgent", status: "queued", priority: 90, run_at: "2026-01-03T00:00:00Z" });
const DONE = task({ task_id: "done", status: "completed" });
const ALL = [DONE, LATE, RUNNING, URGENT, EARLY, RETRYING, FAILED];
const NOW = Date.parse("2026-01-10T00:00:00Z");

it("shows first what needs attention, and the queue in its order", () => {
  expect(merged(NO_TASKS, ALL).map((some) => some.task_id)).toEqual([
    "failed",
    "retrying",
    "running",
    "urgent",
    "early",
    "late",
    "done",
  ]);
});

it("takes the newer of what is live and what was fetched", () => {
  const live = takeSnapshot(NO_TASKS, [task({ last_seq: 4, status: "completed" })], 0);
  expect(merged(live, [task({ last_seq: 3 })])[0]?.status).toBe("completed");
  expect(merged(live, [task({ last_seq: 5 })])[0]?.status).toBe("running");
});

it("filters by group, type and words", () => {
  const fit = (wish: Parameters<typeof isShown>[1]): string[] => ALL.filter((some) => isShown(some, wish)).map((some) => some.task_id);
  expect(fit({ show: "attention" })).toEqual(["retrying", "failed"]);
  expect(fit({ type: "upload" })).toEqual([]);
  expect(fit({ q: "  DONE crawl" })).toEqual(["done"]);
});

it("counts the groups", () => {
  expect(summary(groupSizes(ALL))).toBe("1 running · 2 need attention");
  expect(summary(groupSizes([RUNNING, FAILED]))).toBe("1 running · 1 needs attention");
});

it("tells whose turn it is", () => {
  const waiting = task({ task_id: "bound", status: "queued", waits_for: 2 });
  const later = task({ task_id: "later", status: "queued", run_at: "2026-01-10T00:00:09Z" });
  const places = turns(merged(NO_TASKS, [...ALL, waiting, later]), NOW);
  expect([...places]).toEqual([["urgent", 1], ["early", 2], ["late", 3]]);
  expect(rowTime(LATE, NOW, undefined, 3)).toBe("3rd in the queue");
  expect(rowTime(URGENT, NOW, undefined, 1)).toBe("next in the queue");
  expect(rowTime(waiting, NOW, undefined, undefined)).toBe("waits for 2 others");
  expect(rowTime(later, NOW, undefined, undefined)).toBe("starts in 9 s");
});

it("numbers places", () => {
  expect([1, 2, 3, 4, 11, 12, 21, 102].map(ordinal)).toEqual(["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "102nd"]);
});
