"""`/sources/{id}/queries` and what they give: queries whose pages are known, run on demand, and their figures over time."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from gleanery import errors
from gleanery.api.http import answer, cursor_of, limit_of, make_cursor, read
from gleanery.api.knowledge import time_key
from gleanery.api.route import PAGED, Route
from gleanery.api.saved_query_shapes import (
    EvaluateRequest,
    EvaluationPage,
    EvaluationShape,
    EvaluationSummary,
    SavedQueriesImported,
    SavedQueryPage,
    SavedQueryRequest,
    SavedQueryShape,
    line_of,
    of_evaluation,
    of_query,
    of_summary,
    read_lines,
)
from gleanery.knowledge.evaluation import Evaluator
from gleanery.model import Clock
from gleanery.store.generation_store import GenerationStore
from gleanery.store.saved_queries import SavedQuery, SavedQueryStore

JSON_LINES = "application/jsonl"


class SavedQueriesApi:
    """The routes. `clock` is that of the store."""

    def __init__(
        self, saved: SavedQueryStore, generations: GenerationStore, evaluator: Evaluator, clock: Clock
    ) -> None:
        self._saved = saved
        self._generations = generations
        self._evaluator = evaluator
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        return (*self._query_routes(), *self._line_routes(), *self._evaluation_routes())

    def _query_routes(self) -> Sequence[Route]:
        queries = "/api/v1/sources/{source_id}/queries"
        one = f"{queries}/{{query_id}}"
        return (
            Route(
                "GET",
                queries,
                self.list,
                "Its saved queries, oldest first",
                "evaluation",
                SavedQueryPage,
                query=PAGED,
                errors=(404,),
            ),
            Route(
                "POST",
                queries,
                self.add,
                "Save a query with the pages that it should find",
                "evaluation",
                SavedQueryShape,
                SavedQueryRequest,
                201,
                errors=(404, 409),
            ),
            Route(
                "PUT",
                one,
                self.change,
                "Change a saved query",
                "evaluation",
                SavedQueryShape,
                SavedQueryRequest,
                errors=(404, 409),
            ),
            Route("DELETE", one, self.delete, "Delete a saved query", "evaluation", None, status=204, errors=(404,)),
        )

    def _line_routes(self) -> Sequence[Route]:
        lines = "/api/v1/sources/{source_id}/queries.jsonl"
        return (
            Route("GET", lines, self.give_lines, "Its saved queries as JSON lines", "evaluation", None, errors=(404,)),
            Route(
                "POST",
                lines,
                self.take_lines,
                "Save queries from JSON lines, all or none",
                "evaluation",
                SavedQueriesImported,
                errors=(400, 404, 409, 413, 422),
            ),
        )

    def _evaluation_routes(self) -> Sequence[Route]:
        source = "/api/v1/sources/{source_id}"
        return (
            Route(
                "POST",
                f"{source}/evaluate",
                self.evaluate,
                "Run its saved queries now",
                "evaluation",
                EvaluationShape,
                EvaluateRequest,
                errors=(404, 409),
            ),
            Route(
                "GET",
                f"{source}/evaluations",
                self.evaluations,
                "What its saved queries gave over time, newest first",
                "evaluation",
                EvaluationPage,
                query=PAGED,
                errors=(404,),
            ),
            Route(
                "GET",
                f"{source}/evaluations/{{evaluation_id}}",
                self.evaluation,
                "What each saved query gave",
                "evaluation",
                EvaluationShape,
                errors=(404,),
            ),
        )

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._saved.queries(
            request.match_info["source_id"], after=time_key(cursor_of(request)), limit=limit
        )
        cursor = make_cursor(rows[-1].created_at.timestamp(), rows[-1].query_id) if len(rows) == limit else None
        return answer(SavedQueryPage(items=[of_query(row) for row in rows], next_cursor=cursor))

    async def add(self, request: web.Request) -> web.Response:
        """200 instead of 201 where a query of that text was there and has these pages now."""
        source_id = request.match_info["source_id"]
        body = await read(request, SavedQueryRequest)
        (query,) = await self._saved.put(source_id, [body.as_new()])
        location = f"/api/v1/sources/{source_id}/queries/{query.query_id}"
        status = 201 if query.created_at == query.updated_at else 200
        return answer(of_query(query), status=status, headers={"Location": location})

    async def change(self, request: web.Request) -> web.Response:
        body = await read(request, SavedQueryRequest)
        query = await self._saved.change(request.match_info["source_id"], request.match_info["query_id"], body.as_new())
        return answer(of_query(query))

    async def delete(self, request: web.Request) -> web.Response:
        await self._saved.delete(request.match_info["source_id"], request.match_info["query_id"])
        return web.Response(status=204)

    async def give_lines(self, request: web.Request) -> web.Response:
        source_id = request.match_info["source_id"]
        rows = await self._saved.queries(source_id)
        text = "".join(json.dumps(line_of(row), ensure_ascii=False) + "\n" for row in rows)
        headers = {"Content-Disposition": f'attachment; filename="{source_id}-queries.jsonl"'}
        return web.Response(text=text, content_type=JSON_LINES, headers=headers)

    async def take_lines(self, request: web.Request) -> web.Response:
        source_id = request.match_info["source_id"]
        queries = [body.as_new() for body in read_lines(await request.read())]
        if not queries:
            raise errors.BadRequest("The body has no lines.")
        kept = await self._saved.put(source_id, queries)
        return answer(SavedQueriesImported(source_id=source_id, imported=len(kept)))

    async def evaluate(self, request: web.Request) -> web.Response:
        source_id = request.match_info["source_id"]
        body = await read(request, EvaluateRequest)
        if body.generation is not None:
            await self._generations.get(source_id, body.generation)
        if body.queries is None:
            return answer(of_evaluation(await self._evaluator.run(source_id, generation=body.generation)))
        now = self._clock()
        queries = [
            SavedQuery(f"line_{number}", source_id, new.query, new.expected, new.filters, now, now)
            for number, new in enumerate([query.as_new() for query in body.queries], 1)
        ]
        tried = of_evaluation(await self._evaluator.try_out(source_id, queries, generation=body.generation))
        return answer(tried.model_copy(update={"evaluation_id": None}))

    async def evaluations(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._saved.evaluations(
            request.match_info["source_id"], before=time_key(cursor_of(request)), limit=limit
        )
        cursor = make_cursor(rows[-1].at.timestamp(), rows[-1].evaluation_id) if len(rows) == limit else None
        return answer(EvaluationPage(items=[EvaluationSummary(**of_summary(row)) for row in rows], next_cursor=cursor))

    async def evaluation(self, request: web.Request) -> web.Response:
        found = await self._saved.evaluation(request.match_info["source_id"], request.match_info["evaluation_id"])
        return answer(of_evaluation(found))
