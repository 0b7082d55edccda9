"""Which task waits for which, in SQLite: links, the check for circles, and how many are still to complete."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from gleanery import errors
from gleanery.model import TaskStatus
from gleanery.store.sqlite_rows import compact, marks

_UNFINISHED = (
    "SELECT count(*) FROM dependency JOIN task AS other ON other.task_id = dependency.depends_on"
    " WHERE dependency.task_id = ? AND other.status <> 'completed'"
)


def check_dependencies(db: sqlite3.Connection, task_id: str, depends_on: Sequence[str]) -> None:
    """Raise InvalidInput for an unknown task, or for one that (by whatever way) waits for `task_id` itself."""
    if not depends_on:
        return
    known = {
        row[0] for row in db.execute(f"SELECT task_id FROM task WHERE task_id IN ({marks(depends_on)})", depends_on)
    }
    below = _all_below(db, task_id)
    for position, other in enumerate(depends_on):
        if other == task_id:
            raise errors.InvalidInput(f"depends_on.{position}", "a task can't wait for itself")
        if other not in known:
            raise errors.InvalidInput(f"depends_on.{position}", f"there is no task {other!r}")
        if other in below:
            raise errors.InvalidInput(
                f"depends_on.{position}", f"{other} waits for this task already: that is a circle"
            )


def _all_below(db: sqlite3.Connection, task_id: str) -> set[str]:
    """Every task that waits, by whatever way, for this one: none for a new one, however much that one waits for."""
    rows = db.execute(
        "WITH RECURSIVE below (id) AS (SELECT task_id FROM dependency WHERE depends_on = ?"
        " UNION SELECT dependency.task_id FROM dependency JOIN below ON dependency.depends_on = below.id)"
        " SELECT id FROM below",
        (task_id,),
    )
    return {row[0] for row in rows}


def link(db: sqlite3.Connection, task_id: str, depends_on: Sequence[str]) -> None:
    """Let the task wait for these and no others."""
    db.execute("DELETE FROM dependency WHERE task_id = ?", (task_id,))
    db.executemany("INSERT OR IGNORE INTO dependency VALUES (?, ?)", [(task_id, other) for other in depends_on])
    count(db, task_id)


def count(db: sqlite3.Connection, task_id: str) -> int:
    """Set and give how many of its dependencies are not complete."""
    left: int = db.execute(_UNFINISHED, (task_id,)).fetchone()[0]
    db.execute("UPDATE task SET waits_for = ? WHERE task_id = ?", (left, task_id))
    return left


def failed_dependency(db: sqlite3.Connection, task_id: str) -> sqlite3.Row | None:
    """One that failed or was cancelled (`task_id`, `status`), if there is one."""
    row: sqlite3.Row | None = db.execute(
        "SELECT other.task_id, other.status FROM dependency JOIN task AS other ON other.task_id = dependency.depends_on"
        " WHERE dependency.task_id = ? AND other.status IN (?, ?) LIMIT 1",
        (task_id, TaskStatus.FAILED, TaskStatus.CANCELLED),
    ).fetchone()
    return row


def waiting_for(db: sqlite3.Connection, task_id: str) -> Sequence[str]:
    """Tasks that are queued or paused and wait for this one."""
    rows = db.execute(
        "SELECT task.task_id FROM dependency JOIN task ON task.task_id = dependency.task_id"
        " WHERE dependency.depends_on = ? AND task.status IN (?, ?) ORDER BY task.created_at, task.task_id",
        (task_id, TaskStatus.QUEUED, TaskStatus.PAUSED),
    ).fetchall()
    return [row["task_id"] for row in rows]


def check_not_waited_for(db: sqlite3.Connection, depends_on: Sequence[str], superseded: str) -> None:
    """Raise InvalidInput for a new task that waits (by whatever way) for one whose place it takes."""
    if not depends_on:
        return
    below = _all_below(db, superseded)
    for position, other in enumerate(depends_on):
        if other == superseded or other in below:
            reason = (
                f"the new task takes the place of {superseded}, which it would wait for: they have one coalesce key"
            )
            raise errors.InvalidInput(f"depends_on.{position}", reason)


def hand_over(db: sqlite3.Connection, old: str, new: str) -> Sequence[tuple[str, list[str]]]:
    """What waited for `old` waits for `new`, which waits for nothing itself: no circle can come of it. Gives each such
    task with what it waits for now."""
    handed = list[tuple[str, list[str]]]()
    for task_id in waiting_for(db, old):
        names: str = db.execute("SELECT depends_on FROM task WHERE task_id = ?", (task_id,)).fetchone()[0]
        others = [new if name == old else name for name in json.loads(names)]
        db.execute("UPDATE task SET depends_on = ? WHERE task_id = ?", (compact(others), task_id))
        link(db, task_id, others)
        handed.append((task_id, others))
    return handed
