// The one line to the server: subscriptions that resume by seq, reconnecting, and who wants to hear of what.
// Free of any framework; what it knows is in the pure reducers of progress and tasks.

import { io } from "socket.io-client";

import type { ErrorAck, EventShape, ProgressUpdate, SubscribeAck, TasksMessage } from "../wire";
import {
  emptyProgress,
  lineLost,
  type ProgressState,
  type Step,
  syncStarted,
  takeAck,
  takeOlder,
  takeUpdate,
} from "./progress";
import { NO_TASKS, takeChanges, takeSnapshot, type TasksState } from "./tasks";

export type Connection = "connecting" | "live" | "catching_up" | "reconnecting" | "offline";

const ACK_TIMEOUT_MS = 8_000;
const WATCH_MS = 3_000;
/** A followed task's room hears its head every 5 s, so silence means a dead line. */
const SILENCE_MS = 12_000;
/** Without a followed task only the server's ping (every 10 s) is heard. */
const PING_SILENCE_MS = 25_000;
const OFFLINE_AFTER_MS = 10_000;
const LIST_REFRESH_MS = 30_000;
const REFUSED_RETRY_MS = 5_000;

type Timer = ReturnType<typeof setTimeout>;

/** What is used of a Socket.IO socket, so that tests can bring their own line. */
export interface Line {
  readonly connected: boolean;
  readonly active: boolean;
  auth: unknown;
  connect(): unknown;
  disconnect(): unknown;
  on(event: string, listener: (...args: never[]) => void): unknown;
  onAny(listener: () => void): unknown;
  onPing(listener: () => void): void;
  emit(event: string, body: unknown): unknown;
  ask(event: string, body: unknown): Promise<unknown>;
}

interface Options {
  readonly line: Line;
  readonly now?: () => number;
  /** Called when the server refuses the key. */
  readonly onUnauthorized?: () => void;
}

/** A line over Socket.IO to the page's own origin. */
export function socketLine(key: string | null): Line {
  const socket = io({
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    autoConnect: false,
    auth: { key },
    reconnectionDelay: 250,
    reconnectionDelayMax: 5_000,
    randomizationFactor: 0.5,
  });
  return Object.assign(socket as unknown as Omit<Line, "ask" | "onPing">, {
    ask: (event: string, body: unknown): Promise<unknown> => socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, body),
    onPing: (listener: () => void): void => void socket.io.on("ping", listener),
  });
}

export class LiveClient {
  private readonly line: Line;
  private readonly now: () => number;
  private readonly onUnauthorized: () => void;
  private connectionState: Connection = "connecting";
  private tasksState: TasksState = NO_TASKS;
  private readonly followed = new Map<string, { state: ProgressState; followers: number; catchUp: number }>();
  private listFollowers = 0;
  /** A hidden tab is in no room: nobody looks, and it catches up by seq when it is shown. */
  private isResting = false;
  private heardAt = 0;
  private lostAt: number | null = null;
  private catchUps = 0;
  private listAskedAt = 0;
  private watch: ReturnType<typeof setInterval> | null = null;
  private refused: Timer | null = null;
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly changed = new Set<string>();
  private isTelling = false;

  constructor({ line, now = Date.now, onUnauthorized = () => undefined }: Options) {
    this.line = line;
    this.now = now;
    this.onUnauthorized = onUnauthorized;
    line.on("connect", () => this.connected());
    line.on("disconnect", (why: string) => this.disconnected(why));
    line.on("connect_error", (error: Error) => this.refusedOrUnreachable(error));
    line.on("crawl_progress", (update: ProgressUpdate) => this.updated(update));
    line.on("task_progress", (update: ProgressUpdate) => this.updated(update));
    line.on("tasks_changed", ({ items }: TasksMessage) => this.setTasks(takeChanges(this.tasksState, items, this.now())));
    line.onAny(() => (this.heardAt = this.now()));
    line.onPing(() => (this.heardAt = this.now()));
  }

