"""`/traces/groups`: what the traces were found to be: templates, how they were answered, what became of them over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from aiohttp import web

from gleanery import errors
from gleanery.api import trace_shapes as shapes
from gleanery.api.http import answer, cursor_of, limit_of, make_cursor
from gleanery.api.route import PAGED, Query, Route
from gleanery.knowledge.grouping.definition import prompt_of, title_of, to_yaml
from gleanery.knowledge.grouping.template import Template
from gleanery.model.traces import Trace, TraceGroup
from gleanery.store.traces import TraceStore

BUCKETS = 60
MOST_EVENTS = 500
First = TypeVar("First", str, int)
Implementations = list[shapes.ImplementationShape]
_WHERE = (Query("project_id", "Only groups of this project."), Query("path", "Only groups of this path."))


class TraceGroupsApi:
    """The routes out."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store

    def routes(self) -> Sequence[Route]:
        groups = "/api/v1/traces/groups"
        one = f"{groups}/{{group_id}}"
        return (
            Route(
                "GET",
                "/api/v1/traces/places",
                self.places,
                "Projects and paths that have traces",
                "traces",
                shapes.TracePlacePage,
                query=PAGED,
            ),
            Route(
                "GET",
                groups,
                self.list,
                "Groups of traces that are one template, the largest first",
                "traces",
                shapes.TraceGroupPage,
                query=(*_WHERE, *PAGED),
            ),
            Route(
                "GET",
                one,
                self.get,
                "One group with its implementations",
                "traces",
                shapes.TraceGroupDetail,
                errors=(404,),
            ),
            Route(
                "GET",
                f"{one}/traces",
                self.traces,
                "Its traces with the values of its variables, newest first",
                "traces",
                shapes.TracePage,
                query=PAGED,
                errors=(404,),
            ),
            Route(
                "GET",
                f"{one}/history",
                self.history,
                "What happened to it, and what its traces were over time",
                "traces",
                shapes.GroupHistory,
                errors=(404,),
            ),
            Route("GET", f"{one}/export", self.export, "Its task definition as YAML", "traces", None, errors=(404,)),
        )

    async def places(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._store.places(after=_pair(cursor_of(request), str), limit=limit)
        cursor = make_cursor(rows[-1].project_id, rows[-1].path) if len(rows) == limit else None
        return answer(shapes.TracePlacePage(items=list(map(shapes.of_place, rows)), next_cursor=cursor))

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._store.groups(
            request.query.get("project_id"),
            request.query.get("path"),
            after=_pair(cursor_of(request), int),
            limit=limit,
        )
        cursor = make_cursor(rows[-1].trace_count, rows[-1].group_id) if len(rows) == limit else None
        return answer(shapes.TraceGroupPage(items=list(map(shapes.of_group, rows)), next_cursor=cursor))

    async def get(self, request: web.Request) -> web.Response:
        group = await self._store.group(request.match_info["group_id"])
        return answer(shapes.of_group_detail(group, await self._implementations(group)))

    async def _implementations(self, group: TraceGroup) -> Implementations:
        return list(map(shapes.of_implementation, await self._store.implementations(group.group_id)))

    async def traces(self, request: web.Request) -> web.Response:
        limit, key = limit_of(request), cursor_of(request)
        if key is not None and not (len(key) == 1 and isinstance(key[0], int)):
            raise errors.InvalidInput("cursor", "is not one that a listing gave")
        group = await self._store.group(request.match_info["group_id"])
        rows = await self._store.traces(group.group_id, before=key[0] if key else None, limit=limit)
        cursor = make_cursor(rows[-1].row_id) if len(rows) == limit else None
        items = [shapes.of_trace(row, _values(group, row)) for row in rows]
        return answer(shapes.TracePage(items=items, next_cursor=cursor))

    async def history(self, request: web.Request) -> web.Response:
        group_id = request.match_info["group_id"]
        events = await self._store.events(group_id, after=0, limit=MOST_EVENTS)
        seconds, points = await self._store.drift(group_id, BUCKETS)
        shape = shapes.GroupHistory(
            group_id=group_id,
            events=list(map(shapes.of_event, events)),
            bucket_seconds=seconds,
            drift=list(map(shapes.of_drift, points)),
        )
        return answer(shape)

    async def export(self, request: web.Request) -> web.Response:
        group = await self._store.group(request.match_info["group_id"])
        text = _definition(group, await self._implementations(group))
        headers = {"Content-Disposition": f'attachment; filename="{group.group_id}.yaml"'}
        return web.Response(text=text, content_type="application/yaml", headers=headers)


def _pair(key: Sequence[Any] | None, first: type[First]) -> tuple[First, str] | None:
    """A cursor's key. Raises InvalidInput for one of another listing."""
    if key is None:
        return None
    if len(key) != 2 or not isinstance(key[0], first) or not isinstance(key[1], str):
        raise errors.InvalidInput("cursor", "is not one that a listing gave")
    return key[0], key[1]


def _values(group: TraceGroup, trace: Trace) -> dict[str, str]:
    """Empty for a trace that was not assigned anew yet after its group changed."""
    read = Template(group.constants).match(trace.instruction)
    return {} if read is None else {one.name: value for one, value in zip(group.variables, read, strict=True)}


def _definition(group: TraceGroup, implementations: Sequence[shapes.ImplementationShape]) -> str:
    names = [variable.name for variable in group.variables]
    return to_yaml(
        {
            "name": title_of(group.constants, names),
            "group_id": group.group_id,
            "project_id": group.project_id,
            "path": group.path,
            "traces": group.trace_count,
            "confidence": group.confidence,
            "prompt": prompt_of(group.constants, names),
            "variables": [
                {
                    "name": one.name,
                    "type": one.type,
                    "optional": one.is_optional,
                    **({"choices": list(one.choices)} if one.choices else {}),
                    "samples": list(one.samples),
                }
                for one in group.variables
            ],
            "implementations": [
                one.model_dump(mode="json", exclude={"implementation_id", "first_at", "last_at"})
                for one in implementations
            ],
        }
    )
