"""What the tests of the worker play on: a real store, its changes, handlers made of a function, and stores that balk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import Outcome, TaskContext, by_type
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.worker import Worker
from gleanery.errors import StorageFull
from gleanery.model import Fence, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.base import Change, Store, TaskStore

PATIENCE_SECONDS = 15.0
LONG_LEASE_SECONDS = 600.0
AT_ONCE = RetryPolicy(max_retries=3, base_seconds=0.0)
Act = Callable[[TaskContext], Awaitable[Mapping[str, Any] | None]]


class Payload(BaseModel):
    """Anything."""


class Acting:
    """A `Handler` that does what its function does; the function's result is the task's."""

    def __init__(
        self, act: Act, task_type: str = "demo", *, retry: RetryPolicy = AT_ONCE, timeout_seconds: float | None = None
    ) -> None:
        self.task_type = task_type
        self.retry = retry
        self.timeout_seconds = timeout_seconds
        self._act = act

    def parse(self, payload: Mapping[str, Any]) -> Payload:
        return Payload.model_validate(payload)

    async def run(self, ctx: TaskContext) -> Outcome:
        result = await self._act(ctx)
        return Outcome(result or {}, Progress(100.0, "done"), "Done")


class Stage:
    """A store with its feed, and waiting for what is told."""

    def __init__(self, store: Store, feed: ChangeFeed) -> None:
        self.store = store
        self.tasks = store.tasks
        self.feed = feed
        self._told: list[tuple[str, str]] = []
        self._news = asyncio.Event()
        feed.listen(self._hear)

    def _hear(self, changes: Sequence[Change]) -> None:
        self._told += [(change.task.task_id, event.type) for change in changes for event in change.events]
        self._news.set()

    async def told(self, task_id: str, event_type: str, times: int = 1) -> None:
        """Wait until the task has told such an event so many times."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._told.count((task_id, event_type)) < times:
                self._news.clear()
                await self._news.wait()

    async def ended(self, task: Task) -> Task:
        """The task once it has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (now := await self.tasks.get(task.task_id)).status.is_final:
                self._news.clear()
                if (await self.tasks.get(task.task_id)).status.is_final:
                    continue
                await self._news.wait()
        return now

    async def enqueue(self, task_type: str = "demo", *, serial_key: str | None = None, **fields: Any) -> Task:
        return await self.tasks.create(NewTask(task_type, fields.pop("payload", {}), **fields), serial_key=serial_key)

    async def events(self, task: Task) -> list[str]:
        return [e.type for e in await self.tasks.events(task.task_id, after=None, before=None, limit=1000)]

    @asynccontextmanager
    async def worker(
        self,
        *handlers: Acting,
        concurrency: int = 4,
        lease_seconds: float = LONG_LEASE_SECONDS,
        store: TaskStore | None = None,
        worker_id: str | None = None,
    ) -> AsyncIterator[Worker]:
        """A worker that is started, hears the feed, and is stopped afterwards."""
        worker = Worker(
            store or self.tasks,
            by_type(handlers),
            concurrency=concurrency,
            lease_seconds=lease_seconds,
            worker_id=worker_id,
        )
        silence = self.feed.listen(worker.hear)
        try:
            await worker.start()
            yield worker
        finally:
            await worker.stop()
            silence()


class Through:
    """A `TaskStore` that hands every call to another one; subclasses get in the way of some."""

    def __init__(self, inner: TaskStore) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class FullAtTheEnd(Through):
    """Has no room for the first `times` ends of attempts."""

    def __init__(self, inner: TaskStore, times: int) -> None:
        super().__init__(inner)
        self.times = times

    async def finish(self, fence: Fence, status: TaskStatus, events: Sequence[NewEvent], **fields: Any) -> Task:
        if self.times > 0:
            self.times -= 1
            raise StorageFull("The disk is full.")
        return await self.inner.finish(fence, status, events, **fields)


class CountingBeats(Through):
    """Tells when there have been so many heartbeats."""

    def __init__(self, inner: TaskStore, until: int) -> None:
        super().__init__(inner)
        self._left = until
        self.enough = asyncio.Event()

    async def beat(self, fence: Fence, lease_seconds: float, memory_usage_mb: float | None = None) -> bool:
        answer = await self.inner.beat(fence, lease_seconds, memory_usage_mb)
        self._left -= 1
        if self._left == 0:
            self.enough.set()
        return answer


class AfterClaim(Through):
    """Does something between the commit of a claim and the worker's next step."""

    def __init__(self, inner: TaskStore, then: Callable[[Task], Awaitable[object]]) -> None:
        super().__init__(inner)
        self._then = then

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        task = await self.inner.claim(task_id, worker_id, lease_seconds)
        if task is not None:
            await self._then(task)
        return task
