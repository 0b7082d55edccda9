"""Steps of tasks in SQLite: what an attempt has worked out, so that the next one need not."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from gleanery.model import EventType, Fence, NewEvent
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import append, check_fence


def step(db: sqlite3.Connection, task_id: str, name: str) -> tuple[Any] | None:
    row = db.execute("SELECT value FROM step WHERE task_id = ? AND name = ?", (task_id, name)).fetchone()
    return None if row is None else (json.loads(row[0]),)


def keep_step(tx: Tx, fence: Fence, name: str, value: str) -> None:
    check_fence(tx, fence)
    added = tx.db.execute(
        "INSERT OR IGNORE INTO step (task_id, name, value, at) VALUES (?, ?, ?, ?)",
        (fence.task_id, name, value, tx.now.timestamp()),
    ).rowcount
    if added:
        tx.db.execute("UPDATE task SET lost_count = 0 WHERE task_id = ?", (fence.task_id,))
        append(tx, fence.task_id, [NewEvent(EventType.TASK_STEP_COMPLETED, f"Step {name} is done", {"step": name})])
