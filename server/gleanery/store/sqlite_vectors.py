"""Texts and their vectors in SQLite: what has none yet, what came, what there is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from gleanery.model import FOREVER, Fence
from gleanery.store import sqlite_embedding_models as embedding_models
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import certain_time, check_fence, marks
from gleanery.store.values import ChunkText, VectorRow
from gleanery.store.vector_store import MAX_ATTEMPTS, Coverage, ModelState, StoredModel, TextFailure, Usage

Vectors = np.ndarray[Any, np.dtype[np.float32]]


class SqliteVectors:
    """`VectorStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def without_vectors(
        self, source_id: str, model: str, *, after: int, limit: int, tried_before: datetime | None = None
    ) -> Sequence[ChunkText]:
        return await self._db.read(lambda db: _without_vectors(db, source_id, model, after, limit, tried_before))

    async def sources_without_vectors(self, model: str) -> Sequence[str]:
        return await self._db.read(lambda db: _sources_without_vectors(db, model))

    async def sources_lacking(self, model: str, source_id: str | None = None) -> Sequence[str]:
        return await self._db.read(lambda db: _sources_lacking(db, model, source_id))

    async def tasks_at_work(self, model: str, source_id: str | None = None) -> Sequence[str]:
        return await self._db.read(lambda db: _tasks_at_work(db, model, source_id))

    async def coverage(self, model: str, source_id: str | None = None) -> Coverage:
        return await self._db.read(lambda db: _coverage(db, model, source_id))

    async def texts_lacking(self, model: str, source_id: str | None, *, limit: int) -> Sequence[ChunkText]:
        return await self._db.read(lambda db: _texts_lacking(db, model, source_id, limit))

    async def add_vectors(
        self,
        fence: Fence,
        model: str,
        texts: Sequence[ChunkText],
        vectors: Vectors,
        usage: Usage = Usage(),  # noqa: B008 - it is frozen
    ) -> int:
        await self._db.write(lambda tx: _add_vectors(tx, fence, model, texts, vectors, usage), is_long=True)
        # By a reader: a text may stand on thousands of pages, and nothing hangs on the number.
        return await self._db.read(lambda db: _completed(db, model, texts))

    async def add_failures(self, fence: Fence, model: str, failures: Sequence[TextFailure]) -> None:
        await self._db.write(lambda tx: _add_failures(tx, fence, model, failures))

    async def failures(self, model: str, *, limit: int) -> Sequence[TextFailure]:
        return await self._db.read(lambda db: _failures(db, model, limit))

    async def vectors(self, model: str, *, after: int, limit: int) -> Sequence[VectorRow]:
        return await self._db.read(lambda db: _vectors(db, model, after, limit))

    async def newer_texts(self, source_id: str, model: str, *, after: int, limit: int) -> Sequence[tuple[int, int]]:
        return await self._db.read(lambda db: _newer_texts(db, source_id, model, after, limit))

    async def newest_row(self, source_id: str) -> int:
        return await self._db.read(lambda db: _newest_row(db, source_id))

    async def embedded_texts(self, source_id: str, model: str) -> Sequence[int]:
        return await self._db.read(lambda db: _embedded_texts(db, source_id, model))

    async def vectors_of(self, source_id: str, text_rows: Sequence[int], model: str) -> Sequence[VectorRow]:
        return await self._db.read(lambda db: _vectors_of(db, source_id, text_rows, model))

    async def dimensions(self, model: str) -> int | None:
        return await self._db.read(lambda db: _dimensions(db, model))

    async def models(self) -> Sequence[StoredModel]:
        return await self._db.read(embedding_models.models)

    async def propose(self, name: str, options: Mapping[str, Any], environment: Mapping[str, Any]) -> ModelState:
        return await self._db.write(lambda tx: embedding_models.propose(tx, name, options, environment))

    async def activate(self, name: str, *, is_forced: bool = False) -> bool:
        # Looked at by a reader: it reads through all chunks, which would keep the writer from others for half a second.
        lacking = [] if is_forced else await self._db.read(lambda db: _sources_lacking(db, name, None, limit=1))
        if lacking:
            return False
        return await self._db.write(lambda tx: embedding_models.activate(tx, name))

    async def give_up(self) -> str | None:
        return await self._db.write(embedding_models.give_up)

    async def drop_orphans(self, limit: int) -> int:
        rows = await self._db.read(lambda db: embedding_models.orphans(db, limit))
        if not rows:
            return 0
        return await self._db.write(lambda tx: embedding_models.drop_orphans(tx, rows), is_long=True)


# What lacks a vector

_HAS_VECTOR = "EXISTS (SELECT 1 FROM vector WHERE vector.text_row = chunk.text_row AND vector.model = :model)"
_WAS_REFUSED = "EXISTS (SELECT 1 FROM embed_failure AS f WHERE f.text_row = chunk.text_row AND f.model = :model{when})"
_GIVEN_UP = _WAS_REFUSED.format(when=f" AND (f.attempts >= {MAX_ATTEMPTS} OR f.at >= :tried_before)")
_REFUSED = _WAS_REFUSED.format(when="")
# Seen now, or part of what is being built beside it. `+` keeps the planner from going by the pages, which are more.
_TO_EMBED = f"""
source JOIN chunk ON chunk.source_id = source.source_id JOIN page USING (page_row)
WHERE source.deleted_at IS NULL AND +page.died > source.generation AND +page.born < {FOREVER}
AND NOT {_HAS_VECTOR} AND NOT {_GIVEN_UP}
"""
_TEXT = "chunk.row_id, chunk.text_row, chunk.page_id, chunk.source_id, chunk.title, chunk.heading_path, chunk.context, chunk.content"


def _chunk_text(row: sqlite3.Row) -> ChunkText:
    return ChunkText(
        row["row_id"],
        row["text_row"],
        row["page_id"],
        row["source_id"],
        row["title"],
        tuple(json.loads(row["heading_path"])),
        row["context"],
        row["content"],
    )


def _without_vectors(
    db: sqlite3.Connection, source_id: str, model: str, after: int, limit: int, tried_before: datetime | None
) -> list[ChunkText]:
    rows = db.execute(
        f"SELECT {_TEXT} FROM {_TO_EMBED} AND source.source_id = :source AND chunk.row_id > :after ORDER BY chunk.row_id LIMIT :limit",
        {"source": source_id, "model": model, "after": after, "limit": limit, "tried_before": _seconds(tried_before)},
    ).fetchall()
    by_text: dict[int, sqlite3.Row] = {}
    for row in rows:
        by_text.setdefault(row["text_row"], row)
    return [_chunk_text(row) for row in by_text.values()]


def _seconds(time: datetime | None) -> float:
    return float("inf") if time is None else time.timestamp()


_IDLE = "NOT EXISTS (SELECT 1 FROM task WHERE task.serial_key = each.source_id AND task.status IN ('queued', 'running', 'paused'))"


def _sources_without_vectors(db: sqlite3.Connection, model: str) -> list[str]:
    rows = db.execute(
        f"SELECT source_id FROM source AS each WHERE deleted_at IS NULL AND {_IDLE}"
        f" AND EXISTS (SELECT 1 FROM {_TO_EMBED} AND source.source_id = each.source_id)",
        {"model": model, "tried_before": _seconds(None)},
    ).fetchall()
    return [row["source_id"] for row in rows]


def _sources_lacking(db: sqlite3.Connection, model: str, source_id: str | None, limit: int = -1) -> list[str]:
    rows = db.execute(
        "SELECT source_id FROM source AS each WHERE deleted_at IS NULL AND (:source IS NULL OR source_id = :source) AND EXISTS ("
        " SELECT 1 FROM chunk JOIN page USING (page_row) WHERE chunk.source_id = each.source_id"
        " AND +page.born <= each.generation AND +page.died > each.generation"
        f" AND NOT {_HAS_VECTOR} AND NOT {_REFUSED}) LIMIT :limit",
        {"model": model, "source": source_id, "limit": limit},
    ).fetchall()
    return [row["source_id"] for row in rows]


def _tasks_at_work(db: sqlite3.Connection, model: str, source_id: str | None) -> list[str]:
    rows = db.execute(
        "SELECT task_id FROM task WHERE status IN ('queued', 'running', 'paused') AND task_type = 'embed_source'"
        " AND json_extract(payload, '$.model') = :model"
        " AND (:source IS NULL OR json_extract(payload, '$.source_id') = :source) ORDER BY created_at",
        {"model": model, "source": source_id},
    )
    return [row["task_id"] for row in rows]


_SEEN = (
    "source JOIN chunk ON chunk.source_id = source.source_id JOIN page USING (page_row) WHERE source.deleted_at IS NULL"
    " AND +page.born <= source.generation AND +page.died > source.generation AND (:source IS NULL OR source.source_id = :source)"
)


def _coverage(db: sqlite3.Connection, model: str, source_id: str | None) -> Coverage:
    row = db.execute(
        f"SELECT count(*) AS texts, coalesce(sum({_HAS_VECTOR}), 0) AS embedded,"
        f" coalesce(sum(NOT {_HAS_VECTOR} AND {_REFUSED}), 0) AS failed"
        f" FROM (SELECT DISTINCT chunk.text_row FROM {_SEEN}) AS chunk",
        {"model": model, "source": source_id},
    ).fetchone()
    return Coverage(row["texts"], row["embedded"], row["failed"])


def _texts_lacking(db: sqlite3.Connection, model: str, source_id: str | None, limit: int) -> list[ChunkText]:
    values = {"model": model, "source": source_id}
    lacking = f"SELECT min(chunk.row_id) AS row_id FROM {_SEEN} AND NOT {_HAS_VECTOR} GROUP BY chunk.text_row"
    every = [row["row_id"] for row in db.execute(lacking, values)]
    chosen = every[:: max(1, -(-len(every) // limit))]
    rows: list[ChunkText] = []
    for start in range(0, len(chosen), 500):
        some = chosen[start : start + 500]
        found = db.execute(f"SELECT {_TEXT} FROM chunk WHERE row_id IN ({marks(some)})", some)
        rows += [_chunk_text(row) for row in found]
    return rows


# What came


def _add_vectors(tx: Tx, fence: Fence, model: str, texts: Sequence[ChunkText], vectors: Vectors, usage: Usage) -> None:
    check_fence(tx, fence)
    halves = vectors.astype(np.float16)
    tx.db.executemany(
        "INSERT OR REPLACE INTO vector (text_row, model, data) SELECT text_row, ?, ? FROM text WHERE text_row = ?",
        [(model, half.tobytes(), text.text_row) for text, half in zip(texts, halves, strict=True)],
    )
    rows = [text.text_row for text in texts]
    tx.db.executemany("UPDATE text SET tokens = ? WHERE text_row = ?", zip(usage.text_tokens, rows, strict=False))
    tx.db.executemany("DELETE FROM embed_failure WHERE text_row = ? AND model = ?", [(row, model) for row in rows])
    embedding_models.count(tx, model, {"texts": len(rows), "tokens": usage.tokens, "requests": usage.requests})


def _completed(db: sqlite3.Connection, model: str, texts: Sequence[ChunkText]) -> int:
    """How many pages of these texts' sources have one of these texts, and a vector of each of theirs."""
    sources = list({text.source_id for text in texts})
    rows = [text.text_row for text in texts]
    pages = db.execute(
        "SELECT DISTINCT page_row FROM chunk JOIN page USING (page_row)"
        f" WHERE text_row IN ({marks(rows)}) AND +chunk.source_id IN ({marks(sources)})"
        f" AND died = {FOREVER} AND born < {FOREVER}",
        (*rows, *sources),
    ).fetchall()
    lacking = f"SELECT 1 FROM chunk WHERE page_row = :page AND NOT {_HAS_VECTOR} LIMIT 1"
    return sum(db.execute(lacking, {"model": model, "page": page["page_row"]}).fetchone() is None for page in pages)


def _add_failures(tx: Tx, fence: Fence, model: str, failures: Sequence[TextFailure]) -> None:
    check_fence(tx, fence)
    tx.db.executemany(
        "INSERT INTO embed_failure (text_row, model, code, message, attempts, at)"
        " SELECT text_row, ?, ?, ?, 1, ? FROM text WHERE text_row = ?"
        " ON CONFLICT DO UPDATE SET code = excluded.code, message = excluded.message, at = excluded.at,"
        " attempts = attempts + 1",
        [(model, each.code, each.message, tx.now.timestamp(), each.text_row) for each in failures],
    )
    embedding_models.count(tx, model, {"failed": len(failures)})


def _failures(db: sqlite3.Connection, model: str, limit: int) -> list[TextFailure]:
    rows = db.execute(
        "SELECT f.*, chunk.source_id, chunk.heading_path, page.url FROM embed_failure AS f"
        " JOIN chunk ON chunk.text_row = f.text_row JOIN visible_page AS page USING (page_row)"
        " WHERE f.model = ? GROUP BY f.text_row ORDER BY f.at DESC, f.text_row LIMIT ?",
        (model, limit),
    ).fetchall()
    return [
        TextFailure(
            row["text_row"],
            row["code"],
            row["message"],
            row["attempts"],
            certain_time(row["at"]),
            row["source_id"],
            row["url"],
            tuple(json.loads(row["heading_path"])),
        )
        for row in rows
    ]


# What there is


def _vectors(db: sqlite3.Connection, model: str, after: int, limit: int) -> list[VectorRow]:
    # Two statements: a join of both would carry each vector through a sort.
    rows = db.execute(
        "SELECT text_row, data FROM vector WHERE model = ? AND text_row > ? ORDER BY text_row LIMIT ?",
        (model, after, limit),
    ).fetchall()
    if not rows:
        return []
    owners = db.execute(
        "SELECT DISTINCT text_row, source_id FROM chunk WHERE text_row BETWEEN ? AND ? ORDER BY text_row, source_id",
        (rows[0]["text_row"], rows[-1]["text_row"]),
    ).fetchall()
    data = {row["text_row"]: np.frombuffer(row["data"], np.float16) for row in rows}
    return [
        VectorRow(owner["text_row"], owner["source_id"], data[owner["text_row"]])
        for owner in owners
        if owner["text_row"] in data
    ]


def _newer_texts(db: sqlite3.Connection, source_id: str, model: str, after: int, limit: int) -> list[tuple[int, int]]:
    rows = db.execute(
        f"SELECT row_id, text_row FROM chunk WHERE source_id = :source AND row_id > :after AND {_HAS_VECTOR}"
        " ORDER BY row_id LIMIT :limit",
        {"source": source_id, "model": model, "after": after, "limit": limit},
    )
    return [(row["row_id"], row["text_row"]) for row in rows]


def _newest_row(db: sqlite3.Connection, source_id: str) -> int:
    return int(db.execute("SELECT max(row_id) FROM chunk WHERE source_id = ?", (source_id,)).fetchone()[0] or 0)


def _embedded_texts(db: sqlite3.Connection, source_id: str, model: str) -> list[int]:
    rows = db.execute(
        f"SELECT DISTINCT text_row FROM chunk WHERE source_id = :source AND {_HAS_VECTOR} ORDER BY 1",
        {"source": source_id, "model": model},
    )
    return [row["text_row"] for row in rows]


def _vectors_of(db: sqlite3.Connection, source_id: str, text_rows: Sequence[int], model: str) -> list[VectorRow]:
    rows = db.execute(
        f"SELECT text_row, data FROM vector WHERE model = ? AND text_row IN ({marks(text_rows)})", (model, *text_rows)
    ).fetchall()
    return [VectorRow(row["text_row"], source_id, np.frombuffer(row["data"], np.float16)) for row in rows]


def _dimensions(db: sqlite3.Connection, model: str) -> int | None:
    row = db.execute("SELECT length(data) FROM vector WHERE model = ? LIMIT 1", (model,)).fetchone()
    return None if row is None else int(row[0]) // np.dtype(np.float16).itemsize
