"""`OutboxStore` over SQLite: webhook calls as rows, written in the transaction of the state that they tell of."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from gleanery import errors
from gleanery.model import Delivery, DeliveryState, Task
from gleanery.store.rows import delivery_from, time_of
from gleanery.store.source_changed import keep_call
from gleanery.store.sqlite import Database, Tx
from gleanery.store.values import HOLDING_ATTEMPTS


class SqliteOutbox:
    """`OutboxStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def claim(self, limit: int, hold_seconds: float, *, passing_over: Sequence[str] = ()) -> Sequence[Delivery]:
        """Of a task no call before an earlier one that was tried less than three times; none whose URL begins with one of
        `passing_over`."""
        return await self._db.write(lambda tx: _claim(tx, limit, hold_seconds, passing_over), is_durable=False)

    async def next_at(self, *, passing_over: Sequence[str] = ()) -> datetime | None:
        """As `claim` chooses; in the past when one is due."""
        return await self._db.read(lambda db: _next_at(db, passing_over))

    async def settle(
        self,
        delivery: Delivery,
        state: DeliveryState,
        *,
        status_code: int | None,
        error: str | None,
        next_at: datetime | None = None,
    ) -> bool:
        return await self._db.write(lambda tx: _settle(tx, delivery, state, status_code, error, next_at))

    async def get(self, delivery_id: str) -> Delivery:
        return await self._db.read(lambda db: _delivery_of(db, delivery_id))

    async def list(
        self, *, state: DeliveryState | None, task_id: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Delivery]:
        return await self._db.read(lambda db: _list(db, state, task_id, after, limit))

    async def retry(self, delivery_id: str) -> Delivery:
        return await self._db.write(lambda tx: _retry(tx, delivery_id))

    async def count_by_state(self) -> Mapping[str, int]:
        return await self._db.read(
            lambda db: {row[0]: row[1] for row in db.execute("SELECT state, count(*) FROM delivery GROUP BY state")}
        )


def note(tx: Tx, task: Task) -> None:
    """Keep the call that tells the task's webhook of its state, if it wants to know of this one."""
    if task.webhook_url is None or task.status not in task.webhook_states:
        return
    keep_call(tx, task.task_id, task.webhook_url, f"task.{task.status}", _told(task))


def _told(task: Task) -> Mapping[str, Any]:
    """What a webhook hears of a task: the names are those of `GET /tasks/{task_id}`."""
    return {
        "task_id": task.task_id,
        "task_type": task.task_type,
        "title": task.title,
        "status": str(task.status),
        "result": task.result,
        "error": None if task.error is None else asdict(task.error),
        "retry_attempts": task.retry_attempts,
        "created_at": task.created_at.isoformat(),
        "processing_started_at": _iso(task.processing_started_at),
        "processing_completed_at": _iso(task.processing_completed_at),
        "parent_task_id": task.parent_task_id,
        "last_seq": task.last_seq,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _delivery_of(db: sqlite3.Connection, delivery_id: str) -> Delivery:
    row = db.execute("SELECT * FROM delivery WHERE delivery_id = ?", (delivery_id,)).fetchone()
    if row is None:
        raise errors.NotFound("webhook delivery", delivery_id)
    return delivery_from(dict(row))


def _ready(passing_over: Sequence[str]) -> tuple[str, Sequence[Any]]:
    """The condition for pending calls that no earlier one of their task holds back, to sites that have room."""
    where = (
        "delivery.state = 'pending' AND NOT EXISTS (SELECT 1 FROM delivery AS earlier WHERE earlier.task_id = delivery.task_id"
        f" AND earlier.state = 'pending' AND earlier.attempts <= {HOLDING_ATTEMPTS}"
        " AND earlier.created_at < delivery.created_at)"
    )
    values = list[Any]()
    for start in passing_over:
        where += " AND substr(delivery.url, 1, ?) <> ?"
        values += [len(start), start]
    return where, values


def _next_at(db: sqlite3.Connection, passing_over: Sequence[str]) -> datetime | None:
    where, values = _ready(passing_over)
    row = db.execute(f"SELECT next_at FROM delivery WHERE {where} ORDER BY next_at LIMIT 1", values).fetchone()
    return None if row is None else time_of(row[0])


def _claim(tx: Tx, limit: int, hold_seconds: float, passing_over: Sequence[str]) -> list[Delivery]:
    where, values = _ready(passing_over)
    rows = tx.db.execute(
        f"SELECT delivery_id FROM delivery WHERE {where} AND next_at <= ? ORDER BY next_at LIMIT ?",
        (*values, tx.now.timestamp(), limit),
    ).fetchall()
    held = (tx.now + timedelta(seconds=hold_seconds)).timestamp()
    tx.db.executemany(
        "UPDATE delivery SET attempts = attempts + 1, next_at = ? WHERE delivery_id = ?",
        [(held, row["delivery_id"]) for row in rows],
    )
    return [_delivery_of(tx.db, row["delivery_id"]) for row in rows]


def _settle(
    tx: Tx,
    delivery: Delivery,
    state: DeliveryState,
    status_code: int | None,
    error: str | None,
    next_at: datetime | None,
) -> bool:
    settled_at = None if state is DeliveryState.PENDING else tx.now.timestamp()
    written = tx.db.execute(
        "UPDATE delivery SET state = ?, last_status_code = ?, last_error = ?, next_at = ?, settled_at = ?"
        " WHERE delivery_id = ? AND state = 'pending' AND attempts = ?",
        (
            state,
            status_code,
            error,
            None if next_at is None else next_at.timestamp(),
            settled_at,
            delivery.delivery_id,
            delivery.attempts,
        ),
    ).rowcount
    return bool(written)


def _list(
    db: sqlite3.Connection,
    state: DeliveryState | None,
    task_id: str | None,
    after: tuple[float, str] | None,
    limit: int,
) -> Sequence[Delivery]:
    where, values = ["1"], list[Any]()
    if state is not None:
        where.append("state = ?")
        values.append(state)
    if task_id is not None:
        where.append("task_id = ?")
        values.append(task_id)
    if after is not None:
        where.append("(created_at < ? OR (created_at = ? AND delivery_id > ?))")
        values += [after[0], after[0], after[1]]
    rows = db.execute(
        f"SELECT * FROM delivery WHERE {' AND '.join(where)} ORDER BY created_at DESC, delivery_id LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [delivery_from(dict(row)) for row in rows]


def _retry(tx: Tx, delivery_id: str) -> Delivery:
    delivery = _delivery_of(tx.db, delivery_id)
    if delivery.state is not DeliveryState.DEAD:
        raise errors.WrongState(
            f"The call is {delivery.state}: only a dead one can be sent again.",
            delivery_id=delivery_id,
            state=delivery.state,
        )
    tx.db.execute(
        "UPDATE delivery SET state = 'pending', attempts = 0, next_at = ?, settled_at = NULL WHERE delivery_id = ?",
        (tx.now.timestamp(), delivery_id),
    )
    return _delivery_of(tx.db, delivery_id)
