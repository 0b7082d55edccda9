"""Workspaces with their secrets, stories that were asked for with what came of them, and the webhooks that asked."""

from __future__ import annotations

SQL = """
-- `secret` and `api_token` are read for checking a webhook and for calling Shortcut, by nothing else.
CREATE TABLE story_workspace (
    name      TEXT PRIMARY KEY,
    settings  TEXT NOT NULL,
    secret    TEXT,
    api_token TEXT
) WITHOUT ROWID;

-- `state` is what the stages and the write-back make it; that a task failed or was cancelled is read from the task.
CREATE TABLE story_run (
    story_id    TEXT PRIMARY KEY,
    created_at  REAL NOT NULL,
    workspace   TEXT NOT NULL,
    shortcut_id INTEGER NOT NULL,
    goal        TEXT NOT NULL,
    state       TEXT NOT NULL,
    name        TEXT NOT NULL,
    app_url     TEXT NOT NULL,
    settings    TEXT NOT NULL,
    ended_at    REAL,
    tokens      INTEGER NOT NULL DEFAULT 0,
    cost_usd    REAL,
    note        TEXT NOT NULL DEFAULT '',
    before      TEXT,
    triage      TEXT,
    analysis    TEXT,
    enhancement TEXT,
    proposal    TEXT,
    theirs      TEXT
);
CREATE INDEX story_newest ON story_run (created_at, story_id);
CREATE INDEX story_by_state ON story_run (state, created_at, story_id);
CREATE INDEX story_by_workspace ON story_run (workspace, created_at, story_id);
CREATE INDEX story_by_shortcut ON story_run (shortcut_id, workspace, goal, created_at, story_id);

CREATE TABLE story_task (
    story_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    task_id  TEXT NOT NULL,
    PRIMARY KEY (story_id, position)
) WITHOUT ROWID;

CREATE TABLE story_step (
    story_id TEXT NOT NULL,
    stage    TEXT NOT NULL,
    ordinal  INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (story_id, stage, ordinal)
) WITHOUT ROWID;

-- One that came before is answered as it was then. Old ones go: whatever is older than a webhook may be is refused anyway.
CREATE TABLE story_delivery (
    workspace   TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    received_at REAL NOT NULL,
    answer      TEXT NOT NULL,
    PRIMARY KEY (workspace, delivery_id)
) WITHOUT ROWID;
CREATE INDEX story_delivery_oldest ON story_delivery (received_at);
"""
