// Values of the wire for tests: a task, an event, an update, an ack, each with what a test wants to be different.

import type { EventShape, ProgressUpdate, SubscribeAck, TaskShape } from "../wire";

export function event(seq: number, type = "page_stored"): EventShape {
  return { seq, at: new Date(Date.UTC(2026, 0, 1, 12, 0, seq)).toISOString(), type, message: `line ${seq}`, data: {} };
}

export function events(from: number, to: number): EventShape[] {
  return Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
}

export function task(changes: Partial<TaskShape> = {}): TaskShape {
  return {
    task_id: "tsk_1",
    task_type: "crawl",
    title: "https://docs.example.org/guide/",
    description: "",
    status: "running",
    priority: 50,
    queue_name: "default",
    payload: {},
    result: null,
    error: null,
    progress: {
      percentage: 38,
      stage: "crawling",
      stages: { discovered: { done: 1080, total: null }, stored: { done: 412, total: 1080 } },
      message: "",
      eta_seconds: null,
      rate_per_second: null,
      current_url: null,
      failed: 0,
      skipped: 0,
    },
    progress_details: { current_step: "crawling", progress: 38 },
    retry_attempts: 0,
    max_retries: 3,
    run_at: "2026-01-01T12:00:00Z",
    created_at: "2026-01-01T12:00:00Z",
    processing_started_at: "2026-01-01T12:00:00Z",
    processing_completed_at: null,
    estimated_completion_at: null,
    last_error_at: null,
    error_details: null,
    worker_id: null,
    background_task_id: null,
    browser_session_id: null,
    memory_usage_mb: null,
    depends_on: [],
    coalesce_key: null,
    parent_task_id: null,
    webhook_url: null,
    webhook_states: [],
    on_dependency_failure: "fail",
    waits_for: 0,
    serial_key: null,
    schedule_id: null,
    is_cancel_requested: false,
    is_pause_requested: false,
    waited_seconds: null,
    ran_seconds: 0,
    first_seq: 0,
    last_seq: 0,
    ...changes,
  };
}

/** An update with the lines from `from` to `to`; with `to` below `from` it is a head, without lines. */
export function update(from: number, to: number, changes: Partial<ProgressUpdate> = {}): ProgressUpdate {
  return {
    progressId: "tsk_1",
    prevSeq: from - 1,
    seq: Math.max(to, from - 1),
    events: events(from, to),
    status: "crawling",
    taskStatus: "running",
    percentage: 40,
    stage: "crawling",
    stages: {},
    currentUrl: null,
    log: "",
    etaSeconds: null,
    ratePerSecond: null,
    failed: 0,
    skipped: 0,
    error: null,
    ...changes,
  };
}

export function ack(from: number, to: number, changes: Partial<SubscribeAck> = {}): SubscribeAck {
  const lastSeq = changes.lastSeq ?? Math.max(to, from - 1);
  return {
    progressId: "tsk_1",
    found: true,
    task: task({ last_seq: lastSeq }),
    lastSeq,
    firstSeq: from,
    events: events(from, to),
    more: lastSeq > to && to >= from,
    startOver: false,
    ...changes,
  };
}
