"""The SQLite schema, as numbered migrations. A migration that has landed never changes; a new one is appended.

JSON columns hold text; times are Unix seconds as REAL; booleans are 0 or 1.
"""

from __future__ import annotations

import re

FTS_TOKENIZER = "unicode61 remove_diacritics 2"
"""Stemming (porter) was measured and is no better on questions to documentation; it blurs identifiers."""

CJK = (
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
"""The inside of a character class: Chinese, Japanese and Korean characters, which stand without blanks between words."""

_CJK_CHARACTER = re.compile(f"[{CJK}]")
LINK_TARGET = re.compile(r"\]\(<?https?://[^\s)>]*>?\)")


def fts_text(text: str) -> str:
    """`text` as it goes into the full-text index: without the targets of links, and with blanks around CJK characters.

    unicode61 takes a run of CJK for one word, so nothing inside it could be found. By the character a phrase finds it.
    The store calls this for what it adds, and the triggers as an SQL function for what they remove.
    """
    if "](" in text:
        text = LINK_TARGET.sub("] ", text)
    return text if text.isascii() else _CJK_CHARACTER.sub(r" \g<0> ", text)


_FIRST = f"""
CREATE TABLE source (
    source_id      TEXT PRIMARY KEY,
    url            TEXT NOT NULL,
    url_key        TEXT NOT NULL,
    title          TEXT NOT NULL DEFAULT '',
    tags           TEXT NOT NULL DEFAULT '[]',
    knowledge_type TEXT NOT NULL,
    options        TEXT NOT NULL DEFAULT '{{}}',
    created_at     REAL NOT NULL,
    updated_at     REAL NOT NULL,
    last_task_id   TEXT,
    deleted_at     REAL
);
CREATE UNIQUE INDEX source_url ON source (url_key) WHERE deleted_at IS NULL;

CREATE TABLE task (
    task_id                 TEXT PRIMARY KEY,
    task_type               TEXT NOT NULL,
    title                   TEXT NOT NULL,
    description             TEXT NOT NULL,
    status                  TEXT NOT NULL,
    priority                INTEGER NOT NULL,
    queue_name              TEXT NOT NULL,
    payload                 TEXT NOT NULL,
    result                  TEXT,
    error                   TEXT,
    progress                TEXT NOT NULL,
    attempt                 INTEGER NOT NULL DEFAULT 0,
    retry_attempts          INTEGER NOT NULL DEFAULT 0,
    max_retries             INTEGER NOT NULL,
    lost_count              INTEGER NOT NULL DEFAULT 0,
    run_at                  REAL NOT NULL,
    created_at              REAL NOT NULL,
    processing_started_at   REAL,
    processing_completed_at REAL,
    last_error_at           REAL,
    last_error              TEXT,
    worker_id               TEXT,
    lease_until             REAL,
    is_cancel_requested     INTEGER NOT NULL DEFAULT 0,
    memory_usage_mb         REAL,
    depends_on              TEXT NOT NULL DEFAULT '[]',
    coalesce_key            TEXT,
    serial_key              TEXT,
    parent_task_id          TEXT,
    webhook_url             TEXT,
    last_seq                INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX task_due ON task (status, run_at);
CREATE INDEX task_newest ON task (created_at DESC, task_id);
CREATE UNIQUE INDEX task_serial ON task (serial_key) WHERE status = 'running' AND serial_key IS NOT NULL;

CREATE TABLE event (
    task_id TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at      REAL NOT NULL,
    type    TEXT NOT NULL,
    message TEXT NOT NULL,
    data    TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    key          TEXT PRIMARY KEY,
    request_hash TEXT NOT NULL,
    task_id      TEXT NOT NULL,
    created_at   REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE frontier (
    task_id            TEXT NOT NULL,
    url_key            TEXT NOT NULL,
    url                TEXT NOT NULL,
    depth              INTEGER NOT NULL,
    ordinal            INTEGER NOT NULL,
    state              TEXT NOT NULL,
    found_on           TEXT,
    reason             TEXT,
    message            TEXT,
    status_code        INTEGER,
    attempts           INTEGER NOT NULL DEFAULT 0,
    page_id            TEXT,
    chunk_count        INTEGER,
    code_example_count INTEGER,
    elapsed_seconds    REAL,
    settled_at         REAL,
    PRIMARY KEY (task_id, url_key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX frontier_order ON frontier (task_id, ordinal);
CREATE INDEX frontier_next ON frontier (task_id, state, depth, ordinal);

CREATE TABLE page (
    page_id       TEXT PRIMARY KEY,
    source_id     TEXT NOT NULL,
    url           TEXT NOT NULL,
    url_key       TEXT NOT NULL,
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    language      TEXT,
    markdown      TEXT NOT NULL,
    outline       TEXT NOT NULL,
    content_hash  TEXT NOT NULL,
    status_code   INTEGER NOT NULL,
    content_type  TEXT NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    size_bytes    INTEGER NOT NULL,
    fetched_at    REAL NOT NULL,
    task_id       TEXT NOT NULL
);
CREATE UNIQUE INDEX page_url ON page (source_id, url_key);

CREATE TABLE chunk (
    row_id       INTEGER PRIMARY KEY,
    chunk_id     TEXT NOT NULL UNIQUE,
    page_id      TEXT NOT NULL,
    source_id    TEXT NOT NULL,
    ordinal      INTEGER NOT NULL,
    start        INTEGER NOT NULL,
    "end"        INTEGER NOT NULL,
    heading_path TEXT NOT NULL,
    title        TEXT NOT NULL,
    headings     TEXT NOT NULL,
    content      TEXT NOT NULL
);
CREATE INDEX chunk_page ON chunk (page_id, ordinal);
CREATE INDEX chunk_source ON chunk (source_id, row_id);
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    title, headings, content, content = 'chunk', content_rowid = 'row_id', tokenize = '{FTS_TOKENIZER}'
);
-- The store itself inserts the words, all of a page after its rows. By a trigger each INSERT would be under a savepoint of
-- its own, and at each savepoint FTS5 writes out what it has gathered: a segment for every chunk, twice the cost of a page.
CREATE TRIGGER chunk_removed AFTER DELETE ON chunk BEGIN
    INSERT INTO chunk_words (chunk_words, rowid, title, headings, content)
    VALUES ('delete', old.row_id, fts_text(old.title), fts_text(old.headings), fts_text(old.content));
    DELETE FROM vector WHERE chunk_row = old.row_id;
END;

CREATE TABLE vector (
    model     TEXT NOT NULL,
    chunk_row INTEGER NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (model, chunk_row)
) WITHOUT ROWID;
CREATE INDEX vector_chunk ON vector (chunk_row);

CREATE TABLE code_example (
    row_id       INTEGER PRIMARY KEY,
    code_id      TEXT NOT NULL UNIQUE,
    page_id      TEXT NOT NULL,
    source_id    TEXT NOT NULL,
    ordinal      INTEGER NOT NULL,
    language     TEXT,
    heading_path TEXT NOT NULL,
    title        TEXT NOT NULL,
    headings     TEXT NOT NULL,
    context      TEXT NOT NULL,
    code         TEXT NOT NULL,
    start        INTEGER NOT NULL,
    "end"        INTEGER NOT NULL
);
CREATE INDEX code_page ON code_example (page_id, ordinal);
CREATE INDEX code_source ON code_example (source_id, row_id);
CREATE VIRTUAL TABLE code_words USING fts5 (
    title, headings, context, code, content = 'code_example', content_rowid = 'row_id', tokenize = '{FTS_TOKENIZER}'
);
CREATE TRIGGER code_removed AFTER DELETE ON code_example BEGIN
    INSERT INTO code_words (code_words, rowid, title, headings, context, code)
    VALUES ('delete', old.row_id, fts_text(old.title), fts_text(old.headings), fts_text(old.context),
        fts_text(old.code));
END;
"""

_ENGINE = """
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

_CRAWLING = """
ALTER TABLE frontier ADD COLUMN origin TEXT NOT NULL DEFAULT 'link';
ALTER TABLE frontier ADD COLUMN lastmod REAL;
ALTER TABLE frontier ADD COLUMN fetched_by TEXT;
-- The key of the URL that this one is the same as: its canonical one, or the one whose content it repeats.
ALTER TABLE frontier ADD COLUMN same_as TEXT;
-- A page that names another as the canonical one is stored for itself when that one turned out to be none.
ALTER TABLE frontier ADD COLUMN is_own INTEGER NOT NULL DEFAULT 0;
-- Refused without asking the site: never part of what the crawl set out to fetch.
ALTER TABLE frontier ADD COLUMN is_refused INTEGER NOT NULL DEFAULT 0;
UPDATE frontier SET is_refused = 1 WHERE state = 'skipped' AND reason IN
    ('other_host', 'outside_path', 'excluded', 'not_included', 'too_deep', 'not_a_document', 'page_limit');

ALTER TABLE page ADD COLUMN fetched_by TEXT NOT NULL DEFAULT 'http';
-- What the page links to, compressed: a page that is unchanged at the next crawl leads on without being fetched.
ALTER TABLE page ADD COLUMN links BLOB;
CREATE INDEX page_content ON page (source_id, content_hash);

ALTER TABLE code_example ADD COLUMN is_guessed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE code_example ADD COLUMN summary TEXT NOT NULL DEFAULT '';

CREATE INDEX idempotency_task ON idempotency (task_id);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Which processes use a host, so that they share its places and its pauses.
CREATE TABLE host_use (
    host          TEXT NOT NULL,
    worker_id     TEXT NOT NULL,
    users         INTEGER NOT NULL,
    pause_until   REAL,
    delay_seconds REAL NOT NULL,
    beat_at       REAL NOT NULL,
    PRIMARY KEY (host, worker_id)
) WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _ENGINE, _CRAWLING)
