"""The SQLite schema, as numbered migrations. A migration that has landed never changes; a new one is appended.

JSON columns hold text; times are Unix seconds as REAL; booleans are 0 or 1.
"""

from __future__ import annotations

from gleanery.model import FOREVER
from gleanery.store.words import FTS_TOKENIZER

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

_GENERATIONS = f"""
ALTER TABLE source ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN last_generation INTEGER NOT NULL DEFAULT 0;
UPDATE source SET generation = 1, last_generation = 1;
ALTER TABLE source ADD COLUMN description TEXT NOT NULL DEFAULT '';

-- A state of a source's pages. `base` is the one it is built beside; without one it is seen while it is built.
CREATE TABLE generation (
    source_id    TEXT NOT NULL,
    number       INTEGER NOT NULL,
    state        TEXT NOT NULL,
    base         INTEGER,
    task_id      TEXT NOT NULL,
    created_at   REAL NOT NULL,
    completed_at REAL,
    result       TEXT NOT NULL DEFAULT '{{}}',
    PRIMARY KEY (source_id, number)
) WITHOUT ROWID;
CREATE INDEX generation_task ON generation (task_id);
INSERT INTO generation (source_id, number, state, base, task_id, created_at, completed_at)
    SELECT source_id, 1,
        CASE WHEN EXISTS (SELECT 1 FROM task WHERE (serial_key = source_id OR task_id = last_task_id) AND status = 'completed')
            OR NOT EXISTS (SELECT 1 FROM task WHERE serial_key = source_id) THEN 'complete' ELSE 'building' END,
        NULL, coalesce(last_task_id, ''), created_at, updated_at
    FROM source;

-- One row is one version of a page, which never changes: those with born <= n < died are what generation n has. What the
-- last look at a page told (`fetched_at`, validators, links, `seen_task_id`, `missing_since`) is kept in its newest version.
CREATE TABLE page_version (
    page_row      INTEGER PRIMARY KEY,
    page_id       TEXT NOT NULL,
    source_id     TEXT NOT NULL,
    url           TEXT NOT NULL,
    url_key       TEXT NOT NULL,
    title         TEXT NOT NULL,
    description   TEXT NOT NULL,
    language      TEXT,
    version       TEXT,
    chars         INTEGER NOT NULL DEFAULT 0,
    outline       TEXT NOT NULL,
    content_hash  TEXT NOT NULL,
    status_code   INTEGER NOT NULL,
    content_type  TEXT NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    size_bytes    INTEGER NOT NULL,
    fetched_at    REAL NOT NULL,
    task_id       TEXT NOT NULL,
    fetched_by    TEXT NOT NULL,
    chunk_count   INTEGER NOT NULL,
    code_count    INTEGER NOT NULL,
    born          INTEGER NOT NULL,
    died          INTEGER NOT NULL,
    seen_task_id  TEXT NOT NULL,
    missing_since REAL,
    -- Last, since they are long: what is before them is read without them.
    links         BLOB,
    markdown      TEXT NOT NULL
);
INSERT INTO page_version (page_id, source_id, url, url_key, title, description, language, markdown, chars, outline, content_hash,
    status_code, content_type, etag, last_modified, size_bytes, fetched_at, task_id, fetched_by, links, chunk_count,
    code_count, born, died, seen_task_id)
    SELECT page_id, source_id, url, url_key, title, description, language, markdown, length(markdown), outline, content_hash, status_code,
        content_type, etag, last_modified, size_bytes, fetched_at, task_id, fetched_by, links,
        (SELECT count(*) FROM chunk WHERE chunk.page_id = page.page_id),
        (SELECT count(*) FROM code_example WHERE code_example.page_id = page.page_id), 1, {FOREVER}, task_id
    FROM page;

-- A distinct text to embed: the title, headings, context and content of a chunk.
CREATE TABLE text (
    text_row  INTEGER PRIMARY KEY AUTOINCREMENT,
    text_hash BLOB NOT NULL UNIQUE,
    tokens    INTEGER
);
INSERT OR IGNORE INTO text (text_hash)
    SELECT text_hash(title, heading_path, '', content) FROM chunk ORDER BY row_id;

CREATE TABLE chunk_of_version (
    row_id       INTEGER PRIMARY KEY,
    chunk_id     TEXT NOT NULL,
    page_row     INTEGER NOT NULL,
    page_id      TEXT NOT NULL,
    source_id    TEXT NOT NULL,
    ordinal      INTEGER NOT NULL,
    start        INTEGER NOT NULL,
    "end"        INTEGER NOT NULL,
    heading_path TEXT NOT NULL,
    title        TEXT NOT NULL,
    headings     TEXT NOT NULL,
    content      TEXT NOT NULL,
    context      TEXT NOT NULL DEFAULT '',
    text_row     INTEGER NOT NULL
);
INSERT INTO chunk_of_version (row_id, chunk_id, page_row, page_id, source_id, ordinal, start, "end", heading_path, title,
    headings, content, text_row)
    SELECT row_id, chunk_id, page_row, chunk.page_id, chunk.source_id, ordinal, start, "end", heading_path, chunk.title,
        headings, content, (SELECT text_row FROM text WHERE text_hash = text_hash(chunk.title, heading_path, '', content))
    FROM chunk JOIN page_version USING (page_id);

CREATE TABLE vector_of_text (
    text_row INTEGER NOT NULL,
    model    TEXT NOT NULL,
    data     BLOB NOT NULL,
    PRIMARY KEY (text_row, model)
) WITHOUT ROWID;
INSERT OR IGNORE INTO vector_of_text (text_row, model, data)
    SELECT text_row, model, data FROM vector JOIN chunk_of_version ON row_id = chunk_row;

CREATE TABLE code_of_version (
    row_id       INTEGER PRIMARY KEY,
    code_id      TEXT NOT NULL,
    page_row     INTEGER NOT NULL,
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
    "end"        INTEGER NOT NULL,
    is_guessed   INTEGER NOT NULL,
    name         TEXT NOT NULL DEFAULT '',
    summary      TEXT NOT NULL
);
INSERT INTO code_of_version (row_id, code_id, page_row, page_id, source_id, ordinal, language, heading_path, title, headings,
    context, code, start, "end", is_guessed, summary)
    SELECT row_id, code_id, page_row, code_example.page_id, code_example.source_id, ordinal, code_example.language, heading_path,
        code_example.title, headings, context, code, start, "end", is_guessed, summary
    FROM code_example JOIN page_version USING (page_id);

DROP TABLE chunk_words;
DROP TABLE code_words;
DROP TABLE chunk;
DROP TABLE code_example;
DROP TABLE vector;
DROP TABLE page;
ALTER TABLE page_version RENAME TO page;
ALTER TABLE chunk_of_version RENAME TO chunk;
ALTER TABLE vector_of_text RENAME TO vector;
ALTER TABLE code_of_version RENAME TO code_example;

CREATE UNIQUE INDEX page_born ON page (page_id, born);
CREATE INDEX page_url ON page (source_id, url_key, died);
CREATE INDEX page_content ON page (source_id, content_hash);
CREATE INDEX page_born_late ON page (source_id, born);
CREATE INDEX page_died ON page (source_id, died);
CREATE UNIQUE INDEX chunk_page ON chunk (page_row, ordinal);
CREATE INDEX chunk_id ON chunk (chunk_id);
CREATE INDEX chunk_source ON chunk (source_id, row_id);
CREATE INDEX chunk_text ON chunk (text_row);
CREATE UNIQUE INDEX code_page ON code_example (page_row, ordinal);
CREATE INDEX code_id ON code_example (code_id);
CREATE INDEX code_source ON code_example (source_id, row_id);

-- What search and all listings go by.
CREATE VIEW visible_page AS
    SELECT page.* FROM page JOIN source USING (source_id)
    WHERE source.deleted_at IS NULL AND page.born <= source.generation AND page.died > source.generation;

-- Without content of their own: what was put in is derived from the row again when it goes. The store itself inserts the
-- words, all of a page after its rows. By a trigger each INSERT would be under a savepoint of its own, and at each
-- savepoint FTS5 writes out what it has gathered: a segment for every chunk, twice the cost of a page.
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    title, headings, body, code, names, context, content = '', tokenize = '{FTS_TOKENIZER}'
);
CREATE VIRTUAL TABLE code_words USING fts5 (
    title, headings, context, code, names, summary, content = '', tokenize = '{FTS_TOKENIZER}'
);
INSERT INTO chunk_words (rowid, title, headings, body, code, names, context)
    SELECT row_id, fts_text(title), fts_text(headings), fts_body(content), fts_code(content), fts_names(content), ''
    FROM chunk ORDER BY row_id;
INSERT INTO code_words (rowid, title, headings, context, code, names, summary)
    SELECT row_id, fts_text(title), fts_text(headings), fts_text(context), fts_text(code), fts_names(code),
        fts_text(name || ' ' || summary)
    FROM code_example ORDER BY row_id;
CREATE TRIGGER chunk_removed AFTER DELETE ON chunk BEGIN
    INSERT INTO chunk_words (chunk_words, rowid, title, headings, body, code, names, context)
    VALUES ('delete', old.row_id, fts_text(old.title), fts_text(old.headings), fts_body(old.content), fts_code(old.content),
        fts_names(old.content), fts_text(old.context));
END;
CREATE TRIGGER code_removed AFTER DELETE ON code_example BEGIN
    INSERT INTO code_words (code_words, rowid, title, headings, context, code, names, summary)
    VALUES ('delete', old.row_id, fts_text(old.title), fts_text(old.headings), fts_text(old.context), fts_text(old.code),
        fts_names(old.code), fts_text(old.name || ' ' || old.summary));
END;
CREATE VIRTUAL TABLE chunk_vocabulary USING fts5vocab (chunk_words, row);
CREATE VIRTUAL TABLE code_vocabulary USING fts5vocab (code_words, row);

-- Which vectors search goes by, which are being made, and which were before: at most one of each.
CREATE TABLE embedding_model (
    model        TEXT PRIMARY KEY,
    options      TEXT NOT NULL,
    state        TEXT NOT NULL,
    created_at   REAL NOT NULL,
    activated_at REAL
) WITHOUT ROWID;
CREATE UNIQUE INDEX embedding_model_state ON embedding_model (state);

-- Texts that an embedder refused: never a vector of zeros.
CREATE TABLE embed_failure (
    text_row INTEGER NOT NULL,
    model    TEXT NOT NULL,
    code     TEXT NOT NULL,
    message  TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at       REAL NOT NULL,
    PRIMARY KEY (text_row, model)
) WITHOUT ROWID;

CREATE TABLE saved_query (
    query_id   TEXT PRIMARY KEY,
    source_id  TEXT NOT NULL,
    query      TEXT NOT NULL,
    expected   TEXT NOT NULL,
    filters    TEXT NOT NULL DEFAULT '{{}}',
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX saved_query_once ON saved_query (source_id, query);

CREATE TABLE evaluation (
    evaluation_id TEXT PRIMARY KEY,
    source_id     TEXT NOT NULL,
    generation    INTEGER NOT NULL,
    task_id       TEXT,
    at            REAL NOT NULL,
    queries       INTEGER NOT NULL,
    recall_at_5   REAL NOT NULL,
    recall_at_10  REAL NOT NULL,
    mrr           REAL NOT NULL,
    details       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX evaluation_source ON evaluation (source_id, at);

-- What a chat model answered, so that the same is never paid for twice.
CREATE TABLE answer (
    key               BLOB PRIMARY KEY,
    kind              TEXT NOT NULL,
    model             TEXT NOT NULL,
    value             TEXT NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    at                REAL NOT NULL
) WITHOUT ROWID;
"""

