"""Tasks and their events in SQLite. Every change of a task's state is here, by compare-and-set."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from gleanery import errors
from gleanery.model import (
    ErrorInfo,
    Event,
    EventType,
    Fence,
    NewEvent,
    NewTask,
    Progress,
    StageCount,
    Task,
    TaskStatus,
    UrlState,
    utc_now,
)
from gleanery.store.base import Change, DueTask, Idempotency
from gleanery.store.sqlite import Database, Tx


class SqliteTasks:
    """`TaskStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create(
        self,
        new: NewTask,
        *,
        serial_key: str | None = None,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        return await self._db.write(lambda tx: create(tx, new, serial_key, idempotency, queue_limit))

    async def known_start(self, idempotency: Idempotency) -> Task | None:
        return await self._db.read(lambda db: known_start(db, idempotency))

    async def get(self, task_id: str) -> Task:
        return await self._db.read(lambda db: task_of(db, task_id))

    async def list(
        self, *, statuses: Sequence[TaskStatus], task_type: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Task]:
        return await self._db.read(lambda db: _list(db, statuses, task_type, after, limit))

    async def count_by_status(self) -> Mapping[str, int]:
        return await self._db.read(
            lambda db: {row[0]: row[1] for row in db.execute("SELECT status, count(*) FROM task GROUP BY status")}
        )

    async def due(self, now: datetime, task_types: Sequence[str], limit: int) -> Sequence[DueTask]:
        return await self._db.read(lambda db: _due(db, now, task_types, limit))

    async def next_due_at(self, now: datetime, task_types: Sequence[str]) -> datetime | None:
        return await self._db.read(lambda db: _next_due_at(db, now, task_types))

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        return await self._db.write(lambda tx: _claim(tx, task_id, worker_id, lease_seconds))

    async def beat(self, fence: Fence, lease_seconds: float, memory_usage_mb: float | None = None) -> bool:
        return await self._db.write(lambda tx: _beat(tx, fence, lease_seconds, memory_usage_mb))

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        return await self._db.write(lambda tx: report(tx, fence, events, progress))

    async def finish(
        self,
        fence: Fence,
        status: TaskStatus,
        events: Sequence[NewEvent],
        *,
        progress: Progress | None = None,
        result: Mapping[str, Any] | None = None,
        error: ErrorInfo | None = None,
        run_at: datetime | None = None,
    ) -> Task:
        return await self._db.write(lambda tx: _finish(tx, fence, status, events, progress, result, error, run_at))

    async def request_cancel(self, task_id: str) -> Task:
        return await self._db.write(lambda tx: _request_cancel(tx, task_id))

    async def retry(self, task_id: str, *, only_failed: bool) -> Task:
        return await self._db.write(lambda tx: _retry(tx, task_id, only_failed))

    async def reap(self, now: datetime, *, all_running: bool, lost_limit: int) -> Sequence[Task]:
        return await self._db.write(lambda tx: _reap(tx, now, all_running, lost_limit))

    async def events(self, task_id: str, *, after: int | None, before: int | None, limit: int) -> Sequence[Event]:
        return await self._db.read(lambda db: _events(db, task_id, after, before, limit))


def time_of(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check_fence(tx: Tx, fence: Fence) -> None:
    """Raise LeaseLost unless this attempt is the running one."""
    row = tx.db.execute(
        "SELECT 1 FROM task WHERE task_id = ? AND attempt = ? AND status = 'running'", (fence.task_id, fence.attempt)
    ).fetchone()
    if row is None:
        raise errors.LeaseLost("Another worker owns this task now.", task_id=fence.task_id, attempt=fence.attempt)


def append(tx: Tx, task_id: str, events: Sequence[NewEvent], now: datetime) -> None:
    """Number the events, keep them, and note the change for those who listen. The last step of every change."""
    last: int = tx.db.execute("SELECT last_seq FROM task WHERE task_id = ?", (task_id,)).fetchone()[0]
    numbered = tuple(Event(last + i, now, e.type, e.message, e.data) for i, e in enumerate(events, 1))
    tx.db.executemany(
        "INSERT INTO event (task_id, seq, at, type, message, data) VALUES (?, ?, ?, ?, ?, ?)",
        [(task_id, e.seq, now.timestamp(), e.type, e.message, compact(dict(e.data))) for e in numbered],
    )
    if numbered:
        tx.db.execute("UPDATE task SET last_seq = ? WHERE task_id = ?", (numbered[-1].seq, task_id))
    tx.changes.append(Change(task_of(tx.db, task_id), numbered))


def report(tx: Tx, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
    """Fenced: set the progress, append the events."""
    check_fence(tx, fence)
    tx.db.execute(
        "UPDATE task SET progress = ?, lost_count = 0 WHERE task_id = ?", (_dump_progress(progress), fence.task_id)
    )
    append(tx, fence.task_id, events, utc_now())
    return tx.changes[-1].task


def task_of(db: sqlite3.Connection, task_id: str) -> Task:
    row = db.execute("SELECT * FROM task WHERE task_id = ?", (task_id,)).fetchone()
    if row is None:
        raise errors.NotFound("task", task_id)
    return _task(row)


def _dump_progress(progress: Progress) -> str:
    return compact(
        {**asdict(progress), "stages": {name: [count.done, count.total] for name, count in progress.stages.items()}}
    )


def _load_progress(text: str) -> Progress:
    data = json.loads(text)
    return Progress(**{**data, "stages": {name: StageCount(*pair) for name, pair in data["stages"].items()}})


def _error(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo(**json.loads(text))


def _task(row: sqlite3.Row) -> Task:
    created, run_at = time_of(row["created_at"]), time_of(row["run_at"])
    assert created is not None
    assert run_at is not None
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
        error=_error(row["error"]),
        progress=_load_progress(row["progress"]),
        attempt=row["attempt"],
        retry_attempts=row["retry_attempts"],
        max_retries=row["max_retries"],
        run_at=run_at,
        created_at=created,
        processing_started_at=time_of(row["processing_started_at"]),
        processing_completed_at=time_of(row["processing_completed_at"]),
        last_error_at=time_of(row["last_error_at"]),
        last_error=_error(row["last_error"]),
        worker_id=row["worker_id"],
        lease_until=time_of(row["lease_until"]),
        is_cancel_requested=bool(row["is_cancel_requested"]),
        memory_usage_mb=row["memory_usage_mb"],
        depends_on=tuple(json.loads(row["depends_on"])),
        coalesce_key=row["coalesce_key"],
        parent_task_id=row["parent_task_id"],
        webhook_url=row["webhook_url"],
        last_seq=row["last_seq"],
    )


def known_start(db: sqlite3.Connection, idempotency: Idempotency) -> Task | None:
    row = db.execute("SELECT request_hash, task_id FROM idempotency WHERE key = ?", (idempotency.key,)).fetchone()
    if row is None:
        return None
    if row["request_hash"] != idempotency.request_hash:
        raise errors.IdempotencyConflict(
            "This Idempotency-Key was used for another request: take a new key for a new request.", key=idempotency.key
        )
    return task_of(db, row["task_id"])


def create(
    tx: Tx, new: NewTask, serial_key: str | None, idempotency: Idempotency | None, queue_limit: int | None
) -> Task:
    if idempotency is not None and (known := known_start(tx.db, idempotency)) is not None:
        return known
    if queue_limit is not None:
        waiting: int = tx.db.execute("SELECT count(*) FROM task WHERE status = 'queued'").fetchone()[0]
        if waiting >= queue_limit:
            raise errors.QueueFull(
                f"{waiting} tasks wait already, the limit is {queue_limit}: try again later.", waiting=waiting
            )
    now = utc_now()
    columns = {
        "task_id": new.task_id,
        "task_type": new.task_type,
        "title": new.title,
        "description": new.description,
        "status": TaskStatus.QUEUED,
        "priority": new.priority,
        "queue_name": new.queue_name,
        "payload": compact(dict(new.payload)),
        "progress": _dump_progress(Progress()),
        "max_retries": new.max_retries,
        "run_at": (new.run_at or now).timestamp(),
        "created_at": now.timestamp(),
        "serial_key": serial_key,
        "parent_task_id": new.parent_task_id,
        "webhook_url": new.webhook_url,
    }
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    tx.db.execute(f"INSERT INTO task ({names}) VALUES ({marks})", tuple(columns.values()))
    if idempotency is not None:
        tx.db.execute(
            "INSERT INTO idempotency VALUES (?, ?, ?, ?)",
            (idempotency.key, idempotency.request_hash, new.task_id, now.timestamp()),
        )
    append(tx, new.task_id, [NewEvent(EventType.TASK_QUEUED, "Queued")], now)
    return tx.changes[-1].task


def _list(
    db: sqlite3.Connection,
    statuses: Sequence[TaskStatus],
    task_type: str | None,
    after: tuple[float, str] | None,
    limit: int,
) -> list[Task]:
    where, values = ["1"], list[Any]()
    if statuses:
        where.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    if task_type is not None:
        where.append("task_type = ?")
        values.append(task_type)
    if after is not None:
        where.append("(created_at < ? OR (created_at = ? AND task_id > ?))")
        values += [after[0], after[0], after[1]]
    rows = db.execute(
        f"SELECT * FROM task WHERE {' AND '.join(where)} ORDER BY created_at DESC, task_id LIMIT ?", (*values, limit)
    ).fetchall()
    return [_task(row) for row in rows]


def _due(db: sqlite3.Connection, now: datetime, task_types: Sequence[str], limit: int) -> list[DueTask]:
    rows = db.execute(
        "SELECT task_id, task_type, priority, run_at FROM task WHERE status = 'queued' AND run_at <= ?"
        f" AND task_type IN ({', '.join('?' * len(task_types))})"
        " AND NOT EXISTS (SELECT 1 FROM task AS other WHERE other.serial_key = task.serial_key AND other.status = 'running')"
        " ORDER BY priority DESC, run_at, created_at LIMIT ?",
        (now.timestamp(), *task_types, limit),
    ).fetchall()
    return [
        DueTask(row["task_id"], row["task_type"], row["priority"], datetime.fromtimestamp(row["run_at"], UTC))
        for row in rows
    ]


def _next_due_at(db: sqlite3.Connection, now: datetime, task_types: Sequence[str]) -> datetime | None:
    row = db.execute(
        "SELECT min(run_at) FROM task WHERE status = 'queued' AND run_at > ?"
        f" AND task_type IN ({', '.join('?' * len(task_types))})",
        (now.timestamp(), *task_types),
    ).fetchone()
    return time_of(row[0])


def _claim(tx: Tx, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
    now = utc_now()
    try:
        claimed = tx.db.execute(
            "UPDATE task SET status = 'running', attempt = attempt + 1, worker_id = ?, lease_until = ?,"
            " processing_started_at = coalesce(processing_started_at, ?), processing_completed_at = NULL"
            " WHERE task_id = ? AND status = 'queued' AND run_at <= ? RETURNING attempt",
            (worker_id, now.timestamp() + lease_seconds, now.timestamp(), task_id, now.timestamp()),
        ).fetchall()
    except sqlite3.IntegrityError:
        return None  # another task of this serial key runs; its end rings this one again
    if not claimed:
        return None
    attempt: int = claimed[0][0]
    event = (
        NewEvent(EventType.TASK_STARTED, "Started", {"attempt": attempt})
        if attempt == 1
        else NewEvent(EventType.TASK_RESUMED, "Taken up again where it stopped", {"attempt": attempt})
    )
    append(tx, task_id, [event], now)
    return tx.changes[-1].task


def _beat(tx: Tx, fence: Fence, lease_seconds: float, memory_usage_mb: float | None) -> bool:
    check_fence(tx, fence)
    row = tx.db.execute(
        "UPDATE task SET lease_until = ?, memory_usage_mb = coalesce(?, memory_usage_mb) WHERE task_id = ? RETURNING is_cancel_requested",
        (utc_now().timestamp() + lease_seconds, memory_usage_mb, fence.task_id),
    ).fetchone()
    return bool(row[0])


def _finish(
    tx: Tx,
    fence: Fence,
    status: TaskStatus,
    events: Sequence[NewEvent],
    progress: Progress | None,
    result: Mapping[str, Any] | None,
    error: ErrorInfo | None,
    run_at: datetime | None,
) -> Task:
    check_fence(tx, fence)
    now = utc_now()
    if progress is not None:
        tx.db.execute("UPDATE task SET progress = ? WHERE task_id = ?", (_dump_progress(progress), fence.task_id))
    error_text = None if error is None else compact(asdict(error))
    tx.db.execute(
        "UPDATE task SET status = ?, result = ?, error = ?, worker_id = NULL, lease_until = NULL, run_at = coalesce(?, run_at),"
        " processing_completed_at = ?, is_cancel_requested = 0, lost_count = 0,"
        " last_error = coalesce(?, last_error), last_error_at = CASE WHEN ? IS NULL THEN last_error_at ELSE ? END,"
        " retry_attempts = retry_attempts + ? WHERE task_id = ?",
        (
            status,
            None if result is None else compact(dict(result)),
            error_text if status.is_final else None,
            None if run_at is None else run_at.timestamp(),
            now.timestamp() if status.is_final else None,
            error_text,
            error_text,
            now.timestamp(),
            int(status is TaskStatus.QUEUED and error is not None),
            fence.task_id,
        ),
    )
    append(tx, fence.task_id, events, now)
    return tx.changes[-1].task


def _request_cancel(tx: Tx, task_id: str) -> Task:
    task = task_of(tx.db, task_id)
    if task.status.is_final:
        raise errors.WrongState(
            f"The task is {task.status} already: there is nothing to cancel.", task_id=task_id, status=task.status
        )
    now = utc_now()
    if task.status is TaskStatus.RUNNING:
        if not task.is_cancel_requested:
            tx.db.execute("UPDATE task SET is_cancel_requested = 1 WHERE task_id = ?", (task_id,))
            append(tx, task_id, [NewEvent(EventType.TASK_CANCEL_REQUESTED, "Cancel asked for")], now)
        return task_of(tx.db, task_id)
    tx.db.execute(
        "UPDATE task SET status = 'cancelled', processing_completed_at = ? WHERE task_id = ?",
        (now.timestamp(), task_id),
    )
    append(tx, task_id, [NewEvent(EventType.TASK_CANCELLED, "Cancelled before it ran")], now)
    return tx.changes[-1].task


def _retry(tx: Tx, task_id: str, only_failed: bool) -> Task:
    task = task_of(tx.db, task_id)
    if not task.status.is_final:
        raise errors.WrongState(
            f"The task is {task.status}: only an ended one can be retried.", task_id=task_id, status=task.status
        )
    again = tx.db.execute(
        "UPDATE frontier SET state = ?, reason = NULL, message = NULL, status_code = NULL, attempts = 0, settled_at = NULL"
        " WHERE task_id = ? AND (state = ? OR (ordinal = 1 AND state = ?))",
        (UrlState.QUEUED, task_id, UrlState.FAILED, UrlState.SKIPPED),
    ).rowcount
    if again == 0 and (only_failed or task.status is TaskStatus.COMPLETED):
        raise errors.WrongState(
            "No page of this task failed: there is nothing to retry.", task_id=task_id, status=task.status
        )
    now = utc_now()
    fresh = replace(task.progress, percentage=0.0, stage="", eta_seconds=None)
    tx.db.execute(
        "UPDATE task SET status = 'queued', run_at = ?, progress = ?, retry_attempts = 0, error = NULL, result = NULL, last_error = NULL,"
        " processing_completed_at = NULL, is_cancel_requested = 0, lost_count = 0 WHERE task_id = ?",
        (now.timestamp(), _dump_progress(fresh), task_id),
    )
    what = f"Queued again by request: {again} failed pages" if again else "Queued again by request"
    append(tx, task_id, [NewEvent(EventType.TASK_QUEUED, what, {"failed_pages": again})], now)
    return tx.changes[-1].task


def _reap(tx: Tx, now: datetime, all_running: bool, lost_limit: int) -> list[Task]:
    rows = tx.db.execute(
        "SELECT task_id, lost_count, is_cancel_requested FROM task WHERE status = 'running' AND (? OR lease_until < ?)",
        (all_running, now.timestamp()),
    ).fetchall()
    return [_take_back(tx, row, now, lost_limit) for row in rows]


def _take_back(tx: Tx, row: sqlite3.Row, now: datetime, lost_limit: int) -> Task:
    task_id, lost = row["task_id"], row["lost_count"] + 1
    if row["is_cancel_requested"]:
        status, event = TaskStatus.CANCELLED, NewEvent(EventType.TASK_CANCELLED, "Cancelled")
    elif lost >= lost_limit:
        message = f"The worker was lost {lost} times in a row without progress."
        error = ErrorInfo("worker_lost", message, {"losses": lost})
        tx.db.execute("UPDATE task SET error = ? WHERE task_id = ?", (compact(asdict(error)), task_id))
        status, event = TaskStatus.FAILED, NewEvent(EventType.TASK_FAILED, message, {"error": asdict(error)})
    else:
        status, event = (
            TaskStatus.QUEUED,
            NewEvent(EventType.TASK_QUEUED, "The worker was lost: queued again", {"losses": lost}),
        )
    tx.db.execute(
        "UPDATE task SET status = ?, worker_id = NULL, lease_until = NULL, lost_count = ?, run_at = ?, is_cancel_requested = 0,"
        " processing_completed_at = ? WHERE task_id = ?",
        (status, lost, now.timestamp(), now.timestamp() if status.is_final else None, task_id),
    )
    append(tx, task_id, [event], now)
    return tx.changes[-1].task


def _events(db: sqlite3.Connection, task_id: str, after: int | None, before: int | None, limit: int) -> list[Event]:
    if before is not None:
        rows = db.execute(
            "SELECT * FROM event WHERE task_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?", (task_id, before, limit)
        ).fetchall()[::-1]
    else:
        rows = db.execute(
            "SELECT * FROM event WHERE task_id = ? AND seq > ? ORDER BY seq LIMIT ?", (task_id, after or 0, limit)
        ).fetchall()
    return [
        Event(row["seq"], datetime.fromtimestamp(row["at"], UTC), row["type"], row["message"], json.loads(row["data"]))
        for row in rows
    ]
