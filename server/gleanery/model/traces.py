"""Traces: what an agent was asked, by which model it was answered and how; and the groups of those that are one template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Arrival(StrEnum):
    """What became of a trace that was sent: stored, known already with the same content, or refused since its id is taken by
    another one."""

    STORED = "stored"
    KNOWN = "known"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Trace:
    """One call of a model. `trace_id` is unique within its project. `settings` are those of the call (temperature and the
    like); with an `error` the call failed. `group_id` is None until it is grouped."""

    trace_id: str
    project_id: str
    path: str
    instruction: str
    started_at: datetime
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None
    group_id: str | None = None
    row_id: int = 0


class GroupState(StrEnum):
    ACTIVE = "active"
    MERGED = "merged"


@dataclass(frozen=True)
class TraceVariable:
    """A slot of a template. `choices` are all values of an `enum`."""

    name: str
    type: str
    is_optional: bool
    samples: tuple[str, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class TraceGroup:
    """Traces whose instructions are one template: constant texts with a variable between each two of them. `sample_rows` are
    traces that speak for it, `checked_at` the count at which it was last asked whether it is several. A merged one is part
    of `merged_into`."""

    group_id: str
    project_id: str
    path: str
    constants: tuple[str, ...]
    variables: tuple[TraceVariable, ...]
    confidence: float
    sample_rows: tuple[int, ...]
    trace_count: int
    checked_at: int
    created_at: datetime
    updated_at: datetime
    last_at: datetime | None = None
    state: GroupState = GroupState.ACTIVE
    merged_into: str | None = None


class GroupChange(StrEnum):
    """What happened to a group: it came to be, its template changed, others came of it, others went into it."""

    CREATED = "created"
    CHANGED = "changed"
    SPLIT = "split"
    MERGED = "merged"


@dataclass(frozen=True)
class GroupEvent:
    """`others` are the groups that came of it (split) or went into it (merged)."""

    number: int
    group_id: str
    at: datetime
    type: GroupChange
    constants: tuple[str, ...]
    trace_count: int
    others: tuple[str, ...]
    task_id: str


@dataclass(frozen=True)
class Implementation:
    """How the traces of a group were answered by one model with one set of settings. `share` is of the group's traces;
    latencies are None where none was told."""

    implementation_id: str
    model: str
    settings: Mapping[str, Any]
    traces: int
    share: float
    errors: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    input_tokens: int
    output_tokens: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class DriftPoint:
    """What a group's traces were in one span of time."""

    at: datetime
    traces: int
    errors: int
    latency_ms: float | None
    input_tokens: float | None
    output_tokens: float | None


@dataclass(frozen=True)
class TracePlace:
    """A project and a path with what it holds: traces are grouped by these."""

    project_id: str
    path: str
    traces: int
    waiting: int
    groups: int
    last_at: datetime
