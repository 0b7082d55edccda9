"""`TraceStore` over Supabase. What a method does is told in `store/traces.py`, how in sql/071, 072 and 076."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gleanery.model import Fence
from gleanery.model.traces import Arrival, DriftPoint, GroupEvent, Implementation, Trace, TraceGroup, TracePlace
from gleanery.store.rows import certain_time, fence_row
from gleanery.store.supabase.client import Rest
from gleanery.store.trace_rows import (
    SPANS,
    bounded,
    content_hash,
    event_of,
    event_row,
    group_of,
    group_row,
    implementation_of,
    implementation_row,
    place_of,
    point_of,
    stand_of,
    trace_of,
    trace_row,
)
from gleanery.store.traces import Extent, Forgotten, GroupStand, Place, Regrouping

ROWS_AT_ONCE = 1_000
CHARACTERS_AT_ONCE = 1_000_000
"""In one answer: none holds the loop for long."""


class SupabaseTraces:
    """`TraceStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def add(self, traces: Sequence[Trace]) -> Sequence[Arrival]:
        rows = [
            {**trace_row(trace), "hash": content_hash(trace).hex(), "place": place}
            for place, trace in enumerate(traces)
        ]
        known = {row["implementation_id"]: row for row in map(implementation_row, traces)}
        found = await self._rest.write("traces_add", traces=rows, implementations=list(known.values()))
        return [Arrival(one) for one in found]

    async def waiting(self, place: Place) -> int:
        return int(await self._rest.call("traces_waiting", **vars(place)))

    async def waiting_texts(self, place: Place, *, limit: int, most_characters: int) -> Sequence[tuple[int, str]]:
        return await self._texts("traces_waiting_texts", vars(place), 0, limit, most_characters)

    async def stands(self, place: Place) -> Sequence[GroupStand]:
        found, after = list[GroupStand](), ""
        while True:
            rows = await self._rest.call("traces_stands", **vars(place), after=after, limit=ROWS_AT_ONCE)
            found += map(stand_of, rows)
            if len(rows) < ROWS_AT_ONCE:
                return found
            after = found[-1].group_id

    async def texts(self, rows: Sequence[int]) -> Mapping[int, str]:
        found = dict[int, str]()
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = list(rows[start : start + ROWS_AT_ONCE])
            found.update(await self._texts("traces_texts", {"rows": some}, 0, len(some), None))
        return found

    async def members(
        self, group_id: str, *, after: int, limit: int, most_characters: int
    ) -> Sequence[tuple[int, str]]:
        return await self._texts("traces_members", {"group_id": group_id}, after, limit, most_characters)

    async def _texts(
        self, name: str, wanted: Mapping[str, Any], after: int, limit: int, most_characters: int | None
    ) -> Sequence[tuple[int, str]]:
        """In slices, until there are enough or no more."""
        found, characters = list[tuple[int, str]](), 0
        while len(found) < limit and (most_characters is None or characters <= most_characters):
            some = await self._rest.call(
                name,
                **wanted,
                after=found[-1][0] if found else after,
                limit=min(limit - len(found), ROWS_AT_ONCE),
                most_characters=CHARACTERS_AT_ONCE,
            )
            if not some:
                break
            found += [(row, text) for row, text in some]
            characters += sum(len(text) for _, text in some)
        return found if most_characters is None else bounded(found, most_characters)

    async def places_waiting(self, limit: int) -> Sequence[Place]:
        return [Place(**row) for row in await self._rest.call("traces_places_waiting", limit=limit)]

    async def keep_groups(self, fence: Fence, place: Place, found: Regrouping) -> None:
        await self._rest.write(
            "traces_keep_groups",
            fence=fence_row(fence),
            groups=[group_row(group, place) for group in found.groups],
            merged=[{"group_id": merged, "into_id": into} for merged, into in found.merged.items()],
            unsettled=sorted(found.unsettled),
            events=[event_row(event) for event in found.events],
        )

    async def assign(self, fence: Fence, groups: Mapping[int, str | None]) -> None:
        await self._rest.write("traces_assign", fence=fence_row(fence), groups=list(groups.items()))

    async def unsettled(self, place: Place) -> Sequence[str]:
        ids: Sequence[str] = await self._rest.call("traces_unsettled", **vars(place))
        return ids

    async def settle(self, fence: Fence, group_ids: Sequence[str]) -> None:
        await self._rest.write("traces_settle", fence=fence_row(fence), group_ids=list(group_ids))

    async def extents(self, project_id: str, path: str | None) -> Sequence[Extent]:
        rows = await self._rest.call("traces_extents", project_id=project_id, path=path)
        return [
            Extent(Place(row["project_id"], row["path"]), row["traces"], certain_time(row["last_at"])) for row in rows
        ]

    async def aged(self, before: datetime, limit: int) -> Sequence[Place]:
        rows = await self._rest.call("traces_aged", before=before.timestamp(), limit=limit)
        return [Place(**row) for row in rows]

    async def forget(self, fence: Fence, place: Place, before: datetime) -> Forgotten:
        found = await self._rest.write(
            "traces_forget",
            fence=fence_row(fence),
            **vars(place),
            before=before.timestamp(),
            limit=ROWS_AT_ONCE,
        )
        return Forgotten(found["traces"], is_done=found["is_done"])

    async def places(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[TracePlace]:
        rows = await self._rest.call("traces_places", after=after or ("", ""), limit=limit)
        return [place_of(row) for row in rows]

    async def groups(
        self, project_id: str | None, path: str | None, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[TraceGroup]:
        rows = await self._rest.call("traces_groups", project_id=project_id, path=path, after=after, limit=limit)
        return [group_of(row) for row in rows]

    async def group(self, group_id: str) -> TraceGroup:
        return group_of(await self._rest.call("traces_group", group_id=group_id))

    async def traces(self, group_id: str, *, before: int | None, limit: int) -> Sequence[Trace]:
        rows = await self._rest.call("traces_traces", group_id=group_id, before=before, limit=limit)
        return [trace_of(row) for row in rows]

    async def trace(self, project_id: str, trace_id: str) -> Trace:
        return trace_of(await self._rest.call("traces_trace", project_id=project_id, trace_id=trace_id))

    async def events(self, group_id: str, *, after: int, limit: int) -> Sequence[GroupEvent]:
        rows = await self._rest.call("traces_events", group_id=group_id, after=after, limit=limit)
        return [event_of(row) for row in rows]

    async def implementations(self, group_id: str) -> Sequence[Implementation]:
        rows = await self._rest.call("traces_implementations", group_id=group_id)
        total = sum(row["traces"] for row in rows)
        return [implementation_of(row, total) for row in rows]

    async def drift(self, group_id: str, buckets: int) -> tuple[float, Sequence[DriftPoint]]:
        found = await self._rest.call("traces_drift", group_id=group_id, buckets=buckets, spans=SPANS)
        seconds = float(found["seconds"])
        return seconds, [point_of(row, seconds) for row in found["points"]]
