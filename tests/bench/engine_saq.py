"""The contender SAQ: one function on Redis, with its defaults. Takes the path of Redis' socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version
from typing import Any

from redis.asyncio import Redis
from saq import Worker
from saq.queue.redis import RedisQueue

from tests.bench.engine_contender import Measurements, in_background, serve, until


class Saq:
    """`Contender` over a queue."""

    def __init__(self, queue: RedisQueue) -> None:
        self.began: Callable[[], None] = lambda: None
        self._queue = queue
        self._done = 0
        self._bell = asyncio.Event()

    async def _run(self, _: Any) -> None:
        self.began()

    async def _ended(self, _: Any) -> None:
        """SAQ calls it after it has stored how a job ended."""
        self._done += 1
        self._bell.set()

    async def reset(self) -> None:
        self._done = 0
        await self._queue.redis.flushall()

    async def submit(self) -> None:
        await self._queue.enqueue("empty")

    @contextlib.asynccontextmanager
    async def working(self, concurrency: int) -> AsyncIterator[None]:
        worker = Worker(self._queue, [("empty", self._run)], concurrency=concurrency, after_process=self._ended)
        async with in_background(worker.start()):
            yield

    async def all_done(self, count: int) -> None:
        await until(lambda: self._done >= count, self._bell)


async def main(socket: str) -> None:
    logging.getLogger("saq").setLevel(logging.ERROR)  # it warns of its idle loops each time a worker is stopped
    queue = RedisQueue(Redis.from_url(f"unix://{socket}"))
    await queue.connect()
    try:
        await serve(Measurements(Saq(queue)).commands, version=version("saq"))
    finally:
        await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
