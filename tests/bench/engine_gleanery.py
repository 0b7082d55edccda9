"""The contender gleanery: the embedded store and its worker, wired as the server wires them.

Takes a folder. What is compared with others goes on in one database, as in a server that has run for a while; lag and
memory, which it answers alone, have a fresh one each.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gleanery import log
from gleanery.engine.dispatch import LocalDispatcher, ringing
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, by_type
from gleanery.engine.submit import Submitter
from gleanery.engine.tail import Tail
from gleanery.engine.worker import Worker
from gleanery.model import NewTask, TaskStatus, utc_now
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import Change
from tests.bench.crawl_lag import Ticker
from tests.bench.engine_contender import Command, Measurements, in_background, serve, submit_many, until

QUEUE_LIMIT = 1_000_000
LEASE_SECONDS = 30.0
WAITING_LEASE_SECONDS = 10.0
BACKLOG = 500
"""How many tasks wait at most while memory is measured."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Nothing(BaseModel):
    """The payload of an empty task."""


class Empty:
    spec = TaskSpec("empty", Nothing)

    def __init__(self, began: Callable[[], None]) -> None:
        self._began = began

    async def run(self, _: TaskContext, __: Nothing) -> Outcome:
        self._began()
        return Outcome({}, None, "Done")


class Waiting:
    """Tasks that wait until they are let go."""

    spec = TaskSpec("waiting", Nothing)

    def __init__(self, began: Callable[[], None], go: asyncio.Event) -> None:
        self._began = began
        self._go = go

    async def run(self, _: TaskContext, __: Nothing) -> Outcome:
        self._began()
        await self._go.wait()
        return Outcome({}, None, "Done")


class Gleanery:
    """`Contender`; what was done stays in the database."""

    def __init__(self, folder: Path) -> None:
        self.began: Callable[[], None] = lambda: None
        self.go = asyncio.Event()
        self.running = 0
        self.leases_lost = 0
        self.completed = 0
        self._submitted = 0
        self._folder = folder
        self._numbers = itertools.count()
        self._bell = asyncio.Event()
        self._open = contextlib.AsyncExitStack()
        self._handlers = by_type([Empty(lambda: self.began()), Waiting(self._waits, self.go)])

    async def reset(self) -> None:
        """What is still queued is worked off."""
        if self.completed < self._submitted:
            async with self.working(100):
                await self.all_done(self._submitted)
        self.completed = self._submitted = 0

    async def open(self) -> None:
        """A fresh database."""
        await self.close()
        self.completed = self.running = self._submitted = 0
        self.go.clear()
        feed = ChangeFeed()
        tail = Tail(feed.publish)
        self._store = await self._open.enter_async_context(
            EmbeddedStore(self._folder / f"{next(self._numbers)}.sqlite", tail.hear)
        )
        await tail.start(self._store.tasks)
        self._open.push_async_callback(tail.stop)
        self._dispatcher = LocalDispatcher()
        feed.listen(ringing(self._dispatcher))
        feed.listen(self._count)
        self._submitter = Submitter(self._store.tasks, self._handlers, queue_limit=QUEUE_LIMIT)

    async def close(self) -> None:
        await self._open.aclose()

    async def submit(self, task_type: str = "empty", run_at: datetime | None = None) -> None:
        self._submitted += 1
        await self._submitter.submit(NewTask(task_type, {}, run_at=run_at))

    @contextlib.asynccontextmanager
    async def working(self, concurrency: int, lease_seconds: float = LEASE_SECONDS) -> AsyncIterator[None]:
        worker = Worker(self._store, self._handlers, concurrency=concurrency, lease_seconds=lease_seconds)
        unlisten = self._dispatcher.listen(worker.hear)
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()
            unlisten()
            self.leases_lost = worker.leases_lost

    async def all_done(self, count: int) -> None:
        await until(lambda: self.completed >= count, self._bell)

    async def all_wait(self, count: int) -> None:
        await until(lambda: self.running >= count, self._bell)

    def _count(self, changes: Sequence[Change]) -> None:
        self.completed += sum(change.task.status is TaskStatus.COMPLETED for change in changes)
        self._bell.set()

    def _waits(self) -> None:
        self.running += 1
        self._bell.set()


class GleaneryMeasurements(Measurements):
    """With those of gleanery alone."""

    def __init__(self, gleanery: Gleanery) -> None:
        super().__init__(gleanery)
        self._own = gleanery

    @property
    def commands(self) -> Mapping[str, Command]:
        own = {"lag_queued": self.lag_queued, "lag_later": self.lag_later, "lag_waiting": self.lag_waiting}
        return {**super().commands, **own, "memory": self.memory}

    async def lag_queued(self, tasks: int, concurrency: int) -> Mapping[str, Any]:
        """The lag of the loop while `tasks` that are due are worked off."""
        await self._own.open()
        await submit_many(self._own, tasks)
        ticker = _settled()
        async with in_background(ticker.run()), self._own.working(concurrency):
            await self._own.all_done(tasks)
            return ticker.take()

    async def lag_later(self, tasks: int, seconds: float) -> Mapping[str, Any]:
        """The lag of the loop while the worker is idle and `tasks` have a start time to come."""
        await self._own.open()
        later = utc_now() + timedelta(hours=1)
        for _ in range(tasks // 50):
            await asyncio.gather(*(self._own.submit(run_at=later) for _ in range(50)))
        ticker = _settled()
        async with in_background(ticker.run()), self._own.working(10):
            await asyncio.sleep(seconds)
            return ticker.take()

    async def lag_waiting(self, tasks: int, seconds: float) -> Mapping[str, Any]:
        """The lag of the loop while `tasks` run and wait, each with a lease to be kept; then while all end at once."""
        await self._own.open()
        await asyncio.gather(*(self._own.submit("waiting") for _ in range(tasks)))
        ticker = _settled()
        async with in_background(ticker.run()), self._own.working(tasks, WAITING_LEASE_SECONDS):
            await self._own.all_wait(tasks)
            begun = ticker.take()
            await asyncio.sleep(seconds)
            waiting = ticker.take()
            self._own.go.set()
            await self._own.all_done(tasks)
            ended = ticker.take()
        return {"begun": begun, "waiting": waiting, "ended": ended, "leases_lost": self._own.leases_lost}

    async def memory(self, marks: Sequence[int]) -> Mapping[str, Any]:
        """Resident MB each time so many tasks are through. They come as they are worked off, with no retention."""
        await self._own.open()
        _settled()
        began, resident, submitted = time.perf_counter(), dict[str, float](), 0
        async with self._own.working(100):
            for mark in marks:
                while submitted < mark:
                    await asyncio.gather(*(self._own.submit() for _ in range(50)))
                    submitted += 50
                    await self._own.all_done(submitted - BACKLOG)
                await self._own.all_done(mark)
                gc.collect()
                resident[str(mark)] = _resident_mb()
        return {"resident_mb": resident, "seconds": time.perf_counter() - began}


def _settled() -> Ticker:
    """What the server does once after its start: what is there now is no longer looked through for garbage."""
    gc.collect()
    gc.freeze()
    return Ticker()


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


async def main(folder: Path) -> None:
    log.set_up("warning")
    gleanery = Gleanery(folder)
    await gleanery.open()
    _settled()
    try:
        await serve(GleaneryMeasurements(gleanery).commands)
    finally:
        await gleanery.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
