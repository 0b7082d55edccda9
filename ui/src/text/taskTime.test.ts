import { describe, expect, it } from "vitest";

import { event, task } from "../live/samples";
import { attemptsOf } from "./attempts";
import { warningsOf } from "./log";
import { queuePlace, quietSeconds, runSeconds } from "./taskTime";

const START = "2026-05-01T12:00:00Z";
const at = (seconds: number): number => Date.parse(START) + 1000 * seconds;
const told = (seq: number, type: string, seconds: number, data: Record<string, unknown> = {}) => ({
  ...event(seq, type),
  at: new Date(at(seconds)).toISOString(),
  data,
});

describe("how long a task has run", () => {
  it("counts its attempts and not its pauses", () => {
    const started = { processing_started_at: START };
    expect(runSeconds(task({ processing_started_at: null, status: "queued" }), [], at(5))).toBeNull();
    expect(runSeconds(task({ ...started, status: "running", ran_seconds: 0 }), [], at(5))).toBe(5);
    expect(runSeconds(task({ ...started, status: "paused", ran_seconds: 7 }), [], at(500))).toBe(7);
    const resumed = [told(1, "task_started", 0), told(2, "task_paused", 7), told(3, "task_resumed", 100)];
    expect(runSeconds(task({ ...started, status: "running", ran_seconds: 7 }), resumed, at(103))).toBe(10);
    expect(runSeconds(task({ ...started, status: "running", ran_seconds: 7 }), [], at(103))).toBeNull();
  });

  it("is quiet since the last page, and only while it runs", () => {
    const events = [told(1, "page_stored", 10), told(2, "warning_raised", 30)];
    expect(quietSeconds(task({ status: "running" }), events, at(50))).toBe(40);
    expect(quietSeconds(task({ status: "paused" }), events, at(50))).toBe(0);
  });
});

describe("the place in the queue", () => {
  const queued = (id: string, changes: object = {}) => task({ task_id: id, status: "queued", run_at: START, priority: 50, serial_key: null, waits_for: 0, ...changes });

  it("is behind those that are due with a better priority, or earlier", () => {
    const mine = queued("mine", { run_at: new Date(at(10)).toISOString() });
    const others = [
      mine,
      queued("earlier"),
      queued("urgent", { priority: 90, run_at: new Date(at(11)).toISOString() }),
      queued("patient", { priority: 10 }),
      queued("later", { priority: 90, run_at: new Date(at(99)).toISOString() }),
      queued("held", { waits_for: 1 }),
      queued("ended", { status: "completed" }),
      queued("busy", { status: "running" }),
    ];
    expect(queuePlace(mine, others, at(20))).toEqual({ ahead: 2, running: 1, holder: null });
  });

  it("names the task that works on the same source", () => {
    const holder = queued("holder", { status: "running", serial_key: "src" });
    expect(queuePlace(queued("mine", { serial_key: "src" }), [holder], at(0)).holder).toBe(holder);
    expect(queuePlace(queued("mine", { serial_key: "other" }), [holder], at(0)).holder).toBeNull();
  });
});

describe("attempts", () => {
  it("begin and end as the log says", () => {
    const error = { code: "connect_failed", message: "No.", details: {} };
    const events = [
      told(1, "task_queued", 0),
      told(2, "task_started", 1, { attempt: 1, worker_id: "one" }),
      told(3, "task_retry_scheduled", 3, { error, run_at: START }),
      told(4, "task_resumed", 5, { attempt: 2, worker_id: "two" }),
      told(5, "task_pause_requested", 6),
      told(6, "task_queued", 7, { reason: "resume" }),
      told(7, "task_completed", 9),
      told(8, "task_queued", 10, { reason: "retry" }),
      told(9, "task_resumed", 11, { attempt: 3, worker_id: "two" }),
    ];
    expect(attemptsOf(events).map(({ number, end, workerId, retryAt }) => [number, end, workerId, retryAt])).toEqual([
      [1, "Failed, to be tried again", "one", START],
      [2, "Completed", "two", null],
      [3, "Runs", "two", null],
    ]);
    expect(attemptsOf(events)[0]?.error).toEqual(error);
    expect(attemptsOf(events.slice(2, 3))).toEqual([]);
  });
});

describe("warnings", () => {
  it("are told once for each code, with the last words and how often", () => {
    const events = [1, 2, 3].map((seq) => told(seq, "warning_raised", seq, { code: seq === 2 ? "b" : "a" }));
    expect(warningsOf(events, false).map(({ event: { seq }, times }) => [seq, times])).toEqual([[2, 1], [3, 2]]);
  });
});
