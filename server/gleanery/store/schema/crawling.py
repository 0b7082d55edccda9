"""What a crawl knows of each URL, and how hosts are treated."""

from __future__ import annotations

SQL = """
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
