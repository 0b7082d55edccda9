"""Frameworks, reports against them with what was found and judged for each control, and the files that came of them."""

from __future__ import annotations

SQL = """
CREATE TABLE framework (
    framework_id TEXT NOT NULL,
    version      TEXT NOT NULL,
    summary      TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    body         TEXT NOT NULL,
    PRIMARY KEY (framework_id, version)
) WITHOUT ROWID;

-- `scope` is equal for reports that can be compared: those of one framework, in any version, over the same sources.
CREATE TABLE compliance_report (
    report_id        TEXT PRIMARY KEY,
    created_at       REAL NOT NULL,
    title            TEXT NOT NULL,
    framework_id     TEXT NOT NULL,
    version          TEXT NOT NULL,
    scope            TEXT NOT NULL,
    options          TEXT NOT NULL,
    evidence_task_id TEXT NOT NULL,
    analysis_task_id TEXT NOT NULL,
    report_task_id   TEXT NOT NULL,
    completed_at     REAL,
    left_out         TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX compliance_report_newest ON compliance_report (created_at, report_id);
CREATE INDEX compliance_report_framework ON compliance_report (framework_id, created_at, report_id);
CREATE INDEX compliance_report_scope ON compliance_report (scope, created_at, report_id) WHERE completed_at IS NOT NULL;

-- `question` is the hash of what a model was asked: an equal one is not asked again.
CREATE TABLE compliance_control (
    report_id   TEXT NOT NULL,
    position    INTEGER NOT NULL,
    control_id  TEXT NOT NULL,
    verdict     TEXT,
    tokens      INTEGER NOT NULL DEFAULT 0,
    question    BLOB,
    evidence    TEXT,
    assessment  TEXT,
    PRIMARY KEY (report_id, position)
) WITHOUT ROWID;
CREATE INDEX compliance_question ON compliance_control (question) WHERE question IS NOT NULL;

CREATE TABLE compliance_file (
    report_id TEXT NOT NULL,
    format    TEXT NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (report_id, format)
);
"""
