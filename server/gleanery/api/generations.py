"""`/sources/{id}/refresh` and `/sources/{id}/generations`: building the next state of a source, and going back to others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from gleanery import errors
from gleanery.api import crawl_shapes, present, source_shapes
from gleanery.api.http import answer, cursor_of, idempotency_of, limit_of, make_cursor, read
from gleanery.api.knowledge import check_field
from gleanery.api.route import PAGED, Route
from gleanery.engine.submit import Submitter
from gleanery.handlers.crawl.payload import RefreshRequest, refresh_payload
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.model import NewTask
from gleanery.store.base import Store

_SOURCE = "/api/v1/sources/{source_id}"


class GenerationsApi:
    """The routes. `look_at` has vectors made for what a source shows now and lacks."""

    def __init__(
        self,
        store: Store,
        submitter: Submitter,
        check_url: CheckUrl,
        look_at: Callable[[str], None],
    ) -> None:
        self._store = store
        self._submitter = submitter
        self._check_url = check_url
        self._look_at = look_at

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "POST",
                f"{_SOURCE}/refresh",
                self.refresh,
                "Crawl a source again, beside what it has",
                "sources",
                crawl_shapes.CrawlStarted,
                RefreshRequest,
                202,
                errors=(404, 409, 503),
                is_idempotent=True,
            ),
            Route(
                "GET",
                f"{_SOURCE}/generations",
                self.generations,
                "Its states, newest first",
                "sources",
                source_shapes.GenerationPage,
                query=PAGED,
                errors=(404,),
            ),
            Route(
                "POST",
                f"{_SOURCE}/generations/{{number}}/activate",
                self.activate,
                "Make another state the one that is seen",
                "sources",
                source_shapes.GenerationShape,
                errors=(404, 409),
            ),
        )

    async def refresh(self, request: web.Request) -> web.Response:
        body = await read(request, RefreshRequest)
        if body.webhook_url is not None:
            check_field(self._check_url, "webhook_url", body.webhook_url)
        source = await self._store.knowledge.source(request.match_info["source_id"])
        payload = refresh_payload(source, body)
        new = NewTask("crawl", payload.model_dump(), priority=body.priority, webhook_url=body.webhook_url)
        task = await self._submitter.submit(new, idempotency_of(request, body))
        started = crawl_shapes.CrawlStarted(
            success=True,
            task_id=task.task_id,
            progress_id=task.task_id,
            source_id=str(task.payload["source_id"]),
            status=str(task.status),
            message=f"Refresh of {source.url} queued. Follow it by its progress_id.",
        )
        return answer(started, status=202, headers={"Location": f"/api/v1/tasks/{task.task_id}"})

    async def generations(self, request: web.Request) -> web.Response:
        limit, key = limit_of(request), cursor_of(request)
        source = await self._store.knowledge.source(request.match_info["source_id"])
        if key is not None and (len(key) != 1 or not isinstance(key[0], int)):
            raise errors.InvalidInput("cursor", "is not one that this listing gave")
        before = None if key is None else int(key[0])
        rows = await self._store.generations.list(source.source_id, before=before, limit=limit)
        cursor = make_cursor(rows[-1].number) if len(rows) == limit else None
        items = [present.of_generation(row, source.generation) for row in rows]
        return answer(source_shapes.GenerationPage(items=items, next_cursor=cursor))

    async def activate(self, request: web.Request) -> web.Response:
        number = _number(request.match_info["number"])
        done = await self._store.generations.activate(request.match_info["source_id"], number)
        self._look_at(done.source_id)
        return answer(present.of_generation(done, done.number))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise errors.NotFound("generation", text)
    return int(text)
