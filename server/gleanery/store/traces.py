"""The contract of what is kept of traces: the traces, their groups, what happened to these. And what passes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gleanery.model import Fence
from gleanery.model.traces import (
    Arrival,
    DriftPoint,
    GroupChange,
    GroupEvent,
    Implementation,
    Trace,
    TraceGroup,
    TracePlace,
    TraceVariable,
)


@dataclass(frozen=True)
class Place:
    """Traces are grouped within a project and a path."""

    project_id: str
    path: str


@dataclass(frozen=True)
class GroupWrite:
    """A group as a grouping leaves it; a new one where the id isn't known. Its traces are counted by the store."""

    group_id: str
    constants: tuple[str, ...]
    variables: tuple[TraceVariable, ...]
    confidence: float
    sample_rows: tuple[int, ...]
    checked_at: int


@dataclass(frozen=True)
class GroupEventWrite:
    """`others` are the groups that came of it or went into it."""

    group_id: str
    type: GroupChange
    constants: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Regrouping:
    """What a grouping found. `merged` are groups with what they are part of now; the traces of `unsettled` ones, and of the
    merged, are to be read anew."""

    groups: tuple[GroupWrite, ...]
    events: tuple[GroupEventWrite, ...]
    merged: Mapping[str, str] = field(default_factory=dict)
    unsettled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class GroupStand:
    """What a grouping goes on from: a group's template, the rows of traces that speak for it, its count and when it was last
    asked whether it is several."""

    group_id: str
    constants: tuple[str, ...]
    sample_rows: tuple[int, ...]
    trace_count: int
    checked_at: int


@dataclass(frozen=True)
class Extent:
    """What a place holds: its traces, and when the last of them started."""

    place: Place
    traces: int
    last_at: datetime


@dataclass(frozen=True)
class Forgotten:
    """How many traces one step took away, and whether it was the last."""

    traces: int
    is_done: bool


class TraceStore(Protocol):
    async def add(self, traces: Sequence[Trace]) -> Sequence[Arrival]:
        """Keep traces, each once; what became of each. Those that are refused keep no other from being stored."""
        ...

    async def waiting(self, place: Place) -> int:
        """How many traces are not grouped yet."""
        ...

    async def waiting_texts(self, place: Place, *, limit: int, most_characters: int) -> Sequence[tuple[int, str]]:
        """Row and instruction of traces that no group has, the oldest first; at least one, if there is any."""
        ...

    async def stands(self, place: Place) -> Sequence[GroupStand]:
        """Its groups, without merged ones, by id."""
        ...

    async def texts(self, rows: Sequence[int]) -> Mapping[int, str]:
        """Row → instruction, of those that are there."""
        ...

    async def members(
        self, group_id: str, *, after: int, limit: int, most_characters: int
    ) -> Sequence[tuple[int, str]]:
        """Row and instruction of a group's traces after a row, in order; at least one, if there is any."""
        ...

    async def places_waiting(self, limit: int) -> Sequence[Place]:
        """Where traces or groups wait for a grouping."""
        ...

    async def keep_groups(self, fence: Fence, place: Place, found: Regrouping) -> None:
        """Keep groups with what happened to them."""
        ...

    async def assign(self, fence: Fence, groups: Mapping[int, str | None]) -> None:
        """Row of a trace → its group, None where it waits for one again. The groups' counts follow."""
        ...

    async def unsettled(self, place: Place) -> Sequence[str]:
        """The groups whose traces are to be read anew."""
        ...

    async def settle(self, fence: Fence, group_ids: Sequence[str]) -> None:
        """Their traces are read."""
        ...

    async def extents(self, project_id: str, path: str | None) -> Sequence[Extent]:
        """Of a project, or of one path in it; empty where there is none."""
        ...

    async def aged(self, before: datetime, limit: int) -> Sequence[Place]:
        """Where traces started before that."""
        ...

    async def forget(self, fence: Fence, place: Place, before: datetime) -> Forgotten:
        """Take some traces away, the oldest first, of those that started before that. With them goes what their groups show of
        them. When none is left, groups without traces go, and the place. Nothing may group its traces meanwhile."""
        ...

    async def places(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[TracePlace]:
        """By project and path."""
        ...

    async def groups(
        self, project_id: str | None, path: str | None, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[TraceGroup]:
        """Those with the most traces first; `after` is the count and id of the last one seen. Without merged ones, and those
        that all traces have left."""
        ...

    async def group(self, group_id: str) -> TraceGroup:
        """Also a merged one. Raises NotFound."""
        ...

    async def traces(self, group_id: str, *, before: int | None, limit: int) -> Sequence[Trace]:
        """The traces of a group, those that came last first; `before` is the row of the last one seen."""
        ...

    async def trace(self, project_id: str, trace_id: str) -> Trace:
        """Raises NotFound."""
        ...

    async def events(self, group_id: str, *, after: int, limit: int) -> Sequence[GroupEvent]:
        """Ascending."""
        ...

    async def implementations(self, group_id: str) -> Sequence[Implementation]:
        """Those with the most traces first."""
        ...

    async def drift(self, group_id: str, buckets: int) -> tuple[float, Sequence[DriftPoint]]:
        """The seconds of a bucket, and what the group's traces were in each from its first to its last, empty ones left out."""
        ...
