"""`ScheduleStore` over SQLite: recurring tasks, advanced by compare-and-set of their next tick."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from gleanery import errors
from gleanery.model import ErrorInfo, Schedule
from gleanery.store.rows import dump_error, schedule_from, schedule_row, time_of
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import keep_key, made_before
from gleanery.store.values import Idempotency


class SqliteSchedules:
    """`ScheduleStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, schedule: Schedule) -> Schedule:
        return await self._db.write(lambda tx: put(tx, schedule))

    async def create(self, schedule: Schedule, idempotency: Idempotency | None) -> Schedule:
        return await self._db.write(lambda tx: _create(tx, schedule, idempotency))

    async def get(self, schedule_id: str) -> Schedule:
        return await self._db.read(lambda db: _schedule_of(db, schedule_id))

    async def list(self, *, after: str | None, limit: int) -> Sequence[Schedule]:
        return await self._db.read(lambda db: _list(db, after, limit))

    async def delete(self, schedule_id: str) -> None:
        await self._db.write(lambda tx: _delete(tx, schedule_id))

    async def due(self, limit: int) -> Sequence[Schedule]:
        now = self._db.clock().timestamp()
        return await self._db.read(
            lambda db: [
                schedule_from(dict(row))
                for row in db.execute(
                    "SELECT * FROM schedule WHERE next_at <= ? AND is_paused = 0 ORDER BY next_at LIMIT ?", (now, limit)
                )
            ]
        )

    async def next_at(self) -> datetime | None:
        return await self._db.read(
            lambda db: time_of(
                db.execute("SELECT min(next_at) FROM schedule WHERE next_at IS NOT NULL AND is_paused = 0").fetchone()[
                    0
                ]
            )
        )

    async def advance(
        self,
        schedule_id: str,
        expected: datetime,
        next_at: datetime | None,
        *,
        task_id: str | None = None,
        skipped: int = 0,
        error: ErrorInfo | None = None,
    ) -> bool:
        return await self._db.write(lambda tx: _advance(tx, schedule_id, expected, next_at, task_id, skipped, error))


def put(tx: Tx, schedule: Schedule) -> Schedule:
    if schedule.source_id is not None:
        tx.db.execute(
            "DELETE FROM schedule WHERE source_id = ? AND schedule_id <> ?", (schedule.source_id, schedule.schedule_id)
        )
    columns = schedule_row(schedule)
    kept = ("schedule_id", "created_at")
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in kept)
    tx.db.execute(
        f"INSERT INTO schedule ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        f" ON CONFLICT (schedule_id) DO UPDATE SET {changed}",
        tuple(columns.values()),
    )
    return _schedule_of(tx.db, schedule.schedule_id)


def _create(tx: Tx, schedule: Schedule, idempotency: Idempotency | None) -> Schedule:
    if idempotency is None:
        return put(tx, schedule)
    if (made_id := made_before(tx.db, idempotency)) is not None:
        return _schedule_of(tx.db, made_id)
    keep_key(tx, idempotency, schedule.schedule_id)
    return put(tx, schedule)


def delete_of_source(tx: Tx, source_id: str) -> None:
    tx.db.execute("DELETE FROM schedule WHERE source_id = ?", (source_id,))


def _schedule_of(db: sqlite3.Connection, schedule_id: str) -> Schedule:
    row = db.execute("SELECT * FROM schedule WHERE schedule_id = ?", (schedule_id,)).fetchone()
    if row is None:
        raise errors.NotFound("schedule", schedule_id)
    return schedule_from(dict(row))


def _list(db: sqlite3.Connection, after: str | None, limit: int) -> Sequence[Schedule]:
    rows = db.execute(
        "SELECT * FROM schedule WHERE schedule_id > ? ORDER BY schedule_id LIMIT ?", (after or "", limit)
    ).fetchall()
    return [schedule_from(dict(row)) for row in rows]


def _delete(tx: Tx, schedule_id: str) -> None:
    if not tx.db.execute("DELETE FROM schedule WHERE schedule_id = ?", (schedule_id,)).rowcount:
        raise errors.NotFound("schedule", schedule_id)
    tx.db.execute("DELETE FROM idempotency WHERE task_id = ?", (schedule_id,))  # the same request makes a new one


def _advance(
    tx: Tx,
    schedule_id: str,
    expected: datetime,
    next_at: datetime | None,
    task_id: str | None,
    skipped: int,
    error: ErrorInfo | None,
) -> bool:
    written = tx.db.execute(
        "UPDATE schedule SET next_at = ?, last_at = CASE WHEN ? IS NULL THEN last_at ELSE ? END,"
        " last_task_id = coalesce(?, last_task_id), skipped_count = skipped_count + ?,"
        # What went wrong last is known until a tick has run.
        " last_error = CASE WHEN ? IS NULL THEN coalesce(?, last_error) END"
        " WHERE schedule_id = ? AND next_at = ?",
        (
            None if next_at is None else next_at.timestamp(),
            task_id,
            tx.now.timestamp(),
            task_id,
            skipped,
            task_id,
            dump_error(error),
            schedule_id,
            expected.timestamp(),
        ),
    ).rowcount
    return bool(written)
