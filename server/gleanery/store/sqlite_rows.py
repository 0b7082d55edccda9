"""Rows of tasks and events in SQLite, and the one way in which events are appended."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from gleanery import errors
from gleanery.model import GETS_ON, Event, Fence, NewEvent, Progress, Task
from gleanery.store import rows
from gleanery.store.rows import (
    certain_time,
    compact,
    dump_error,
    dump_progress,
    load_error,
    load_progress,
    progress_mark,
    time_of,
)
from gleanery.store.sqlite import Tx
from gleanery.store.values import Change, Idempotency

__all__ = [
    "append",
    "certain_time",
    "check_fence",
    "compact",
    "dump_error",
    "dump_progress",
    "event_from",
    "keep_events",
    "keep_key",
    "lease_lost",
    "load_error",
    "load_progress",
    "made_before",
    "marks",
    "progress_mark",
    "report",
    "task_from",
    "task_of",
    "time_of",
]


def marks(values: Sequence[Any]) -> str:
    """The placeholders of an IN list."""
    return ", ".join("?" * len(values))


def task_from(found: sqlite3.Row) -> Task:
    return rows.task_from(dict(zip(found.keys(), found, strict=True)))  # forty look-ups by name are slow in a Row


def event_from(found: sqlite3.Row) -> Event:
    return rows.event_from(dict(found))


def task_of(db: sqlite3.Connection, task_id: str) -> Task:
    """Raises NotFound."""
    row = db.execute("SELECT * FROM task WHERE task_id = ?", (task_id,)).fetchone()
    if row is None:
        raise errors.NotFound("task", task_id)
    return task_from(row)


def made_before(db: sqlite3.Connection, idempotency: Idempotency) -> str | None:
    """The id of what this key has made, None for a new key. Raises IdempotencyConflict for another request."""
    row = db.execute("SELECT request_hash, task_id FROM idempotency WHERE key = ?", (idempotency.key,)).fetchone()
    if row is None:
        return None
    if row["request_hash"] != idempotency.request_hash:
        raise errors.IdempotencyConflict(
            "This Idempotency-Key was used for another request: take a new key for a new request.", key=idempotency.key
        )
    return str(row["task_id"])


def keep_key(tx: Tx, idempotency: Idempotency, made_id: str) -> None:
    tx.db.execute(
        "INSERT INTO idempotency VALUES (?, ?, ?, ?)",
        (idempotency.key, idempotency.request_hash, made_id, tx.now.timestamp()),
    )


def check_fence(tx: Tx, fence: Fence) -> None:
    """Raise LeaseLost unless this attempt is the running one."""
    row = tx.db.execute(
        "SELECT 1 FROM task WHERE task_id = ? AND attempt = ? AND status = 'running'", (fence.task_id, fence.attempt)
    ).fetchone()
    if row is None:
        raise lease_lost(fence)


def lease_lost(fence: Fence) -> errors.LeaseLost:
    return errors.LeaseLost("Another worker owns this task now.", task_id=fence.task_id, attempt=fence.attempt)


def append(tx: Tx, task_id: str, events: Sequence[NewEvent]) -> Task:
    """Number the events, keep them, and note the change for those who listen. The last step of every change to a task."""
    row = tx.db.execute(
        "UPDATE task SET last_seq = last_seq + ? WHERE task_id = ? RETURNING *", (len(events), task_id)
    ).fetchall()[0]
    return keep_events(tx, task_from(row), events)


def keep_events(tx: Tx, task: Task, events: Sequence[NewEvent]) -> Task:
    """The same for a task whose `last_seq` counts the events already: they are the last ones."""
    task_id, at = task.task_id, tx.now.timestamp()
    first, number, kept = task.last_seq - len(events) + 1, 0, list[Event]()
    for seq, event in enumerate(events, first):
        cursor = tx.db.execute(
            "INSERT INTO event (task_id, seq, at, type, message, data) VALUES (?, ?, ?, ?, ?, ?)",
            (task_id, seq, at, event.type, event.message, compact(dict(event.data))),
        )
        number = cursor.lastrowid or 0
        kept.append(Event(seq, tx.now, event.type, event.message, event.data))
    tx.changes.append(Change(task, tuple(kept), number))
    return task


def report(tx: Tx, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
    """Fenced: set the progress, append the events."""
    check_fence(tx, fence)
    mark, gets_on = progress_mark(progress), any(event.type in GETS_ON for event in events)
    tx.db.execute(
        "UPDATE task SET progress = ?, lost_count = CASE WHEN ? OR ? > progress_mark THEN 0 ELSE lost_count END,"
        " progress_mark = max(progress_mark, ?) WHERE task_id = ?",
        (dump_progress(progress), gets_on, mark, mark, fence.task_id),
    )
    return append(tx, fence.task_id, events)
