"""Pages parsed in a browser, who asked for them, and what a task says of its browser and its recoveries."""

from __future__ import annotations

SQL = """
-- Names of the recoveries that the task's failed attempts were given since it was asked for: what the next one does differently.
ALTER TABLE task ADD COLUMN recoveries TEXT NOT NULL DEFAULT '[]';
ALTER TABLE task ADD COLUMN browser_session_id TEXT;

-- What a task of type parse_page has beside its row. `secrets` are the values of headers and cookies that its payload only
-- names; they go when the task is completed, as it is never run again.
CREATE TABLE parse (
    task_id     TEXT PRIMARY KEY,
    created_at  REAL NOT NULL,
    url_key     TEXT NOT NULL,
    cache_key   TEXT NOT NULL,
    secrets     TEXT,
    web_page_id TEXT
) WITHOUT ROWID;
CREATE INDEX parse_newest ON parse (created_at, task_id);
CREATE INDEX parse_url ON parse (url_key, created_at, task_id);
CREATE INDEX parse_page ON parse (web_page_id, created_at) WHERE web_page_id IS NOT NULL;
CREATE TRIGGER parse_completed AFTER UPDATE OF status ON task
    WHEN new.status = 'completed' AND new.task_type = 'parse_page' BEGIN
    UPDATE parse SET secrets = NULL WHERE task_id = new.task_id AND secrets IS NOT NULL;
END;
CREATE TRIGGER parse_removed AFTER DELETE ON task WHEN old.task_type = 'parse_page' BEGIN
    DELETE FROM parse WHERE task_id = old.task_id;
END;

-- What a load gave. The long parts are in a table of their own, so that nothing long is read to look through the others.
CREATE TABLE web_page (
    web_page_id TEXT PRIMARY KEY,
    cache_key   TEXT NOT NULL,
    url         TEXT NOT NULL,
    final_url   TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    loaded_at   REAL NOT NULL,
    expires_at  REAL NOT NULL,
    size_bytes  INTEGER NOT NULL,
    timing      TEXT NOT NULL,
    summary     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX web_page_key ON web_page (cache_key, loaded_at);
CREATE INDEX web_page_size ON web_page (loaded_at, size_bytes);
-- They come before their page, some at a time, and nobody sees them until it is there.
CREATE TABLE web_page_part (
    row         INTEGER PRIMARY KEY,
    web_page_id TEXT NOT NULL,
    kind        TEXT NOT NULL,
    number      INTEGER NOT NULL,
    at          REAL NOT NULL,
    data        BLOB NOT NULL
);
CREATE UNIQUE INDEX web_page_part_key ON web_page_part (web_page_id, kind, number);
CREATE INDEX web_page_part_age ON web_page_part (at, web_page_id);
"""
