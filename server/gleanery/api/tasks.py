"""`/tasks/{task_id}`: any task, its events (also as server-sent events), its URLs, and steering it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from gleanery import errors, log
from gleanery.api import crawl_shapes, present, task_shapes
from gleanery.api.following import Following
from gleanery.api.http import answer, cursor_of, int_of, limit_of, make_cursor, read
from gleanery.api.knowledge import row_key, time_key
from gleanery.api.route import PAGED, Query, Route
from gleanery.engine.events import ChangeFeed
from gleanery.engine.steer import Steering
from gleanery.model import Event, Task, TaskStatus, UrlState
from gleanery.store.base import Store
from gleanery.store.values import TaskFilter

_log = log.get(__name__)
Cursor = list[Any] | None
Key = Callable[[Task], tuple[Any, ...]]
"""What the cursor after a task says."""

ORDERS = ("newest", "priority")
_PING_SECONDS = 15.0
_EVENTS_AT_ONCE = 500

_FILTERS = (
    Query("status", "Only in these states, separated by commas.", values=[str(s) for s in TaskStatus]),
    Query("task_type", "Only of this type."),
    Query("queue_name", "Only of this queue."),
    Query("parent_task_id", "Only those that this task started."),
    Query("schedule_id", "Only ticks of this schedule."),
    Query("error_code", "Only those that ended with this error."),
)
_ORDER = Query("order", "`newest` first, or by `priority` as waiting tasks are chosen.", values=ORDERS)
_BETWEEN = (
    Query("after", "Only events after this seq.", "integer"),
    Query("before", "Only the last ones before this seq.", "integer"),
)
_URL_FILTERS = (
    Query("state", "Only URLs in this state; also as `status`.", values=[str(s) for s in UrlState]),
    Query("reason", "Only with this reason code."),
    Query("text", "Only URLs that hold this text."),
)


class TasksApi:
    """The routes of tasks that exist. Starting them and steering many is `TaskQueueApi`."""

    def __init__(self, store: Store, feed: ChangeFeed, steering: Steering) -> None:
        self._store = store
        self._feed = feed
        self._steering = steering

    def routes(self) -> Sequence[Route]:
        task = "/api/v1/tasks/{task_id}"
        return (
            Route(
                "GET",
                "/api/v1/tasks",
                self.list,
                "All tasks, newest first or as they are chosen",
                "tasks",
                task_shapes.TaskPage,
                query=(*PAGED, *_FILTERS, _ORDER),
            ),
            Route("GET", task, self.one, "One task", "tasks", task_shapes.TaskShape, errors=(404,)),
            Route(
                "GET",
                f"{task}/events",
                self.events,
                "Its events; live with Accept: text/event-stream",
                "tasks",
                task_shapes.EventPage,
                query=(*PAGED, *_BETWEEN),
                errors=(404,),
            ),
            Route(
                "GET",
                f"{task}/pages",
                self.pages,
                "Of a crawl: every URL and what became of it",
                "tasks",
                crawl_shapes.UrlPage,
                query=(*PAGED, *_URL_FILTERS),
                errors=(404,),
            ),
            Route(
                "GET",
                f"{task}/pages/counts",
                self.page_counts,
                "Of a crawl: how many URLs are in which state, and why",
                "tasks",
                crawl_shapes.UrlCounts,
                errors=(404,),
            ),
            *self._steering_routes(task),
        )

    def _steering_routes(self, task: str) -> Sequence[Route]:
        return (
            Route(
                "PATCH",
                task,
                self.change,
                "Change the priority or the dependencies of one that waits",
                "tasks",
                task_shapes.TaskShape,
                task_shapes.TaskChange,
                errors=(404, 409),
            ),
            Route("PUT", f"{task}/cancel", self.cancel, "Cancel it", "tasks", task_shapes.TaskShape, errors=(404, 409)),
            Route("POST", f"{task}/pause", self.pause, "Pause it", "tasks", task_shapes.TaskShape, errors=(404, 409)),
            Route(
                "POST",
                f"{task}/resume",
                self.resume,
                "Go on with it",
                "tasks",
                task_shapes.TaskShape,
                errors=(404, 409),
            ),
            Route(
                "POST",
                f"{task}/retry",
                self.retry,
                "Run it again, or only what failed",
                "tasks",
                task_shapes.TaskShape,
                task_shapes.RetryRequest,
                202,
                errors=(404, 409),
            ),
        )

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        wanted = TaskFilter(
            statuses=_statuses(request),
            task_type=request.query.get("task_type"),
            queue_name=request.query.get("queue_name"),
            parent_task_id=request.query.get("parent_task_id"),
            schedule_id=request.query.get("schedule_id"),
            error_code=request.query.get("error_code"),
        )
        order = request.query.get("order", ORDERS[0])
        if order not in ORDERS:
            raise errors.InvalidInput("order", f"must be one of {', '.join(ORDERS)}")
        rows, key = await (self._newest if order == ORDERS[0] else self._in_order)(wanted, cursor_of(request), limit)
        cursor = make_cursor(*key(rows[-1])) if len(rows) == limit else None
        now = self._store.clock()
        return answer(task_shapes.TaskPage(items=[present.of_task(row, now) for row in rows], next_cursor=cursor))

    async def _newest(self, wanted: TaskFilter, cursor: Cursor, limit: int) -> tuple[Sequence[Task], Key]:
        rows = await self._store.tasks.list(wanted, after=time_key(cursor), limit=limit)
        return rows, lambda task: (task.created_at.timestamp(), task.task_id)

    async def _in_order(self, wanted: TaskFilter, cursor: Cursor, limit: int) -> tuple[Sequence[Task], Key]:
        rows = await self._store.tasks.in_order(wanted, after=_order_key(cursor), limit=limit)
        return rows, lambda task: (
            task.priority,
            task.run_at.timestamp(),
            task.created_at.timestamp(),
            task.task_id,
        )

    async def one(self, request: web.Request) -> web.Response:
        return answer(present.of_task(await self._store.tasks.get(request.match_info["task_id"]), self._store.clock()))

    async def events(self, request: web.Request) -> web.StreamResponse:
        task = await self._store.tasks.get(request.match_info["task_id"])
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await self._stream(request, task.task_id)
        limit = limit_of(request, 200)
        after, before = max(row_key(request), int_of(request, "after", 0)), int_of(request, "before", 0)
        rows = await self._store.tasks.events(task.task_id, after=after, before=before or None, limit=limit)
        cursor = make_cursor(rows[-1].seq) if not before and rows and rows[-1].seq < task.last_seq else None
        return answer(task_shapes.EventPage(items=[present.of_event(row) for row in rows], next_cursor=cursor))

    async def _stream(self, request: web.Request, task_id: str) -> web.StreamResponse:
        """All events from `after` (or Last-Event-ID) on, then the live ones, until the task has ended. Where some of them are
        no longer kept, a `start_over` without an id says so before those that are.
        """
        after = _last_event_id(request) or int_of(request, "after", 0)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        try:
            with Following(self._store.tasks, self._feed, task_id, _EVENTS_AT_ONCE) as following:
                while True:
                    task, rows = await following.after(after)
                    after = 0 if after > task.last_seq else after  # a number from another life
                    if after < task.first_seq - 1:
                        await response.write(_start_over(task))
                        after = task.first_seq - 1
                    if rows:
                        after = rows[-1].seq
                        await response.write("".join(map(_sse, rows)).encode())
                    if after >= task.last_seq and task.status.is_final:
                        return response
                    if after >= task.last_seq:
                        await self._wait(following.news, response)
        except (ConnectionError, errors.StorageError) as error:
            # The answer has begun; an orderly end would say that the task has ended. The reader comes back by its last id.
            _log.info("event stream broken off", extra={"task_id": task_id, "reason": str(error)})
            if request.transport is not None:
                request.transport.abort()
            return response

    async def _wait(self, bell: asyncio.Event, response: web.StreamResponse) -> None:
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await bell.wait()
        except TimeoutError:
            await response.write(b": quiet\n\n")

    async def pages(self, request: web.Request) -> web.Response:
        task = await self._store.tasks.get(request.match_info["task_id"])
        limit = limit_of(request, 100)
        rows = await self._store.crawls.urls(
            task.task_id,
            state=_state(request),
            reason=request.query.get("reason") or None,
            text=request.query.get("text") or None,
            after=row_key(request),
            limit=limit,
        )
        cursor = make_cursor(rows[-1].ordinal) if len(rows) == limit else None
        return answer(crawl_shapes.UrlPage(items=[present.of_url(row) for row in rows], next_cursor=cursor))

    async def page_counts(self, request: web.Request) -> web.Response:
        task = await self._store.tasks.get(request.match_info["task_id"])
        rows = await self._store.crawls.url_counts(task.task_id)
        states = dict.fromkeys(UrlState, 0)
        for row in rows:
            states[row.state] += row.count
        reasons = [
            crawl_shapes.ReasonCount(state=row.state, reason=row.reason, count=row.count)
            for row in rows
            if row.reason is not None
        ]
        return answer(crawl_shapes.UrlCounts(states=states, reasons=reasons))

    async def cancel(self, request: web.Request) -> web.Response:
        return answer(
            present.of_task(await self._store.tasks.request_cancel(request.match_info["task_id"]), self._store.clock())
        )

    async def pause(self, request: web.Request) -> web.Response:
        return answer(present.of_task(await self._steering.pause(request.match_info["task_id"]), self._store.clock()))

    async def resume(self, request: web.Request) -> web.Response:
        return answer(
            present.of_task(await self._store.tasks.resume(request.match_info["task_id"]), self._store.clock())
        )

    async def change(self, request: web.Request) -> web.Response:
        body = await read(request, task_shapes.TaskChange)
        task = await self._store.tasks.change(
            request.match_info["task_id"], priority=body.priority, depends_on=body.depends_on
        )
        return answer(present.of_task(task, self._store.clock()))

    async def retry(self, request: web.Request) -> web.Response:
        body = await read(request, task_shapes.RetryRequest)
        task = await self._store.tasks.retry(
            request.match_info["task_id"],
            only_failed=body.only == "failed" or body.reason is not None,
            reason=body.reason,
        )
        return answer(
            present.of_task(task, self._store.clock()),
            status=202,
            headers={"Location": f"/api/v1/tasks/{task.task_id}"},
        )


def _statuses(request: web.Request) -> tuple[TaskStatus, ...]:
    try:
        return tuple(TaskStatus(part) for part in request.query.get("status", "").split(",") if part)
    except ValueError:
        raise errors.InvalidInput("status", f"must be some of {', '.join(TaskStatus)}") from None


def _order_key(cursor: Cursor) -> tuple[int, float, float, str] | None:
    match cursor:
        case None:
            return None
        case [int() as priority, float() | int() as run_at, float() | int() as created_at, str() as task_id]:
            return priority, run_at, created_at, task_id
        case _:
            raise errors.InvalidInput("cursor", "is not one that this listing gave")


def _state(request: web.Request) -> UrlState | None:
    text = request.query.get("state") or request.query.get("status")
    if not text:
        return None
    try:
        return UrlState(text)
    except ValueError:
        raise errors.InvalidInput("state", f"must be one of {', '.join(UrlState)}") from None


def _last_event_id(request: web.Request) -> int:
    """The seq at which a stream was broken off; 0 without one."""
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _start_over(task: Task) -> bytes:
    data = {"first_seq": task.first_seq, "last_seq": task.last_seq}
    return f"event: start_over\ndata: {json.dumps(data)}\n\n".encode()


def _sse(event: Event) -> str:
    data = json.dumps(present.of_event(event).model_dump(mode="json"), separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.type}\ndata: {data}\n\n"
