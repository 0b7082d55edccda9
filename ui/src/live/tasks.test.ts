import { expect, it } from "vitest";

import { task } from "./samples";
import { NO_TASKS, takeChanges, takeSnapshot } from "./tasks";

it("drops active tasks that the snapshot doesn't name and keeps ended ones", () => {
  const held = takeSnapshot(NO_TASKS, [task({ task_id: "a" }), task({ task_id: "b", status: "completed" })], 1);
  expect([...takeSnapshot(held, [], 2).byId.keys()]).toEqual(["b"]);
});

it("leaves out a change that was overtaken", () => {
  const held = takeSnapshot(NO_TASKS, [task({ last_seq: 9, status: "completed" })], 1);
  expect(takeChanges(held, [task({ last_seq: 8 })], 2)).toBe(held);
});

it("takes what a restored server says, though it is older", () => {
  const held = takeSnapshot(NO_TASKS, [task({ last_seq: 9 })], 1);
  expect(takeSnapshot(held, [task({ last_seq: 4 })], 2).byId.get("tsk_1")?.last_seq).toBe(4);
});

it("remembers when a page was last settled", () => {
  const first = takeSnapshot(NO_TASKS, [task()], 1_000);
  const same = takeChanges(first, [task({ last_seq: 1 })], 2_000);
  expect(same.movedAt.get("tsk_1")).toBe(1_000);
  const moved = task({ last_seq: 2, progress: { ...task().progress, skipped: 1 } });
  expect(takeChanges(same, [moved], 3_000).movedAt.get("tsk_1")).toBe(3_000);
});
