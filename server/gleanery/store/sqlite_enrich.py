"""What a chat model adds, in SQLite: visible rows that lack it, kept answers, contexts and summaries with their words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from gleanery import errors
from gleanery.model import Fence
from gleanery.store import sqlite_pages
from gleanery.store.enriching import (
    ChunkToPlace,
    CodeToName,
    KeptAnswer,
    Lacking,
    NewContext,
    NewSummary,
    PageSetting,
    SourceSetting,
)
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, compact, marks
from gleanery.store.values import ChunkText

_EDGE_CHARACTERS = 300
_LEAD_CHARACTERS = 2000
_MAX_HEADINGS = 60
_TOP_PAGES = 60


class SqliteEnrich:
    """`EnrichStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def lacking(self, source_id: str) -> Lacking:
        return await self._db.read(lambda db: _lacking(db, source_id))

    async def chunks_to_place(self, source_id: str, *, after: int, limit: int) -> Sequence[ChunkToPlace]:
        return await self._db.read(lambda db: _chunks_to_place(db, source_id, after, limit))

    async def code_to_name(self, source_id: str, *, after: int, limit: int) -> Sequence[CodeToName]:
        return await self._db.read(lambda db: _code_to_name(db, source_id, after, limit))

    async def settings(self, page_rows: Sequence[int]) -> Mapping[int, PageSetting]:
        return await self._db.read(lambda db: _settings(db, page_rows))

    async def source_setting(self, source_id: str) -> SourceSetting:
        return await self._db.read(lambda db: _source_setting(db, source_id))

    async def answers(self, keys: Sequence[bytes]) -> Mapping[bytes, Any]:
        return await self._db.read(lambda db: _answers(db, keys))

    async def keep_answers(self, fence: Fence, answers: Sequence[KeptAnswer]) -> None:
        await self._db.write(lambda tx: _keep_answers(tx, fence, answers))

    async def new_texts(self, fence: Fence, contexts: Sequence[NewContext]) -> Sequence[ChunkText]:
        return await self._db.write(lambda tx: _new_texts(tx, fence, contexts), is_long=True)

    async def add_contexts(self, fence: Fence, model: str | None, contexts: Sequence[NewContext]) -> int:
        return await self._db.write(lambda tx: _add_contexts(tx, fence, model, contexts), is_long=True)

    async def add_summaries(self, fence: Fence, summaries: Sequence[NewSummary]) -> int:
        return await self._db.write(lambda tx: _add_summaries(tx, fence, summaries), is_long=True)

    async def describe_source(self, fence: Fence, source_id: str, description: str) -> None:
        await self._db.write(lambda tx: _describe_source(tx, fence, source_id, description))


# What lacks something. By rows of the source, one after the other: no sorting, however many there are.

_VISIBLE = """
FROM source CROSS JOIN {table} AS item CROSS JOIN page
WHERE source.source_id = :source AND source.deleted_at IS NULL AND item.source_id = source.source_id
    AND page.page_row = item.page_row AND page.born <= source.generation AND page.died > source.generation
"""
_UNPLACED = f"{_VISIBLE.format(table='chunk')} AND item.context = ''"
_UNNAMED = f"{_VISIBLE.format(table='code_example')} AND item.name = ''"


def _source_row(db: sqlite3.Connection, source_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT source_id, url, title, description FROM source WHERE source_id = ? AND deleted_at IS NULL", (source_id,)
    ).fetchone()
    if row is None:
        raise errors.NotFound("source", source_id)
    return row


def _lacking(db: sqlite3.Connection, source_id: str) -> Lacking:
    source = _source_row(db, source_id)

    def by_page(length: str, which: str) -> list[tuple[int, int]]:
        rows = db.execute(
            f"SELECT count(*), sum(length(item.{length})) {which} GROUP BY item.page_row", {"source": source_id}
        )
        return [(count, characters) for count, characters in rows]

    return Lacking(by_page("content", _UNPLACED), by_page("code", _UNNAMED), source["description"] != "")


def _chunks_to_place(db: sqlite3.Connection, source_id: str, after: int, limit: int) -> list[ChunkToPlace]:
    rows = db.execute(
        "SELECT item.row_id, item.chunk_id, item.page_row, item.ordinal, item.title, item.heading_path, item.content,"
        f" (SELECT substr(content, -{_EDGE_CHARACTERS}) FROM chunk WHERE page_row = item.page_row AND ordinal = item.ordinal - 1),"
        f" (SELECT substr(content, 1, {_EDGE_CHARACTERS}) FROM chunk WHERE page_row = item.page_row AND ordinal = item.ordinal + 1)"
        f" {_UNPLACED} AND item.row_id > :after ORDER BY item.row_id LIMIT :limit",
        {"source": source_id, "after": after, "limit": limit},
    ).fetchall()
    return [
        ChunkToPlace(
            row, chunk_id, page_row, ordinal, title, tuple(json.loads(path)), content, before or "", behind or ""
        )
        for row, chunk_id, page_row, ordinal, title, path, content, before, behind in rows
    ]


def _code_to_name(db: sqlite3.Connection, source_id: str, after: int, limit: int) -> list[CodeToName]:
    rows = db.execute(
        "SELECT item.row_id, item.code_id, item.page_row, item.ordinal, item.title, item.heading_path, item.language,"
        f" item.context, item.code {_UNNAMED} AND item.row_id > :after ORDER BY item.row_id LIMIT :limit",
        {"source": source_id, "after": after, "limit": limit},
    ).fetchall()
    return [
        CodeToName(row, code_id, page_row, ordinal, title, tuple(json.loads(path)), language, before, code)
        for row, code_id, page_row, ordinal, title, path, language, before, code in rows
    ]


_SETTING = f"""
SELECT page_row, url, title, description, outline,
    (SELECT substr(content, 1, {_LEAD_CHARACTERS}) FROM chunk WHERE chunk.page_row = page.page_row AND ordinal = 0) AS lead
FROM page
"""


def _setting(row: sqlite3.Row) -> PageSetting:
    headings = tuple((level, text) for level, text, *_ in json.loads(row["outline"])[:_MAX_HEADINGS])
    return PageSetting(row["page_row"], row["url"], row["title"], row["description"], headings, row["lead"] or "")


def _settings(db: sqlite3.Connection, page_rows: Sequence[int]) -> dict[int, PageSetting]:
    rows = db.execute(f"{_SETTING} WHERE page_row IN ({marks(page_rows)})", tuple(page_rows))
    return {row["page_row"]: _setting(row) for row in rows}


def _source_setting(db: sqlite3.Connection, source_id: str) -> SourceSetting:
    source = _source_row(db, source_id)
    count = db.execute("SELECT count(*) FROM visible_page WHERE source_id = ?", (source_id,)).fetchone()[0]
    # The top of a site first: few steps in the path, then short ones. The rest would be cut.
    rows = db.execute(
        f"{_SETTING} WHERE page_row IN (SELECT page_row FROM visible_page WHERE source_id = ?"
        " ORDER BY length(url_key) - length(replace(url_key, '/', '')), length(url_key), url_key LIMIT ?)"
        " ORDER BY length(url_key) - length(replace(url_key, '/', '')), length(url_key), url_key",
        (source_id, _TOP_PAGES),
    ).fetchall()
    pages = tuple(_setting(row) for row in rows)
    return SourceSetting(source_id, source["url"], source["title"], source["description"], count, pages)


# Kept answers


def _answers(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Any]:
    rows = db.execute(f"SELECT key, value FROM answer WHERE key IN ({marks(keys)})", tuple(keys))
    return {row["key"]: json.loads(row["value"]) for row in rows}


def _keep_answers(tx: Tx, fence: Fence, answers: Sequence[KeptAnswer]) -> None:
    check_fence(tx, fence)
    tx.db.executemany(
        "INSERT OR REPLACE INTO answer (key, kind, model, value, prompt_tokens, completion_tokens, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                answer.key,
                answer.kind,
                answer.model,
                compact(answer.value),
                answer.prompt_tokens,
                answer.completion_tokens,
                tx.now.timestamp(),
            )
            for answer in answers
        ],
    )


# Writing

_CHUNK_WORDS = "rowid, title, headings, body, code, names, context"
_WORDS_OF_CHUNK = """
row_id, fts_text(title), fts_text(headings), fts_body(content), fts_code(content), fts_names(content), fts_text(context)
FROM chunk WHERE row_id = ?
"""
_CODE_WORDS = "rowid, title, headings, context, code, names, summary"
_WORDS_OF_CODE = """
row_id, fts_text(title), fts_text(headings), fts_text(context), fts_text(code), fts_names(code), fts_text(name || ' ' || summary)
FROM code_example WHERE row_id = ?
"""
# Out of the full-text index as they were put in, from the row as it still is; then in again. In the order of rows: FTS5
# writes out what it has gathered whenever a row comes that is before the last one.
_TAKE_CHUNK = f"INSERT INTO chunk_words (chunk_words, {_CHUNK_WORDS}) SELECT 'delete', {_WORDS_OF_CHUNK}"
_PUT_CHUNK = f"INSERT INTO chunk_words ({_CHUNK_WORDS}) SELECT {_WORDS_OF_CHUNK}"
_TAKE_CODE = f"INSERT INTO code_words (code_words, {_CODE_WORDS}) SELECT 'delete', {_WORDS_OF_CODE}"
_PUT_CODE = f"INSERT INTO code_words ({_CODE_WORDS}) SELECT {_WORDS_OF_CODE}"


def _chunk(tx: Tx, context: NewContext) -> sqlite3.Row | None:
    # Row and id together: a row number may serve another chunk once its own is gone.
    row: sqlite3.Row | None = tx.db.execute(
        "SELECT * FROM chunk WHERE row_id = ? AND chunk_id = ?", (context.row, context.chunk_id)
    ).fetchone()
    return row


def _text_row(tx: Tx, chunk: sqlite3.Row, context: str) -> int:
    path = json.loads(chunk["heading_path"])
    return sqlite_pages.text_row_of(tx, chunk["title"], path, context, chunk["content"])


def _new_texts(tx: Tx, fence: Fence, contexts: Sequence[NewContext]) -> list[ChunkText]:
    check_fence(tx, fence)
    return [
        ChunkText(
            chunk["row_id"],
            _text_row(tx, chunk, new.context),
            chunk["page_id"],
            chunk["source_id"],
            chunk["title"],
            tuple(json.loads(chunk["heading_path"])),
            new.context,
            chunk["content"],
        )
        for new in contexts
        if (chunk := _chunk(tx, new)) is not None
    ]


def _add_contexts(tx: Tx, fence: Fence, model: str | None, contexts: Sequence[NewContext]) -> int:
    check_fence(tx, fence)
    added = 0
    for new in sorted(contexts, key=lambda new: new.row):
        chunk = _chunk(tx, new)
        if chunk is None or chunk["context"] == new.context:
            continue
        text_row = _text_row(tx, chunk, new.context)
        if model is not None and _has_vector(tx, model, chunk["text_row"]) and not _has_vector(tx, model, text_row):
            _drop_text(tx, text_row)
            continue  # search would find it by meaning no more
        tx.db.execute(_TAKE_CHUNK, (new.row,))
        tx.db.execute("UPDATE chunk SET context = ?, text_row = ? WHERE row_id = ?", (new.context, text_row, new.row))
        tx.db.execute(_PUT_CHUNK, (new.row,))
        _drop_text(tx, chunk["text_row"])
        added += 1
    return added


def _has_vector(tx: Tx, model: str, text_row: int) -> bool:
    row = tx.db.execute("SELECT 1 FROM vector WHERE text_row = ? AND model = ?", (text_row, model)).fetchone()
    return row is not None


def _drop_text(tx: Tx, text_row: int) -> None:
    """A text that no chunk has any more goes with its vectors."""
    if tx.db.execute("SELECT 1 FROM chunk WHERE text_row = ? LIMIT 1", (text_row,)).fetchone() is None:
        for table in ("text", "vector", "embed_failure"):
            tx.db.execute(f"DELETE FROM {table} WHERE text_row = ?", (text_row,))


def _add_summaries(tx: Tx, fence: Fence, summaries: Sequence[NewSummary]) -> int:
    check_fence(tx, fence)
    added = 0
    for new in sorted(summaries, key=lambda new: new.row):
        found = tx.db.execute(
            "SELECT 1 FROM code_example WHERE row_id = ? AND code_id = ?", (new.row, new.code_id)
        ).fetchone()
        if found is None:
            continue
        tx.db.execute(_TAKE_CODE, (new.row,))
        tx.db.execute(
            "UPDATE code_example SET name = ?, summary = ? WHERE row_id = ?", (new.name, new.summary, new.row)
        )
        tx.db.execute(_PUT_CODE, (new.row,))
        added += 1
    return added


def _describe_source(tx: Tx, fence: Fence, source_id: str, description: str) -> None:
    check_fence(tx, fence)
    tx.db.execute(
        "UPDATE source SET description = ? WHERE source_id = ? AND is_described = 0", (description, source_id)
    )
