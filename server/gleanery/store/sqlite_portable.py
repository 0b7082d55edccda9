"""What goes out of SQLite with a source, at one moment, and what comes in with one beside its pages."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gleanery import errors
from gleanery.model import Chunk, Fence, Page, Source, StoredCode
from gleanery.store.knowledge_rows import chunk_from, code_from, page_from
from gleanery.store.portable_store import ListedPage
from gleanery.store.snapshot import snapshot
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_knowledge import source_of
from gleanery.store.sqlite_rows import check_fence

HALF_BYTES = 2


class SqlitePortable:
    """`PortableStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @contextlib.contextmanager
    def content(self, source_id: str) -> Iterator[SourceAtMoment]:
        with snapshot(self._db.path) as db:
            yield SourceAtMoment(db, source_id)

    async def known(self, url_key: str) -> str | None:
        return await self._db.read(lambda db: _known(db, url_key))

    async def site(self, source_id: str) -> tuple[Source, Sequence[ListedPage]]:
        return await self._db.read(lambda db: (source_of(db, source_id, None), _site(db, source_id)))

    async def add_vectors(
        self, fence: Fence, source_id: str, model: str, vectors: Sequence[tuple[bytes, bytes]]
    ) -> int:
        # What the task tells next is on the disk only with these.
        return await self._db.write(
            lambda tx: _add_vectors(tx, fence, source_id, model, vectors), is_long=True, is_durable=False
        )

    async def describe(self, fence: Fence, source_id: str, description: str) -> None:
        await self._db.write(lambda tx: _describe(tx, fence, source_id, description))


class SourceAtMoment:
    """`SourceContent` over a snapshot. Pages go by their rows, in the order in which they came: so they come in again, and what
    ranks equally is in the same order there."""

    def __init__(self, db: sqlite3.Connection, source_id: str) -> None:
        self._db = db
        self.source = source_of(db, source_id, None)
        self.url_key: str = db.execute("SELECT url_key FROM source WHERE source_id = ?", (source_id,)).fetchone()[0]
        self._values = {"source": source_id}

    def pages(self) -> Sequence[int]:
        rows = self._db.execute(
            "SELECT page_row FROM visible_page WHERE source_id = :source ORDER BY page_row", self._values
        )
        return [row[0] for row in rows]

    def page(self, number: int) -> tuple[Page, bytes | None]:
        row = self._db.execute("SELECT * FROM page WHERE page_row = ?", (number,)).fetchone()
        return page_from(row, row["markdown"]), row["links"]

    def chunks(self, number: int) -> Sequence[Chunk]:
        rows = self._db.execute("SELECT * FROM chunk WHERE page_row = ? ORDER BY ordinal", (number,))
        return [chunk_from(row) for row in rows]

    def code(self, number: int) -> Sequence[StoredCode]:
        rows = self._db.execute("SELECT * FROM code_example WHERE page_row = ? ORDER BY ordinal", (number,))
        return [code_from(row) for row in rows]

    def models(self) -> Sequence[tuple[str, int, int]]:
        """The active model, then the one that is being built; without any, those whose vectors are there."""
        names = [
            row[0]
            for row in self._db.execute(
                "SELECT model FROM embedding_model WHERE state <> 'previous' ORDER BY state"
            ).fetchall()
        ]
        found = [
            (name, *self._db.execute(_SIZES, {**self._values, "model": name}).fetchone())
            for name in names or self._embedded()
        ]
        return [(name, size // HALF_BYTES, count) for name, size, count in found if count]

    def _embedded(self) -> list[str]:
        rows = self._db.execute(
            f"SELECT DISTINCT model FROM vector WHERE text_row IN ({_TEXTS}) ORDER BY model", self._values
        )
        return [row[0] for row in rows][:2]

    def vectors(self, model: str) -> Iterator[tuple[bytes, bytes]]:
        # The hashes alone are sorted: a sort of the vectors would go through a file.
        texts = self._db.execute(
            f"SELECT text_row, text_hash FROM text WHERE text_row IN ({_TEXTS}) ORDER BY text_hash", self._values
        ).fetchall()
        for text_row, text_hash in texts:
            row = self._db.execute(
                "SELECT data FROM vector WHERE text_row = ? AND model = ?", (text_row, model)
            ).fetchone()
            if row is not None:
                yield text_hash, row[0]

    def queries(self) -> Sequence[tuple[str, Sequence[str], Mapping[str, Any]]]:
        rows = self._db.execute(
            "SELECT query, expected, filters FROM saved_query WHERE source_id = :source ORDER BY created_at, query_id",
            self._values,
        )
        return [(row["query"], json.loads(row["expected"]), json.loads(row["filters"])) for row in rows]


_TEXTS = "SELECT chunk.text_row FROM visible_page AS page JOIN chunk USING (page_row) WHERE page.source_id = :source"
_SIZES = f"SELECT max(length(data)), count(*) FROM vector WHERE model = :model AND text_row IN ({_TEXTS})"


def _known(db: sqlite3.Connection, url_key: str) -> str | None:
    row = db.execute("SELECT source_id FROM source WHERE url_key = ? AND deleted_at IS NULL", (url_key,)).fetchone()
    return None if row is None else str(row[0])


def _site(db: sqlite3.Connection, source_id: str) -> list[ListedPage]:
    rows = db.execute(
        "SELECT page.page_id, page.url, page.title, page.description FROM visible_page AS page LEFT JOIN frontier"
        " ON frontier.task_id = page.seen_task_id AND frontier.url_key = page.url_key WHERE page.source_id = ?"
        " ORDER BY frontier.ordinal IS NULL, frontier.ordinal, page.url_key",
        (source_id,),
    )
    return [ListedPage(*row) for row in rows]


def _add_vectors(tx: Tx, fence: Fence, source_id: str, model: str, vectors: Sequence[tuple[bytes, bytes]]) -> int:
    check_fence(tx, fence)
    # Only for texts of this source: what a file says of others is not asked for.
    return tx.db.executemany(
        "INSERT OR IGNORE INTO vector (text_row, model, data) SELECT text_row, ?, ? FROM text WHERE text_hash = ?"
        " AND EXISTS (SELECT 1 FROM chunk WHERE chunk.text_row = text.text_row AND chunk.source_id = ?)",
        [(model, data, text_hash, source_id) for text_hash, data in vectors],
    ).rowcount


def _describe(tx: Tx, fence: Fence, source_id: str, description: str) -> None:
    check_fence(tx, fence)
    changed = tx.db.execute(
        "UPDATE source SET description = ? WHERE source_id = ? AND deleted_at IS NULL", (description, source_id)
    )
    if not changed.rowcount:
        raise errors.NotFound("source", source_id)
