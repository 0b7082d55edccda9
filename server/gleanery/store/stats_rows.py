"""Figures about tasks, put together of counts that a database gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from gleanery.model import TaskStatus
from gleanery.store.values import Spread, TaskStats

SAMPLE = 10_000
"""Most ended tasks that the times are taken from: the newest of the window."""


def stats_from(found: Mapping[str, Any], window_seconds: float) -> TaskStats:
    """Of {counts, ends, due, now, skipped_ticks, spreads}; the spread without a type is that of all."""
    due, ends = found["due"], found["ends"]
    spreads = {row["task_type"]: row for row in found["spreads"]}
    types = sorted(name for name in spreads if name is not None)
    by_status = _sums(found["counts"], "status")
    return TaskStats(
        window_seconds=window_seconds,
        by_status={str(status): by_status.get(status, 0) for status in TaskStatus},
        by_type=_by_name(found["counts"], "task_type"),
        by_queue=_by_name(found["counts"], "queue_name"),
        due_by_type={row["task_type"]: row["count"] for row in due},
        oldest_due_seconds=oldest_due_seconds([row["oldest"] for row in due], found["now"]),
        ended={row["status"]: row["count"] for row in ends},
        retries=sum(row["retries"] for row in ends),
        superseded=sum(row["superseded"] for row in ends),
        skipped_ticks=found["skipped_ticks"],
        waiting=_spread(spreads[None], "waiting"),
        running=_spread(spreads[None], "running"),
        waiting_by_type={name: _spread(spreads[name], "waiting") for name in types},
        running_by_type={name: _spread(spreads[name], "running") for name in types},
    )


def oldest_due_seconds(since: Sequence[float], now: float) -> float | None:
    """How long the first of these tasks has waited; not in the future, though the clock was set back."""
    return max(0.0, now - min(since)) if since else None


def _sums(counts: Sequence[Mapping[str, Any]], column: str) -> Mapping[str, int]:
    sums = defaultdict[str, int](int)
    for row in counts:
        sums[row[column]] += row["count"]
    return sums


def _by_name(counts: Sequence[Mapping[str, Any]], column: str) -> Mapping[str, Mapping[str, int]]:
    names = {row[column] for row in counts}
    return {name: dict(_sums([row for row in counts if row[column] == name], "status")) for name in names}


def _spread(row: Mapping[str, Any], column: str) -> Spread:
    return Spread(row["count"], *row[column]) if row["count"] else Spread()
