"""`HoldingStore` over SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gleanery import errors
from gleanery.model import FOREVER
from gleanery.store.holding_rows import branch_from, embedding_from, end_of, folder_of_all, storage_from
from gleanery.store.holdings import Branch, Embedding, Storage
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_knowledge import PAGE_COLUMNS


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
    values = {
        "source": source_id,
        "under": folder,
        "end": end_of(folder),
        "skip": len(folder) + 1,
        "after": after or "",
    }
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
    return branch_from(folder, folders, pages)


def _innermost(db: sqlite3.Connection, source_id: str) -> str:
    row = db.execute(
        "SELECT min(url_key) AS first, max(url_key) AS last FROM visible_page WHERE source_id = ?", (source_id,)
    ).fetchone()
    return "" if row["first"] is None else folder_of_all(row["first"], row["last"])


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
    return storage_from(
        db.execute(_SIZES, values), db.execute(_LANGUAGES, values), db.execute(_VECTORS, values).fetchone()
    )


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
    return [embedding_from(row) for row in db.execute(_EMBEDDINGS, {"source": source_id})]
