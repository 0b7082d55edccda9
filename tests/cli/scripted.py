"""A server that speaks the routes of one task and breaks its live lines as a script says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from aiohttp import web

from gleanery import model
from gleanery.api import present, task_shapes
from gleanery.api.http import answer, failure
from tests.sites import run

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

RUNNING = model.Task(
    task_id="tsk_1",
    task_type="crawl",
    title="https://example.org/",
    description="",
    status=model.TaskStatus.RUNNING,
    priority=50,
    queue_name="default",
    payload={"source_id": "src_1"},
    result=None,
    error=None,
    progress=model.Progress(percentage=40.0, stage="crawling", stages={"stored": model.StageCount(4, 10)}),
    attempt=1,
    retry_attempts=0,
    max_retries=3,
    run_at=AT,
    created_at=AT,
    processing_started_at=AT,
    processing_completed_at=None,
    last_error_at=None,
    last_error=None,
    worker_id="w",
    lease_until=None,
    is_cancel_requested=False,
    memory_usage_mb=None,
    depends_on=(),
    coalesce_key=None,
    parent_task_id=None,
    webhook_url=None,
    last_seq=0,
)


def shape(**fields: object) -> task_shapes.TaskShape:
    return present.of_task(replace(RUNNING, **fields), AT)  # type: ignore[arg-type]


def event(seq: int) -> model.Event:
    return model.Event(seq, AT, "page_stored", f"200 /{seq}", {"url": f"https://example.org/{seq}"})


@dataclass(frozen=True)
class Line:
    """What one live line does: messages of events by number, then how it ends. `refuse`: a status instead of a line."""

    messages: Sequence[Sequence[int]] = ()
    is_last: bool = False
    refuse: int | None = None
    is_orderly: bool = False


@dataclass
class Script:
    """The lines in order; `asked` is the `lastSeq` of each client's try."""

    lines: list[Line]
    last_seq: int
    url: str = ""
    asked: list[int] = field(default_factory=list)
    is_over: bool = False

    @property
    def task(self) -> model.Task:
        status = model.TaskStatus.COMPLETED if self.is_over else model.TaskStatus.RUNNING
        return replace(RUNNING, status=status, last_seq=self.last_seq, result={"pages": self.last_seq})


@asynccontextmanager
async def serve_script(script: Script) -> AsyncIterator[Script]:
    app = web.Application()
    app.add_routes(
        [
            web.get("/api/v1/tasks/tsk_1", _task(script)),
            web.get("/ws/tasks/tsk_1/status", _line(script)),
            web.get("/api/v1/tasks/{id}", _unknown),
        ]
    )
    async with run(app, "127.0.0.1") as url:
        script.url = url
        yield script


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _unknown(request: web.Request) -> web.Response:
    return failure(404, "not_found", f"There is no task with the id {request.match_info['id']!r}.")


def _task(script: Script) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return answer(present.of_task(script.task, AT))

    return handle


def _line(script: Script) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        script.asked.append(int(request.query["lastSeq"]))
        line = script.lines.pop(0)
        if line.refuse is not None:
            return failure(line.refuse, "not_now", "Not now.")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        script.is_over = line.is_last
        for seqs in line.messages:
            update = present.of_update(script.task, seqs[0] - 1, [event(seq) for seq in seqs]).sent()
            await socket.send_json(update)
        if line.is_last:
            await socket.receive()  # the client hangs up when all is told
        elif line.is_orderly:
            await socket.close(code=1001)
        elif request.transport is not None:
            request.transport.close()
        return socket

    return handle
