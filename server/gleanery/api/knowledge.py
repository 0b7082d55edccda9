"""`/knowledge`, `/sources` and `/pages`: starting crawls and reading what they gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from gleanery import errors
from gleanery.api import crawl_shapes, present, source_shapes, task_shapes
from gleanery.api.http import answer, cursor_of, flag_of, idempotency_of, int_of, limit_of, make_cursor, read
from gleanery.api.route import CURSOR, LIMIT, PAGED, Query, Route
from gleanery.engine.submit import Submitter
from gleanery.handlers.crawl.payload import CrawlChange, CrawlRequest, CrawlStart
from gleanery.handlers.crawl.preview import Previewer
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.model import NewTask
from gleanery.store.base import Store
from gleanery.store.values import SourceChange
from gleanery.web.urls import parse_url, url_key

_TEXT = Query("text", "Only those with this in their title or URL.")
_MISSING = Query("missing", "`true`: only those that the last refresh did not meet.", "boolean")
_OF_PAGE = Query("page_id", "Only of this page.")


class KnowledgeApi:
    """The routes. `check_url` raises InvalidUrl for a URL that can't be fetched by its form; `forget_source` lets go
    of what is in memory of a deleted source, and has the rest removed; no crawl fetches more at once than `max_concurrency`."""

    def __init__(
        self,
        store: Store,
        submitter: Submitter,
        check_url: CheckUrl,
        previewer: Previewer,
        forget_source: Callable[[str], None],
        model: Callable[[], str | None],
        max_concurrency: int,
    ) -> None:
        self._store = store
        self._submitter = submitter
        self._check_url = check_url
        self._previewer = previewer
        self._forget_source = forget_source
        self._model = model
        self._max_concurrency = max_concurrency

    def routes(self) -> Sequence[Route]:
        return (*self._crawl_routes(), *self._source_routes(), *self._content_routes())

    def _crawl_routes(self) -> Sequence[Route]:
        return (
            Route(
                "POST",
                "/api/v1/knowledge/add",
                self.add,
                "Start a crawl",
                "knowledge",
                crawl_shapes.CrawlStarted,
                CrawlStart,
                202,
                errors=(409, 503),
                is_idempotent=True,
            ),
            Route(
                "POST",
                "/api/v1/knowledge/preview",
                self.preview,
                "What a crawl would take and skip, and why",
                "knowledge",
                crawl_shapes.PreviewShape,
                CrawlStart,
                errors=(502,),
            ),
            Route(
                "GET",
                "/api/v1/knowledge/status/{task_id}",
                self.status,
                "How far a crawl is",
                "knowledge",
                crawl_shapes.KnowledgeStatus,
                errors=(404,),
            ),
            Route(
                "PATCH",
                "/api/v1/knowledge/crawls/{task_id}",
                self.change_limits,
                "Change the limits of a crawl, also while it runs",
                "knowledge",
                task_shapes.TaskShape,
                CrawlChange,
                errors=(404, 409),
            ),
        )

    def _source_routes(self) -> Sequence[Route]:
        source = "/api/v1/sources/{source_id}"
        return (
            Route(
                "GET",
                "/api/v1/sources",
                self.sources,
                "All sources, newest first",
                "sources",
                source_shapes.SourcePage,
                query=(LIMIT, CURSOR, Query("url", "Only the one that a crawl of this URL fills.")),
            ),
            Route("GET", source, self.source, "One source", "sources", source_shapes.SourceShape, errors=(404,)),
            Route(
                "PATCH",
                source,
                self.change,
                "Change what it is called and found by",
                "sources",
                source_shapes.SourceShape,
                source_shapes.SourceChangeRequest,
                errors=(404,),
            ),
            Route(
                "DELETE",
                source,
                self.delete,
                "Delete a source with all its pages",
                "sources",
                None,
                status=204,
                errors=(404, 409),
            ),
        )

    def _content_routes(self) -> Sequence[Route]:
        source = "/api/v1/sources/{source_id}"
        return (
            Route(
                "GET",
                f"{source}/pages",
                self.pages,
                "Its pages, by URL",
                "sources",
                source_shapes.PageSummaryPage,
                query=(*PAGED, _TEXT, _MISSING),
                errors=(404,),
            ),
            Route(
                "GET",
                f"{source}/chunks",
                self.chunks,
                "Its chunks",
                "sources",
                source_shapes.ChunkPage,
                query=(*PAGED, _OF_PAGE),
                errors=(404,),
            ),
            Route(
                "GET",
                f"{source}/code-examples",
                self.code_examples,
                "Its code examples",
                "sources",
                source_shapes.CodeExamplePage,
                query=(*PAGED, Query("language", "Only in this language."), _OF_PAGE),
                errors=(404,),
            ),
            Route(
                "GET",
                "/api/v1/pages/{page_id}",
                self.page,
                "One page as Markdown",
                "sources",
                source_shapes.PageShape,
                query=(Query("generation", "As this generation has it; else the one that is seen.", "integer"),),
                errors=(404,),
            ),
            Route(
                "POST",
                f"{source}/pages/lookup",
                self.lookup,
                "Which of these URLs are pages of it",
                "sources",
                source_shapes.PageLookup,
                source_shapes.PageLookupRequest,
                errors=(404,),
            ),
        )

    async def add(self, request: web.Request) -> web.Response:
        body = await read(request, CrawlStart)
        if body.webhook_url is not None:
            check_field(self._check_url, "webhook_url", body.webhook_url)
        new = NewTask(
            "crawl",
            CrawlRequest.model_validate(body.model_dump(include={*CrawlRequest.model_fields})).model_dump(),
            priority=body.priority,
            webhook_url=body.webhook_url,
        )
        task = await self._submitter.submit(new, idempotency_of(request, body))
        url = task.payload["url"]
        started = crawl_shapes.CrawlStarted(
            success=True,
            task_id=task.task_id,
            progress_id=task.task_id,
            source_id=str(task.payload["source_id"]),
            status=str(task.status),
            message=f"Crawl of {url} queued. Follow it by its progress_id.",
        )
        return answer(started, status=202, headers={"Location": f"/api/v1/tasks/{task.task_id}"})

    async def preview(self, request: web.Request) -> web.Response:
        body = await read(request, CrawlStart)
        self._check_url(parse_url(body.url))
        return answer(present.of_preview(await self._previewer.preview(body)))

    async def status(self, request: web.Request) -> web.Response:
        task = await self._store.tasks.get(request.match_info["task_id"])
        shape = crawl_shapes.KnowledgeStatus(
            task_id=task.task_id,
            progress_id=task.task_id,
            status=present.seed_status(task),
            done=task.status.is_final,
            cancelled=task.status == "cancelled",
            progress=present.of_progress(task.progress),
            last_seq=task.last_seq,
        )
        return answer(shape)

    async def change_limits(self, request: web.Request) -> web.Response:
        body = await read(request, CrawlChange)
        if body.concurrency is not None and body.concurrency > self._max_concurrency:
            raise errors.InvalidInput(
                "concurrency", f"must be {self._max_concurrency} at most (GLEANERY_FETCH_CONCURRENCY)"
            )
        task = await self._store.crawls.change_limits(request.match_info["task_id"], body.limits())
        return answer(present.of_task(task, self._store.clock()))

    async def sources(self, request: web.Request) -> web.Response:
        limit, key, url = limit_of(request), cursor_of(request), request.query.get("url")
        rows = await self._store.knowledge.sources(
            after=time_key(key),
            limit=limit,
            model=self._model(),
            url_key=None if url is None else url_key(parse_url(url)),
        )
        cursor = make_cursor(rows[-1].created_at.timestamp(), rows[-1].source_id) if len(rows) == limit else None
        return answer(source_shapes.SourcePage(items=[present.of_source(row) for row in rows], next_cursor=cursor))

    async def source(self, request: web.Request) -> web.Response:
        return answer(
            present.of_source(await self._store.knowledge.source(request.match_info["source_id"], self._model()))
        )

    async def change(self, request: web.Request) -> web.Response:
        body = await read(request, source_shapes.SourceChangeRequest)
        tags = None if body.tags is None else tuple(dict.fromkeys(body.tags))
        change = SourceChange(body.title, body.description, tags, body.knowledge_type)
        source = await self._store.knowledge.change_source(request.match_info["source_id"], change)
        return answer(present.of_source(await self._store.knowledge.source(source.source_id, self._model())))

    async def delete(self, request: web.Request) -> web.Response:
        source_id = request.match_info["source_id"]
        await self._store.knowledge.delete_source(source_id)
        self._forget_source(source_id)
        return web.Response(status=204)

    async def pages(self, request: web.Request) -> web.Response:
        limit, key = limit_of(request), cursor_of(request)
        after = str(key[0]) if key else None
        is_missing = flag_of(request, "missing")
        rows = await self._store.knowledge.pages(
            request.match_info["source_id"],
            after=after,
            limit=limit,
            text=request.query.get("text"),
            is_missing=is_missing,
        )
        cursor = make_cursor(rows[-1][0].url_key) if len(rows) == limit else None
        return answer(
            source_shapes.PageSummaryPage(
                items=[present.of_page_summary(page, chars) for page, chars in rows], next_cursor=cursor
            )
        )

    async def page(self, request: web.Request) -> web.Response:
        generation = int_of(request, "generation", 0, least=1) if "generation" in request.query else None
        return answer(present.of_page(await self._store.knowledge.page(request.match_info["page_id"], generation)))

    async def lookup(self, request: web.Request) -> web.Response:
        body = await read(request, source_shapes.PageLookupRequest)
        keys = {url: key for url in body.urls if (key := _key_of(url)) is not None}
        found = await self._store.knowledge.page_ids(request.match_info["source_id"], [*keys.values()])
        return answer(source_shapes.PageLookup(pages={url: found[key] for url, key in keys.items() if key in found}))

    async def chunks(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._store.knowledge.chunks(
            request.match_info["source_id"], page_id=request.query.get("page_id"), after=row_key(request), limit=limit
        )
        cursor = make_cursor(rows[-1].row) if len(rows) == limit else None
        return answer(source_shapes.ChunkPage(items=[present.of_chunk(row.chunk) for row in rows], next_cursor=cursor))

    async def code_examples(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._store.knowledge.code_examples(
            request.match_info["source_id"],
            language=request.query.get("language"),
            page_id=request.query.get("page_id"),
            after=row_key(request),
            limit=limit,
        )
        cursor = make_cursor(rows[-1].row) if len(rows) == limit else None
        items = [present.of_code(row.code, row.url, row.title) for row in rows]
        return answer(source_shapes.CodeExamplePage(items=items, next_cursor=cursor))


def check_field(check_url: CheckUrl, field: str, text: str) -> str:
    """A URL of another field than `url`, checked like one. Raises InvalidUrl that names it."""
    try:
        url = parse_url(text)
        check_url(url)
    except errors.InvalidUrl as error:
        raise errors.InvalidUrl(error.reason, kind=error.code, field=field) from None
    return url


def _key_of(url: str) -> str | None:
    """None for what is no URL of the web: no page has it."""
    try:
        return url_key(parse_url(url))
    except errors.InvalidUrl:
        return None


def row_key(request: web.Request) -> int:
    """The cursor of a listing by row number."""
    key = cursor_of(request)
    if key is None:
        return int_of(request, "after", 0)
    if len(key) != 1 or not isinstance(key[0], int):
        raise errors.InvalidInput("cursor", "is not one that this listing gave")
    return key[0]


def time_key(key: list[object] | None) -> tuple[float, str] | None:
    if key is None:
        return None
    match key:
        case [float() | int() as at, str() as id_]:
            return float(at), id_
        case _:
            raise errors.InvalidInput("cursor", "is not one that this listing gave")
