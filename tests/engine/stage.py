"""What the tests of the worker play on: a real store, its changes, handlers made of a function, and stores that balk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from gleanery.engine.dispatch import Dispatcher, LocalDispatcher, ringing
from gleanery.engine.doorbells import ProcrastinateDispatcher
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, by_type
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.worker import Worker
from gleanery.errors import StorageAway, StorageFull
from gleanery.model import Fence, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.base import Store, WorkerStore
from gleanery.store.presence import FilePresence
from gleanery.store.supabase.notices import Notices
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Asked, Change, TaskFilter, Wanted

PATIENCE_SECONDS = 60.0
LONG_LEASE_SECONDS = 600.0
AT_ONCE = RetryPolicy(max_retries=3, base_seconds=0.0)
Act = Callable[[TaskContext], Awaitable[Mapping[str, Any] | None]]
OpenDispatcher = Callable[["Stage", Worker], AbstractAsyncContextManager[object]]


@asynccontextmanager
async def rung_here(stage: Stage, worker: Worker, dispatcher: Dispatcher | None = None) -> AsyncIterator[None]:
    """The worker hears what this process writes."""
    dispatcher = dispatcher or LocalDispatcher()
    silence = stage.feed.listen(ringing(dispatcher))
    dispatcher.listen(worker.hear)
    yield
    silence()


def rung_from(database_url: str) -> OpenDispatcher:
    """It hears what Procrastinate has for it, and nothing else."""

    @asynccontextmanager
    async def opened(_: Stage, worker: Worker) -> AsyncIterator[None]:
        notices = Notices(database_url)
        dispatcher = ProcrastinateDispatcher(database_url, notices, worker)
        dispatcher.listen(worker.hear)
        await dispatcher.start()
        notices.start()
        try:
            yield
        finally:
            await notices.stop()
            await dispatcher.drain()

    return opened


class Payload(BaseModel):
    """Anything."""

    model_config = ConfigDict(extra="allow")


class Acting:
    """A `Handler` that does what its function does; the function's result is the task's. `traits` are its spec's."""

    def __init__(self, act: Act, task_type: str = "demo", *, retry: RetryPolicy = AT_ONCE, **traits: Any) -> None:
        self.spec = TaskSpec(task_type, Payload, retry=retry, **traits)
        self._act = act

    async def run(self, ctx: TaskContext, payload: Payload) -> Outcome:
        result = await self._act(ctx)
        return Outcome(result or {}, Progress(100.0, "done"), "Done")


class Stage:
    """A store with its feed, and waiting for what is told."""

    def __init__(
        self,
        store: Store,
        feed: ChangeFeed,
        folder: Path,
        open_dispatcher: OpenDispatcher = rung_here,
        *,
        times_slower: int = 1,
    ) -> None:
        self.store = store
        self.times_slower = times_slower
        """How much longer a call takes than one of the embedded store: tests of thousands make fewer."""
        self._open_dispatcher = open_dispatcher
        self.folder = folder
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

    async def lose(self, *worker_ids: str) -> None:
        """Take back what these workers run, as after a laptop's sleep. A row that its worker beats right then is left for the
        next look."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.tasks.reap(gone=worker_ids, spare=[]):
                pass

    async def ended(self, task: Task) -> Task:
        """The task once it has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (now := await self.tasks.get(task.task_id)).status.is_final:
                self._news.clear()
                if (await self.tasks.get(task.task_id)).status.is_final:
                    continue
                await self._news.wait()
        return now

    async def running(self, count: int) -> Sequence[Task]:
        """Those that run, once so many do."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                self._news.clear()
                running = await self.tasks.list(TaskFilter((TaskStatus.RUNNING,)), after=None, limit=1000)
                if len(running) >= count:
                    return running
                await self._news.wait()

    async def enqueue(self, task_type: str = "demo", **fields: Any) -> Task:
        return await self.tasks.create(NewTask(task_type, fields.pop("payload", {}), **fields))

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
        dispatcher: Dispatcher | None = None,
        **options: Any,
    ) -> AsyncIterator[Worker]:
        """A worker that is started, hears doorbells as the stage has them (or by `dispatcher`), and is stopped afterwards."""
        worker = Worker(
            Parts(store or self.tasks, self.store.workers),
            by_type(handlers),
            concurrency=concurrency,
            lease_seconds=lease_seconds,
            worker_id=worker_id,
            presence=FilePresence(self.folder / "workers"),
            **{"last_writes_seconds": PATIENCE_SECONDS, **options},
        )
        opened = rung_here(self, worker, dispatcher) if dispatcher else self._open_dispatcher(self, worker)
        async with opened:
            try:
                await worker.start()
                yield worker
            finally:
                await worker.stop()


@dataclass(frozen=True)
class Parts:
    """What of a store the worker works with."""

    tasks: TaskStore
    workers: WorkerStore


class Through:
    """A `TaskStore` that hands every call to another one; subclasses get in the way of some."""

    def __init__(self, inner: TaskStore) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class AwayAtReports(Through):
    """Does not answer the first `times` reports."""

    def __init__(self, inner: TaskStore, times: int) -> None:
        super().__init__(inner)
        self.times = times

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        if self.times > 0:
            self.times -= 1
            raise StorageAway("Nobody answers.")
        return await self.inner.report(fence, events, progress)


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

    async def beat(
        self, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
    ) -> Mapping[str, Asked]:
        answer = await self.inner.beat(fences, lease_seconds, memory_usage_mb)
        self._left -= 1
        if self._left == 0:
            self.enough.set()
        return answer


class AfterClaim(Through):
    """Does something between the commit of a claim and the worker's next step."""

    def __init__(self, inner: TaskStore, then: Callable[[Task], Awaitable[object]]) -> None:
        super().__init__(inner)
        self._then = then

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        tasks = await self.inner.claim_due(wanted, limit)
        for task in tasks:
            await self._then(task)
        return tasks
