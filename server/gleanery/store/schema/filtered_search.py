"""Indexes from which a search with a filter is told which of many chunks are of the pages that it lets by."""

from __future__ import annotations

SQL = """
-- From a row to its page and its text, and from a page to its texts, without the rows themselves, which hold the text.
CREATE INDEX chunk_place ON chunk (row_id, page_row, text_row);
CREATE INDEX chunk_texts ON chunk (page_row, text_row);
"""
