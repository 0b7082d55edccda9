"""The limits of crawls in SQLite: how they are changed, and what that does to URLs that are known."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from gleanery.model import Fence, FrontierUrl, Task, UrlState
from gleanery.store.crawl_limits import change_event, changed_limits
from gleanery.store.crawl_rows import url_from
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import append, check_fence, compact, marks, task_of


def change(tx: Tx, task_id: str, limits: Mapping[str, Any]) -> Task:
    task = task_of(tx.db, task_id)
    changed = changed_limits(task, limits)
    if not changed:
        return task
    _merge(tx, "task", "payload", "task_id = ?", task_id, changed)
    source_id = str(task.payload.get("source_id"))
    _merge(tx, "source", "options", "source_id = ?", source_id, changed)
    _merge(tx, "schedule", "payload", "source_id = ? AND task_type = 'crawl'", source_id, changed)
    return append(tx, task_id, [change_event(task, changed)])


def _merge(tx: Tx, table: str, column: str, where: str, key: str, changed: Mapping[str, Any]) -> None:
    row = tx.db.execute(f"SELECT {column} FROM {table} WHERE {where}", (key,)).fetchone()
    if row is not None:
        merged = compact({**json.loads(row[0]), **changed})
        tx.db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (merged, key))


def take_up_limited(tx: Tx, fence: Fence) -> int:
    check_fence(tx, fence)
    return tx.db.execute(
        "UPDATE frontier SET state = 'queued', reason = NULL, message = NULL, settled_at = NULL, is_refused = 0"
        " WHERE task_id = ? AND state = 'skipped' AND reason IN ('page_limit', 'time_limit') AND origin <> 'part'",
        (fence.task_id,),
    ).rowcount


def leave_out_deeper(tx: Tx, fence: Fence, max_depth: int, busy: Sequence[int]) -> int:
    check_fence(tx, fence)
    return tx.db.execute(
        "UPDATE frontier SET state = 'skipped', reason = 'too_deep', is_refused = 1, settled_at = ?"
        f" WHERE task_id = ? AND state = 'queued' AND depth > ? AND is_own = 0 AND ordinal NOT IN ({marks(busy)})",
        (tx.now.timestamp(), fence.task_id, max_depth, *busy),
    ).rowcount


def too_deep(db: sqlite3.Connection, task_id: str, max_depth: int, limit: int) -> list[FrontierUrl]:
    rows = db.execute(
        "SELECT * FROM frontier WHERE task_id = ? AND state = 'skipped' AND depth <= ? AND reason = 'too_deep'"
        " ORDER BY depth, ordinal LIMIT ?",
        (task_id, max_depth, limit),
    ).fetchall()
    return [url_from(row) for row in rows]


def decide_anew(tx: Tx, fence: Fence, urls: Sequence[FrontierUrl]) -> None:
    check_fence(tx, fence)
    for url in urls:
        is_left_out = url.state is not UrlState.QUEUED
        tx.db.execute(
            "UPDATE frontier SET state = ?, reason = ?, is_refused = ?, settled_at = ?"
            " WHERE task_id = ? AND url_key = ? AND reason = 'too_deep'",
            (
                url.state,
                url.reason,
                is_left_out,
                tx.now.timestamp() if is_left_out else None,
                fence.task_id,
                url.url_key,
            ),
        )
