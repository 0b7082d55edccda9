"""Indexes from which search is told without reading text."""

from __future__ import annotations

SQL = """
-- Search asks of hundreds of rows where they belong and whether they are visible: from these indexes it is told without
-- the rows themselves, which hold the text.
DROP INDEX chunk_text;
CREATE INDEX chunk_text ON chunk (text_row, page_row, source_id);
DROP INDEX page_died;
CREATE INDEX page_died ON page (source_id, died, born, url, language, version);
CREATE INDEX code_language ON code_example (page_row, language);
"""
