"""`TaskStore` over SQLite. What claims and ends tasks is in modules of its own; here are creating, reading and steps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
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
    Task,
    TaskStatus,
)
from gleanery.store import (
    sqlite_claims,
    sqlite_ends,
    sqlite_links,
    sqlite_prune,
    sqlite_stats,
    sqlite_steps,
    sqlite_timeline,
)
from gleanery.store.rows import DEFAULT_RETRIES, new_task_row
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import (
    certain_time,
    check_fence,
    compact,
    dump_progress,
    event_from,
    keep_events,
    keep_key,
    load_progress,
    made_before,
    marks,
    report,
    task_from,
    task_of,
)
from gleanery.store.values import (
    Asked,
    Change,
    Idempotency,
    Removed,
    Retention,
    TaskFilter,
    TaskStats,
    Timeline,
    Wanted,
)

EVENTS_OF_A_LOOK = 500
_NOT_BEGUN = dump_progress(Progress())


class SqliteTasks:
    """`TaskStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def create(
        self, new: NewTask, *, idempotency: Idempotency | None = None, queue_limit: int | None = None
    ) -> Task:
        return await self._db.write(lambda tx: create(tx, new, idempotency, queue_limit))

    async def known_start(self, idempotency: Idempotency) -> Task | None:
        return await self._db.read(lambda db: known_start(db, idempotency))

    async def get(self, task_id: str) -> Task:
        return await self._db.read(lambda db: task_of(db, task_id))

    async def list(self, wanted: TaskFilter, *, after: tuple[float, str] | None, limit: int) -> Sequence[Task]:
        return await self._db.read(lambda db: _list(db, wanted, after, limit))

    async def in_order(
        self, wanted: TaskFilter, *, after: tuple[int, float, float, str] | None, limit: int
    ) -> Sequence[Task]:
        return await self._db.read(lambda db: _in_order(db, wanted, after, limit))

    async def count_by_status(self) -> Mapping[str, int]:
        return await self._db.read(
            lambda db: {row[0]: row[1] for row in db.execute("SELECT status, count FROM tally WHERE count > 0")}
        )

    async def stats(self, *, window_seconds: float) -> TaskStats:
        now = self._db.clock()
        return await self._db.read(lambda db: sqlite_stats.stats(db, now, window_seconds))

    async def timeline(self, *, window_seconds: float, buckets: int) -> Timeline:
        now = self._db.clock()
        return await self._db.read(lambda db: sqlite_timeline.timeline(db, now, window_seconds, buckets))

    async def next_due_at(self, task_types: Sequence[str]) -> Any:
        now = self._db.clock()
        return await self._db.read(lambda db: sqlite_claims.next_due_at(db, now, task_types))

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        wanted = Wanted(worker_id, lease_seconds, ())
        return await self._db.write(lambda tx: sqlite_claims.claim(tx, task_id, wanted), is_durable=False)

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        return await self._db.write(lambda tx: sqlite_claims.claim_due(tx, wanted, limit), is_durable=False)

    async def beat(
        self, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
    ) -> Mapping[str, Asked]:
        return await self._db.write(
            lambda tx: sqlite_claims.beat(tx, fences, lease_seconds, memory_usage_mb), is_durable=False
        )

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        return await self._db.write(lambda tx: report(tx, fence, events, progress))

    async def note(
        self, fence: Fence, *, browser_session_id: str | None = None, memory_usage_mb: float | None = None
    ) -> None:
        await self._db.write(lambda tx: _note(tx, fence, browser_session_id, memory_usage_mb), is_durable=False)

    async def finish(
        self,
        fence: Fence,
        status: TaskStatus,
        events: Sequence[NewEvent],
        *,
        progress: Progress | None = None,
        result: Mapping[str, Any] | None = None,
        error: ErrorInfo | None = None,
        run_at: Any = None,
        recovery: str = "",
    ) -> Task:
        end = sqlite_ends.End(status, events, progress, result, error, run_at, recovery)
        return await self._db.write(lambda tx: sqlite_ends.finish(tx, fence, end))

    async def step(self, task_id: str, name: str) -> tuple[Any] | None:
        return await self._db.read(lambda db: sqlite_steps.step(db, task_id, name))

    async def keep_step(self, fence: Fence, name: str, value: Any) -> None:
        text = compact(value)  # in the caller: what is no JSON is the handler's error
        await self._db.write(lambda tx: sqlite_steps.keep_step(tx, fence, name, text))

    async def request_cancel(self, task_id: str) -> Task:
        return await self._db.write(lambda tx: sqlite_ends.request_cancel(tx, task_id))

    async def request_pause(self, task_id: str) -> Task:
        return await self._db.write(lambda tx: sqlite_ends.request_pause(tx, task_id))

    async def resume(self, task_id: str) -> Task:
        return await self._db.write(lambda tx: sqlite_ends.resume(tx, task_id))

    async def retry(self, task_id: str, *, only_failed: bool, reason: str | None = None) -> Task:
        return await self._db.write(lambda tx: sqlite_ends.retry(tx, task_id, only_failed, reason))

    async def change(
        self, task_id: str, *, priority: int | None = None, depends_on: Sequence[str] | None = None
    ) -> Task:
        return await self._db.write(lambda tx: sqlite_ends.change(tx, task_id, priority, depends_on))

    async def asked_of(self, worker_id: str) -> Sequence[str]:
        return await self._db.read(
            lambda db: [
                row[0]
                for row in db.execute(
                    "SELECT task_id FROM task WHERE status = 'running' AND worker_id = ?"
                    " AND (is_cancel_requested OR is_pause_requested)",
                    (worker_id,),
                )
            ]
        )

    async def owners(self) -> Sequence[str]:
        return await self._db.read(
            lambda db: [
                row[0] for row in db.execute("SELECT DISTINCT worker_id FROM task WHERE status = 'running'") if row[0]
            ]
        )

    async def reap(self, *, gone: Sequence[str], spare: Sequence[str]) -> Sequence[Task]:
        return await self._db.write(lambda tx: sqlite_claims.reap(tx, gone, spare))

    async def prune(self, retention: Retention, limit: int) -> Removed:
        old_events = await self._db.read(lambda db: sqlite_prune.with_old_events(db, retention, limit))
        return await self._db.write(lambda tx: sqlite_prune.prune(tx, retention, limit, old_events), is_long=True)

    async def prunable(self, retention: Retention) -> Removed:
        return await self._db.read(lambda db: sqlite_prune.prunable(db, retention))

    async def events(self, task_id: str, *, after: int | None, before: int | None, limit: int) -> Sequence[Event]:
        return await self._db.read(lambda db: _events(db, task_id, after, before, limit))

    async def changes_after(self, number: int, limit: int = EVENTS_OF_A_LOOK) -> Sequence[Change]:
        return await self._db.read(lambda db: _changes_after(db, number, limit))

    async def last_number(self) -> int:
        return await self._db.read(last_number)


def _note(tx: Tx, fence: Fence, browser_session_id: str | None, memory_usage_mb: float | None) -> None:
    check_fence(tx, fence)
    tx.db.execute(
        "UPDATE task SET browser_session_id = coalesce(?, browser_session_id),"
        " memory_usage_mb = coalesce(?, memory_usage_mb) WHERE task_id = ?",
        (browser_session_id, memory_usage_mb, fence.task_id),
    )


def known_start(db: sqlite3.Connection, idempotency: Idempotency) -> Task | None:
    made_id = made_before(db, idempotency)
    return None if made_id is None else task_of(db, made_id)


def create(tx: Tx, new: NewTask, idempotency: Idempotency | None, queue_limit: int | None) -> Task:
    if idempotency is not None and (known := known_start(tx.db, idempotency)) is not None:
        return known
    sqlite_links.check_dependencies(tx.db, new.task_id, new.depends_on)
    task = _insert(tx, new)
    if new.coalesce_key is not None:
        sqlite_ends.supersede(tx, new)
    if queue_limit is not None:
        _check_room(tx.db, queue_limit)
    if idempotency is not None:
        keep_key(tx, idempotency, new.task_id)
    if new.depends_on:
        sqlite_links.link(tx.db, new.task_id, new.depends_on)
        task = task_of(tx.db, new.task_id)
    keep_events(tx, task, [NewEvent(EventType.TASK_QUEUED, "Queued")])
    task = sqlite_ends.follow(tx, task)
    return sqlite_ends.fail_if_orphaned(tx, task) if new.depends_on else task


def _check_room(db: sqlite3.Connection, queue_limit: int) -> None:
    """The new task is among those that wait already, and has taken the place of those that it supersedes."""
    waiting: int = db.execute("SELECT count - 1 FROM tally WHERE status = 'queued'").fetchone()[0]
    if waiting >= queue_limit:
        raise errors.QueueFull(
            f"{waiting} tasks wait already, the limit is {queue_limit}: try again later.", waiting=waiting
        )


def _insert(tx: Tx, new: NewTask) -> Task:
    """The task as it is read from its row from now on. Its first event is still to be kept."""
    now = tx.now.timestamp()
    run_at = now if new.run_at is None else new.run_at.timestamp()
    columns = {
        **new_task_row(new),
        "status": TaskStatus.QUEUED,
        "run_at": run_at,
        "wakes_at": run_at if run_at > now else None,
        "created_at": now,
        "last_seq": 1,
    }
    tx.db.execute(f"INSERT INTO task ({', '.join(columns)}) VALUES ({marks([*columns])})", tuple(columns.values()))
    return _queued(new, json.loads(columns["payload"]), certain_time(run_at), certain_time(now))


def _queued(new: NewTask, payload: Mapping[str, Any], run_at: datetime, created_at: datetime) -> Task:
    """What `task_from` would make of its row: to read that back is a quarter of the work of a submit."""
    return Task(
        task_id=new.task_id,
        task_type=new.task_type,
        title=new.title,
        description=new.description,
        status=TaskStatus.QUEUED,
        priority=new.priority,
        queue_name=new.queue_name,
        payload=payload,
        result=None,
        error=None,
        progress=load_progress(_NOT_BEGUN),
        attempt=0,
        retry_attempts=0,
        max_retries=DEFAULT_RETRIES if new.max_retries is None else new.max_retries,
        run_at=run_at,
        created_at=created_at,
        processing_started_at=None,
        processing_completed_at=None,
        last_error_at=None,
        last_error=None,
        worker_id=None,
        lease_until=None,
        is_cancel_requested=False,
        memory_usage_mb=None,
        depends_on=new.depends_on,
        coalesce_key=new.coalesce_key,
        parent_task_id=new.parent_task_id,
        webhook_url=new.webhook_url,
        last_seq=1,
        serial_key=new.serial_key,
        on_dependency_failure=new.on_dependency_failure,
        webhook_states=new.webhook_states,
        schedule_id=new.schedule_id,
    )


def _where(wanted: TaskFilter) -> tuple[list[str], list[Any]]:
    where, values = ["1"], list[Any]()
    if wanted.statuses:
        where.append(f"status IN ({marks(wanted.statuses)})")
        values += wanted.statuses
    for column in ("task_type", "queue_name", "parent_task_id", "schedule_id"):
        if (value := getattr(wanted, column)) is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if wanted.created_before is not None:
        where.append("created_at < ?")
        values.append(wanted.created_before.timestamp())
    if wanted.task_ids:
        where.append(f"task_id IN ({marks(wanted.task_ids)})")
        values += wanted.task_ids
    if wanted.error_code is not None:
        where.append("json_extract(error, '$.code') = ?")
        values.append(wanted.error_code)
    return where, values


def _list(db: sqlite3.Connection, wanted: TaskFilter, after: tuple[float, str] | None, limit: int) -> Sequence[Task]:
    where, values = _where(wanted)
    if after is not None:
        where.append("(created_at < ? OR (created_at = ? AND task_id < ?))")
        values += [after[0], after[0], after[1]]
    rows = db.execute(
        f"SELECT * FROM task WHERE {' AND '.join(where)} ORDER BY created_at DESC, task_id DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [task_from(row) for row in rows]


def _in_order(
    db: sqlite3.Connection, wanted: TaskFilter, after: tuple[int, float, float, str] | None, limit: int
) -> Sequence[Task]:
    where, values = _where(wanted)
    if after is not None:
        where.append("(-priority, run_at, created_at, task_id) > (?, ?, ?, ?)")
        values += [-after[0], *after[1:]]
    # The ids first: sorting whole rows, of which most are not given, would take many times as long.
    rows = db.execute(
        "SELECT * FROM task WHERE task_id IN (SELECT task_id FROM task"
        f" WHERE {' AND '.join(where)} ORDER BY priority DESC, run_at, created_at, task_id LIMIT ?)"
        " ORDER BY priority DESC, run_at, created_at, task_id",
        (*values, limit),
    ).fetchall()
    return [task_from(row) for row in rows]


def _events(db: sqlite3.Connection, task_id: str, after: int | None, before: int | None, limit: int) -> list[Event]:
    if before is not None:
        rows = db.execute(
            "SELECT * FROM event WHERE task_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?", (task_id, before, limit)
        ).fetchall()[::-1]
    else:
        rows = db.execute(
            "SELECT * FROM event WHERE task_id = ? AND seq > ? ORDER BY seq LIMIT ?", (task_id, after or 0, limit)
        ).fetchall()
    return [event_from(row) for row in rows]


def _changes_after(db: sqlite3.Connection, number: int, limit: int) -> list[Change]:
    rows = db.execute("SELECT * FROM event WHERE number > ? ORDER BY number LIMIT ?", (number, limit)).fetchall()
    changes = list[Change]()
    for row in rows:
        if changes and changes[-1].task.task_id == row["task_id"]:
            last = changes.pop()
            changes.append(Change(last.task, (*last.events, event_from(row)), row["number"]))
        elif (task := db.execute("SELECT * FROM task WHERE task_id = ?", (row["task_id"],)).fetchone()) is not None:
            changes.append(Change(task_from(task), (event_from(row),), row["number"]))
    return changes


def last_number(db: sqlite3.Connection) -> int:
    """AUTOINCREMENT's own count: it stays when the newest rows are removed."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return 0 if row is None else int(row[0])
