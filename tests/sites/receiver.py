"""A receiver of webhooks that answers as it is told: any status, slowly, with a redirect, endlessly, or not at all.

async with receiver() as there:
    there.answer(Answer(500), Answer(429, {"Retry-After": "7"}))   # then 204 to all later calls
    await there.heard(3)
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

HEARD_SECONDS = 20.0
"""A test that waits longer for a call has found a defect."""


@dataclass(frozen=True)
class Answer:
    """What one call gets, once `gate` is open. `is_cut` breaks the line instead, `is_endless` never ends the body."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    gate: asyncio.Event | None = None
    is_cut: bool = False
    is_endless: bool = False


@dataclass(frozen=True)
class Call:
    """A request as it came. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """What a test sees. `most_at_once` is how many calls were ever in it at the same time; `sent_bytes` counts bodies."""

    url: str
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0
    sent_bytes: int = 0
    _answers: deque[Answer] = field(default_factory=deque)
    _usual: Answer = field(default_factory=Answer)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _inside: int = 0

    def answer(self, *answers: Answer) -> None:
        """The next calls get these, one each."""
        self._answers.extend(answers)

    def always(self, answer: Answer) -> None:
        """What calls get that no other answer waits for."""
        self._usual = answer

    async def heard(self, count: int) -> list[Call]:
        """All calls, once there are so many."""
        async with asyncio.timeout(HEARD_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.calls) >= count)
        return self.calls

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = self._answers.popleft() if self._answers else self._usual
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, request.path_qs, headers, await request.read())
        self._inside += 1
        self.most_at_once = max(self.most_at_once, self._inside)
        try:
            async with self._changed:
                self.calls.append(call)
                self._changed.notify_all()
            if answer.gate is not None:
                await answer.gate.wait()
            return await self._give(request, answer)
        finally:
            self._inside -= 1

    async def _give(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.is_cut:
            assert request.transport is not None
            request.transport.abort()
        if not answer.is_endless:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 4096)
            self.sent_bytes += 4096


@dataclass
class Line:
    """A receiver's address that nobody listens at yet: calls are refused until `go_up`."""

    receiver: Receiver
    _site: web.SockSite

    async def go_up(self) -> Receiver:
        await self._site.start()
        return self.receiver


@asynccontextmanager
async def silent_line(ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[Line]:
    """A line on a free port of 127.0.0.1. The port is taken, and stays the same."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    there = Receiver(f"{'https' if ssl_context else 'http'}://127.0.0.1:{taken.getsockname()[1]}")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    try:
        yield Line(there, web.SockSite(runner, taken, ssl_context=ssl_context))
    finally:
        await runner.cleanup()
        taken.close()


@asynccontextmanager
async def receiver(ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens on 127.0.0.1."""
    async with silent_line(ssl_context) as line:
        yield await line.go_up()
