"""What may be forgotten, in SQLite: ended tasks with all that hangs on them, old events, settled webhook calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence, Set
from typing import Any

from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import marks
from gleanery.store.values import Removed, Retention

_NEVER = "0"
_OLD_DELIVERY = "state <> 'pending' AND settled_at < ?"
_OLD_KEY = "created_at < ?"
_ALL = -1

ROWS_AT_ONCE = 2000
"""Most events and frontier rows that one transaction removes: others never wait long for it."""


def with_old_events(db: sqlite3.Connection, retention: Retention, limit: int) -> Sequence[str]:
    """Tasks that keep more events than they may. Looks through all tasks: not for the transaction that others wait for."""
    return [row["task_id"] for row in db.execute(*_tasks_with_old_events(retention, limit))]


def prune(tx: Tx, retention: Retention, limit: int, old_events: Sequence[str]) -> Removed:
    """`old_events` are the tasks of `with_old_events`, as they were a moment ago."""
    rows = tx.db.execute(f"{_tasks(retention)} LIMIT ?", (*_values(retention), limit)).fetchall()
    tasks, events, urls = _prune_tasks(tx, [row["task_id"] for row in rows])
    return Removed(
        tasks=tasks,
        events=events + _prune_events(tx, retention, limit, old_events),
        deliveries=_prune_old(tx, "delivery", "delivery_id", _OLD_DELIVERY, retention.deliveries_before, limit),
        idempotency_keys=_prune_old(tx, "idempotency", "key", _OLD_KEY, retention.idempotency_before, limit),
        urls=urls,
    )


def _prune_tasks(tx: Tx, task_ids: Sequence[str]) -> tuple[int, int, int]:
    """Tasks, events and URLs removed. A task with more rows than fit goes over several transactions, its own row last."""
    emptied = list[str]()
    events = urls = 0
    left = ROWS_AT_ONCE
    for task_id in task_ids:
        gone = tx.db.execute(
            "DELETE FROM event WHERE number IN (SELECT number FROM event WHERE task_id = ? ORDER BY seq LIMIT ?)",
            (task_id, left),
        ).rowcount
        events, left = events + gone, left - gone
        found = tx.db.execute(
            "DELETE FROM frontier WHERE task_id = ? AND ordinal IN"
            " (SELECT ordinal FROM frontier WHERE task_id = ? ORDER BY ordinal LIMIT ?)",
            (task_id, task_id, left),
        ).rowcount
        urls, left = urls + found, left - found
        if left <= 0:
            tx.db.execute("UPDATE task SET first_seq = first_seq + ? WHERE task_id = ?", (gone, task_id))
            break
        emptied.append(task_id)
    for table in ("step", "dependency", "idempotency", "delivery", "task") if emptied else ():
        # All at once: the keys have no index by task, and are looked through each time.
        tx.db.execute(f"DELETE FROM {table} WHERE task_id IN ({marks(emptied)})", emptied)
    return len(emptied), events, urls


def prunable(db: sqlite3.Connection, retention: Retention) -> Removed:
    going, values = _tasks(retention), _values(retention)
    tasks, events = db.execute(
        f"SELECT count(*), coalesce(sum(last_seq - first_seq + 1), 0) FROM task WHERE task_id IN ({going})", values
    ).fetchone()
    urls: int = db.execute(f"SELECT count(*) FROM frontier WHERE task_id IN ({going})", values).fetchone()[0]
    gone = {row["task_id"] for row in db.execute(going, values)}
    for row in db.execute(*_tasks_with_old_events(retention, _ALL)):
        if row["task_id"] not in gone:
            events += _last_to_go(row, retention) - row["first_seq"] + 1
    return Removed(
        tasks=tasks,
        events=events,
        deliveries=_count_old(db, "delivery", _OLD_DELIVERY, retention.deliveries_before, gone),
        idempotency_keys=_count_old(db, "idempotency", _OLD_KEY, retention.idempotency_before, gone),
        urls=urls,
    )


def _count_old(db: sqlite3.Connection, table: str, where: str, before: Any, gone: Set[str]) -> int:
    """Without those that go with their tasks, as `prune` counts."""
    if before is None:
        return 0
    rows = db.execute(f"SELECT task_id FROM {table} WHERE {where}", (before.timestamp(),))
    return sum(row["task_id"] not in gone for row in rows)


def _tasks(retention: Retention) -> str:
    """Ended tasks that nobody looks back to: no unfinished task waits for them, no source was last filled by them."""
    if not _gives_up_tasks(retention):
        return "SELECT task_id FROM task WHERE 0"
    return (
        # The planner would take the index by state, and look through all that have ended.
        "SELECT task_id FROM task INDEXED BY task_ended"
        f" WHERE status IN ({marks(retention.statuses)}) AND processing_completed_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM dependency JOIN task AS other ON other.task_id = dependency.task_id"
        " WHERE dependency.depends_on = task.task_id AND other.status IN ('queued', 'running', 'paused'))"
        " AND NOT EXISTS (SELECT 1 FROM source WHERE source.last_task_id = task.task_id AND source.deleted_at IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.task_id = task.task_id AND delivery.state = 'pending')"
    )


def _gives_up_tasks(retention: Retention) -> bool:
    return retention.tasks_before is not None and bool(retention.statuses)


def _values(retention: Retention) -> tuple[Any, ...]:
    if retention.tasks_before is None or not _gives_up_tasks(retention):
        return ()
    return (*retention.statuses, retention.tasks_before.timestamp())


def _tasks_with_old_events(retention: Retention, limit: int) -> tuple[str, tuple[Any, ...]]:
    """Tasks that keep more events than they may, with the numbers that say which."""
    by_count = "last_seq - first_seq + 1 > ?" if retention.events_per_task is not None else _NEVER
    by_age = (
        "(processing_completed_at < ? AND first_seq <= last_seq)" if retention.events_before is not None else _NEVER
    )
    values: list[Any] = []
    if retention.events_per_task is not None:
        values.append(retention.events_per_task)
    if retention.events_before is not None:
        values.append(retention.events_before.timestamp())
    sql = f"SELECT task_id, first_seq, last_seq, processing_completed_at FROM task WHERE {by_count} OR {by_age} LIMIT ?"
    return sql, (*values, limit)


def _last_to_go(row: sqlite3.Row, retention: Retention) -> int:
    """The newest event of this task that goes."""
    ended = row["processing_completed_at"]
    if retention.events_before is not None and ended is not None and ended < retention.events_before.timestamp():
        return int(row["last_seq"])
    if retention.events_per_task is None:
        return 0
    return int(row["last_seq"]) - retention.events_per_task


def _prune_events(tx: Tx, retention: Retention, limit: int, task_ids: Sequence[str]) -> int:
    removed = 0
    for row in tx.db.execute(
        f"SELECT task_id, first_seq, last_seq, processing_completed_at FROM task WHERE task_id IN ({marks(task_ids)})",
        task_ids,
    ).fetchall():
        last = min(_last_to_go(row, retention), row["first_seq"] + limit - 1)
        if last < row["first_seq"]:
            continue  # it has been taken up again meanwhile
        removed += tx.db.execute("DELETE FROM event WHERE task_id = ? AND seq <= ?", (row["task_id"], last)).rowcount
        tx.db.execute("UPDATE task SET first_seq = ? WHERE task_id = ?", (last + 1, row["task_id"]))
        if removed >= limit:
            break
    return removed


def _prune_old(tx: Tx, table: str, key: str, where: str, before: Any, limit: int) -> int:
    if before is None:
        return 0
    return tx.db.execute(
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {where} LIMIT ?)",
        (before.timestamp(), limit),
    ).rowcount
