"""What a source holds, counted; what somebody called it, kept."""

from __future__ import annotations

SQL = """
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