_NARROW_READS = """
-- Search asks of hundreds of rows where they belong and whether they are visible: from these indexes it is told without
-- the rows themselves, which hold the text.
DROP INDEX chunk_text;
CREATE INDEX chunk_text ON chunk (text_row, page_row, source_id);
DROP INDEX page_died;
CREATE INDEX page_died ON page (source_id, died, born, url, language, version);
CREATE INDEX code_language ON code_example (page_row, language);
"""

_HOLDINGS = """
-- What somebody has called a source or said of it: neither its first page nor a chat model changes that.
ALTER TABLE source ADD COLUMN is_titled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN is_described INTEGER NOT NULL DEFAULT 0;

-- Each listing of sources looks up the newest task of each.
DROP INDEX task_serial_any;
CREATE INDEX task_serial_any ON task (serial_key, created_at) WHERE serial_key IS NOT NULL;

-- Bytes of the text that a version of a page has, so that nothing long is read to add them up.
CREATE TABLE page_size (
    page_row       INTEGER PRIMARY KEY,
    markdown_bytes INTEGER NOT NULL,
    chunk_bytes    INTEGER NOT NULL,
    code_bytes     INTEGER NOT NULL
);
INSERT INTO page_size (page_row, markdown_bytes, chunk_bytes, code_bytes)
    SELECT page_row, length(CAST(markdown AS BLOB)),
        (SELECT coalesce(sum(length(CAST(content AS BLOB))), 0) FROM chunk WHERE chunk.page_row = page.page_row),
        (SELECT coalesce(sum(length(CAST(code AS BLOB))), 0) FROM code_example WHERE code_example.page_row = page.page_row)
    FROM page;
CREATE TRIGGER page_removed AFTER DELETE ON page BEGIN
    DELETE FROM page_size WHERE page_row = old.page_row;
END;

-- With what is counted over a whole source: its texts, and its code by language.
DROP INDEX chunk_source;
CREATE INDEX chunk_source ON chunk (source_id, row_id, text_row);
DROP INDEX code_source;
CREATE INDEX code_source ON code_example (source_id, row_id, language, page_row);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _ENGINE, _CRAWLING, _GENERATIONS, _NARROW_READS, _HOLDINGS)
