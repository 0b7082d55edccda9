"""`HoldingStore` over SQLite."""

from __future__ import annotations

import os.path
import sqlite3
from collections.abc import Sequence

from gleanery import errors
from gleanery.model import FOREVER, TaskStatus
from gleanery.store.holdings import Branch, Embedding, Folder, Held, Storage
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_knowledge import PAGE_COLUMNS, page_from
from gleanery.store.sqlite_rows import certain_time


class SqliteHoldings:
    """`HoldingStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def branch(self, source_id: str, under: str | None, *, after: str | None, limit: int) -> Branch:
        return await self._db.read(lambda db: _branch(db, source_id, under, after, limit))

    async def storage(self, source_id: str) -> Storage:
        return await self._db.read(lambda db: _storage(db, source_id))

    async def embeddings(self, source_id: str) -> Sequence[Embedding]:
        return await self._db.read(lambda db: _embeddings(db, source_id))


def _generation(db: sqlite3.Connection, source_id: str) -> int:
    """The one that is seen. Raises NotFound."""
    row = db.execute(
        "SELECT generation FROM source WHERE source_id = ? AND deleted_at IS NULL", (source_id,)
    ).fetchone()
    if row is None:
        raise errors.NotFound("source", source_id)
    return int(row["generation"])


# The tree

# Of a page's key what comes below the folder, and its first part where that is a folder: no slash of a query or a route.
_BELOW = """
SELECT page.*, substr(url_key, :skip, instr(substr(url_key, :skip), '/')) AS folder FROM visible_page AS page
WHERE source_id = :source AND url_key >= :under AND url_key < :end
"""
_IS_FOLDER = "folder <> '' AND instr(folder, '?') = 0 AND instr(folder, '#') = 0"


def _branch(db: sqlite3.Connection, source_id: str, under: str | None, after: str | None, limit: int) -> Branch:
    _generation(db, source_id)
    folder = _innermost(db, source_id) if under is None else under
    # The first text after all that begin with the folder: its last character is a slash.
    end = f"{folder[:-1]}0" if folder else chr(0x10FFFF)
    values = {"source": source_id, "under": folder, "end": end, "skip": len(folder) + 1, "after": after or ""}
    folders = (
        ()
        if after is not None
        else db.execute(
            "SELECT folder, count(*) AS pages, sum(missing_since IS NOT NULL) AS missing, min(url_key) AS first, max(url_key) AS last"
            f" FROM ({_BELOW}) WHERE {_IS_FOLDER} GROUP BY folder ORDER BY folder",
            values,
        ).fetchall()
    )
    pages = db.execute(
        f"SELECT {PAGE_COLUMNS}, chars FROM ({_BELOW}) WHERE NOT ({_IS_FOLDER}) AND url_key > :after ORDER BY url_key LIMIT :limit",
        {**values, "limit": limit},
    ).fetchall()
    return Branch(
        folder,
        tuple(Folder(_folder_of_all(row["first"], row["last"]), row["pages"], row["missing"]) for row in folders),
        tuple((page_from(row, ""), row["chars"]) for row in pages),
    )


def _innermost(db: sqlite3.Connection, source_id: str) -> str:
    row = db.execute(
        "SELECT min(url_key) AS first, max(url_key) AS last FROM visible_page WHERE source_id = ?", (source_id,)
    ).fetchone()
    return "" if row["first"] is None else _folder_of_all(row["first"], row["last"])


def _folder_of_all(first: str, last: str) -> str:
    """The innermost folder of all keys between these two, which begin alike as all of them do."""
    path = os.path.commonprefix([first, last])  # noqa: RUF071 - of texts, not of paths
    path = path.partition("?")[0].partition("#")[0]
    return path[: path.rfind("/") + 1]


# Storage

_SEEN = "born <= :seen AND died > :seen"
_SIZES = f"""
SELECT {_SEEN} AS is_seen, count(*) AS pages, sum(chunk_count) AS chunks, sum(code_count) AS code,
    sum(markdown_bytes) AS markdown_bytes, sum(chunk_bytes) AS chunk_bytes, sum(code_bytes) AS code_bytes
FROM page JOIN page_size USING (page_row) WHERE source_id = :source AND born < {FOREVER} GROUP BY is_seen
"""
# By what their indexes hold: no chunk and no code is read for it.
_LANGUAGES = f"""
SELECT code_example.language AS language, count(*) AS count FROM code_example JOIN page USING (page_row)
WHERE code_example.source_id = :source AND {_SEEN} GROUP BY code_example.language
"""
_VECTORS = """
SELECT count(*) AS count, coalesce(sum(length(data)), 0) AS size FROM vector
WHERE text_row IN (SELECT text_row FROM chunk WHERE source_id = :source)
"""


def _storage(db: sqlite3.Connection, source_id: str) -> Storage:
    values = {"source": source_id, "seen": _generation(db, source_id)}
    by_seen = {row["is_seen"]: row for row in db.execute(_SIZES, values)}
    seen, kept, vectors = by_seen.get(1), by_seen.get(0), db.execute(_VECTORS, values).fetchone()
    return Storage(
        pages=_held(seen, "pages", "markdown_bytes"),
        chunks=_held(seen, "chunks", "chunk_bytes"),
        code=_held(seen, "code", "code_bytes"),
        vectors=Held(vectors["count"], vectors["size"]),
        kept=_held(kept, "pages", "markdown_bytes", "chunk_bytes", "code_bytes"),
        languages={row["language"]: row["count"] for row in db.execute(_LANGUAGES, values)},
    )


def _held(row: sqlite3.Row | None, count: str, *sizes: str) -> Held:
    return Held() if row is None else Held(row[count], sum(row[size] for size in sizes))


# Vectors and what they took

_EMBEDDINGS = """
SELECT task_id, task_type, status, created_at, result ->> '$.embedding_model' AS model,
    result ->> '$.embedding_tokens' AS tokens, result ->> '$.generation' AS generation,
    coalesce(result ->> '$.saved.tokens', 0) AS saved_tokens, coalesce(result ->> '$.saved.chunks', 0) AS saved_chunks,
    coalesce(result ->> '$.saved.pages_not_fetched', 0) AS not_fetched
FROM task WHERE (serial_key = :source OR (serial_key > :source || ':' AND serial_key < :source || ';'))
    AND result ->> '$.embedding_tokens' IS NOT NULL
ORDER BY created_at DESC, task_id
"""


def _embeddings(db: sqlite3.Connection, source_id: str) -> list[Embedding]:
    """Tasks that make vectors of a model beside those in use have the model's name after that of the source in their key."""
    _generation(db, source_id)
    return [
        Embedding(
            row["task_id"],
            row["task_type"],
            TaskStatus(row["status"]),
            certain_time(row["created_at"]),
            row["model"],
            row["tokens"],
            row["generation"],
            row["saved_tokens"],
            row["saved_chunks"],
            row["not_fetched"],
        )
        for row in db.execute(_EMBEDDINGS, {"source": source_id})
    ]
