"""Sources, pages, chunks and code examples in SQLite, as they are listed: what is visible of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from gleanery import errors
from gleanery.model import Fence, LastCrawl, Page, Source
from gleanery.store import sqlite_schedules
from gleanery.store.knowledge_rows import found_chunk, found_code, last_crawl_from, page_from, source_from
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, compact
from gleanery.store.values import FoundChunk, FoundCode, SourceChange


class SqliteKnowledge:
    """`KnowledgeStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ensure_source(self, source: Source, url_key: str) -> Source:
        return await self._db.write(lambda tx: source_of(tx.db, put_source(tx, source, url_key), None))

    async def source(self, source_id: str, model: str | None = None) -> Source:
        return await self._db.read(lambda db: source_of(db, source_id, model))

    async def sources(
        self, *, after: tuple[float, str] | None, limit: int, model: str | None, url_key: str | None = None
    ) -> Sequence[Source]:
        return await self._db.read(lambda db: _sources(db, after, limit, model, url_key))

    async def name_source(self, fence: Fence, source_id: str, title: str) -> None:
        await self._db.write(lambda tx: name_source(tx, fence, source_id, title))

    async def change_source(self, source_id: str, change: SourceChange) -> Source:
        return await self._db.write(lambda tx: _change_source(tx, source_id, change))

    async def delete_source(self, source_id: str) -> None:
        await self._db.write(lambda tx: _delete_source(tx, source_id))

    async def pages(
        self, source_id: str, *, after: str | None, limit: int, text: str | None = None, is_missing: bool = False
    ) -> Sequence[tuple[Page, int]]:
        return await self._db.read(lambda db: _pages(db, source_id, after, limit, text, is_missing))

    async def page(self, page_id: str, generation: int | None = None) -> Page:
        return await self._db.read(lambda db: _page_of(db, page_id, generation))

    async def page_ids(self, source_id: str, url_keys: Sequence[str]) -> Mapping[str, str]:
        return await self._db.read(lambda db: _page_ids(db, source_id, url_keys))

    async def chunks(self, source_id: str, *, page_id: str | None, after: int, limit: int) -> Sequence[FoundChunk]:
        return await self._db.read(lambda db: _chunks(db, source_id, page_id, after, limit))

    async def code_examples(
        self, source_id: str, *, language: str | None, after: int, limit: int, page_id: str | None = None
    ) -> Sequence[FoundCode]:
        return await self._db.read(lambda db: _code_examples(db, source_id, language, page_id, after, limit))


# Sources

_SOURCE = """
SELECT source.*,
    count(page.page_row) AS page_count, coalesce(sum(page.size_bytes), 0) AS size_bytes,
    coalesce(sum(page.chunk_count), 0) AS chunk_count, coalesce(sum(page.code_count), 0) AS code_count,
    CASE WHEN :model IS NULL THEN 0 ELSE
        (SELECT count(*) FROM visible_page AS seen JOIN chunk USING (page_row)
            JOIN vector ON vector.text_row = chunk.text_row AND vector.model = :model
            WHERE seen.source_id = source.source_id) END AS embedded_count
FROM source LEFT JOIN page ON page.source_id = source.source_id AND page.born <= source.generation
    AND page.died > source.generation
WHERE deleted_at IS NULL
"""


def _source(db: sqlite3.Connection, row: sqlite3.Row) -> Source:
    return source_from(row, _last_crawl(db, row["source_id"]))


def _last_crawl(db: sqlite3.Connection, source_id: str) -> LastCrawl | None:
    """The newest task of the source that is not about its vectors or a chat model's work."""
    row = db.execute(
        "SELECT task_id, task_type, status, created_at, processing_completed_at, error ->> '$.code' AS error_code FROM task"
        " WHERE serial_key = ? AND task_type IN ('crawl', 'upload', 'import') ORDER BY created_at DESC LIMIT 1",
        (source_id,),
    ).fetchone()
    return None if row is None else last_crawl_from(row)


def source_of(db: sqlite3.Connection, source_id: str, model: str | None) -> Source:
    row = db.execute(
        f"{_SOURCE} AND source.source_id = :id GROUP BY source.source_id", {"model": model, "id": source_id}
    ).fetchone()
    if row is None:
        raise errors.NotFound("source", source_id)
    return _source(db, row)


def _sources(
    db: sqlite3.Connection, after: tuple[float, str] | None, limit: int, model: str | None, url_key: str | None
) -> list[Source]:
    at, last = after or (float("inf"), "")
    only = "" if url_key is None else "AND source.url_key = :url_key"
    rows = db.execute(
        f"{_SOURCE} {only} AND (created_at < :at OR (created_at = :at AND source.source_id > :last)) GROUP BY source.source_id"
        " ORDER BY created_at DESC, source.source_id LIMIT :limit",
        {"model": model, "at": at, "last": last, "limit": limit, "url_key": url_key},
    ).fetchall()
    return [_source(db, row) for row in rows]


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


def name_source(tx: Tx, fence: Fence, source_id: str, title: str) -> None:
    check_fence(tx, fence)
    tx.db.execute(
        "UPDATE source SET title = CASE WHEN ? = '' OR is_titled THEN title ELSE ? END, last_task_id = ?, updated_at = ?"
        " WHERE source_id = ?",
        (title, title, fence.task_id, tx.now.timestamp(), source_id),
    )


def _change_source(tx: Tx, source_id: str, change: SourceChange) -> Source:
    source = source_of(tx.db, source_id, None)
    if change.title is not None:
        tx.db.execute(
            "UPDATE source SET title = ?, is_titled = ? WHERE source_id = ?",
            (change.title, int(change.title != ""), source_id),
        )
    if change.description is not None:
        tx.db.execute(
            "UPDATE source SET description = ?, is_described = ? WHERE source_id = ?",
            (change.description, int(change.description != ""), source_id),
        )
    tags = compact(list(source.tags if change.tags is None else change.tags))
    kind = change.knowledge_type or source.knowledge_type
    tx.db.execute(
        "UPDATE source SET tags = ?, knowledge_type = ?, updated_at = ? WHERE source_id = ?",
        (tags, kind, tx.now.timestamp(), source_id),
    )
    tx.db.execute(
        "UPDATE schedule SET payload = json_set(payload, '$.tags', json(?), '$.knowledge_type', ?) WHERE source_id = ?",
        (tags, kind, source_id),
    )
    return source_of(tx.db, source_id, None)


def _delete_source(tx: Tx, source_id: str) -> None:
    source_of(tx.db, source_id, None)
    busy = tx.db.execute(
        "SELECT task_id FROM task WHERE serial_key = ? AND status IN ('queued', 'running', 'paused')", (source_id,)
    ).fetchone()
    if busy is not None:
        raise errors.WrongState(
            "A task works on this source: cancel it first, then delete.", source_id=source_id, task_id=busy["task_id"]
        )
    sqlite_schedules.delete_of_source(tx, source_id)
    tx.db.execute("UPDATE source SET deleted_at = ? WHERE source_id = ?", (tx.now.timestamp(), source_id))


# Pages


PAGE_COLUMNS = (
    "page_id, source_id, url, url_key, title, description, language, version, outline, content_hash, status_code, content_type,"
    " etag, last_modified, size_bytes, fetched_at, task_id, fetched_by, born, missing_since"
)
"""Of a page without its Markdown."""


def _page_of(db: sqlite3.Connection, page_id: str, generation: int | None) -> Page:
    if generation is None:
        row = db.execute("SELECT * FROM visible_page WHERE page_id = ?", (page_id,)).fetchone()
    else:
        row = db.execute(
            "SELECT page.* FROM page JOIN source USING (source_id) WHERE page_id = ? AND born <= ? AND died > ?"
            " AND deleted_at IS NULL",
            (page_id, generation, generation),
        ).fetchone()
    if row is None:
        raise errors.NotFound("page", page_id)
    return page_from(row, row["markdown"])


def _page_ids(db: sqlite3.Connection, source_id: str, url_keys: Sequence[str]) -> dict[str, str]:
    source_of(db, source_id, None)
    rows = db.execute(
        "SELECT url_key, page_id FROM visible_page WHERE source_id = ? AND url_key IN (SELECT value FROM json_each(?))",
        (source_id, json.dumps(list(url_keys))),
    )
    return {row["url_key"]: row["page_id"] for row in rows}


def _pages(
    db: sqlite3.Connection, source_id: str, after: str | None, limit: int, text: str | None, is_missing: bool
) -> list[tuple[Page, int]]:
    source_of(db, source_id, None)
    wanted = "AND missing_since IS NOT NULL" if is_missing else ""
    if text:
        wanted += " AND (title LIKE :like ESCAPE '\\' OR url LIKE :like ESCAPE '\\')"
    rows = db.execute(
        f"SELECT {PAGE_COLUMNS}, chars FROM visible_page WHERE source_id = :source AND url_key > :after {wanted}"
        " ORDER BY url_key LIMIT :limit",
        {"source": source_id, "after": after or "", "like": f"%{_literal(text or '')}%", "limit": limit},
    ).fetchall()
    return [(page_from(row, ""), row["chars"]) for row in rows]


def _literal(text: str) -> str:
    """For LIKE, where it stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# Chunks and code

FOUND_CHUNK = """
SELECT chunk.*, page.url, page.title AS page_title, page.outline FROM chunk JOIN visible_page AS page USING (page_row)
"""
FOUND_CODE = """
SELECT code_example.*, page.url, page.title AS page_title FROM code_example JOIN visible_page AS page USING (page_row)
"""


def _listed(table: str, page_id: str | None) -> str:
    """Which rows of a source, or of one page: then from the page to its rows, since a source may have very many (the `+`
    keep SQLite from the index by source)."""
    if page_id is None:
        return f"{table}.source_id = :source AND {table}.row_id > :after"
    return f"page.page_id = :page AND +{table}.source_id = :source AND +{table}.row_id > :after"


def _chunks(db: sqlite3.Connection, source_id: str, page_id: str | None, after: int, limit: int) -> list[FoundChunk]:
    source_of(db, source_id, None)
    rows = db.execute(
        f"{FOUND_CHUNK} WHERE {_listed('chunk', page_id)} ORDER BY chunk.row_id LIMIT :limit",
        {"source": source_id, "page": page_id, "after": after, "limit": limit},
    ).fetchall()
    return [found_chunk(row) for row in rows]


def _code_examples(
    db: sqlite3.Connection, source_id: str, language: str | None, page_id: str | None, after: int, limit: int
) -> list[FoundCode]:
    source_of(db, source_id, None)
    rows = db.execute(
        f"{FOUND_CODE} WHERE {_listed('code_example', page_id)} AND (:language IS NULL OR code_example.language = :language)"
        " ORDER BY code_example.row_id LIMIT :limit",
        {"source": source_id, "language": language, "page": page_id, "after": after, "limit": limit},
    ).fetchall()
    return [found_code(row) for row in rows]
