"""What of traces is forgotten, in SQLite: the oldest first, a few in each transaction, then groups that nothing is left of."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from gleanery.model import Fence
from gleanery.store.rows import certain_time, compact
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import check_fence, marks
from gleanery.store.trace_rows import without_samples
from gleanery.store.traces import Extent, Forgotten, Place

ROWS_AT_ONCE = 25
"""Traces that arrive wait for no longer transaction."""
_EMPTY = (
    "SELECT group_id FROM trace_group AS one INDEXED BY trace_group_place WHERE project_id = ? AND path = ?"
    " AND merged_into IS NULL AND trace_count <= 0 AND NOT is_unsettled"
    " AND NOT EXISTS (SELECT 1 FROM trace_group AS other WHERE other.merged_into = one.group_id AND other.trace_count > 0)"
    " LIMIT ?"
)
"""Groups without traces, that none wait for either."""


def extents(db: sqlite3.Connection, project_id: str, path: str | None) -> list[Extent]:
    rows = db.execute(
        "SELECT project_id, path, traces, last_at FROM trace_place"
        " WHERE project_id = ?1 AND (?2 IS NULL OR path = ?2) ORDER BY path",
        (project_id, path),
    )
    return [Extent(Place(row["project_id"], row["path"]), row["traces"], certain_time(row["last_at"])) for row in rows]


def aged(db: sqlite3.Connection, before: datetime, limit: int) -> list[Place]:
    rows = db.execute(
        "SELECT project_id, path FROM trace_place AS place WHERE EXISTS (SELECT 1 FROM trace"
        " WHERE project_id = place.project_id AND path = place.path AND started_at < ?) LIMIT ?",
        (before.timestamp(), limit),
    )
    return [Place(row["project_id"], row["path"]) for row in rows]


def forget(tx: Tx, fence: Fence, place: Place, before: datetime) -> Forgotten:
    check_fence(tx, fence)
    where = (place.project_id, place.path)
    rows = tx.db.execute(
        "SELECT row_id, group_id FROM trace WHERE project_id = ? AND path = ? AND started_at < ?"
        " ORDER BY started_at LIMIT ?",
        (*where, before.timestamp(), ROWS_AT_ONCE),
    ).fetchall()
    if not rows:
        return Forgotten(0, is_done=_forget_empty(tx, place))
    gone = [row["row_id"] for row in rows]
    tx.db.execute(f"DELETE FROM trace WHERE row_id IN ({marks(gone)})", gone)
    _leave_groups(tx, Counter(row["group_id"] for row in rows if row["group_id"] is not None), set(gone))
    tx.db.execute("UPDATE trace_place SET traces = traces - ? WHERE project_id = ? AND path = ?", (len(gone), *where))
    return Forgotten(len(gone), is_done=False)


def _leave_groups(tx: Tx, counts: Counter[str], gone: set[int]) -> None:
    """The groups' counts, and no value that was read from a trace that is gone."""
    for group_id, count in counts.items():
        tx.db.execute("UPDATE trace_group SET trace_count = trace_count - ? WHERE group_id = ?", (count, group_id))
        row = tx.db.execute("SELECT sample_rows, variables FROM trace_group WHERE group_id = ?", (group_id,)).fetchone()
        samples: Sequence[int] = [] if row is None else json.loads(row["sample_rows"])
        if gone.isdisjoint(samples):
            continue
        tx.db.execute(
            "UPDATE trace_group SET sample_rows = ?, variables = ? WHERE group_id = ?",
            (compact([one for one in samples if one not in gone]), without_samples(row["variables"]), group_id),
        )


def _forget_empty(tx: Tx, place: Place) -> bool:
    """Whether none is left. A place without traces goes last."""
    where = (place.project_id, place.path)
    empty = [row["group_id"] for row in tx.db.execute(_EMPTY, (*where, ROWS_AT_ONCE))]
    found = empty
    while found:  # with those that went into them, by one way or another
        rows = tx.db.execute(f"SELECT group_id FROM trace_group WHERE merged_into IN ({marks(found)})", found)
        found = [row["group_id"] for row in rows if row["group_id"] not in empty]
        empty += found
    for table in ("trace_group_event", "trace_group"):
        tx.db.execute(f"DELETE FROM {table} WHERE group_id IN ({marks(empty)})", empty)
    tx.db.execute("DELETE FROM trace_place WHERE project_id = ? AND path = ? AND traces <= 0", where)
    return not empty
