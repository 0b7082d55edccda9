"""Figures about tasks in SQLite: how many, how long they wait and run, how often they are tried again."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gleanery.store.stats_rows import oldest_due_seconds
from gleanery.store.values import Spread, TaskStats

SAMPLE = 10_000
"""Most ended tasks that the times are taken from: the newest of the window."""


def stats(db: sqlite3.Connection, now: datetime, window_seconds: float, sample: int = SAMPLE) -> TaskStats:
    since = (now - timedelta(seconds=window_seconds)).timestamp()
    by_type, by_queue = _counts(db)
    rows = db.execute(
        "SELECT task_type, waited_seconds, ran_seconds FROM task INDEXED BY task_ended"
        " WHERE processing_completed_at >= ? ORDER BY processing_completed_at DESC LIMIT ?",
        (since, sample),
    ).fetchall()
    ran = [row for row in rows if row["waited_seconds"] is not None]
    ends = _ends(db, since)
    due = db.execute(
        "SELECT task_type, count(*) AS count, min(max(run_at, created_at)) AS oldest FROM task"
        " WHERE status = 'queued' AND waits_for = 0 AND (wakes_at IS NULL OR wakes_at <= ?) GROUP BY task_type",
        (now.timestamp(),),
    ).fetchall()
    return TaskStats(
        window_seconds=window_seconds,
        by_status={row[0]: row[1] for row in db.execute("SELECT status, count FROM tally")},
        by_type=by_type,
        by_queue=by_queue,
        due_by_type={row["task_type"]: row["count"] for row in due},
        oldest_due_seconds=oldest_due_seconds([row["oldest"] for row in due], now.timestamp()),
        ended={row["status"]: row["count"] for row in ends},
        retries=sum(row["retries"] for row in ends),
        superseded=sum(row["superseded"] for row in ends),
        skipped_ticks=db.execute("SELECT coalesce(sum(skipped_count), 0) FROM schedule").fetchone()[0],
        waiting=spread([row["waited_seconds"] for row in ran]),
        running=spread([row["ran_seconds"] for row in ran]),
        waiting_by_type=_spread_by_type(ran, "waited_seconds"),
        running_by_type=_spread_by_type(ran, "ran_seconds"),
    )


def _ends(db: sqlite3.Connection, since: float) -> Sequence[sqlite3.Row]:
    """By state: how many ended, how often they were tried again, how many a newer one stands for. All of the window."""
    rows: Sequence[sqlite3.Row] = db.execute(
        "SELECT status, count(*) AS count, sum(retry_attempts) AS retries,"
        " sum(status = 'cancelled' AND error IS NOT NULL AND json_extract(error, '$.code') = 'superseded') AS superseded"
        " FROM task INDEXED BY task_ended WHERE processing_completed_at >= ? GROUP BY status",
        (since,),
    ).fetchall()
    return rows


def _counts(db: sqlite3.Connection) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, Mapping[str, int]]]:
    by_type: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_queue: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = db.execute("SELECT task_type, queue_name, status, count(*) AS count FROM task GROUP BY 1, 2, 3").fetchall()
    for row in rows:
        by_type[row["task_type"]][row["status"]] += row["count"]
        by_queue[row["queue_name"]][row["status"]] += row["count"]
    return {name: dict(counts) for name, counts in by_type.items()}, {n: dict(c) for n, c in by_queue.items()}


def _spread_by_type(rows: Sequence[sqlite3.Row], column: str) -> Mapping[str, Spread]:
    types = sorted({row["task_type"] for row in rows})
    return {name: spread([row[column] for row in rows if row["task_type"] == name]) for name in types}


def spread(values: Sequence[float]) -> Spread:
    """The nearest-rank median and 95th percentile."""
    if not values:
        return Spread()
    ordered, count = sorted(values), len(values)
    return Spread(count, ordered[-(-count // 2) - 1], ordered[-(-count * 95 // 100) - 1])
