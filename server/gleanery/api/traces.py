"""`POST /traces`: one trace, a batch, or OTLP spans. Answered when they are stored; they are grouped later. And their end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from gleanery import errors
from gleanery.api import trace_shapes as shapes
from gleanery.api.http import answer
from gleanery.api.otlp import traces_of
from gleanery.api.route import Query, Route
from gleanery.handlers.group_traces.forget import TraceForgetting
from gleanery.model import Clock, new_id
from gleanery.model.traces import Arrival, Trace
from gleanery.store.traces import Place, TraceStore

MOST_AHEAD = timedelta(days=1)
EARLIEST_YEAR = 2000
_BEFORE = TypeAdapter[datetime](AwareDatetime)
_WHICH = (
    Query("project_id", "The project. Needed."),
    Query("path", "Only traces of this path."),
    Query("before", "Only traces that began before that time; without it all that are there."),
)
Note = Callable[[Sequence[Place]], None]


class TracesApi:
    """The routes in, and out of the store. `note` hears where new traces are."""

    def __init__(
        self, store: TraceStore, note: Note, forgetting: TraceForgetting, *, is_grouped: bool, clock: Clock
    ) -> None:
        self._store = store
        self._forgetting = forgetting
        self._note = note
        self._is_grouped = is_grouped
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        traces = "/api/v1/traces"
        failures = (400, 409, 413, 507)
        return (
            Route(
                "POST",
                traces,
                self.add,
                "Store a trace, a batch of them as `traces`, or OTLP spans as `resourceSpans`",
                "traces",
                shapes.TracesStored,
                shapes.TraceRequest,
                status=202,
                errors=failures,
            ),
            Route(
                "POST",
                f"{traces}/otlp",
                self.add_spans,
                "Store the spans of an OTLP/HTTP JSON export that asked a model something",
                "traces",
                shapes.OtlpAnswer,
                errors=failures,
            ),
            Route(
                "DELETE",
                traces,
                self.delete,
                "Remove the traces of a project, with the groups that nothing is left of",
                "traces",
                shapes.TracesForgotten,
                status=202,
                query=_WHICH,
                errors=(404, 503),
            ),
        )

    async def add(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if "resourceSpans" in body:
            return await self._spans(body)
        if "traces" in body:
            batch = _parsed(shapes.TraceBatchRequest, body, "")
            traces = [self._trace(one, f"traces.{n}.") for n, one in enumerate(batch.traces)]
        else:
            traces = [self._trace(_parsed(shapes.TraceRequest, body, ""), "")]
        arrivals = await self._keep(traces)
        stored, known = arrivals.count(Arrival.STORED), arrivals.count(Arrival.KNOWN)
        if stored + known < len(traces):
            taken = [one.trace_id for one, arrival in zip(traces, arrivals, strict=True) if arrival is Arrival.CONFLICT]
            message = f"Other traces have the ids {', '.join(taken[:5])}: they were not stored, the rest was."
            raise errors.IdempotencyConflict(message, trace_ids=taken, stored=stored, known=known)
        shape = shapes.TracesStored(
            stored=stored,
            known=known,
            trace_ids=[trace.trace_id for trace in traces],
            grouping="requested" if self._is_grouped else "off",
        )
        return answer(shape, status=202)

    async def add_spans(self, request: web.Request) -> web.Response:
        return await self._spans(await _body(request))

    async def delete(self, request: web.Request) -> web.Response:
        """Raises InvalidInput, NotFound and QueueFull."""
        project_id = request.query.get("project_id")
        if not project_id:
            raise errors.InvalidInput("project_id", "is needed: the project whose traces go")
        found = await self._forgetting.forget(project_id, request.query.get("path"), _before(request))
        tasks = [
            shapes.ForgettingTask(path=extent.place.path, traces=extent.traces, task_id=task.task_id)
            for extent, task in found
        ]
        return answer(shapes.TracesForgotten(project_id=project_id, tasks=tasks), status=202)

    async def _spans(self, body: dict[str, Any]) -> web.Response:
        """A span that can't be a trace is rejected alone, as OTLP has it; spans that asked no model are passed over."""
        traces, refused = list[Trace](), list[str]()
        for where, fields in traces_of(body).traces:
            try:
                traces.append(self._trace(_parsed(shapes.TraceRequest, fields, f"{where}: "), f"{where}: "))
            except errors.InvalidInput as error:
                refused.append(error.message)
        arrivals = await self._keep(traces)
        refused += [
            f"{trace.trace_id}: another span has this id"
            for trace, arrival in zip(traces, arrivals, strict=True)
            if arrival is Arrival.CONFLICT
        ]
        if not refused:
            return answer(shapes.OtlpAnswer(), status=200)
        partial = shapes.PartialSuccess(rejectedSpans=str(len(refused)), errorMessage="; ".join(refused[:5]))
        return answer(shapes.OtlpAnswer(partialSuccess=partial), status=200)

    async def _keep(self, traces: Sequence[Trace]) -> list[Arrival]:
        if not traces:
            return []
        arrivals = list(await self._store.add(traces))
        new = [trace for trace, arrival in zip(traces, arrivals, strict=True) if arrival is Arrival.STORED]
        self._note(list(dict.fromkeys(Place(trace.project_id, trace.path) for trace in new)))
        return arrivals

    def _trace(self, one: shapes.TraceRequest, where: str) -> Trace:
        return Trace(
            trace_id=one.trace_id or new_id("trc"),
            project_id=one.project_id,
            path=one.path,
            instruction=one.instruction,
            started_at=self._started_at(one.started_at, where),
            model=one.model,
            settings=one.settings,
            latency_ms=one.latency_ms,
            input_tokens=one.input_tokens,
            output_tokens=one.output_tokens,
            error=one.error,
        )

    def _started_at(self, at: datetime | None, where: str) -> datetime:
        now = self._clock()
        if at is None:
            return now
        if not at.year >= EARLIEST_YEAR or at > now + MOST_AHEAD:
            raise errors.InvalidInput(f"{where}started_at", f"must be from the year {EARLIEST_YEAR} to tomorrow")
        return at


def _before(request: web.Request) -> datetime | None:
    text = request.query.get("before")
    try:
        return None if text is None else _BEFORE.validate_python(text)
    except ValidationError:
        raise errors.InvalidInput("before", "must be a time with its zone, such as 2026-05-01T00:00:00Z") from None


async def _body(request: web.Request) -> dict[str, Any]:
    """Raises BadRequest for what is no JSON object."""
    if request.content_type not in ("application/json", "application/octet-stream") and request.can_read_body:
        raise errors.BadRequest(
            f"Send JSON with Content-Type: application/json, not {request.content_type}; OTLP also as http/json."
        )
    try:
        body = json.loads(await request.read() or "{}")
    except (ValueError, RecursionError) as error:
        raise errors.BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise errors.BadRequest("The body must be a JSON object.")
    return body


def _parsed(model: type[Any], fields: dict[str, Any], where: str) -> Any:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise errors.InvalidInput(where + (".".join(map(str, first["loc"])) or "body"), reason) from None
