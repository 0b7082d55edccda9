"""Sources, pages, chunks, code and vectors in SQLite, with what search asks of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gleanery import errors
from gleanery.model import Chunk, Fence, FetchedBy, Heading, Page, Source, StoredCode
from gleanery.store import sqlite_schedules
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, compact
from gleanery.store.values import ChunkText, FoundChunk, FoundCode, VectorRow, WordHit


class SqliteKnowledge:
    """`KnowledgeStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ensure_source(self, source: Source, url_key: str) -> Source:
        return await self._db.write(lambda tx: _source_of(tx.db, put_source(tx, source, url_key), None))

    async def source(self, source_id: str, model: str | None = None) -> Source:
        return await self._db.read(lambda db: _source_of(db, source_id, model))

    async def sources(self, *, after: tuple[float, str] | None, limit: int, model: str | None) -> Sequence[Source]:
        return await self._db.read(lambda db: _sources(db, after, limit, model))

    async def name_source(self, source_id: str, title: str, task_id: str) -> None:
        await self._db.write(lambda tx: _name_source(tx, source_id, title, task_id))

    async def delete_source(self, source_id: str) -> None:
        await self._db.write(lambda tx: _delete_source(tx, source_id))

    async def purge(self, limit: int) -> int:
        return await self._db.write(lambda tx: _purge(tx, limit), is_long=True)

    async def pages(self, source_id: str, *, after: str | None, limit: int) -> Sequence[tuple[Page, int]]:
        return await self._db.read(lambda db: _pages(db, source_id, after, limit))

    async def page(self, page_id: str) -> Page:
        return await self._db.read(lambda db: _page_of(db, page_id))

    async def chunks(self, source_id: str, *, page_id: str | None, after: int, limit: int) -> Sequence[FoundChunk]:
        return await self._db.read(lambda db: _chunks(db, source_id, page_id, after, limit))

    async def code_examples(
        self, source_id: str, *, language: str | None, after: int, limit: int
    ) -> Sequence[FoundCode]:
        return await self._db.read(lambda db: _code_examples(db, source_id, language, after, limit))

    async def without_vectors(self, source_id: str, model: str, *, after: int, limit: int) -> Sequence[ChunkText]:
        return await self._db.read(lambda db: _without_vectors(db, source_id, model, after, limit))

    async def sources_without_vectors(self, model: str) -> Sequence[str]:
        return await self._db.read(lambda db: _sources_without_vectors(db, model))

    async def add_vectors(
        self, fence: Fence, model: str, chunks: Sequence[ChunkText], vectors: np.ndarray[Any, np.dtype[np.float32]]
    ) -> int:
        return await self._db.write(lambda tx: _add_vectors(tx, fence, model, chunks, vectors), is_long=True)

    async def vectors(self, model: str, *, after: int, limit: int, source_id: str | None = None) -> Sequence[VectorRow]:
        return await self._db.read(lambda db: _vectors(db, model, after, limit, source_id))

    async def embedded_chunks(self, source_id: str, model: str) -> Mapping[str, int]:
        return await self._db.read(lambda db: _embedded_chunks(db, source_id, model))

    async def vectors_of(self, chunk_ids: Sequence[str], model: str) -> Sequence[VectorRow]:
        return await self._db.read(lambda db: _vectors_of(db, chunk_ids, model))

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

    async def found_chunks(self, chunk_ids: Sequence[str]) -> Mapping[str, FoundChunk]:
        return await self._db.read(lambda db: _found_chunks(db, chunk_ids))


# Sources

_SOURCE = """
SELECT source.*,
    (SELECT count(*) FROM page WHERE page.source_id = source.source_id) AS page_count,
    (SELECT coalesce(sum(size_bytes), 0) FROM page WHERE page.source_id = source.source_id) AS size_bytes,
    (SELECT count(*) FROM chunk WHERE chunk.source_id = source.source_id) AS chunk_count,
    (SELECT count(*) FROM code_example WHERE code_example.source_id = source.source_id) AS code_count,
    (SELECT count(*) FROM chunk JOIN vector ON vector.chunk_row = chunk.row_id AND vector.model = :model
     WHERE chunk.source_id = source.source_id) AS embedded_count
FROM source WHERE deleted_at IS NULL
"""


def _source(row: sqlite3.Row) -> Source:
    return Source(
        source_id=row["source_id"],
        url=row["url"],
        title=row["title"],
        tags=tuple(json.loads(row["tags"])),
        knowledge_type=row["knowledge_type"],
        options=json.loads(row["options"]),
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        updated_at=datetime.fromtimestamp(row["updated_at"], UTC),
        last_task_id=row["last_task_id"],
        page_count=row["page_count"],
        chunk_count=row["chunk_count"],
        code_example_count=row["code_count"],
        embedded_chunk_count=row["embedded_count"],
        size_bytes=row["size_bytes"],
    )


def _source_of(db: sqlite3.Connection, source_id: str, model: str | None) -> Source:
    row = db.execute(f"{_SOURCE} AND source_id = :id", {"model": model, "id": source_id}).fetchone()
    if row is None:
        raise errors.NotFound("source", source_id)
    return _source(row)


def _sources(db: sqlite3.Connection, after: tuple[float, str] | None, limit: int, model: str | None) -> list[Source]:
    at, last = after or (float("inf"), "")
    rows = db.execute(
        f"{_SOURCE} AND (created_at < :at OR (created_at = :at AND source_id > :last)) ORDER BY created_at DESC, source_id LIMIT :limit",
        {"model": model, "at": at, "last": last, "limit": limit},
    ).fetchall()
    return [_source(row) for row in rows]


def put_source(tx: Tx, source: Source, url_key: str) -> str:
    """Keep the source, or bring the one that this URL has up to date; gives its id."""
    now = tx.now.timestamp()
    tx.db.execute(
        "INSERT INTO source (source_id, url, url_key, title, tags, knowledge_type, options, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (url_key) WHERE deleted_at IS NULL DO UPDATE SET"
        " tags = excluded.tags, knowledge_type = excluded.knowledge_type, options = excluded.options, updated_at = excluded.updated_at",
        (
            source.source_id,
            source.url,
            url_key,
            source.title,
            compact(list(source.tags)),
            source.knowledge_type,
            compact(dict(source.options)),
            now,
            now,
        ),
    )
    source_id: str = tx.db.execute(
        "SELECT source_id FROM source WHERE url_key = ? AND deleted_at IS NULL", (url_key,)
    ).fetchone()[0]
    return source_id


def _name_source(tx: Tx, source_id: str, title: str, task_id: str) -> None:
    tx.db.execute(
        "UPDATE source SET title = CASE WHEN ? = '' THEN title ELSE ? END, last_task_id = ?, updated_at = ? WHERE source_id = ?",
        (title, title, task_id, tx.now.timestamp(), source_id),
    )


def _delete_source(tx: Tx, source_id: str) -> None:
    _source_of(tx.db, source_id, None)
    busy = tx.db.execute(
        "SELECT task_id FROM task WHERE serial_key = ? AND status IN ('queued', 'running', 'paused')", (source_id,)
    ).fetchone()
    if busy is not None:
        raise errors.WrongState(
            "A task works on this source: cancel it first, then delete.", source_id=source_id, task_id=busy["task_id"]
        )
    sqlite_schedules.delete_of_source(tx, source_id)
    tx.db.execute("UPDATE source SET deleted_at = ? WHERE source_id = ?", (tx.now.timestamp(), source_id))


_BUSY = "SELECT serial_key FROM task WHERE status IN ('queued', 'running', 'paused') AND serial_key IS NOT NULL"


def _purge(tx: Tx, limit: int) -> int:
    pages = tx.db.execute(
        "SELECT page_id FROM page WHERE source_id IN (SELECT source_id FROM source WHERE deleted_at IS NOT NULL) LIMIT ?",
        (limit,),
    ).fetchall()
    for row in pages:
        for table in ("chunk", "code_example", "page"):
            tx.db.execute(f"DELETE FROM {table} WHERE page_id = ?", (row["page_id"],))
    if not pages:
        for table in ("chunk", "code_example"):  # rows that went ahead of a page which then never came
            tx.db.execute(
                f"DELETE FROM {table} WHERE page_id NOT IN (SELECT page_id FROM page) AND source_id NOT IN ({_BUSY})"
            )
        tx.db.execute("DELETE FROM source WHERE deleted_at IS NOT NULL")
    return len(pages)


# Pages


def page_from(row: sqlite3.Row, markdown: str) -> Page:
    return Page(
        page_id=row["page_id"],
        source_id=row["source_id"],
        url=row["url"],
        url_key=row["url_key"],
        title=row["title"],
        description=row["description"],
        language=row["language"],
        markdown=markdown,
        outline=tuple(Heading(*parts) for parts in json.loads(row["outline"])),
        content_hash=row["content_hash"],
        status_code=row["status_code"],
        content_type=row["content_type"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        size_bytes=row["size_bytes"],
        fetched_at=datetime.fromtimestamp(row["fetched_at"], UTC),
        task_id=row["task_id"],
        fetched_by=FetchedBy(row["fetched_by"]),
    )


_LIVE = "source_id IN (SELECT source_id FROM source WHERE deleted_at IS NULL)"


def _page_of(db: sqlite3.Connection, page_id: str) -> Page:
    row = db.execute(f"SELECT * FROM page WHERE page_id = ? AND {_LIVE}", (page_id,)).fetchone()
    if row is None:
        raise errors.NotFound("page", page_id)
    return page_from(row, row["markdown"])


def _pages(db: sqlite3.Connection, source_id: str, after: str | None, limit: int) -> list[tuple[Page, int]]:
    _source_of(db, source_id, None)
    rows = db.execute(
        "SELECT page_id, source_id, url, url_key, title, description, language, outline, content_hash, status_code, content_type,"
        " etag, last_modified, size_bytes, fetched_at, task_id, fetched_by, length(markdown) AS chars FROM page"
        " WHERE source_id = ? AND url_key > ? ORDER BY url_key LIMIT ?",
        (source_id, after or "", limit),
    ).fetchall()
    return [(page_from(row, ""), row["chars"]) for row in rows]


# Chunks and code

_CHUNK = """
SELECT chunk.row_id, chunk.chunk_id, chunk.page_id, chunk.source_id, chunk.ordinal, chunk.start, chunk."end", chunk.heading_path,
    chunk.content, page.url, page.title AS page_title, page.outline
FROM chunk JOIN page USING (page_id)
"""
_CODE = """
SELECT code_example.row_id, code_example.code_id, code_example.page_id, code_example.source_id, code_example.ordinal,
    code_example.language, code_example.heading_path, code_example.context, code_example.code, code_example.start,
    code_example."end", code_example.is_guessed, code_example.summary, page.url, page.title AS page_title
FROM code_example JOIN page USING (page_id)
"""


def _found_chunk(row: sqlite3.Row) -> FoundChunk:
    chunk = Chunk(
        row["chunk_id"],
        row["page_id"],
        row["source_id"],
        row["ordinal"],
        row["start"],
        row["end"],
        tuple(json.loads(row["heading_path"])),
        row["content"],
    )
    outline = tuple((anchor, offset) for _, _, anchor, offset in json.loads(row["outline"]))
    return FoundChunk(row["row_id"], chunk, row["url"], row["page_title"], outline)


def _found_code(row: sqlite3.Row, rank: float = 0.0) -> FoundCode:
    code = StoredCode(
        row["code_id"],
        row["page_id"],
        row["source_id"],
        row["ordinal"],
        row["language"],
        row["code"],
        tuple(json.loads(row["heading_path"])),
        row["context"],
        row["start"],
        row["end"],
        bool(row["is_guessed"]),
        row["summary"],
    )
    return FoundCode(row["row_id"], code, row["url"], row["page_title"], rank)


def _chunks(db: sqlite3.Connection, source_id: str, page_id: str | None, after: int, limit: int) -> list[FoundChunk]:
    _source_of(db, source_id, None)
    rows = db.execute(
        f"{_CHUNK} WHERE chunk.source_id = ? AND (? IS NULL OR chunk.page_id = ?) AND chunk.row_id > ? ORDER BY chunk.row_id LIMIT ?",
        (source_id, page_id, page_id, after, limit),
    ).fetchall()
    return [_found_chunk(row) for row in rows]


def _code_examples(
    db: sqlite3.Connection, source_id: str, language: str | None, after: int, limit: int
) -> list[FoundCode]:
    _source_of(db, source_id, None)
    rows = db.execute(
        f"{_CODE} WHERE code_example.source_id = ? AND (? IS NULL OR code_example.language = ?) AND code_example.row_id > ?"
        " ORDER BY code_example.row_id LIMIT ?",
        (source_id, language, language, after, limit),
    ).fetchall()
    return [_found_code(row) for row in rows]


def _found_chunks(db: sqlite3.Connection, chunk_ids: Sequence[str]) -> dict[str, FoundChunk]:
    marks = ", ".join("?" * len(chunk_ids))
    found = db.execute(f"{_CHUNK} WHERE chunk.chunk_id IN ({marks})", tuple(chunk_ids)).fetchall()
    return {row["chunk_id"]: _found_chunk(row) for row in found}


# Vectors


def _without_vectors(db: sqlite3.Connection, source_id: str, model: str, after: int, limit: int) -> list[ChunkText]:
    rows = db.execute(
        "SELECT row_id, chunk_id, page_id, source_id, title, heading_path, content FROM chunk WHERE source_id = ? AND row_id > ?"
        " AND EXISTS (SELECT 1 FROM page WHERE page.page_id = chunk.page_id)"
        " AND NOT EXISTS (SELECT 1 FROM vector WHERE vector.model = ? AND vector.chunk_row = chunk.row_id) ORDER BY row_id LIMIT ?",
        (source_id, after, model, limit),
    ).fetchall()
    return [
        ChunkText(
            row["row_id"],
            row["chunk_id"],
            row["page_id"],
            row["source_id"],
            row["title"],
            tuple(json.loads(row["heading_path"])),
            row["content"],
        )
        for row in rows
    ]


def _sources_without_vectors(db: sqlite3.Connection, model: str) -> list[str]:
    rows = db.execute(
        f"SELECT source_id FROM source WHERE {_LIVE} AND EXISTS (SELECT 1 FROM chunk JOIN page USING (page_id)"
        " WHERE chunk.source_id = source.source_id"
        " AND NOT EXISTS (SELECT 1 FROM vector WHERE vector.model = ? AND vector.chunk_row = chunk.row_id))"
        " AND NOT EXISTS (SELECT 1 FROM task WHERE task.serial_key = source.source_id AND task.status IN ('queued', 'running', 'paused'))",
        (model,),
    ).fetchall()
    return [row["source_id"] for row in rows]


def _add_vectors(
    tx: Tx, fence: Fence, model: str, chunks: Sequence[ChunkText], vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> int:
    check_fence(tx, fence)
    halves = vectors.astype(np.float16)
    for chunk, half in zip(chunks, halves, strict=True):
        # Row and id together: a row number may serve another chunk once its own is gone.
        tx.db.execute(
            "INSERT OR REPLACE INTO vector (model, chunk_row, data) SELECT ?, row_id, ? FROM chunk WHERE row_id = ? AND chunk_id = ?",
            (model, half.tobytes(), chunk.row, chunk.chunk_id),
        )
    complete = 0
    for page_id in {chunk.page_id for chunk in chunks}:
        missing = tx.db.execute(
            "SELECT 1 FROM chunk WHERE page_id = ? AND NOT EXISTS ("
            " SELECT 1 FROM vector WHERE vector.model = ? AND vector.chunk_row = chunk.row_id) LIMIT 1",
            (page_id, model),
        ).fetchone()
        complete += missing is None
    return complete


_VECTOR = """
SELECT vector.chunk_row, chunk.chunk_id, chunk.source_id, vector.data
FROM vector JOIN chunk ON chunk.row_id = vector.chunk_row
"""


def _vector_row(row: sqlite3.Row) -> VectorRow:
    return VectorRow(row["chunk_row"], row["chunk_id"], row["source_id"], np.frombuffer(row["data"], np.float16))


def _vectors(db: sqlite3.Connection, model: str, after: int, limit: int, source_id: str | None) -> list[VectorRow]:
    rows = db.execute(
        f"{_VECTOR} WHERE vector.model = ? AND vector.chunk_row > ? AND (? IS NULL OR chunk.source_id = ?)"
        " ORDER BY vector.chunk_row LIMIT ?",
        (model, after, source_id, source_id, limit),
    ).fetchall()
    return [_vector_row(row) for row in rows]


def _embedded_chunks(db: sqlite3.Connection, source_id: str, model: str) -> dict[str, int]:
    rows = db.execute(
        "SELECT chunk.chunk_id, chunk.row_id FROM chunk JOIN vector ON vector.model = ? AND vector.chunk_row = chunk.row_id"
        " WHERE chunk.source_id = ?",
        (model, source_id),
    )
    return {row["chunk_id"]: row["row_id"] for row in rows}


def _vectors_of(db: sqlite3.Connection, chunk_ids: Sequence[str], model: str) -> list[VectorRow]:
    marks = ", ".join("?" * len(chunk_ids))
    rows = db.execute(
        f"{_VECTOR} WHERE vector.model = ? AND chunk.chunk_id IN ({marks})", (model, *chunk_ids)
    ).fetchall()
    return [_vector_row(row) for row in rows]


# Search


def _live_sources(db: sqlite3.Connection, source_id: str | None, tags: Sequence[str]) -> list[str]:
    if source_id is not None:
        _source_of(db, source_id, None)
    rows = db.execute(
        "SELECT source_id, tags FROM source WHERE deleted_at IS NULL AND (? IS NULL OR source_id = ?)",
        (source_id, source_id),
    )
    return [row["source_id"] for row in rows if set(tags) <= set(json.loads(row["tags"]))]


def _in_sources(table: str, sources: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    if sources is None:
        return "", ()
    return f" AND {table}.source_id IN ({', '.join('?' * len(sources))})", sources


def _find_words(
    db: sqlite3.Connection, match: str, sources: Sequence[str] | None, weights: Sequence[float], limit: int
) -> list[WordHit]:
    condition, values = _in_sources("chunk", sources)
    ranked = f"bm25(chunk_words, {', '.join('?' * len(weights))})"
    rows = db.execute(
        f"SELECT chunk.chunk_id, {ranked} AS score FROM chunk_words JOIN chunk ON chunk.row_id = chunk_words.rowid"
        f" WHERE chunk_words MATCH ?{condition} ORDER BY score LIMIT ?",
        (*weights, match, *values, limit),
    ).fetchall()
    return [WordHit(row["chunk_id"], row["score"]) for row in rows]


def _find_code(
    db: sqlite3.Connection,
    match: str,
    sources: Sequence[str] | None,
    language: str | None,
    weights: Sequence[float],
    limit: int,
) -> list[FoundCode]:
    condition, values = _in_sources("code_example", sources)
    ranked = f"bm25(code_words, {', '.join('?' * len(weights))})"
    rows = db.execute(
        f"SELECT code_words.rowid AS row_id, {ranked} AS score FROM code_words JOIN code_example"
        " ON code_example.row_id = code_words.rowid"
        f" WHERE code_words MATCH ? AND (? IS NULL OR code_example.language = ?){condition} ORDER BY score LIMIT ?",
        (*weights, match, language, language, *values, limit),
    ).fetchall()
    marks = ", ".join("?" * len(rows))
    by_row = {
        row["row_id"]: row
        for row in db.execute(f"{_CODE} WHERE code_example.row_id IN ({marks})", [r["row_id"] for r in rows])
    }
    # A row without its page is one that went ahead of it.
    return [_found_code(by_row[row["row_id"]], row["score"]) for row in rows if row["row_id"] in by_row]