  /** Connects and keeps watch over the line. Call the returned function to end it. */
  start(): () => void {
    const wake = (): void => this.wake();
    const seen = (): void => this.setVisible(!document.hidden);
    const wentOffline = (): void => this.setConnection("offline");
    addEventListener("online", wake);
    addEventListener("offline", wentOffline);
    addEventListener("pageshow", wake);
    document.addEventListener("visibilitychange", seen);
    this.isResting = document.hidden;
    this.watch = setInterval(() => this.tick(), WATCH_MS);
    this.line.connect();
    return () => {
      removeEventListener("online", wake);
      removeEventListener("offline", wentOffline);
      removeEventListener("pageshow", wake);
      document.removeEventListener("visibilitychange", seen);
      if (this.watch !== null) clearInterval(this.watch);
      if (this.refused !== null) clearTimeout(this.refused);
      this.line.disconnect();
    };
  }

  get connection(): Connection {
    return this.connectionState;
  }

  get tasks(): TasksState {
    return this.tasksState;
  }

  progress(taskId: string): ProgressState | null {
    return this.followed.get(taskId)?.state ?? null;
  }

  /** Hear of changes of "connection", "tasks" or a task id, at most once a frame. */
  subscribe(topic: string, listener: () => void): () => void {
    const some = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, some.add(listener));
    return () => void some.delete(listener);
  }

  setKey(key: string | null): void {
    this.line.auth = { key };
    this.line.disconnect();
    this.line.connect();
  }

  /** Follow a task's log. What was held stays while anybody follows. */
  follow(taskId: string): () => void {
    const entry = this.followed.get(taskId) ?? { state: emptyProgress(taskId), followers: 0, catchUp: 0 };
    entry.followers += 1;
    this.followed.set(taskId, entry);
    this.tell(taskId);
    if (entry.followers === 1 && this.line.connected) void this.ask(taskId);
    return () => {
      entry.followers -= 1;
      if (entry.followers > 0) return;
      this.followed.delete(taskId);
      if (this.line.connected) this.leave(taskId);
    };
  }

  followTasks(): () => void {
    this.listFollowers += 1;
    if (this.listFollowers === 1 && this.line.connected) void this.askForTasks();
    return () => {
      this.listFollowers -= 1;
      if (this.listFollowers === 0 && this.line.connected) this.line.emit("unsubscribe_from_tasks", {});
    };
  }

  /** Lines that were fetched from before the first one held. */
  addOlder(taskId: string, events: readonly EventShape[]): void {
    const entry = this.followed.get(taskId);
    if (entry !== undefined) this.setProgress(taskId, takeOlder(entry.state, events));
  }

  /** Whether anybody can see the tab. A hidden one leaves its rooms; what was said meanwhile is asked for when it is shown. */
  setVisible(isVisible: boolean): void {
    if (isVisible !== this.isResting) return;
    this.isResting = !isVisible;
    if (!isVisible) this.leaveRooms();
    else if (!this.line.connected) this.line.connect();
    else if (this.isSilent()) this.reconnect(); // a frozen tab wakes with a line that may be long dead
    else void this.catchUp();
  }

  /** Runs every few seconds: notices silence, and says "offline" after a while. */
  tick(): void {
    const now = this.now();
    if (!this.line.connected) {
      if (this.lostAt !== null && now - this.lostAt >= OFFLINE_AFTER_MS) this.setConnection("offline");
      return;
    }
    if (this.isSilent()) this.reconnect();
    else if (this.isListWanted() && now - this.listAskedAt > LIST_REFRESH_MS) void this.askForTasks();
  }

  private isSilent(): boolean {
    const limit = this.followed.size > 0 && !this.isResting ? SILENCE_MS : PING_SILENCE_MS;
    return this.now() - this.heardAt > limit;
  }

  private isListWanted(): boolean {
    return this.listFollowers > 0 && (!this.isResting || !this.tasksState.isLoaded);
  }

  /** A hidden tab asks as well until it has anything to show. */
  private isWanted(state: ProgressState): boolean {
    return !this.isResting || state.isFound === null;
  }

  private leaveRooms(): void {
    if (!this.line.connected) return;
    for (const taskId of this.followed.keys()) this.leave(taskId);
    if (this.listFollowers > 0) this.line.emit("unsubscribe_from_tasks", {});
  }

  private reconnect(): void {
    this.heardAt = this.now();
    this.line.disconnect();
    this.line.connect();
  }

  private wake(): void {
    if (document.hidden) return;
    if (!this.line.connected) this.line.connect();
    else this.tick();
  }

  private connected(): void {
    this.heardAt = this.now();
    void this.catchUp();
  }

  private async catchUp(): Promise<void> {
    const round = ++this.catchUps;
    this.setConnection("catching_up");
    const wanted = [...this.followed].filter(([, { state }]) => this.isWanted(state));
    const asked = wanted.map(([taskId]) => this.ask(taskId));
    if (this.isListWanted()) asked.push(this.askForTasks());
    await Promise.all(asked);
    if (!this.line.connected || round !== this.catchUps) return;
    this.lostAt = null;
    this.setConnection("live");
  }

  private disconnected(why: string): void {
    this.lost();
    if (why === "io server disconnect") this.line.connect();
  }

  private refusedOrUnreachable(error: Error): void {
    this.lost();
    if (this.line.active) return; // it tries again by itself
    if (/unauthorized|API key/i.test(error.message)) this.onUnauthorized();
    else this.refused = setTimeout(() => this.line.connect(), REFUSED_RETRY_MS);
  }

  private lost(): void {
    this.lostAt ??= this.now();
    if (this.connectionState !== "offline") this.setConnection("reconnecting");
    for (const [taskId, { state }] of this.followed) this.setProgress(taskId, lineLost(state, this.now()));
  }

  /** Asks for what is missing until there is nothing more. One question per task at a time. */
  private async ask(taskId: string): Promise<void> {
    const entry = this.followed.get(taskId);
    if (entry === undefined) return;
    const round = ++entry.catchUp;
    const isCurrent = (): boolean => entry.catchUp === round && this.followed.get(taskId) === entry;
    for (;;) {
      this.setProgress(taskId, syncStarted(entry.state));
      const lastSeq = entry.state.lastSeq;
      const body = lastSeq === null ? { progressId: taskId } : { progressId: taskId, lastSeq };
      const ack = (await this.answer("subscribe_to_progress", body)) as SubscribeAck | ErrorAck | null;
      if (!isCurrent()) return;
      if (ack === null) return;
      if ("error" in ack) {
        this.setProgress(taskId, { ...entry.state, isFound: false, isSyncing: false });
        return;
      }
      const step = takeAck(entry.state, ack, this.now());
      this.setProgress(taskId, step.state);
      if (this.isResting) this.leave(taskId);
      if (step.next === "nothing" || this.isResting) return;
    }
  }

  private async askForTasks(): Promise<void> {
    this.listAskedAt = this.now();
    const ack = (await this.answer("subscribe_to_tasks", {})) as TasksMessage | ErrorAck | null;
    if (ack !== null && "items" in ack) this.setTasks(takeSnapshot(this.tasksState, ack.items, this.now()));
    if (this.isResting) this.line.emit("unsubscribe_from_tasks", {});
  }

  private leave(taskId: string): void {
    this.line.emit("unsubscribe_from_progress", { progressId: taskId });
  }

  /** The ack; null when none came in time, which means that the line is not worth keeping. */
  private async answer(event: string, body: unknown): Promise<unknown> {
    try {
      return await this.line.ask(event, body);
    } catch {
      if (this.line.connected) this.reconnect();
      return null;
    }
  }

  private updated(update: ProgressUpdate): void {
    const entry = this.followed.get(update.progressId);
    if (entry === undefined || this.isResting) return; // what was under way when the tab was hidden comes again
    const step: Step = takeUpdate(entry.state, update);
    this.setProgress(update.progressId, step.state);
    if (step.next === "subscribe") void this.ask(update.progressId);
  }

  private setProgress(taskId: string, state: ProgressState): void {
    const entry = this.followed.get(taskId);
    if (entry === undefined || entry.state === state) return;
    entry.state = state;
    this.tell(taskId);
  }

  private setTasks(state: TasksState): void {
    if (state === this.tasksState) return;
    this.tasksState = state;
    this.tell("tasks");
  }

  private setConnection(connection: Connection): void {
    if (connection === this.connectionState) return;
    this.connectionState = connection;
    this.tell("connection");
  }

  /** Notices are gathered: a hidden tab gets no frames, so there a timer does it. */
  private tell(topic: string): void {
    this.changed.add(topic);
    if (this.isTelling) return;
    this.isTelling = true;
    if (typeof document === "undefined" || document.hidden) setTimeout(() => this.flush(), 500);
    else requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    this.isTelling = false;
    const topics = [...this.changed];
    this.changed.clear();
    for (const topic of topics) for (const listener of this.listeners.get(topic) ?? []) listener();
  }
}
