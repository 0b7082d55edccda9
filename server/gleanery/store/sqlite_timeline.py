"""What tasks did over time, in SQLite: worked out from the times that their rows keep, for a window cut into equal buckets.

A row knows when it was made, first started, last failed, last started and ended. So of several attempts only the last wait
between two is known; the waits before it count as running. What waits now is told by its last event.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from datetime import UTC, datetime

from gleanery.model import TaskStatus
from gleanery.store.values import Timeline, TimelineBucket

MOST_ENDED = 50_000
"""Most ended tasks that are looked at: the newest."""

LEVELS = ("queued", "running", "retrying")

SQL = """
WITH shown AS MATERIALIZED (
    SELECT * FROM (
        SELECT task_id, status, created_at, processing_started_at AS started_at, processing_completed_at AS ended_at,
            CASE WHEN processing_started_at IS NOT NULL THEN last_error_at END AS let_go_at,
            CASE WHEN last_error_at < attempt_started_at THEN attempt_started_at ELSE processing_completed_at END AS taken_up_at
        FROM task INDEXED BY task_ended WHERE processing_completed_at >= :first
        ORDER BY processing_completed_at DESC LIMIT :most
    )
    UNION ALL
    SELECT task_id, status, created_at, processing_started_at, NULL,
        CASE
            WHEN processing_started_at IS NULL THEN NULL
            WHEN status <> 'running' THEN coalesce(
                (SELECT at FROM event WHERE event.task_id = task.task_id AND event.seq = task.last_seq), :now)
            WHEN last_error_at < attempt_started_at THEN last_error_at
        END,
        CASE WHEN status = 'running' THEN attempt_started_at END
    FROM task INDEXED BY task_by_status WHERE status IN ('queued', 'running', 'paused')
),
edge (at, kind, step) AS (
    SELECT created_at, 'queued', 1 FROM shown
    UNION ALL SELECT coalesce(started_at, ended_at), 'queued', -1 FROM shown
    UNION ALL SELECT started_at, 'running', 1 FROM shown
    UNION ALL SELECT ended_at, 'running', -1 FROM shown WHERE started_at IS NOT NULL
    UNION ALL SELECT let_go_at, 'running', -1 FROM shown
    UNION ALL SELECT let_go_at, 'retrying', 1 FROM shown
    UNION ALL SELECT taken_up_at, 'running', 1 FROM shown WHERE let_go_at IS NOT NULL
    UNION ALL SELECT taken_up_at, 'retrying', -1 FROM shown WHERE let_go_at IS NOT NULL
    UNION ALL SELECT ended_at, status, 1 FROM shown
)
SELECT max(0, min(:last, CAST((at - :first) / :width AS INTEGER))) AS bucket, kind, sum(step) AS change
FROM edge WHERE at IS NOT NULL GROUP BY 1, 2
UNION ALL SELECT -1, 'seen', count(*) FROM shown WHERE ended_at IS NOT NULL
"""


def timeline(
    db: sqlite3.Connection, now: datetime, window_seconds: float, buckets: int, most: int = MOST_ENDED
) -> Timeline:
    """Buckets begin at whole multiples of their width, so that a later look cuts the past at the same times."""
    width = window_seconds / buckets
    end = now.timestamp()
    first = (math.floor(end / width) - buckets + 1) * width
    rows = db.execute(SQL, {"first": first, "width": width, "last": buckets - 1, "most": most, "now": end}).fetchall()
    changes: dict[tuple[int, str], int] = {(row["bucket"], row["kind"]): row["change"] for row in rows}
    levels = defaultdict[str, int](int)
    made = list[TimelineBucket]()
    for bucket in range(buckets):
        for name in LEVELS:
            levels[name] += changes.get((bucket, name), 0)
        made.append(
            TimelineBucket(
                at=datetime.fromtimestamp(min(end, first + (bucket + 1) * width), UTC),
                # A clock that was set back may have put an end before a start.
                **{name: max(0, levels[name]) for name in LEVELS},
                completed=changes.get((bucket, TaskStatus.COMPLETED), 0),
                failed=changes.get((bucket, TaskStatus.FAILED), 0),
                cancelled=changes.get((bucket, TaskStatus.CANCELLED), 0),
            )
        )
    return Timeline(window_seconds, width, is_whole=changes[-1, "seen"] < most, buckets=tuple(made))
