"""Versions of pages and generations of sources, vectors by text, another index of words: the tables anew."""

from __future__ import annotations

from gleanery.model import FOREVER
from gleanery.store.words import FTS_TOKENIZER

SQL = f"""
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
