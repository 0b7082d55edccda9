"""`SavedQueryStore` over SQLite: saved queries and what they gave over time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gleanery import errors
from gleanery.model import new_id
from gleanery.store.saved_queries import MAX_QUERIES, Evaluation, NewQuery, SavedQuery
from gleanery.store.saved_query_rows import (
    KEPT_EVALUATIONS,
    Unmet,
    evaluation_from,
    evaluation_row,
    query_from,
    whole_evaluation_from,
)
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import compact

_LEAST_STEP_SECONDS = 0.000_001


class SqliteSavedQueries:
    """`SavedQueryStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def queries(
        self, source_id: str, *, after: tuple[float, str] | None = None, limit: int = MAX_QUERIES
    ) -> Sequence[SavedQuery]:
        return await self._db.read(lambda db: _queries(db, source_id, after, limit))

    async def put(self, source_id: str, queries: Sequence[NewQuery]) -> Sequence[SavedQuery]:
        return await self._db.write(lambda tx: _put(tx, source_id, queries))

    async def change(self, source_id: str, query_id: str, query: NewQuery) -> SavedQuery:
        return await self._db.write(lambda tx: _change(tx, source_id, query_id, query))

    async def delete(self, source_id: str, query_id: str) -> None:
        await self._db.write(lambda tx: _delete(tx, source_id, query_id))

    async def visible_generation(self, source_id: str) -> int:
        return await self._db.read(lambda db: _visible(db, source_id))

    async def unknown(self, source_id: str, generation: int, expected: Sequence[str]) -> frozenset[str]:
        return await self._db.read(lambda db: _unknown(db, source_id, generation, expected))

    async def keep(self, evaluation: Evaluation) -> None:
        await self._db.write(lambda tx: _keep(tx, evaluation))

    async def evaluations(
        self, source_id: str, *, before: tuple[float, str] | None, limit: int
    ) -> Sequence[Evaluation]:
        return await self._db.read(lambda db: _evaluations(db, source_id, before, limit))

    async def evaluation(self, source_id: str, evaluation_id: str) -> Evaluation:
        return await self._db.read(lambda db: _evaluation_of(db, source_id, evaluation_id))


def _visible(db: sqlite3.Connection, source_id: str) -> int:
    row = db.execute(
        "SELECT generation FROM source WHERE source_id = ? AND deleted_at IS NULL", (source_id,)
    ).fetchone()
    if row is None:
        raise errors.NotFound("source", source_id)
    return int(row["generation"])


def _queries(db: sqlite3.Connection, source_id: str, after: tuple[float, str] | None, limit: int) -> list[SavedQuery]:
    _visible(db, source_id)
    rows = db.execute(
        "SELECT * FROM saved_query WHERE source_id = ? AND (created_at, query_id) > (?, ?)"
        " ORDER BY created_at, query_id LIMIT ?",
        (source_id, *(after or (0.0, "")), limit),
    ).fetchall()
    return [query_from(row) for row in rows]


def _query_of(db: sqlite3.Connection, source_id: str, query_id: str) -> SavedQuery:
    row = db.execute("SELECT * FROM saved_query WHERE query_id = ? AND source_id = ?", (query_id, source_id)).fetchone()
    if row is None:
        raise errors.NotFound("saved query", query_id)
    return query_from(row)


def _put(tx: Tx, source_id: str, queries: Sequence[NewQuery]) -> list[SavedQuery]:
    _visible(tx.db, source_id)
    kept: dict[str, None] = {}
    for number, query in enumerate(queries):
        # Those of one request are in the order in which they came.
        at = tx.now.timestamp() + number * _LEAST_STEP_SECONDS
        row = tx.db.execute(
            "INSERT INTO saved_query (query_id, source_id, query, expected, filters, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source_id, query) DO UPDATE"
            " SET expected = excluded.expected, filters = excluded.filters, updated_at = excluded.updated_at"
            " RETURNING query_id",
            (new_id("sq"), source_id, query.query, compact(query.expected), compact(dict(query.filters)), at, at),
        ).fetchone()
        kept[row["query_id"]] = None
    count: int = tx.db.execute("SELECT count(*) FROM saved_query WHERE source_id = ?", (source_id,)).fetchone()[0]
    if count > MAX_QUERIES:
        raise errors.WrongState(
            f"A source may have {MAX_QUERIES} saved queries; these would make {count}.", limit=MAX_QUERIES
        )
    return [_query_of(tx.db, source_id, query_id) for query_id in kept]


def _change(tx: Tx, source_id: str, query_id: str, query: NewQuery) -> SavedQuery:
    _visible(tx.db, source_id)
    other = tx.db.execute(
        "SELECT query_id FROM saved_query WHERE source_id = ? AND query = ? AND query_id <> ?",
        (source_id, query.query, query_id),
    ).fetchone()
    if other is not None:
        raise errors.WrongState(f"{other['query_id']} has that query already.", query_id=other["query_id"])
    tx.db.execute(
        "UPDATE saved_query SET query = ?, expected = ?, filters = ?, updated_at = ?"
        " WHERE query_id = ? AND source_id = ?",
        (
            query.query,
            compact(query.expected),
            compact(dict(query.filters)),
            tx.now.timestamp(),
            query_id,
            source_id,
        ),
    )
    return _query_of(tx.db, source_id, query_id)


def _delete(tx: Tx, source_id: str, query_id: str) -> None:
    _visible(tx.db, source_id)
    deleted = tx.db.execute("DELETE FROM saved_query WHERE query_id = ? AND source_id = ?", (query_id, source_id))
    if not deleted.rowcount:
        raise errors.NotFound("saved query", query_id)


def _unknown(db: sqlite3.Connection, source_id: str, generation: int, expected: Sequence[str]) -> frozenset[str]:
    unmet = Unmet(expected)
    if unmet:
        rows = db.execute(
            "SELECT url FROM page WHERE source_id = ? AND born <= ? AND died > ?", (source_id, generation, generation)
        )
        unmet.meet(row["url"] for row in rows)
    return unmet.names


# Evaluations


def _keep(tx: Tx, evaluation: Evaluation) -> None:
    _visible(tx.db, evaluation.source_id)
    columns = evaluation_row(evaluation)
    tx.db.execute(
        f"INSERT INTO evaluation ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        tuple(columns.values()),
    )
    tx.db.execute(
        "DELETE FROM evaluation WHERE source_id = ? AND at < (SELECT at FROM evaluation WHERE source_id = ?"
        " ORDER BY at DESC LIMIT 1 OFFSET ?)",
        (evaluation.source_id, evaluation.source_id, KEPT_EVALUATIONS),
    )


_COLUMNS = "evaluation_id, source_id, generation, task_id, at, queries, recall_at_5, recall_at_10, mrr"


def _evaluations(
    db: sqlite3.Connection, source_id: str, before: tuple[float, str] | None, limit: int
) -> list[Evaluation]:
    _visible(db, source_id)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM evaluation WHERE source_id = ? AND (at, evaluation_id) < (?, ?)"
        " ORDER BY at DESC, evaluation_id DESC LIMIT ?",
        (source_id, *(before or (float("inf"), "")), limit),
    ).fetchall()
    return [evaluation_from(row) for row in rows]


def _evaluation_of(db: sqlite3.Connection, source_id: str, evaluation_id: str) -> Evaluation:
    row = db.execute(
        "SELECT * FROM evaluation WHERE evaluation_id = ? AND source_id = ?", (evaluation_id, source_id)
    ).fetchone()
    if row is None:
        raise errors.NotFound("evaluation", evaluation_id)
    return whole_evaluation_from(row)
