"""`TraceStore` over SQLite."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from gleanery import errors
from gleanery.model import Fence
from gleanery.model.traces import (
    Arrival,
    DriftPoint,
    GroupEvent,
    Implementation,
    Trace,
    TraceGroup,
    TracePlace,
)
from gleanery.store import sqlite_forgetting
from gleanery.store.rows import compact
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, marks
from gleanery.store.sqlite_trace_figures import drift, implementations
from gleanery.store.trace_rows import (
    bounded,
    content_hash,
    event_of,
    event_row,
    group_of,
    group_row,
    implementation_row,
    place_of,
    stand_of,
    trace_of,
    trace_row,
)
from gleanery.store.traces import Extent, Forgotten, GroupEventWrite, GroupStand, GroupWrite, Place, Regrouping

GROUP_COLUMNS = (
    "group_id, project_id, path, constants, variables, confidence, sample_rows, trace_count, checked_at, created_at,"
    " updated_at, last_at, merged_into"
)
TRACE_COLUMNS = (
    "row_id, trace_id, project_id, path, instruction, started_at, model, settings, latency_ms, input_tokens,"
    " output_tokens, error, group_id"
)
TEXTS_AT_ONCE = 500
GROUPS_AT_ONCE = 15
"""In one transaction of a grouping. Nobody waits for the disk there: what the machine's own crash takes back is grouped again."""


