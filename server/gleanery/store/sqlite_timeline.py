"""What tasks did over time, in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from gleanery.store.timeline import MOST_ENDED, cut, of_changes
from gleanery.store.values import Timeline

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
    window = cut(now.timestamp(), window_seconds, buckets)
    rows = db.execute(
        SQL, {"first": window.first, "width": window.width, "last": buckets - 1, "most": most, "now": window.end}
    ).fetchall()
    return of_changes(window, {(row["bucket"], row["kind"]): row["change"] for row in rows}, most)
