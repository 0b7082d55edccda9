import { expect, it } from "vitest";

import { type Line, LiveClient } from "./client";
import { ack, task, update } from "./samples";

/** A line whose server is the test: it answers by hand and sends what it likes. */
class FakeLine implements Line {
  connected = false;
  active = true;
  auth: unknown = null;
  readonly asked: { event: string; body: unknown; answer: (ack: unknown) => void; fail: () => void }[] = [];
  readonly sent: string[] = [];
  connects = 0;
  private readonly listeners = new Map<string, ((...args: never[]) => void)[]>();
  private any: () => void = () => undefined;

  connect(): void {
    this.connects += 1;
  }
  disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    this.hear("disconnect", "io client disconnect");
  }
  on(event: string, listener: (...args: never[]) => void): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }
  onAny(listener: () => void): void {
    this.any = listener;
  }
  onPing(): void {
    // the test's server sends none
  }
  emit(event: string): void {
    this.sent.push(event);
  }
  ask(event: string, body: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.asked.push({ event, body, answer: resolve, fail: () => reject(new Error("operation has timed out")) });
    });
  }
  hear(event: string, ...args: unknown[]): void {
    this.any();
    for (const listener of this.listeners.get(event) ?? []) (listener as (...some: unknown[]) => void)(...args);
  }
  open(): void {
    this.connected = true;
    this.hear("connect");
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

function setUp(): { line: FakeLine; live: LiveClient; clock: { now: number } } {
  const line = new FakeLine();
  const clock = { now: 0 };
  return { line, live: new LiveClient({ line, now: () => clock.now }), clock };
}

it("follows, catches up and is live", async () => {
  const { line, live } = setUp();
  live.follow("tsk_1");
  line.open();
  expect(live.connection).toBe("catching_up");
  expect(line.asked[0]?.body).toEqual({ progressId: "tsk_1" });
  line.asked[0]?.answer(ack(1, 3));
  await settled();
  expect(live.connection).toBe("live");
  expect(live.progress("tsk_1")?.lastSeq).toBe(3);
});

it("asks from its last line on after a gap", async () => {
  const { line, live } = setUp();
  live.follow("tsk_1");
  line.open();
  line.asked[0]?.answer(ack(1, 3));
  await settled();
  line.hear("crawl_progress", update(6, 6));
  expect(line.asked[1]?.body).toEqual({ progressId: "tsk_1", lastSeq: 3 });
  line.asked[1]?.answer(ack(4, 6));
  await settled();
  expect(live.progress("tsk_1")?.events.map((line_) => line_.seq)).toEqual([1, 2, 3, 4, 5, 6]);
});

it("resumes after the server has thrown it out", async () => {
  const { line, live, clock } = setUp();
  live.follow("tsk_1");
  line.open();
  line.asked[0]?.answer(ack(1, 2));
  await settled();
  line.connected = false;
  line.hear("disconnect", "io server disconnect");
  expect(line.connects).toBe(1);
  expect(live.connection).toBe("reconnecting");
  clock.now = 4_000;
  line.open();
  line.asked[1]?.answer(ack(3, 5));
  await settled();
  expect(live.connection).toBe("live");
  expect(live.progress("tsk_1")?.dividers).toHaveLength(1);
});

it("takes 12 s of silence for a dead line, and 10 s without one for offline", async () => {
  const { line, live, clock } = setUp();
  live.follow("tsk_1");
  line.open();
  line.asked[0]?.answer(ack(1, 2));
  await settled();
  clock.now = 12_000;
  live.tick();
  expect(line.connects).toBe(0);
  clock.now = 12_001;
  live.tick();
  expect(line.connects).toBe(1);
  expect(live.connection).toBe("reconnecting");
  clock.now = 22_001;
  live.tick();
  expect(live.connection).toBe("offline");
});

it("begins again when an ack doesn't come", async () => {
  const { line, live } = setUp();
  live.follow("tsk_1");
  line.open();
  line.asked[0]?.fail();
  await settled();
  expect(line.connects).toBe(1);
});

it("ignores the ack of a question that was asked anew", async () => {
  const { line, live } = setUp();
  live.follow("tsk_1");
  line.open();
  line.connected = false;
  line.hear("disconnect", "transport close");
  line.open();
  line.asked[0]?.answer(ack(1, 1));
  line.asked[1]?.answer(ack(1, 4));
  await settled();
  expect(live.progress("tsk_1")?.lastSeq).toBe(4);
});

it("keeps the list by its changes", async () => {
  const { line, live } = setUp();
  live.followTasks();
  line.open();
  line.asked[0]?.answer({ items: [task({ last_seq: 1 })] });
  await settled();
  line.hear("tasks_changed", { items: [task({ last_seq: 2, status: "completed" })] });
  expect(live.tasks.byId.get("tsk_1")?.status).toBe("completed");
});

it("is in no room while nobody sees it, and catches up without a divider", async () => {
  const { line, live } = setUp();
  live.follow("tsk_1");
  live.followTasks();
  line.open();
  line.asked[0]?.answer(ack(1, 3));
  line.asked[1]?.answer({ items: [] });
  await settled();
  live.setVisible(false);
  expect(line.sent).toEqual(["unsubscribe_from_progress", "unsubscribe_from_tasks"]);
  line.hear("crawl_progress", update(4, 4)); // was under way
  expect(line.asked).toHaveLength(2);
  live.setVisible(true);
  expect(line.asked[2]?.body).toEqual({ progressId: "tsk_1", lastSeq: 3 });
  line.asked[2]?.answer(ack(4, 9));
  line.asked[3]?.answer({ items: [task({ last_seq: 9 })] });
  await settled();
  expect(live.connection).toBe("live");
  expect(live.progress("tsk_1")?.events.map((some) => some.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(live.progress("tsk_1")?.dividers).toEqual([]);
});

it("reads what a tab opened in the background shows, and leaves", async () => {
  const { line, live } = setUp();
  live.setVisible(false);
  live.follow("tsk_1");
  line.open();
  line.asked[0]?.answer(ack(1, 3));
  await settled();
  expect(line.sent).toEqual(["unsubscribe_from_progress"]);
  expect(live.connection).toBe("live");
  line.connected = false;
  line.hear("disconnect", "transport close");
  line.open();
  await settled();
  expect(line.asked).toHaveLength(1);
  live.setVisible(true);
  expect(line.asked[1]?.body).toEqual({ progressId: "tsk_1", lastSeq: 3 });
  line.asked[1]?.answer(ack(4, 5));
  await settled();
  expect(live.progress("tsk_1")?.dividers).toHaveLength(1);
});

it("leaves the room with its last follower", () => {
  const { line, live } = setUp();
  line.open();
  const leave = [live.follow("tsk_1"), live.follow("tsk_1")];
  leave[0]?.();
  expect(line.sent).toEqual([]);
  leave[1]?.();
  expect(line.sent).toEqual(["unsubscribe_from_progress"]);
});

it("asks for a key when the server refuses it", () => {
  const line = new FakeLine();
  let asked = 0;
  new LiveClient({ line, onUnauthorized: () => (asked += 1) });
  line.active = false;
  line.hear("connect_error", new Error("{'code': 'unauthorized'}"));
  expect(asked).toBe(1);
});
