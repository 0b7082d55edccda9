"""Rows of tasks and events in SQLite: how they become values, and the one way in which events are appended."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gleanery import errors
from gleanery.model import (
    GETS_ON,
    DependencyFailure,
    ErrorInfo,
    Event,
    Fence,
    NewEvent,
    Progress,
    StageCount,
    Task,
    TaskStatus,
)
from gleanery.store.sqlite import Tx
from gleanery.store.values import Change, Idempotency


def time_of(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def certain_time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def marks(values: Sequence[Any]) -> str:
    """The placeholders of an IN list."""
    return ", ".join("?" * len(values))


def dump_progress(progress: Progress) -> str:
    return compact(
        {**vars(progress), "stages": {name: [count.done, count.total] for name, count in progress.stages.items()}}
    )


@functools.lru_cache(256)
def load_progress(text: str) -> Progress:
    data = json.loads(text)
    return Progress(**{**data, "stages": {name: StageCount(*pair) for name, pair in data["stages"].items()}})


def progress_mark(progress: Progress) -> float:
    """A number that grows when the work gets on: a task that loses its worker again and again without that is poison."""
    done = sum(count.done for count in progress.stages.values())
    return progress.percentage + done + progress.failed + progress.skipped


def dump_error(error: ErrorInfo | None) -> str | None:
    return None if error is None else compact(asdict(error))


def load_error(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo(**json.loads(text))


@functools.lru_cache(64)
def _statuses(text: str) -> tuple[TaskStatus, ...]:
    return tuple(map(TaskStatus, json.loads(text)))


def task_from(found: sqlite3.Row) -> Task:
    row = dict(zip(found.keys(), found, strict=True))  # forty look-ups by name are slow in a Row
    return Task(
        task_id=row["task_id"],
        task_type=row["task_type"],
        title=row["title"],
        description=row["description"],
        status=TaskStatus(row["status"]),
        priority=row["priority"],
        queue_name=row["queue_name"],
        payload=json.loads(row["payload"]),
        result=None if row["result"] is None else json.loads(row["result"]),
        error=load_error(row["error"]),
        progress=load_progress(row["progress"]),
        attempt=row["attempt"],
        retry_attempts=row["retry_attempts"],
        max_retries=row["max_retries"],
        run_at=certain_time(row["run_at"]),
        created_at=certain_time(row["created_at"]),
        processing_started_at=time_of(row["processing_started_at"]),
        processing_completed_at=time_of(row["processing_completed_at"]),
        last_error_at=time_of(row["last_error_at"]),
        last_error=load_error(row["last_error"]),
        worker_id=row["worker_id"],
        lease_until=time_of(row["lease_until"]),
        is_cancel_requested=bool(row["is_cancel_requested"]),
        memory_usage_mb=row["memory_usage_mb"],
        depends_on=() if row["depends_on"] == "[]" else tuple(json.loads(row["depends_on"])),
        coalesce_key=row["coalesce_key"],
        parent_task_id=row["parent_task_id"],
        webhook_url=row["webhook_url"],
        last_seq=row["last_seq"],
        first_seq=row["first_seq"],
        serial_key=row["serial_key"],
        waits_for=row["waits_for"],
        on_dependency_failure=DependencyFailure(row["on_dependency_failure"]),
        webhook_states=_statuses(row["webhook_states"]),
        is_pause_requested=bool(row["is_pause_requested"]),
        schedule_id=row["schedule_id"],
        attempt_started_at=time_of(row["attempt_started_at"]),
        waited_seconds=row["waited_seconds"],
        ran_seconds=row["ran_seconds"],
        recoveries=() if row["recoveries"] == "[]" else tuple(json.loads(row["recoveries"])),
        browser_session_id=row["browser_session_id"],
    )


def event_from(row: sqlite3.Row) -> Event:
    return Event(row["seq"], certain_time(row["at"]), row["type"], row["message"], json.loads(row["data"]))


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
