"""`/web-pages`: parsing single pages in a browser, and what that gave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from gleanery import errors
from gleanery.api import parse_shapes, present
from gleanery.api.http import answer, cursor_of, idempotency_of, limit_of, make_cursor, read
from gleanery.api.knowledge import check_field, time_key
from gleanery.api.route import PAGED, Query, Route
from gleanery.api.wire import ErrorBody
from gleanery.engine.submit import Submitter
from gleanery.model import Event, EventType, NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.parses import TASK_TYPE, Parse
from gleanery.web.urls import parse_url, url_key

Estimate = Callable[[Task], Awaitable[float]]
CheckUrl = Callable[[str], None]

_ATTEMPTS = (EventType.TASK_RETRY_SCHEDULED, EventType.TASK_FAILED)
_EVENTS_AT_ONCE = 500
_FINAL_ACTION = "fail_permanently"
_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


class ParsesApi:
    """The routes. `check_url` raises InvalidUrl for a webhook that can't be called; `estimate` says how long a task will take
    from now on."""

    def __init__(self, store: Store, submitter: Submitter, check_url: CheckUrl, estimate: Estimate) -> None:
        self._store = store
        self._submitter = submitter
        self._check_url = check_url
        self._estimate = estimate

    def routes(self) -> Sequence[Route]:
        page = "/api/v1/web-pages/{id}"
        return (
            Route(
                "POST",
                "/api/v1/web-pages/parse",
                self.start,
                "Parse one page in a browser",
                "web-pages",
                parse_shapes.ParseStarted,
                parse_shapes.ParseBody,
                202,
                errors=(409, 503),
                is_idempotent=True,
            ),
            Route(
                "GET",
                "/api/v1/web-pages",
                self.list,
                "All parses, newest first",
                "web-pages",
                parse_shapes.ParsePage,
                query=(
                    *PAGED,
                    Query("url", "Only those of this URL."),
                    Query("status", "Only in these states, separated by commas.", values=[str(s) for s in TaskStatus]),
                ),
            ),
            Route(
                "GET",
                page,
                self.one,
                "A parse with its page, by the id of the task or of the page",
                "web-pages",
                parse_shapes.ParseShape,
                errors=(404,),
            ),
            Route(
                "GET", f"{page}/screenshot", self.screenshot, "Its screenshot, as PNG", "web-pages", None, errors=(404,)
            ),
        )

    async def start(self, request: web.Request) -> web.Response:
        body = await read(request, parse_shapes.ParseBody)
        webhook_url = None if body.webhook_url is None else str(body.webhook_url)
        if webhook_url is not None:
            check_field(self._check_url, "webhook_url", webhook_url)
        new = NewTask(
            TASK_TYPE,
            body.model_dump(mode="json", exclude={"priority", "webhook_url"}),
            priority=body.priority,
            webhook_url=webhook_url,
        )
        task = await self._submitter.submit(new, idempotency_of(request, body))
        started = parse_shapes.ParseStarted(
            task_id=task.task_id,
            status=str(task.status),
            estimated_duration_seconds=round(await self._estimate(task), 1),
        )
        return answer(started, status=202, headers={"Location": f"/api/v1/web-pages/{task.task_id}"})

    async def list(self, request: web.Request) -> web.Response:
        limit, url = limit_of(request), request.query.get("url")
        rows = await self._store.parses.list(
            url_key=None if url is None else url_key(parse_url(url, keep_route=True)),
            statuses=_statuses(request),
            after=time_key(cursor_of(request)),
            limit=limit,
        )
        last = rows[-1].task if len(rows) == limit else None
        cursor = None if last is None else make_cursor(last.created_at.timestamp(), last.task_id)
        items = [parse_shapes.ParseSummary(**_summary(row)) for row in rows]
        return answer(parse_shapes.ParsePage(items=items, next_cursor=cursor))

    async def one(self, request: web.Request) -> web.Response:
        parse = await self._store.parses.get(request.match_info["id"])
        task, body = parse.task, await self._body(parse)
        shape = parse_shapes.ParseShape(
            **{**_summary(parse), "is_kept": body is not None},
            attempts=[*await self._attempts(task)],
            queue_position=await self._position(task),
            browser_session_id=task.browser_session_id,
            memory_usage_mb=task.memory_usage_mb,
            page=None,
        )
        return _with_page(shape, body)

    async def screenshot(self, request: web.Request) -> web.Response:
        parse = await self._store.parses.get(request.match_info["id"])
        if parse.page is None or not parse.page.summary.has_screenshot:
            raise errors.NotFound("screenshot of a page", request.match_info["id"])
        headers = {**_HEADERS, "ETag": f'"{parse.page.web_page_id}"'}
        if parse.page.web_page_id in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        png = await self._store.parses.screenshot(parse.page.web_page_id)
        return web.Response(body=png, content_type="image/png", headers=headers)

    async def _body(self, parse: Parse) -> bytes | None:
        """None without a page, also for one that has gone just now."""
        if parse.page is None or parse.task.status is not TaskStatus.COMPLETED:
            return None
        try:
            return await self._store.parses.body(parse.page.web_page_id)
        except errors.NotFound:
            return None

    async def _position(self, task: Task) -> int | None:
        return await self._store.parses.position(task.task_id) if task.status is TaskStatus.QUEUED else None

    async def _attempts(self, task: Task) -> Sequence[parse_shapes.ParseAttempt]:
        if task.last_error is None and task.error is None and task.attempt < 2:
            return []  # the usual case, which needs no look
        found: Sequence[parse_shapes.ParseAttempt] = ()
        after = task.first_seq - 1
        while rows := await self._store.tasks.events(task.task_id, after=after, before=None, limit=_EVENTS_AT_ONCE):
            found = [*found, *(_attempt(row, task) for row in rows if row.type in _ATTEMPTS and "error" in row.data)]
            after = rows[-1].seq
        return found


def _attempt(event: Event, task: Task) -> parse_shapes.ParseAttempt:
    data = event.data
    return parse_shapes.ParseAttempt(
        attempt=data.get("attempt", task.attempt),
        error=ErrorBody(**data["error"]),
        action=_FINAL_ACTION if event.type == EventType.TASK_FAILED else data.get("action", "retry"),
        at=event.at,
    )


def _summary(parse: Parse) -> dict[str, Any]:
    """The fields of a ParseSummary. What the result says holds, also when the page has gone."""
    task, page = parse.task, parse.page if parse.task.status is TaskStatus.COMPLETED else None
    result = task.result or {}
    return {
        "task_id": task.task_id,
        "web_page_id": parse.web_page_id if task.status is TaskStatus.COMPLETED else None,
        "url": task.payload["url"],
        "status": task.status,
        "error": present.of_error(task.error),
        "created_at": task.created_at,
        "parsed_at": page and page.loaded_at,
        "expires_at": page and page.expires_at,
        "screenshot_url": f"/api/v1/web-pages/{page.web_page_id}/screenshot"
        if page is not None and page.summary.has_screenshot
        else None,
        "is_kept": page is not None,
        "cache_hit": result.get("cache_hit", False),
        **{name: result.get(name) for name in _OF_THE_RESULT},
    }


_OF_THE_RESULT = (
    "processing_time_ms",
    "cache_age_seconds",
    "final_url",
    "title",
    "kind",
    "http_status",
    "element_count",
)


def _with_page(shape: parse_shapes.ParseShape, body: bytes | None) -> web.Response:
    """The shape with the page as it is kept: to read megabytes and write them again would hold the loop."""
    text = shape.model_dump_json()
    empty = '"page":null}'
    assert text.endswith(empty)
    if body is None:
        return web.Response(text=text, content_type="application/json")
    head = text[: -len("null}")].encode()
    return web.Response(body=b"".join((head, body, b"}")), content_type="application/json", charset="utf-8")


def _statuses(request: web.Request) -> tuple[TaskStatus, ...]:
    try:
        return tuple(TaskStatus(part) for part in request.query.get("status", "").split(",") if part)
    except ValueError:
        raise errors.InvalidInput("status", f"must be some of {', '.join(TaskStatus)}") from None
