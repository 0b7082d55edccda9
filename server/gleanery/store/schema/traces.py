"""Traces, the groups of those that are one template, what happened to the groups."""

from __future__ import annotations

SQL = """
CREATE TABLE trace (
    row_id            INTEGER PRIMARY KEY,
    trace_id          TEXT NOT NULL,
    project_id        TEXT NOT NULL,
    path              TEXT NOT NULL,
    instruction       TEXT NOT NULL,
    started_at        REAL NOT NULL,
    implementation_id TEXT NOT NULL,
    latency_ms        REAL,
    input_tokens      INTEGER,
    output_tokens     INTEGER,
    error             TEXT,
    is_error          INTEGER NOT NULL,
    content_hash      BLOB NOT NULL,
    group_id          TEXT
);
CREATE UNIQUE INDEX trace_id ON trace (project_id, trace_id);
-- What waits to be grouped, and nothing else.
CREATE INDEX trace_waiting ON trace (project_id, path, row_id) WHERE group_id IS NULL;
CREATE INDEX trace_group_rows ON trace (group_id, row_id) WHERE group_id IS NOT NULL;
-- Implementations and drift of a group are told from these alone.
CREATE INDEX trace_figures ON trace
    (group_id, implementation_id, latency_ms, input_tokens, output_tokens, started_at, is_error)
    WHERE group_id IS NOT NULL;

-- A project and a path, counted.
CREATE TABLE trace_place (
    project_id TEXT NOT NULL,
    path       TEXT NOT NULL,
    traces     INTEGER NOT NULL,
    last_at      REAL NOT NULL,
    PRIMARY KEY (project_id, path)
) WITHOUT ROWID;

-- A model with its settings.
CREATE TABLE trace_implementation (
    implementation_id TEXT PRIMARY KEY,
    model             TEXT NOT NULL,
    settings          TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE trace_group (
    group_id     TEXT PRIMARY KEY,
    project_id   TEXT NOT NULL,
    path         TEXT NOT NULL,
    constants    TEXT NOT NULL,
    variables    TEXT NOT NULL,
    confidence   REAL NOT NULL,
    sample_rows  TEXT NOT NULL,
    trace_count  INTEGER NOT NULL,
    checked_at   INTEGER NOT NULL,
    created_at   REAL NOT NULL,
    updated_at   REAL NOT NULL,
    last_at     REAL,
    merged_into  TEXT,
    is_unsettled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX trace_group_place ON trace_group (project_id, path, trace_count, group_id) WHERE merged_into IS NULL;
CREATE INDEX trace_group_size ON trace_group (trace_count, group_id) WHERE merged_into IS NULL;
-- Groups whose traces are to be read anew after a split or a merge.
CREATE INDEX trace_group_unsettled ON trace_group (project_id, path) WHERE is_unsettled;

CREATE TABLE trace_group_event (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    TEXT NOT NULL,
    at          REAL NOT NULL,
    type        TEXT NOT NULL,
    constants   TEXT NOT NULL,
    trace_count INTEGER NOT NULL,
    others      TEXT NOT NULL,
    task_id     TEXT NOT NULL
);
CREATE INDEX trace_group_event_group ON trace_group_event (group_id, number);
"""
