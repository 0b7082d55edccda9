"""Schedules, webhooks, dependencies and what else the engine came to need."""

from __future__ import annotations

SQL = """
ALTER TABLE task ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 1;
ALTER TABLE task ADD COLUMN wakes_at REAL;
ALTER TABLE task ADD COLUMN waits_for INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN on_dependency_failure TEXT NOT NULL DEFAULT 'fail';
ALTER TABLE task ADD COLUMN webhook_states TEXT NOT NULL DEFAULT '["completed","failed","cancelled"]';
ALTER TABLE task ADD COLUMN is_pause_requested INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN schedule_id TEXT;
ALTER TABLE task ADD COLUMN attempt_started_at REAL;
ALTER TABLE task ADD COLUMN waited_seconds REAL;
ALTER TABLE task ADD COLUMN ran_seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN progress_mark REAL NOT NULL DEFAULT 0;

DROP INDEX task_due;
-- A task that must wait for a time has it in `wakes_at`; when it has come, NULL takes its place. So the index of what may
-- run holds nothing else, in the order of claiming, with all that choosing looks at: only rows that are taken are read.
UPDATE task SET wakes_at = run_at WHERE status = 'queued' AND run_at > created_at;
CREATE INDEX task_ready ON task (priority DESC, run_at, created_at, task_type, queue_name, serial_key, lost_count)
    WHERE status = 'queued' AND waits_for = 0 AND wakes_at IS NULL;
CREATE INDEX task_wakes ON task (wakes_at) WHERE status = 'queued' AND wakes_at IS NOT NULL;
CREATE INDEX task_running ON task (task_type, queue_name, lease_until) WHERE status = 'running';
-- Ascending, and read backwards for the newest: what is added goes to the end of the tree, which splits no pages.
DROP INDEX task_newest;
CREATE INDEX task_newest ON task (created_at, task_id);
CREATE INDEX task_by_status ON task (status, created_at, task_id);
CREATE INDEX task_ended ON task (processing_completed_at) WHERE processing_completed_at IS NOT NULL;
CREATE INDEX task_coalesce ON task (coalesce_key) WHERE status = 'queued' AND coalesce_key IS NOT NULL;
CREATE INDEX task_serial_any ON task (serial_key) WHERE serial_key IS NOT NULL;
CREATE INDEX task_parent ON task (parent_task_id) WHERE parent_task_id IS NOT NULL;
CREATE INDEX task_schedule ON task (schedule_id) WHERE schedule_id IS NOT NULL;

-- Tasks by state, kept up by triggers: a start asks how many wait, and counting thousands would cost more than the rest of it.
CREATE TABLE tally (status TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally (status, count) VALUES
    ('queued', 0), ('running', 0), ('paused', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);
UPDATE tally SET count = (SELECT count(*) FROM task WHERE task.status = tally.status);
CREATE TRIGGER task_tally_added AFTER INSERT ON task BEGIN
    UPDATE tally SET count = count + 1 WHERE status = new.status;
END;
CREATE TRIGGER task_tally_removed AFTER DELETE ON task BEGIN
    UPDATE tally SET count = count - 1 WHERE status = old.status;
END;
CREATE TRIGGER task_tally_moved AFTER UPDATE OF status ON task WHEN old.status <> new.status BEGIN
    UPDATE tally SET count = count - 1 WHERE status = old.status;
    UPDATE tally SET count = count + 1 WHERE status = new.status;
END;

-- `number` orders the events of all tasks, so that a process can tell what another one has written.
CREATE TABLE event_log (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at      REAL NOT NULL,
    type    TEXT NOT NULL,
    message TEXT NOT NULL,
    data    TEXT NOT NULL
);
INSERT INTO event_log (task_id, seq, at, type, message, data)
    SELECT task_id, seq, at, type, message, data FROM event ORDER BY at, task_id, seq;
DROP TABLE event;
ALTER TABLE event_log RENAME TO event;
CREATE UNIQUE INDEX event_seq ON event (task_id, seq);

CREATE TABLE dependency (
    task_id    TEXT NOT NULL,
    depends_on TEXT NOT NULL,
    PRIMARY KEY (task_id, depends_on)
) WITHOUT ROWID;
CREATE INDEX dependency_of ON dependency (depends_on);

CREATE TABLE step (
    task_id TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    at      REAL NOT NULL,
    PRIMARY KEY (task_id, name)
) WITHOUT ROWID;

CREATE TABLE schedule (
    schedule_id      TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    task_type        TEXT NOT NULL,
    payload          TEXT NOT NULL,
    cron             TEXT,
    interval_seconds REAL,
    time_zone        TEXT NOT NULL,
    jitter_seconds   REAL NOT NULL,
    missed_ticks     TEXT NOT NULL,
    priority         INTEGER NOT NULL,
    queue_name       TEXT NOT NULL,
    max_retries      INTEGER,
    webhook_url      TEXT,
    source_id        TEXT,
    is_paused        INTEGER NOT NULL DEFAULT 0,
    created_at       REAL NOT NULL,
    next_at          REAL,
    last_at          REAL,
    last_task_id     TEXT,
    skipped_count    INTEGER NOT NULL DEFAULT 0,
    last_error       TEXT
) WITHOUT ROWID;
CREATE INDEX schedule_next ON schedule (next_at) WHERE next_at IS NOT NULL AND is_paused = 0;
CREATE UNIQUE INDEX schedule_source ON schedule (source_id) WHERE source_id IS NOT NULL;

CREATE TABLE delivery (
    delivery_id      TEXT PRIMARY KEY,
    task_id          TEXT NOT NULL,
    url              TEXT NOT NULL,
    type             TEXT NOT NULL,
    body             TEXT NOT NULL,
    state            TEXT NOT NULL,
    attempts         INTEGER NOT NULL DEFAULT 0,
    created_at       REAL NOT NULL,
    next_at          REAL,
    settled_at       REAL,
    last_status_code INTEGER,
    last_error       TEXT
) WITHOUT ROWID;
CREATE INDEX delivery_next ON delivery (next_at) WHERE state = 'pending';
CREATE INDEX delivery_newest ON delivery (created_at DESC, delivery_id);
CREATE INDEX delivery_task ON delivery (task_id);

CREATE TABLE worker (
    worker_id   TEXT PRIMARY KEY,
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    version     TEXT NOT NULL,
    task_types  TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    running     INTEGER NOT NULL,
    memory_mb   REAL NOT NULL,
    state       TEXT NOT NULL,
    started_at  REAL NOT NULL,
    beat_at     REAL NOT NULL
) WITHOUT ROWID;
"""
