"""What search asks of SQLite: chunks and code by words, chunks by texts, always what is visible and no more."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gleanery.model import Chunk
from gleanery.store import sqlite_facets
from gleanery.store.knowledge_rows import found_chunk, found_code
from gleanery.store.search_store import FEW_PAGES, Facets, Match, PageFilter, Shelf, ShelfSize, SourceFilter
from gleanery.store.source_filter import is_asked_for
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_knowledge import source_of
from gleanery.store.sqlite_page_filter import page_join, pages_of_sources
from gleanery.store.sqlite_ranking import TABLES, Tables, find_words
from gleanery.store.sqlite_rows import marks
from gleanery.store.values import FoundChunk, FoundCode, WordHit


class SqliteSearch:
    """`SearchStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def sources_for(self, asked: SourceFilter) -> Sequence[str]:
        return await self._db.read(lambda db: _sources_for(db, asked))

    async def narrowed(self, sources: Sequence[SourceFilter], pages: PageFilter) -> PageFilter:
        return await self._db.read(lambda db: _narrowed(db, sources, pages))

    async def facets(self, source_ids: Sequence[str]) -> Facets:
        return await self._db.read(lambda db: sqlite_facets.facets(db, source_ids))

    async def find_words(
        self, shelf: Shelf, match: Match, pages: PageFilter, weights: Sequence[float], limit: int
    ) -> Sequence[WordHit]:
        return await self._db.read(lambda db: find_words(db, TABLES[shelf], match, pages, weights, limit))

    async def rows_of_texts(
        self, text_rows: Sequence[int], pages: PageFilter, match: Match | None
    ) -> Mapping[int, Sequence[int]]:
        return await self._db.read(lambda db: _rows_of_texts(db, text_rows, pages, match))

    async def texts_of(self, pages: PageFilter) -> Sequence[int]:
        return await self._db.read(lambda db: _texts_of(db, pages))

    async def texts_with(self, must: str) -> Sequence[int]:
        return await self._db.read(lambda db: _texts_with(db, must))

    async def found_chunks(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundChunk]:
        return await self._db.read(lambda db: _found_chunks(db, rows, pages))

    async def found_code(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundCode]:
        return await self._db.read(lambda db: _found_code(db, rows, pages))

    async def neighbours(self, rows: Sequence[int], distance: int) -> Mapping[int, Sequence[Chunk]]:
        return await self._db.read(lambda db: _neighbours(db, rows, distance))

    async def vocabulary(self, shelf: Shelf, *, after: str, limit: int) -> Sequence[tuple[str, int]]:
        return await self._db.read(lambda db: _vocabulary(db, TABLES[shelf], after, limit))

    async def known_words(self, shelf: Shelf, words: Sequence[str]) -> Mapping[str, int]:
        return await self._db.read(lambda db: _known_words(db, TABLES[shelf], words))

    async def shelf_size(self, shelf: Shelf) -> ShelfSize:
        return await self._db.read(lambda db: _shelf_size(db, TABLES[shelf]))


# Which sources, which pages


def _sources_for(db: sqlite3.Connection, asked: SourceFilter) -> list[str]:
    for source_id in asked.source_ids:
        source_of(db, source_id, None)
    rows = db.execute("SELECT source_id, url, title, tags, knowledge_type FROM source WHERE deleted_at IS NULL")
    return [row["source_id"] for row in rows if is_asked_for(row, asked)]


def _narrowed(db: sqlite3.Connection, sources: Sequence[SourceFilter], pages: PageFilter) -> PageFilter:
    every = _sources_for(db, SourceFilter())
    allowed = set(every).intersection(*(_sources_for(db, asked) for asked in sources))
    narrowed = replace(pages, source_ids=tuple(source_id for source_id in every if source_id in allowed))
    if len(allowed) == len(every) and not pages.is_of_pages:
        return narrowed
    table, conditions, values = pages_of_sources(narrowed)
    chosen = f"SELECT page.page_row FROM {table} WHERE {' AND '.join(conditions)} LIMIT {FEW_PAGES + 1}"
    rows = _as_one(db, f"SELECT json_group_array(page_row) AS numbers FROM ({chosen})", values)
    return replace(narrowed, few=tuple(rows)) if len(rows) <= FEW_PAGES else narrowed


# By texts


def _rows_of_texts(
    db: sqlite3.Connection, text_rows: Sequence[int], pages: PageFilter, match: Match | None
) -> dict[int, list[int]]:
    if not pages.source_ids or not text_rows:
        return {}
    if pages.few is None:
        within, values = page_join("chunk", pages)
        within += " WHERE"
    else:
        within, values = "WHERE +page_row IN (SELECT value FROM json_each(?)) AND", [json.dumps(pages.few)]
    sql = f"SELECT text_row, row_id FROM chunk {within} text_row IN ({marks(text_rows)}) ORDER BY row_id"
    rows = db.execute(sql, (*values, *text_rows)).fetchall()
    conditions = _Conditions(db, match)
    found: dict[int, list[int]] = {}
    for row in rows:
        if conditions.hold(row["row_id"]):
            found.setdefault(row["text_row"], []).append(row["row_id"])
    return found


class _Conditions:
    """What must be in a chunk and what must not. All that have it are asked for at once: one by one takes longer."""

    def __init__(self, db: sqlite3.Connection, match: Match | None) -> None:
        self._wanted = _matching_rows(db, match.must) if match and match.must else None
        self._unwanted = _matching_rows(db, match.must_not) if match and match.must_not else set()

    def hold(self, row: int) -> bool:
        return (self._wanted is None or row in self._wanted) and row not in self._unwanted


def _matching_rows(db: sqlite3.Connection, expression: str) -> set[int]:
    found = db.execute("SELECT rowid AS row_id FROM chunk_words WHERE chunk_words MATCH ?", (expression,))
    return {row["row_id"] for row in found}


def _texts_with(db: sqlite3.Connection, must: str) -> list[int]:
    sql = (
        "SELECT DISTINCT text_row FROM chunk_words CROSS JOIN chunk INDEXED BY chunk_place"
        " ON chunk.row_id = chunk_words.rowid WHERE chunk_words MATCH ? ORDER BY text_row"
    )
    return [row["text_row"] for row in db.execute(sql, (must,))]


def _texts_of(db: sqlite3.Connection, pages: PageFilter) -> list[int]:
    if pages.few is None:
        table, conditions, values = pages_of_sources(pages)
        chosen = f"SELECT page.page_row FROM {table} WHERE {' AND '.join(conditions)}"
    else:
        chosen, values = "SELECT value AS page_row FROM json_each(?)", [json.dumps(pages.few)]
    sql = (
        f"WITH chosen AS MATERIALIZED ({chosen})"
        " SELECT json_group_array(text_row) AS numbers FROM chosen CROSS JOIN chunk INDEXED BY chunk_texts USING (page_row)"
    )
    return sorted(set(_as_one(db, sql, values)))


def _as_one(db: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[int]:
    """Many numbers as one row: at each row SQLite lets go of Python's lock, and a busy thread may keep it for long."""
    numbers: list[int] = json.loads(db.execute(sql, values).fetchone()["numbers"])
    return numbers


# What is shown


def _found_chunks(db: sqlite3.Connection, rows: Sequence[int], pages: PageFilter) -> dict[int, FoundChunk]:
    joined, values = page_join("chunk", pages)
    sql = (
        f"SELECT chunk.*, page.url, page.title AS page_title, page.outline FROM chunk {joined}"
        f" WHERE chunk.row_id IN ({marks(rows)})"
    )
    return {row["row_id"]: found_chunk(row) for row in db.execute(sql, (*values, *rows))}


def _found_code(db: sqlite3.Connection, rows: Sequence[int], pages: PageFilter) -> dict[int, FoundCode]:
    joined, values = page_join("code_example", pages)
    sql = (
        f"SELECT code_example.*, page.url, page.title AS page_title FROM code_example {joined}"
        f" WHERE code_example.row_id IN ({marks(rows)})"
    )
    return {row["row_id"]: found_code(row) for row in db.execute(sql, (*values, *rows))}


def _neighbours(db: sqlite3.Connection, rows: Sequence[int], distance: int) -> dict[int, list[Chunk]]:
    found: dict[int, list[Chunk]] = {row: [] for row in rows}
    sql = (
        "SELECT hit.row_id AS hit_row, beside.*, '' AS url, '' AS page_title, '[]' AS outline FROM chunk AS hit"
        " JOIN chunk AS beside ON beside.page_row = hit.page_row AND beside.row_id <> hit.row_id"
        " AND beside.ordinal BETWEEN hit.ordinal - ? AND hit.ordinal + ?"
        f" WHERE hit.row_id IN ({marks(rows)}) ORDER BY hit.row_id, beside.ordinal"
    )
    for row in db.execute(sql, (distance, distance, *rows)):
        found[row["hit_row"]].append(found_chunk(row).chunk)
    return found


# Words of the index


def _vocabulary(db: sqlite3.Connection, tables: Tables, after: str, limit: int) -> list[tuple[str, int]]:
    rows = db.execute(f"SELECT term, doc FROM {tables.vocabulary} WHERE term > ? LIMIT ?", (after, limit))
    return [(row["term"], row["doc"]) for row in rows]


def _known_words(db: sqlite3.Connection, tables: Tables, words: Sequence[str]) -> dict[str, int]:
    known = {}
    for word in words:
        row = db.execute(f"SELECT doc FROM {tables.vocabulary} WHERE term = ?", (word,)).fetchone()
        if row is not None:
            known[word] = row["doc"]
    return known


def _shelf_size(db: sqlite3.Connection, tables: Tables) -> ShelfSize:
    row = db.execute(f"SELECT count(*) AS rows, coalesce(max(row_id), 0) AS last FROM {tables.rows}").fetchone()
    return ShelfSize(row["rows"], row["last"])
