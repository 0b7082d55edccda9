"""What search asks of SQLite: chunks and code by words, chunks by texts, always what is visible and no more."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from gleanery.store.sqlite import Database
from gleanery.store.sqlite_knowledge import FOUND_CHUNK, FOUND_CODE, found_chunk, found_code, source_of
from gleanery.store.sqlite_rows import marks
from gleanery.store.values import FoundChunk, FoundCode, WordHit


class SqliteSearch:
    """`SearchStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def live_sources(self, source_id: str | None, tags: Sequence[str]) -> Sequence[str]:
        return await self._db.read(lambda db: _live_sources(db, source_id, tags))

    async def find_words(
        self, match: str, sources: Sequence[str] | None, weights: Sequence[float], limit: int
    ) -> Sequence[WordHit]:
        return await self._db.read(lambda db: _find_words(db, match, sources, weights, limit))

    async def find_code(
        self, match: str, sources: Sequence[str] | None, language: str | None, weights: Sequence[float], limit: int
    ) -> Sequence[FoundCode]:
        return await self._db.read(lambda db: _find_code(db, match, sources, language, weights, limit))

    async def chunks_of_texts(self, text_rows: Sequence[int], sources: Sequence[str] | None) -> Mapping[int, Sequence[int]]:
        return await self._db.read(lambda db: _chunks_of_texts(db, text_rows, sources))

    async def found_chunks(self, rows: Sequence[int]) -> Mapping[int, FoundChunk]:
        return await self._db.read(lambda db: _found_chunks(db, rows))


def _live_sources(db: sqlite3.Connection, source_id: str | None, tags: Sequence[str]) -> list[str]:
    if source_id is not None:
        source_of(db, source_id, None)
    rows = db.execute(
        "SELECT source_id, tags FROM source WHERE deleted_at IS NULL AND (? IS NULL OR source_id = ?)",
        (source_id, source_id),
    )
    return [row["source_id"] for row in rows if set(tags) <= set(json.loads(row["tags"]))]


def _in_sources(table: str, sources: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    if sources is None:
        return "", ()
    return f" AND {table}.source_id IN ({marks(sources)})", sources


def _find_words(
    db: sqlite3.Connection, match: str, sources: Sequence[str] | None, weights: Sequence[float], limit: int
) -> list[WordHit]:
    condition, values = _in_sources("chunk", sources)
    ranked = f"bm25(chunk_words, {marks(weights)})"
    rows = db.execute(
        f"SELECT chunk.row_id, {ranked} AS score FROM chunk_words JOIN chunk ON chunk.row_id = chunk_words.rowid"
        f" JOIN visible_page USING (page_row) WHERE chunk_words MATCH ?{condition} ORDER BY score LIMIT ?",
        (*weights, match, *values, limit),
    ).fetchall()
    return [WordHit(row["row_id"], row["score"]) for row in rows]


def _find_code(
    db: sqlite3.Connection,
    match: str,
    sources: Sequence[str] | None,
    language: str | None,
    weights: Sequence[float],
    limit: int,
) -> list[FoundCode]:
    condition, values = _in_sources("code_example", sources)
    ranked = f"bm25(code_words, {marks(weights)})"
    rows = db.execute(
        f"SELECT code_words.rowid AS row_id, {ranked} AS score FROM code_words JOIN code_example"
        " ON code_example.row_id = code_words.rowid JOIN visible_page USING (page_row)"
        f" WHERE code_words MATCH ? AND (? IS NULL OR code_example.language = ?){condition} ORDER BY score LIMIT ?",
        (*weights, match, language, language, *values, limit),
    ).fetchall()
    by_row = {
        row["row_id"]: row
        for row in db.execute(f"{FOUND_CODE} WHERE code_example.row_id IN ({marks(rows)})", [r["row_id"] for r in rows])
    }
    return [found_code(by_row[row["row_id"]], row["score"]) for row in rows if row["row_id"] in by_row]


def _chunks_of_texts(
    db: sqlite3.Connection, text_rows: Sequence[int], sources: Sequence[str] | None
) -> dict[int, list[int]]:
    condition, values = _in_sources("chunk", sources)
    found: dict[int, list[int]] = {}
    for row in db.execute(
        "SELECT text_row, row_id FROM chunk JOIN visible_page USING (page_row)"
        f" WHERE text_row IN ({marks(text_rows)}){condition} ORDER BY row_id",
        (*text_rows, *values),
    ):
        found.setdefault(row["text_row"], []).append(row["row_id"])
    return found


def _found_chunks(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, FoundChunk]:
    found = db.execute(f"{FOUND_CHUNK} WHERE chunk.row_id IN ({marks(rows)})", tuple(rows)).fetchall()
    return {row["row_id"]: found_chunk(row) for row in found}
