"""Versions of pages in SQLite: a page's row with its chunks, code examples and their words, written once and taken away whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from gleanery.model import FOREVER, Chunk, PageBundle, StoredCode, text_hash
from gleanery.store.page_rows import (
    Words,
    chunk_row,
    chunk_words,
    code_row,
    code_words,
    outline_text,
    page_row,
    size_row,
    with_what_was_said,
)
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import marks

_ADD_CHUNK_WORDS = (
    "INSERT INTO chunk_words (rowid, title, headings, body, code, names, context) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_ADD_CODE_WORDS = (
    "INSERT INTO code_words (rowid, title, headings, context, code, names, summary) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def head(db: sqlite3.Connection, source_id: str, url_key: str) -> sqlite3.Row | None:
    """The newest version of a page, which a running build sees and search perhaps not yet; without its Markdown."""
    row: sqlite3.Row | None = db.execute(
        "SELECT page_row, page_id, url, title, description, language, version, outline, content_hash, etag, last_modified, fetched_by,"
        " links, seen_task_id FROM page WHERE source_id = ? AND url_key = ? AND died = ? AND born < ?",
        (source_id, url_key, FOREVER, FOREVER),
    ).fetchone()
    return row


def is_same(tx: Tx, row: sqlite3.Row, bundle: PageBundle) -> bool:
    """Whether a stored version says all that the bundle says, in the same chunks."""
    page = bundle.page
    if (row["content_hash"], row["title"], row["description"], row["language"], row["version"], row["outline"]) != (
        page.content_hash,
        page.title,
        page.description,
        page.language,
        page.version,
        outline_text(page),
    ):
        return False
    ids = [("chunk", "chunk_id", [chunk.chunk_id for chunk in bundle.chunks])]
    ids.append(("code_example", "code_id", [example.code_id for example in bundle.code_examples]))
    return all(_ids(tx, table, column, row["page_row"]) == wanted for table, column, wanted in ids)


def see(tx: Tx, page_row: int, task_id: str) -> None:
    """The task has met the page as this version of it."""
    tx.db.execute(
        "UPDATE page SET seen_task_id = ?, fetched_at = ?, missing_since = NULL WHERE page_row = ?",
        (task_id, tx.now.timestamp(), page_row),
    )


def see_again(tx: Tx, page_row: int, bundle: PageBundle) -> None:
    """The task has got the page again, as this version of it: what the site said of it besides is kept."""
    page = bundle.page
    see(tx, page_row, page.task_id)
    tx.db.execute(
        "UPDATE page SET etag = ?, last_modified = ?, links = ?, status_code = ?, content_type = ?, fetched_by = ?, size_bytes = ?"
        " WHERE page_row = ?",
        (
            page.etag,
            page.last_modified,
            bundle.links,
            page.status_code,
            page.content_type,
            page.fetched_by,
            page.size_bytes,
            page_row,
        ),
    )


def insert_page(tx: Tx, bundle: PageBundle, born: int) -> int:
    """The row of a new version, without its chunks and code; born FOREVER it is seen by nobody yet."""
    row = _insert(tx, "page", {**page_row(bundle), "links": bundle.links, "born": born, "died": FOREVER})
    _insert(tx, "page_size", {"page_row": row, **size_row(bundle)})
    return row


def _insert(tx: Tx, table: str, columns: Mapping[str, Any]) -> int:
    names = ", ".join(f'"{name}"' for name in columns)
    row = tx.db.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks([*columns])})", tuple(columns.values())
    ).lastrowid
    assert row is not None
    return row


def insert_rows(tx: Tx, page_row: int, part: PageBundle) -> None:
    """Chunks and code of a version, with their words, behind the rows (see the schema). What a chat model has said of those
    that were in the version before is theirs again."""
    title = part.page.title
    part = _with_what_was_said(tx, part)
    words = [_insert_chunk(tx, page_row, chunk, title) for chunk in part.chunks]
    tx.db.executemany(_ADD_CHUNK_WORDS, words)
    code = [_insert_code(tx, page_row, example, title) for example in part.code_examples]
    tx.db.executemany(_ADD_CODE_WORDS, code)


def _with_what_was_said(tx: Tx, part: PageBundle) -> PageBundle:
    before = tx.db.execute(
        "SELECT page_row FROM page WHERE page_id = ? AND born < ? ORDER BY born DESC LIMIT 1",
        (part.page.page_id, FOREVER),
    ).fetchone()
    if before is None:
        return part
    contexts = dict(
        tx.db.execute("SELECT chunk_id, context FROM chunk WHERE page_row = ? AND context <> ''", (before[0],))
    )
    names = {
        row["code_id"]: (row["name"], row["summary"])
        for row in tx.db.execute(
            "SELECT code_id, name, summary FROM code_example WHERE page_row = ? AND name <> ''", (before[0],)
        )
    }
    return with_what_was_said(part, contexts, names)


def delete_rows(tx: Tx, page_row: int, limit: int) -> int:
    """Take away up to `limit` chunks and code examples of a version, then the version itself; how many rows went."""
    removed = 0
    for table in ("chunk", "code_example"):
        column = "text_row" if table == "chunk" else "NULL AS text_row"
        rows = tx.db.execute(
            f"SELECT row_id, {column} FROM {table} WHERE page_row = ? LIMIT ?", (page_row, limit - removed)
        ).fetchall()
        tx.db.executemany(f"DELETE FROM {table} WHERE row_id = ?", [(row["row_id"],) for row in rows])
        drop_texts(tx, {row["text_row"] for row in rows if row["text_row"] is not None})
        removed += len(rows)
        if removed >= limit:
            return removed
    tx.db.execute("DELETE FROM page WHERE page_row = ?", (page_row,))
    return removed + 1


def drop_texts(tx: Tx, text_rows: set[int]) -> None:
    """Texts that no chunk has any more go with their vectors."""
    for text_row in text_rows:
        if tx.db.execute("SELECT 1 FROM chunk WHERE text_row = ? LIMIT 1", (text_row,)).fetchone() is None:
            for table in ("text", "vector", "embed_failure"):
                tx.db.execute(f"DELETE FROM {table} WHERE text_row = ?", (text_row,))


def text_row_of(tx: Tx, title: str, heading_path: Sequence[str], context: str, content: str) -> int:
    """The row of a text to embed; one that is new gets one."""
    key = text_hash(title, heading_path, context, content)
    row: int = tx.db.execute(
        "INSERT INTO text (text_hash) VALUES (?) ON CONFLICT DO UPDATE SET tokens = tokens RETURNING text_row", (key,)
    ).fetchone()[0]
    return row


def _ids(tx: Tx, table: str, column: str, page_row: int) -> list[str]:
    rows = tx.db.execute(f"SELECT {column} FROM {table} WHERE page_row = ? ORDER BY ordinal", (page_row,))
    return [row[0] for row in rows]


def _insert_chunk(tx: Tx, page_row: int, chunk: Chunk, title: str) -> tuple[int, *Words]:
    """Gives the row for the full-text index."""
    text_row = text_row_of(tx, title, chunk.heading_path, chunk.context, chunk.content)
    row = _insert(tx, "chunk", {**chunk_row(chunk, title), "page_row": page_row, "text_row": text_row})
    return row, *chunk_words(chunk, title)


def _insert_code(tx: Tx, page_row: int, code: StoredCode, title: str) -> tuple[int, *Words]:
    """Gives the row for the full-text index."""
    row = _insert(tx, "code_example", {**code_row(code, title), "page_row": page_row})
    return row, *code_words(code, title)
