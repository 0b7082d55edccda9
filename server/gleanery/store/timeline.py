"""How many tasks were in each state over time, put together of what the rows of tasks tell.

A row knows when it was made, first started, last failed, last started and ended. So of several attempts only the last wait
between two is known; the waits before it count as running. What waits now is told by its last event.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gleanery.model import TaskStatus
from gleanery.store.values import Timeline, TimelineBucket

MOST_ENDED = 50_000
"""Most ended tasks that are looked at: the newest."""

LEVELS = ("queued", "running", "retrying")


@dataclass(frozen=True)
class Cut:
    """A window up to `end`, cut into buckets; times in seconds. They begin at whole multiples of their width, so that a later
    look cuts the past at the same times."""

    window_seconds: float
    width: float
    first: float
    end: float
    buckets: int


def cut(end: float, window_seconds: float, buckets: int) -> Cut:
    width = window_seconds / buckets
    return Cut(window_seconds, width, (math.floor(end / width) - buckets + 1) * width, end, buckets)


def of_changes(window: Cut, changes: Mapping[tuple[int, str], int], most: int = MOST_ENDED) -> Timeline:
    """`changes` are how the count of each state changes in each bucket; those before the window are in the first. Under
    (-1, "seen") is how many ended tasks were looked at, of `most`."""
    levels = defaultdict[str, int](int)
    made = list[TimelineBucket]()
    for bucket in range(window.buckets):
        for name in LEVELS:
            levels[name] += changes.get((bucket, name), 0)
        made.append(
            TimelineBucket(
                at=datetime.fromtimestamp(min(window.end, window.first + (bucket + 1) * window.width), UTC),
                # A clock that was set back may have put an end before a start.
                **{name: max(0, levels[name]) for name in LEVELS},
                completed=changes.get((bucket, TaskStatus.COMPLETED), 0),
                failed=changes.get((bucket, TaskStatus.FAILED), 0),
                cancelled=changes.get((bucket, TaskStatus.CANCELLED), 0),
            )
        )
    return Timeline(window.window_seconds, window.width, is_whole=changes[-1, "seen"] < most, buckets=tuple(made))
