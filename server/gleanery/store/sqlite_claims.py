"""Who runs what, in SQLite: claiming by compare-and-set, leases and their beats, taking back what a lost worker held."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gleanery.model import ErrorInfo, EventType, Fence, NewEvent, Task, TaskStatus
from gleanery.store import sqlite_ends, sqlite_outbox
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import dump_error, keep_events, marks, task_from, time_of
from gleanery.store.values import SUSPECT_LOSSES, SUSPECT_SECONDS, Asked, Wanted

_IS_READY = "status = 'queued' AND waits_for = 0 AND wakes_at IS NULL"
WAKE_AT_ONCE = 500


def next_due_at(db: sqlite3.Connection, now: datetime, task_types: Sequence[str]) -> datetime | None:
    if not task_types:
        return None
    row = db.execute(
        "SELECT wakes_at FROM task INDEXED BY task_wakes WHERE status = 'queued' AND wakes_at > ? AND waits_for = 0"
        f" AND task_type IN ({marks(task_types)}) ORDER BY wakes_at LIMIT 1",
        (now.timestamp(), *task_types),
    ).fetchone()
    return None if row is None else time_of(row[0])


def _wake(tx: Tx) -> None:
    """Those whose time has come may run from now on, also if the clock is set back again."""
    tx.db.execute(
        "UPDATE task SET wakes_at = NULL WHERE task_id IN (SELECT task_id FROM task INDEXED BY task_wakes"
        " WHERE status = 'queued' AND wakes_at <= ? ORDER BY wakes_at LIMIT ?)",
        (tx.now.timestamp(), WAKE_AT_ONCE),
    )


def claim(tx: Tx, task_id: str, wanted: Wanted) -> Task | None:
    """One task, if it may run now."""
    _wake(tx)
    return _claim(tx, task_id, wanted)


def _claim(tx: Tx, task_id: str, wanted: Wanted) -> Task | None:
    now = tx.now.timestamp()
    try:
        claimed = tx.db.execute(
            "UPDATE task SET status = 'running', attempt = attempt + 1, worker_id = ?, lease_until = ?,"
            " processing_started_at = coalesce(processing_started_at, ?), processing_completed_at = NULL,"
            " attempt_started_at = ?, waited_seconds = coalesce(waited_seconds, max(0, ? - max(run_at, created_at))),"
            f" last_seq = last_seq + 1 WHERE task_id = ? AND {_IS_READY} RETURNING *",
            (wanted.worker_id, now + wanted.lease_seconds, now, now, now, task_id),
        ).fetchall()
    except sqlite3.IntegrityError:
        return None  # another task of this serial key runs; its end rings this one again
    if not claimed:
        return None
    task = task_from(claimed[0])
    data = {"attempt": task.attempt, "worker_id": wanted.worker_id}
    event = (
        NewEvent(EventType.TASK_STARTED, "Started", data)
        if task.attempt == 1
        else NewEvent(EventType.TASK_RESUMED, "Taken up again where it stopped", data)
    )
    keep_events(tx, task, [event])
    sqlite_outbox.note(tx, task)
    return task


def claim_due(tx: Tx, wanted: Wanted, limit: int) -> list[Task]:
    _wake(tx)
    claimed = list[Task]()
    room = _Room(tx.db, wanted)
    while len(claimed) < limit and (rows := _candidates(tx, wanted, room, limit - len(claimed))):
        taken = 0
        is_one_suspect = False
        for row in rows:
            is_suspect = row["lost_count"] >= SUSPECT_LOSSES
            if (is_suspect and is_one_suspect) or not room.has(row["task_type"], row["queue_name"]):
                continue
            if (task := _claim(tx, row["task_id"], wanted)) is not None:
                is_one_suspect = is_one_suspect or is_suspect
                room.take(task)
                claimed.append(task)
                taken += 1
        if not taken:
            break  # cannot be: the first of a look always has room and a free key; but never a loop without an end
    return claimed


class _Room:
    """How many more of each type and queue may run, where that is limited."""

    def __init__(self, db: sqlite3.Connection, wanted: Wanted) -> None:
        self._types: Counter[str] = Counter(wanted.type_limits)
        self._queues: Counter[str] = Counter(wanted.queue_limits)
        if not wanted.type_limits and not wanted.queue_limits:
            return
        rows = db.execute("SELECT task_type, queue_name, count(*) FROM task WHERE status = 'running' GROUP BY 1, 2")
        for task_type, queue_name, count in rows.fetchall():
            self._count(task_type, queue_name, count)

    def _count(self, task_type: str, queue_name: str, count: int) -> None:
        if task_type in self._types:
            self._types[task_type] -= count
        if queue_name in self._queues:
            self._queues[queue_name] -= count

    def has(self, task_type: str, queue_name: str) -> bool:
        return self._types.get(task_type, 1) > 0 and self._queues.get(queue_name, 1) > 0

    def take(self, task: Task) -> None:
        self._count(task.task_type, task.queue_name, 1)

    @property
    def full_types(self) -> list[str]:
        return [name for name, left in self._types.items() if left <= 0]

    @property
    def full_queues(self) -> list[str]:
        return [name for name, left in self._queues.items() if left <= 0]


def _candidates(tx: Tx, wanted: Wanted, room: _Room, limit: int) -> Sequence[sqlite3.Row]:
    types = [name for name in wanted.task_types if name not in room.full_types]
    if not types:
        return ()
    watched_from = tx.now.timestamp() - SUSPECT_SECONDS
    values: list[Any] = [*types, *room.full_queues, *wanted.apart_types, wanted.worker_id]
    values += [SUSPECT_LOSSES, SUSPECT_LOSSES, watched_from, limit]
    rows: Sequence[sqlite3.Row] = tx.db.execute(
        "SELECT task_id, task_type, queue_name, lost_count FROM task INDEXED BY task_ready"
        f" WHERE {_IS_READY} AND task_type IN ({marks(types)}) AND queue_name NOT IN ({marks(room.full_queues)})"
        " AND (serial_key IS NULL OR NOT EXISTS (SELECT 1 FROM task AS other"
        " WHERE other.serial_key = task.serial_key AND other.status = 'running'))"
        f" AND (task_type NOT IN ({marks(wanted.apart_types)}) OR NOT EXISTS (SELECT 1 FROM task AS parent"
        " WHERE parent.task_id = task.parent_task_id AND parent.status = 'running' AND parent.worker_id = ?))"
        " AND (lost_count < ? OR NOT EXISTS (SELECT 1 FROM task AS other"
        " WHERE other.status = 'running' AND other.lost_count >= ? AND other.attempt_started_at > ?))"
        " ORDER BY priority DESC, run_at, created_at LIMIT ?",
        values,
    ).fetchall()
    return rows


def beat(
    tx: Tx, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
) -> dict[str, Asked]:
    until = tx.now.timestamp() + lease_seconds
    asked = dict[str, Asked]()
    for fence in fences:
        rows = tx.db.execute(
            "UPDATE task SET lease_until = ?, memory_usage_mb = coalesce(?, memory_usage_mb)"
            " WHERE task_id = ? AND attempt = ? AND status = 'running' RETURNING is_cancel_requested, is_pause_requested, payload",
            (until, memory_usage_mb.get(fence.task_id), fence.task_id, fence.attempt),
        ).fetchall()
        if rows:
            asked[fence.task_id] = Asked(bool(rows[0][0]), bool(rows[0][1]), json.loads(rows[0][2]))
    return asked


def reap(tx: Tx, gone: Sequence[str], spare: Sequence[str]) -> list[Task]:
    rows = tx.db.execute(
        "SELECT task_id, lost_count, max_retries, is_cancel_requested, is_pause_requested FROM task"
        f" WHERE status = 'running' AND (lease_until < ? OR worker_id IN ({marks(gone)}))",
        (tx.now.timestamp(), *gone),
    ).fetchall()
    kept = set(spare)
    return [_take_back(tx, row) for row in rows if row["task_id"] not in kept]


def _take_back(tx: Tx, row: sqlite3.Row) -> Task:
    lost = row["lost_count"] + 1
    error: ErrorInfo | None = None
    if row["is_cancel_requested"]:
        status, event = TaskStatus.CANCELLED, NewEvent(EventType.TASK_CANCELLED, "Cancelled")
    elif lost > row["max_retries"]:
        message = f"The worker was lost {lost} times in a row without progress."
        error = ErrorInfo("worker_lost", message, {"losses": lost})
        status, event = TaskStatus.FAILED, NewEvent(EventType.TASK_FAILED, message, {"error": asdict(error)})
    elif row["is_pause_requested"]:
        status, event = TaskStatus.PAUSED, NewEvent(EventType.TASK_PAUSED, "Paused")
    else:
        told = NewEvent(EventType.TASK_QUEUED, "The worker was lost: queued again", {"losses": lost})
        status, event = TaskStatus.QUEUED, told
    ended_at = tx.now.timestamp() if status.is_final else None
    tx.db.execute(
        "UPDATE task SET status = ?, worker_id = NULL, lease_until = NULL, lost_count = ?, wakes_at = NULL,"
        " is_cancel_requested = 0, is_pause_requested = 0, processing_completed_at = ?, error = coalesce(?, error),"
        " ran_seconds = ran_seconds + max(0, ? - coalesce(attempt_started_at, ?)) WHERE task_id = ?",
        (status, lost, ended_at, dump_error(error), tx.now.timestamp(), tx.now.timestamp(), row["task_id"]),
    )
    return sqlite_ends.told(tx, row["task_id"], [event])