class SqliteTraces:
    """`TraceStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, traces: Sequence[Trace]) -> Sequence[Arrival]:
        return await self._db.write(lambda tx: [_add(tx, trace) for trace in traces])

    async def waiting(self, place: Place) -> int:
        return await self._db.read(lambda db: _waiting(db, place))

    async def waiting_texts(self, place: Place, *, limit: int, most_characters: int) -> Sequence[tuple[int, str]]:
        return await self._db.read(lambda db: _waiting_texts(db, place, limit, most_characters))

    async def stands(self, place: Place) -> Sequence[GroupStand]:
        return await self._db.read(lambda db: _stands(db, place))

    async def texts(self, rows: Sequence[int]) -> Mapping[int, str]:
        return await self._db.read(lambda db: _texts(db, rows))

    async def members(
        self, group_id: str, *, after: int, limit: int, most_characters: int
    ) -> Sequence[tuple[int, str]]:
        return await self._db.read(lambda db: _members(db, group_id, after, limit, most_characters))

    async def places_waiting(self, limit: int) -> Sequence[Place]:
        return await self._db.read(lambda db: _places_waiting(db, limit))

    async def keep_groups(self, fence: Fence, place: Place, found: Regrouping) -> None:
        for groups, events in _in_steps(found):
            write = partial(_keep_groups, fence=fence, place=place, groups=groups, events=events)
            await self._db.write(write, is_long=True, is_durable=False)
        await self._db.write(lambda tx: _mark(tx, fence, found), is_long=True, is_durable=False)

    async def assign(self, fence: Fence, groups: Mapping[int, str | None]) -> None:
        await self._db.write(lambda tx: _assign(tx, fence, groups), is_long=True, is_durable=False)

    async def unsettled(self, place: Place) -> Sequence[str]:
        return await self._db.read(lambda db: _unsettled(db, place))

    async def settle(self, fence: Fence, group_ids: Sequence[str]) -> None:
        await self._db.write(lambda tx: _settle(tx, fence, group_ids))

    async def extents(self, project_id: str, path: str | None) -> Sequence[Extent]:
        return await self._db.read(lambda db: sqlite_forgetting.extents(db, project_id, path))

    async def aged(self, before: datetime, limit: int) -> Sequence[Place]:
        return await self._db.read(lambda db: sqlite_forgetting.aged(db, before, limit))

    async def forget(self, fence: Fence, place: Place, before: datetime) -> Forgotten:
        work = partial(sqlite_forgetting.forget, fence=fence, place=place, before=before)
        return await self._db.write(work, is_long=True, is_durable=False)

    async def places(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[TracePlace]:
        return await self._db.read(lambda db: _places(db, after, limit))

    async def groups(
        self, project_id: str | None, path: str | None, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[TraceGroup]:
        return await self._db.read(lambda db: _groups(db, project_id, path, after, limit))

    async def group(self, group_id: str) -> TraceGroup:
        return await self._db.read(lambda db: _group(db, group_id))

    async def traces(self, group_id: str, *, before: int | None, limit: int) -> Sequence[Trace]:
        return await self._db.read(lambda db: _traces(db, group_id, before, limit))

    async def trace(self, project_id: str, trace_id: str) -> Trace:
        return await self._db.read(lambda db: _trace(db, project_id, trace_id))

    async def events(self, group_id: str, *, after: int, limit: int) -> Sequence[GroupEvent]:
        return await self._db.read(lambda db: _events(db, group_id, after, limit))

    async def implementations(self, group_id: str) -> Sequence[Implementation]:
        return await self._db.read(lambda db: implementations(db, group_id))

    async def drift(self, group_id: str, buckets: int) -> tuple[float, Sequence[DriftPoint]]:
        return await self._db.read(lambda db: drift(db, group_id, buckets))


# In


def _add(tx: Tx, trace: Trace) -> Arrival:
    digest = content_hash(trace)
    row = {**trace_row(trace), "content_hash": digest}
    is_new = tx.db.execute(
        f"INSERT INTO trace ({', '.join(row)}) VALUES ({marks(tuple(row))}) ON CONFLICT DO NOTHING", tuple(row.values())
    ).rowcount
    if not is_new:
        known = tx.db.execute(
            "SELECT content_hash FROM trace WHERE project_id = ? AND trace_id = ?", (trace.project_id, trace.trace_id)
        ).fetchone()
        return Arrival.KNOWN if known["content_hash"] == digest else Arrival.CONFLICT
    tx.db.execute(
        "INSERT INTO trace_implementation (implementation_id, model, settings) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        tuple(implementation_row(trace).values()),
    )
    tx.db.execute(
        "INSERT INTO trace_place (project_id, path, traces, last_at) VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE"
        " SET traces = traces + 1, last_at = max(last_at, excluded.last_at)",
        (trace.project_id, trace.path, row["started_at"]),
    )
    return Arrival.STORED


# Grouping


def _waiting(db: sqlite3.Connection, place: Place) -> int:
    return int(
        db.execute(
            "SELECT count(*) FROM trace WHERE project_id = ? AND path = ? AND group_id IS NULL",
            (place.project_id, place.path),
        ).fetchone()[0]
    )


def _waiting_texts(db: sqlite3.Connection, place: Place, limit: int, most_characters: int) -> list[tuple[int, str]]:
    rows = db.execute(
        "SELECT row_id, instruction FROM trace WHERE project_id = ? AND path = ? AND group_id IS NULL"
        " ORDER BY row_id LIMIT ?",
        (place.project_id, place.path, limit),
    )
    return bounded(((row["row_id"], row["instruction"]) for row in rows), most_characters)


def _stands(db: sqlite3.Connection, place: Place) -> list[GroupStand]:
    rows = db.execute(
        "SELECT group_id, constants, sample_rows, trace_count, checked_at FROM trace_group"
        " WHERE project_id = ? AND path = ? AND merged_into IS NULL ORDER BY group_id",
        (place.project_id, place.path),
    )
    return [stand_of(dict(row)) for row in rows]


def _texts(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, str]:
    found = dict[int, str]()
    for start in range(0, len(rows), TEXTS_AT_ONCE):
        some = rows[start : start + TEXTS_AT_ONCE]
        read = db.execute(f"SELECT row_id, instruction FROM trace WHERE row_id IN ({marks(some)})", some)
        found.update((row["row_id"], row["instruction"]) for row in read)
    return found


def _members(
    db: sqlite3.Connection, group_id: str, after: int, limit: int, most_characters: int
) -> list[tuple[int, str]]:
    rows = db.execute(
        "SELECT row_id, instruction FROM trace WHERE group_id = ? AND row_id > ? ORDER BY row_id LIMIT ?",
        (group_id, after, limit),
    )
    return bounded(((row["row_id"], row["instruction"]) for row in rows), most_characters)


def _places_waiting(db: sqlite3.Connection, limit: int) -> list[Place]:
    rows = db.execute(
        "SELECT project_id, path FROM trace_place AS place WHERE EXISTS (SELECT 1 FROM trace WHERE"
        " project_id = place.project_id AND path = place.path AND group_id IS NULL)"
        " OR EXISTS (SELECT 1 FROM trace_group WHERE project_id = place.project_id AND path = place.path AND is_unsettled)"
        " LIMIT ?",
        (limit,),
    )
    return [Place(row["project_id"], row["path"]) for row in rows]


def _in_steps(found: Regrouping) -> Iterator[tuple[Sequence[GroupWrite], Sequence[GroupEventWrite]]]:
    """Groups, each with what happened to it, as many as a transaction may have; then what happened to others."""
    events = defaultdict[str, list[GroupEventWrite]](list)
    for event in found.events:
        events[event.group_id].append(event)
    for start in range(0, len(found.groups), GROUPS_AT_ONCE):
        some = found.groups[start : start + GROUPS_AT_ONCE]
        yield some, [event for group in some for event in events.pop(group.group_id, ())]
    others = [event for of_one in events.values() for event in of_one]
    for start in range(0, len(others), GROUPS_AT_ONCE):
        yield (), others[start : start + GROUPS_AT_ONCE]


def _keep_groups(
    tx: Tx, fence: Fence, place: Place, groups: Sequence[GroupWrite], events: Sequence[GroupEventWrite]
) -> None:
    check_fence(tx, fence)
    now = tx.now.timestamp()
    for group in groups:
        tx.db.execute(
            "INSERT INTO trace_group (group_id, project_id, path, constants, variables, confidence, sample_rows,"
            " trace_count, checked_at, created_at, updated_at) VALUES (:group_id, :project_id, :path, :constants, :variables,"
            " :confidence, :sample_rows, 0, :checked_at, :now, :now)"
            " ON CONFLICT DO UPDATE SET constants = excluded.constants, variables = excluded.variables,"
            " confidence = excluded.confidence, sample_rows = excluded.sample_rows, checked_at = excluded.checked_at,"
            " updated_at = excluded.updated_at",
            {**group_row(group, place), "now": now},
        )
    for event in events:
        tx.db.execute(
            "INSERT INTO trace_group_event (group_id, at, type, constants, trace_count, others, task_id) VALUES (:group_id,"
            " :now, :type, :constants,"
            " coalesce((SELECT trace_count FROM trace_group WHERE group_id = :group_id), 0), :others, :task_id)",
            {**event_row(event), "now": now, "task_id": fence.task_id},
        )


def _mark(tx: Tx, fence: Fence, found: Regrouping) -> None:
    """Which groups have gone into others, and whose traces are to be read anew."""
    check_fence(tx, fence)
    for merged, into in found.merged.items():
        tx.db.execute(
            "UPDATE trace_group SET merged_into = ?, is_unsettled = 1, updated_at = ? WHERE group_id = ?",
            (into, tx.now.timestamp(), merged),
        )
    for group_id in found.unsettled:
        tx.db.execute("UPDATE trace_group SET is_unsettled = 1 WHERE group_id = ?", (group_id,))


def _assign(tx: Tx, fence: Fence, groups: Mapping[int, str | None]) -> None:
    """A few statements for all rows: between two the loop has its turn, and who waits for the writer waits for it too."""
    check_fence(tx, fence)
    wanted = compact(list(groups.items()))
    moved = tx.db.execute(
        "SELECT trace.group_id AS left_id, new.value ->> 1 AS group_id, started_at"
        " FROM json_each(?) AS new JOIN trace ON row_id = new.value ->> 0 WHERE trace.group_id IS NOT new.value ->> 1",
        (wanted,),
    ).fetchall()
    tx.db.execute(
        "UPDATE trace SET group_id = new.value ->> 1 FROM json_each(?) AS new"
        " WHERE row_id = new.value ->> 0 AND trace.group_id IS NOT new.value ->> 1",
        (wanted,),
    )
    counts: Counter[str] = Counter()
    last: dict[str, float] = {}
    for row in moved:
        if (group_id := row["group_id"]) is not None:
            counts[group_id] += 1
            last[group_id] = max(last.get(group_id, 0.0), row["started_at"])
        if row["left_id"] is not None:
            counts[row["left_id"]] -= 1
    tx.db.executemany(
        "UPDATE trace_group SET trace_count = trace_count + ?, last_at = max(coalesce(last_at, 0), ?) WHERE group_id = ?",
        [(count, last.get(group_id, 0.0), group_id) for group_id, count in counts.items()],
    )


def _unsettled(db: sqlite3.Connection, place: Place) -> list[str]:
    rows = db.execute(
        "SELECT group_id FROM trace_group WHERE project_id = ? AND path = ? AND is_unsettled ORDER BY group_id",
        (place.project_id, place.path),
    )
    return [row["group_id"] for row in rows]


def _settle(tx: Tx, fence: Fence, group_ids: Sequence[str]) -> None:
    check_fence(tx, fence)
    for group_id in group_ids:
        tx.db.execute("UPDATE trace_group SET is_unsettled = 0 WHERE group_id = ?", (group_id,))


# Out


def _places(db: sqlite3.Connection, after: tuple[str, str] | None, limit: int) -> list[TracePlace]:
    rows = db.execute(
        "SELECT project_id, path, traces, last_at,"
        " (SELECT count(*) FROM trace WHERE project_id = place.project_id AND path = place.path AND group_id IS NULL)"
        " AS waiting,"
        " (SELECT count(*) FROM trace_group WHERE project_id = place.project_id AND path = place.path"
        " AND merged_into IS NULL AND trace_count > 0) AS groups"
        " FROM trace_place AS place WHERE (project_id, path) > (?, ?) ORDER BY project_id, path LIMIT ?",
        (*(after or ("", "")), limit),
    )
    return [place_of(dict(row)) for row in rows]


def _groups(
    db: sqlite3.Connection, project_id: str | None, path: str | None, after: tuple[int, str] | None, limit: int
) -> list[TraceGroup]:
    """By the index of sizes, or within a place by its own."""
    wanted = {"project_id": project_id, "path": path}
    given = {column: value for column, value in wanted.items() if value is not None}
    tests = "".join(f" AND {column} = ?" for column in given)
    rows = db.execute(
        f"SELECT {GROUP_COLUMNS} FROM trace_group WHERE merged_into IS NULL AND trace_count > 0{tests} AND (trace_count, group_id) < (?, ?)"
        " ORDER BY trace_count DESC, group_id DESC LIMIT ?",
        (*given.values(), *(after or (2**62, "")), limit),
    )
    return [group_of(dict(row)) for row in rows]


def _group(db: sqlite3.Connection, group_id: str) -> TraceGroup:
    row = db.execute(f"SELECT {GROUP_COLUMNS} FROM trace_group WHERE group_id = ?", (group_id,)).fetchone()
    if row is None:
        raise errors.NotFound("trace group", group_id)
    return group_of(dict(row))


def _traces(db: sqlite3.Connection, group_id: str, before: int | None, limit: int) -> list[Trace]:
    _group(db, group_id)
    rows = db.execute(
        f"SELECT {TRACE_COLUMNS} FROM trace CROSS JOIN trace_implementation USING (implementation_id)"
        " WHERE group_id = ? AND row_id < ? ORDER BY row_id DESC LIMIT ?",
        (group_id, 2**62 if before is None else before, limit),
    )
    return [trace_of(dict(row)) for row in rows]


def _trace(db: sqlite3.Connection, project_id: str, trace_id: str) -> Trace:
    row = db.execute(
        f"SELECT {TRACE_COLUMNS} FROM trace JOIN trace_implementation USING (implementation_id)"
        " WHERE project_id = ? AND trace_id = ?",
        (project_id, trace_id),
    ).fetchone()
    if row is None:
        raise errors.NotFound("trace", trace_id)
    return trace_of(dict(row))


def _events(db: sqlite3.Connection, group_id: str, after: int, limit: int) -> list[GroupEvent]:
    _group(db, group_id)
    rows = db.execute(
        "SELECT * FROM trace_group_event WHERE group_id = ? AND number > ? ORDER BY number LIMIT ?",
        (group_id, after, limit),
    )
    return [event_of(dict(row)) for row in rows]
