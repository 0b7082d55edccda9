"""What each engine's process does: the same measurements over a `Contender`. Standard library only.

On standard input comes one JSON object a line, `{"do": NAME, …}`; the answer is one line of `say`. Times in the
answers are seconds. The process ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from tests.bench.crawl_lag import say

PICK_UP_GAP_SECONDS = (0.010, 0.020)
LINE_LIMIT = 2**20

Command = Callable[..., Awaitable[Mapping[str, Any]]]


class Contender(Protocol):
    """An engine with one task type that does nothing but call `began`."""

    began: Callable[[], None]
    """Called at the first line of the handler."""

    async def reset(self) -> None:
        """Nothing is queued and nothing is kept of what was; no worker runs."""
        ...

    async def submit(self) -> None:
        """One task; returns when the engine has accepted it."""
        ...

    def working(self, concurrency: int) -> AbstractAsyncContextManager[None]:
        """A worker with the engine's defaults."""
        ...

    async def all_done(self, count: int) -> None:
        """Returns when the engine has kept the end of `count` tasks since the last reset."""
        ...


class Measurements:
    """The commands that every contender answers."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._random = random.Random(1)

    @property
    def commands(self) -> Mapping[str, Command]:
        return {"submit": self.submit, "throughput": self.throughput, "pickup": self.pick_up}

    async def submit(self, count: int, at_once: int) -> Mapping[str, Any]:
        """`count` submits in groups of `at_once`, a group beginning when the last one is through. No worker runs."""
        await self._contender.reset()
        began, took = time.perf_counter(), list[float]()
        for _ in range(count // at_once):
            took += await asyncio.gather(*(self._timed_submit() for _ in range(at_once)))
        return {"took": took, "seconds": time.perf_counter() - began}

    async def _timed_submit(self) -> float:
        began = time.perf_counter()
        await self._contender.submit()
        return time.perf_counter() - began

    async def throughput(self, tasks: int, concurrency: int) -> Mapping[str, Any]:
        """`tasks` are submitted first; the time is from the worker's start until the last end is kept."""
        await self._contender.reset()
        await submit_many(self._contender, tasks)
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        async with self._contender.working(concurrency):
            await self._contender.all_done(tasks)
            return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}

    async def pick_up(self, samples: int) -> Mapping[str, Any]:
        """From the start of a submit call, and from its return, to the handler's first line; the worker is idle."""
        await self._contender.reset()
        loop = asyncio.get_running_loop()
        from_call, from_return = list[float](), list[float]()
        async with self._contender.working(10):
            for number in range(-10, samples):  # the first ones only warm up
                heard = loop.create_future()
                self._contender.began = lambda heard=heard: heard.set_result(time.perf_counter())  # type: ignore[misc]
                called = time.perf_counter()
                await self._contender.submit()
                returned = time.perf_counter()
                at = await asyncio.wait_for(heard, 30)
                if number >= 0:
                    from_call.append(at - called)
                    from_return.append(at - returned)
                await asyncio.sleep(self._random.uniform(*PICK_UP_GAP_SECONDS))
            self._contender.began = _nothing
            await self._contender.all_done(samples + 10)
        return {"from_call": from_call, "from_return": from_return}


def _nothing() -> None:
    return


async def submit_many(contender: Contender, count: int, *, at_once: int = 50) -> None:
    for start in range(0, count, at_once):
        await asyncio.gather(*(contender.submit() for _ in range(min(at_once, count - start))))


async def until(is_so: Callable[[], bool], bell: asyncio.Event) -> None:
    """Returns when it is so; whoever changes what it looks at sets the bell."""
    while not is_so():
        bell.clear()
        await bell.wait()


@contextlib.asynccontextmanager
async def in_background(work: Awaitable[Any]) -> AsyncIterator[None]:
    """Runs it beside the block and cancels it after; raises what it raised."""
    job = asyncio.ensure_future(work)
    try:
        yield
    finally:
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job


async def serve(commands: Mapping[str, Command], **facts: Any) -> None:
    """Answer until the input ends."""
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say(ready=True, **facts)
    while line := await reader.readline():
        asked = json.loads(line)
        say(**await commands[asked.pop("do")](**asked))
