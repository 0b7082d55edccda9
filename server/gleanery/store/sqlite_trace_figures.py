"""How the traces of a group were answered, by implementation and over time: counted by one index, without the instructions."""

from __future__ import annotations

import math
import sqlite3

from gleanery.model.traces import DriftPoint, Implementation
from gleanery.store.trace_rows import SPANS, implementation_of, point_of


def implementations(db: sqlite3.Connection, group_id: str) -> list[Implementation]:
    rows = db.execute(
        "SELECT implementation_id, count(*) AS traces, sum(is_error) AS errors, count(latency_ms) AS timed,"
        " coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,"
        " min(started_at) AS first_at, max(started_at) AS last_at"
        " FROM trace WHERE group_id = ? GROUP BY implementation_id",
        (group_id,),
    ).fetchall()
    total = sum(row["traces"] for row in rows)
    found = [_implementation(db, group_id, row, total) for row in rows]
    return sorted(found, key=lambda one: (-one.traces, one.implementation_id))


def _implementation(db: sqlite3.Connection, group_id: str, row: sqlite3.Row, total: int) -> Implementation:
    implementation_id: str = row["implementation_id"]
    known = db.execute(
        "SELECT model, settings FROM trace_implementation WHERE implementation_id = ?", (implementation_id,)
    ).fetchone()
    told = {
        **dict(row),
        **dict(known),
        "latency_p50_ms": _latency(db, group_id, implementation_id, row["timed"], 0.5),
        "latency_p95_ms": _latency(db, group_id, implementation_id, row["timed"], 0.95),
    }
    return implementation_of(told, total)


def _latency(
    db: sqlite3.Connection, group_id: str, implementation_id: str, timed: int, quantile: float
) -> float | None:
    """The least latency that so much of the traces don't exceed (nearest rank)."""
    if not timed:
        return None
    rank = max(0, -int(-quantile * timed // 1) - 1)
    row = db.execute(
        "SELECT latency_ms FROM trace WHERE group_id = ? AND implementation_id = ? AND latency_ms IS NOT NULL"
        " ORDER BY latency_ms LIMIT 1 OFFSET ?",
        (group_id, implementation_id, rank),
    ).fetchone()
    return float(row["latency_ms"])


def drift(db: sqlite3.Connection, group_id: str, buckets: int) -> tuple[float, list[DriftPoint]]:
    span = db.execute(
        "SELECT min(started_at) AS first, max(started_at) AS last FROM trace WHERE group_id = ?", (group_id,)
    ).fetchone()
    if span["first"] is None:
        return SPANS[0], []
    first, last = span["first"], span["last"]
    least = (last - first) / buckets
    seconds = next((span for span in SPANS if span >= least), math.ceil(least / SPANS[-1]) * SPANS[-1])
    rows = db.execute(
        "SELECT CAST(started_at / ? AS INTEGER) AS bucket, count(*) AS traces, sum(is_error) AS errors,"
        " avg(latency_ms) AS latency_ms, avg(input_tokens) AS input_tokens, avg(output_tokens) AS output_tokens"
        " FROM trace WHERE group_id = ? GROUP BY bucket ORDER BY bucket",
        (seconds, group_id),
    )
    return seconds, [point_of(dict(row), seconds) for row in rows]
