"""The JSON shapes of traces and of their groups."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from gleanery.api.wire import Request, Shape
from gleanery.knowledge.grouping.definition import prompt_of, title_of
from gleanery.model.traces import (
    DriftPoint,
    GroupChange,
    GroupEvent,
    GroupState,
    Implementation,
    Trace,
    TraceGroup,
    TracePlace,
)

MOST_TRACES = 500
MOST_SETTINGS = 32
MOST_SETTINGS_BYTES = 4096
MOST_COUNT = 2**53


def _sound(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is no valid Unicode: it has half of a surrogate pair") from None
    return text


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    if len(settings) > MOST_SETTINGS:
        raise ValueError(f"must have at most {MOST_SETTINGS} entries")
    try:
        size = len(json.dumps(settings, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, RecursionError, UnicodeEncodeError):
        raise ValueError("must be plain JSON") from None
    if size > MOST_SETTINGS_BYTES:
        raise ValueError(f"must take at most {MOST_SETTINGS_BYTES} bytes as JSON")
    return settings


Text = AfterValidator(_sound)
Name = Annotated[str, StringConstraints(min_length=1, max_length=256), Text]
TraceId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\w.:/@-]+$")]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]


class TraceRequest(Request):
    """One call of a model."""

    trace_id: TraceId | None = Field(
        None, description="Unique within its project; sent again it is stored once. Without one it gets one."
    )
    project_id: Name
    path: Name = Field("/", description="What the call was for; traces are grouped within a project and a path.")
    instruction: Annotated[str, StringConstraints(min_length=1), Text] = Field(
        description="What the model was asked: the whole prompt, at most 100,000 characters."
    )
    model: Annotated[str, StringConstraints(max_length=200), Text] = ""
    settings: Annotated[dict[str, Any], AfterValidator(_settings)] = Field(
        default_factory=dict,
        description="Of the call: temperature and the like. With the model they make an implementation.",
    )
    latency_ms: Amount | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    error: Annotated[str, StringConstraints(min_length=1, max_length=2000), Text] | None = Field(
        None, description="Why the call failed; without one it succeeded."
    )
    started_at: AwareDatetime | None = Field(None, description="When the call began; without one now.")


class TraceBatchRequest(Request):
    traces: list[TraceRequest] = Field(min_length=1, max_length=MOST_TRACES)


class TracesStored(Shape):
    stored: int = Field(description="New ones.")
    known: int = Field(description="Those that were there already, with the same content.")
    trace_ids: list[str] = Field(description="In the order of the request.")
    grouping: Literal["requested", "off"]


class PartialSuccess(Shape):
    """As OTLP has it: 64-bit numbers are strings in its JSON."""

    rejectedSpans: str
    errorMessage: str


class OtlpAnswer(Shape):
    """An ExportTraceServiceResponse."""

    partialSuccess: PartialSuccess | None = None


class ForgettingTask(Shape):
    path: str
    traces: int = Field(description="How many the path holds now.")
    task_id: str = Field(description="The task that takes them away.")


class TracesForgotten(Shape):
    project_id: str
    tasks: list[ForgettingTask] = Field(description="One for each path, by path.")


class VariableShape(Shape):
    name: str
    type: str = Field(
        description="integer, number, boolean, date, datetime, email, url, uuid, path, json, enum, code, list, prose or text."
    )
    is_optional: bool = Field(description="Whether it is empty at times.")
    samples: list[str]
    choices: list[str] = Field(description="All values of an enum, the most frequent first.")


class TraceGroupShape(Shape):
    group_id: str
    project_id: str
    path: str
    title: str = Field(description="The first line of its prompt.")
    prompt: str = Field(description="The template with `{{name}}` for its variables.")
    constants: list[str] = Field(description="The template's texts; a variable stands between each two of them.")
    variables: list[VariableShape]
    confidence: float = Field(description="0 to 1: how sure it is that the traces were written as one template.")
    trace_count: int
    state: GroupState
    merged_into: str | None = Field(description="The group that it is part of now.")
    created_at: datetime
    updated_at: datetime
    last_at: datetime | None = Field(description="When its newest trace began.")


class TraceGroupPage(Shape):
    items: list[TraceGroupShape]
    next_cursor: str | None


class ImplementationShape(Shape):
    implementation_id: str
    model: str
    settings: dict[str, Any]
    traces: int
    share: float = Field(description="Of the group's traces, 0 to 1.")
    errors: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    input_tokens: int
    output_tokens: int
    first_at: datetime
    last_at: datetime


class TraceGroupDetail(TraceGroupShape):
    implementations: list[ImplementationShape]


class TraceShape(Shape):
    trace_id: str
    project_id: str
    path: str
    group_id: str | None
    instruction: str
    values: dict[str, str] = Field(description="Of the group's variables, as the instruction has them.")
    model: str
    settings: dict[str, Any]
    latency_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    error: str | None
    started_at: datetime


class TracePage(Shape):
    items: list[TraceShape]
    next_cursor: str | None


class GroupEventShape(Shape):
    number: int
    at: datetime
    type: GroupChange
    constants: list[str] = Field(description="The template from then on.")
    trace_count: int
    others: list[str] = Field(description="Groups that came of it (split) or went into it (merged).")
    task_id: str


class DriftPointShape(Shape):
    at: datetime
    traces: int
    errors: int
    latency_ms: float | None = Field(description="Mean of those that tell it.")
    input_tokens: float | None
    output_tokens: float | None


class GroupHistory(Shape):
    group_id: str
    events: list[GroupEventShape]
    bucket_seconds: float
    drift: list[DriftPointShape] = Field(description="Oldest first; spans without a trace are left out.")


class TracePlaceShape(Shape):
    project_id: str
    path: str
    traces: int
    waiting: int = Field(description="Traces that are not grouped yet.")
    groups: int
    last_at: datetime


class TracePlacePage(Shape):
    items: list[TracePlaceShape]
    next_cursor: str | None


def of_group(group: TraceGroup) -> TraceGroupShape:
    return TraceGroupShape(**_group_fields(group))


def of_group_detail(group: TraceGroup, implementations: list[ImplementationShape]) -> TraceGroupDetail:
    return TraceGroupDetail(**_group_fields(group), implementations=implementations)


def _group_fields(group: TraceGroup) -> dict[str, Any]:
    names = [variable.name for variable in group.variables]
    return {
        "group_id": group.group_id,
        "project_id": group.project_id,
        "path": group.path,
        "title": title_of(group.constants, names),
        "prompt": prompt_of(group.constants, names),
        "constants": list(group.constants),
        "variables": [VariableShape(**_variable(vars(variable))) for variable in group.variables],
        "confidence": group.confidence,
        "trace_count": group.trace_count,
        "state": group.state,
        "merged_into": group.merged_into,
        "created_at": group.created_at,
        "updated_at": group.updated_at,
        "last_at": group.last_at,
    }


def _variable(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "samples": list(fields["samples"]), "choices": list(fields["choices"])}


def of_implementation(one: Implementation) -> ImplementationShape:
    return ImplementationShape(**{**vars(one), "settings": dict(one.settings)})


def of_trace(trace: Trace, values: dict[str, str]) -> TraceShape:
    fields = {name: value for name, value in vars(trace).items() if name != "row_id"}
    return TraceShape(**{**fields, "settings": dict(trace.settings)}, values=values)


def of_event(event: GroupEvent) -> GroupEventShape:
    fields = {name: value for name, value in vars(event).items() if name != "group_id"}
    return GroupEventShape(**{**fields, "constants": list(event.constants), "others": list(event.others)})


def of_drift(point: DriftPoint) -> DriftPointShape:
    return DriftPointShape(**vars(point))


def of_place(place: TracePlace) -> TracePlaceShape:
    return TracePlaceShape(**vars(place))
