"""Tasks, events, sources, pages, chunks, code: what there was at first."""

from __future__ import annotations

from gleanery.store.words import FTS_TOKENIZER

SQL = f"""
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
