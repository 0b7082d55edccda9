import { describe, expect, it } from "vitest";

import { emptyProgress, lineLost, type ProgressState, syncStarted, takeAck, takeOlder, takeUpdate } from "./progress";
import { ack, event, events, update } from "./samples";

const AT = 1_000;

function caughtUpTo(last: number): ProgressState {
  return takeAck(syncStarted(emptyProgress("tsk_1")), ack(1, last), AT).state;
}

function seqs(state: ProgressState): number[] {
  return state.events.map((line) => line.seq);
}

describe("the progress of a task", () => {
  it("appends what follows on", () => {
    const { state, next } = takeUpdate(caughtUpTo(3), update(4, 5));
    expect(seqs(state)).toEqual([1, 2, 3, 4, 5]);
    expect(state.task?.progress.percentage).toBe(40);
    expect(next).toBe("nothing");
  });

  it("knows what was asked of the task and what was changed, from its events", () => {
    const told = (seq: number, type: string, data: object = {}) => ({ ...update(seq, seq), events: [{ ...event(seq, type), data: { ...data } }] });
    const asked = takeUpdate(caughtUpTo(3), told(4, "task_pause_requested")).state;
    expect(asked.task?.is_pause_requested).toBe(true);
    const goesOn = takeUpdate(asked, told(5, "task_queued", { reason: "resume" })).state;
    expect(goesOn.task?.is_pause_requested).toBe(false);
    const changed = takeUpdate(goesOn, told(6, "task_changed", { changed: { max_pages: 7 }, was: { max_pages: 5 } })).state;
    expect(changed.task?.payload.max_pages).toBe(7);
    expect(takeUpdate(changed, told(7, "task_cancel_requested")).state.task?.is_cancel_requested).toBe(true);
  });

  it("asks again after a gap and keeps what it has", () => {
    const before = caughtUpTo(3);
    const { state, next } = takeUpdate(before, update(5, 6));
    expect(next).toBe("subscribe");
    expect(state).toBe(before);
  });

  it("drops lines that it has", () => {
    const { state, next } = takeUpdate(caughtUpTo(5), update(4, 7));
    expect(seqs(state)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(next).toBe("nothing");
    expect(takeUpdate(state, update(2, 3)).state).toBe(state);
  });

  it("notices by a head alone that the last message was lost", () => {
    expect(takeUpdate(caughtUpTo(3), update(5, 4)).next).toBe("subscribe");
    expect(takeUpdate(caughtUpTo(4), update(5, 4)).next).toBe("nothing");
  });

  it("lets messages wait that overtake the ack", () => {
    let state = syncStarted(caughtUpTo(3));
    state = takeUpdate(state, update(7, 8)).state;
    expect(seqs(state)).toEqual([1, 2, 3]);
    const step = takeAck(state, ack(4, 7), AT);
    expect(seqs(step.state)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(step.next).toBe("nothing");
    expect(step.state.waiting).toEqual([]);
  });

  it("asks again when a waiting message leaves a gap behind the ack", () => {
    const state = takeUpdate(syncStarted(caughtUpTo(3)), update(9, 9)).state;
    const step = takeAck(state, ack(4, 6), AT);
    expect(seqs(step.state)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(step.next).toBe("subscribe");
  });

  it("takes a long log in several acks", () => {
    const step = takeAck(syncStarted(emptyProgress("tsk_1")), ack(1, 500, { lastSeq: 900 }), AT);
    expect(step.next).toBe("subscribe");
    const done = takeAck(syncStarted(step.state), ack(501, 900), AT);
    expect(done.next).toBe("nothing");
    expect(done.state.lastSeq).toBe(900);
    expect(done.state.events).toHaveLength(900);
  });

  it("begins with the last lines and takes older ones in front", () => {
    const { state } = takeAck(syncStarted(emptyProgress("tsk_1")), ack(301, 500), AT);
    expect(seqs(takeOlder(state, events(201, 300)))[0]).toBe(201);
    expect(takeOlder(state, events(100, 200))).toBe(state); // would leave a hole
  });

  it("drops everything when the server's log starts over", () => {
    const lost = lineLost(caughtUpTo(9), 500);
    const { state } = takeAck(syncStarted(lost), ack(1, 2, { startOver: true }), AT);
    expect(seqs(state)).toEqual([1, 2]);
    expect(state.lastSeq).toBe(2);
    expect(state.dividers).toEqual([{ afterSeq: 0, lostAt: 500, caughtUpAt: AT, isStartOver: true }]);
  });

  it("marks where the line was down, by the first loss", () => {
    const lost = lineLost(lineLost(caughtUpTo(3), 500), 700);
    const { state } = takeAck(syncStarted(lost), ack(4, 6), AT);
    expect(state.dividers).toEqual([{ afterSeq: 3, lostAt: 500, caughtUpAt: AT, isStartOver: false }]);
    expect(state.lost).toBeNull();
  });

  it("asks for the whole task when its status changes", () => {
    const { state, next } = takeUpdate(caughtUpTo(3), update(4, 4, { taskStatus: "completed", percentage: 100 }));
    expect(state.task?.status).toBe("completed");
    expect(next).toBe("subscribe");
  });

  it("keeps the percentage of a task that fails", () => {
    const failed = update(4, 4, { taskStatus: "failed", percentage: -1 });
    expect(takeUpdate(caughtUpTo(3), failed).state.task?.progress.percentage).toBe(38);
  });

  it("does not let a late ack bring an older task back", () => {
    const ahead = takeUpdate(caughtUpTo(3), update(4, 8)).state;
    const { state } = takeAck(syncStarted(ahead), ack(4, 6), AT);
    expect(state.task?.last_seq).toBe(8);
    expect(state.lastSeq).toBe(8);
  });

  it("says that there is no such task", () => {
    const { state } = takeAck(emptyProgress("tsk_1"), ack(1, 0, { found: false, task: null }), AT);
    expect(state.isFound).toBe(false);
  });

  it("holds lines of types it doesn't know", () => {
    const { state } = takeUpdate(caughtUpTo(1), update(2, 2, { events: [event(2, "brand_new")] }));
    expect(state.events.at(-1)?.type).toBe("brand_new");
  });
});
