"""Rows of traces and their groups as values, and values as rows: the same for every store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gleanery.model import content_id
from gleanery.model.traces import (
    DriftPoint,
    GroupChange,
    GroupEvent,
    GroupState,
    Implementation,
    Trace,
    TraceGroup,
    TracePlace,
    TraceVariable,
)
from gleanery.store.rows import Row, certain_time, compact, time_of
from gleanery.store.traces import GroupEventWrite, GroupStand, GroupWrite, Place

HOUR = 3600.0
SPANS = (60.0, 300.0, 900.0, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 168 * HOUR)
"""Seconds of a bucket, as people count time; beyond them whole weeks."""


def dump_variables(variables: Sequence[TraceVariable]) -> str:
    return compact([vars(variable) for variable in variables])


def _variables(text: str) -> tuple[TraceVariable, ...]:
    return tuple(
        TraceVariable(**{**one, "samples": tuple(one["samples"]), "choices": tuple(one["choices"])})
        for one in json.loads(text)
    )


def without_samples(variables: str) -> str:
    """A row's variables without what was read from traces."""
    return dump_variables([replace(one, samples=(), choices=()) for one in _variables(variables)])


def group_of(row: Row) -> TraceGroup:
    return TraceGroup(
        group_id=row["group_id"],
        project_id=row["project_id"],
        path=row["path"],
        constants=tuple(json.loads(row["constants"])),
        variables=_variables(row["variables"]),
        confidence=row["confidence"],
        sample_rows=tuple(json.loads(row["sample_rows"])),
        trace_count=row["trace_count"],
        checked_at=row["checked_at"],
        created_at=certain_time(row["created_at"]),
        updated_at=certain_time(row["updated_at"]),
        last_at=time_of(row["last_at"]),
        state=GroupState.ACTIVE if row["merged_into"] is None else GroupState.MERGED,
        merged_into=row["merged_into"],
    )


def trace_of(row: Row) -> Trace:
    return Trace(
        trace_id=row["trace_id"],
        project_id=row["project_id"],
        path=row["path"],
        instruction=row["instruction"],
        started_at=certain_time(row["started_at"]),
        model=row["model"],
        settings=json.loads(row["settings"]),
        latency_ms=row["latency_ms"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        error=row["error"],
        group_id=row["group_id"],
        row_id=row["row_id"],
    )


def event_of(row: Row) -> GroupEvent:
    return GroupEvent(
        number=row["number"],
        group_id=row["group_id"],
        at=certain_time(row["at"]),
        type=GroupChange(row["type"]),
        constants=tuple(json.loads(row["constants"])),
        trace_count=row["trace_count"],
        others=tuple(json.loads(row["others"])),
        task_id=row["task_id"],
    )


def trace_row(trace: Trace) -> dict[str, Any]:
    """The columns that it sets, its implementation's apart."""
    return {
        "trace_id": trace.trace_id,
        "project_id": trace.project_id,
        "path": trace.path,
        "instruction": trace.instruction,
        "started_at": trace.started_at.timestamp(),
        "implementation_id": implementation_row(trace)["implementation_id"],
        "latency_ms": trace.latency_ms,
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "error": trace.error,
        "is_error": trace.error is not None,
    }


def implementation_row(trace: Trace) -> dict[str, str]:
    settings = json.dumps(dict(trace.settings), sort_keys=True, ensure_ascii=False)
    implementation_id = content_id("imp", trace.model, settings)
    return {"implementation_id": implementation_id, "model": trace.model, "settings": settings}


def content_hash(trace: Trace) -> bytes:
    """Of all that the sender said, but for the time that we gave it where it said none."""
    said: list[Any] = [trace.path, trace.instruction, trace.model, dict(trace.settings), trace.latency_ms]
    said += [trace.input_tokens, trace.output_tokens, trace.error]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()[:16]


def stand_of(row: Row) -> GroupStand:
    return GroupStand(
        group_id=row["group_id"],
        constants=tuple(json.loads(row["constants"])),
        sample_rows=tuple(json.loads(row["sample_rows"])),
        trace_count=row["trace_count"],
        checked_at=row["checked_at"],
    )


def group_row(group: GroupWrite, place: Place) -> dict[str, Any]:
    """What a grouping sets of it."""
    return {
        "group_id": group.group_id,
        "project_id": place.project_id,
        "path": place.path,
        "constants": compact(group.constants),
        "variables": dump_variables(group.variables),
        "confidence": group.confidence,
        "sample_rows": compact(group.sample_rows),
        "checked_at": group.checked_at,
    }


def event_row(event: GroupEventWrite) -> dict[str, str]:
    return {
        "group_id": event.group_id,
        "type": str(event.type),
        "constants": compact(event.constants),
        "others": compact(event.others),
    }


def place_of(row: Row) -> TracePlace:
    return TracePlace(
        row["project_id"], row["path"], row["traces"], row["waiting"], row["groups"], certain_time(row["last_at"])
    )


def implementation_of(row: Row, traces: int) -> Implementation:
    """`traces` are all of the group."""
    return Implementation(
        implementation_id=row["implementation_id"],
        model=row["model"],
        settings=json.loads(row["settings"]),
        traces=row["traces"],
        share=row["traces"] / traces,
        errors=row["errors"],
        latency_p50_ms=row["latency_p50_ms"],
        latency_p95_ms=row["latency_p95_ms"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        first_at=certain_time(row["first_at"]),
        last_at=certain_time(row["last_at"]),
    )


def point_of(row: Row, seconds: float) -> DriftPoint:
    return DriftPoint(
        certain_time(row["bucket"] * seconds),
        row["traces"],
        row["errors"],
        row["latency_ms"],
        row["input_tokens"],
        row["output_tokens"],
    )


def bounded(rows: Iterable[tuple[int, str]], most_characters: int) -> list[tuple[int, str]]:
    """The first rows whose texts are so long together; at least one, if there is any."""
    found, characters = list[tuple[int, str]](), 0
    for row, text in rows:
        characters += len(text)
        if found and characters > most_characters:
            break
        found.append((row, text))
    return found
