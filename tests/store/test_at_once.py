"""What holds of tasks when clients and workers do everything at the same time, through two stores over one database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from gleanery.errors import GleaneryError, InvalidInput, LeaseLost, NotFound, WrongState
from gleanery.model import DependencyFailure, Fence, NewTask, Task, TaskStatus
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Retention, TaskFilter, Wanted
from tests.store.conftest import OpenStore
from tests.store.samples import Changes, fence_of, told

ACTS = 500
AT_ONCE = 16
KEYS = (None, "k1", "k2")
ENDS = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.QUEUED)
UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.PAUSED)
REFUSALS = (InvalidInput, LeaseLost, NotFound, WrongState)


class Crowd:
    """Does something of all that can be done, with what there is."""

    def __init__(self, *stores: TaskStore) -> None:
        self.rng = random.Random(7)
        self.stores = stores
        self.ids: list[str] = []
        self.fences: list[Fence] = []
        self.refused: list[GleaneryError] = []
        self._acts: list[Callable[[TaskStore], Awaitable[object]]] = [
            *[self.create] * 3,
            self.create_waiting,
            *[self.claim] * 3,
            *[self.finish] * 3,
            self.take_back,
            lambda store: store.beat(list(self.fences), 60, {}),
            lambda store: store.request_cancel(self.one()),
            lambda store: store.request_pause(self.one()),
            lambda store: store.resume(self.one()),
            lambda store: store.retry(self.one(), only_failed=False),
            lambda store: store.change(self.one(), priority=self.rng.randrange(3), depends_on=[self.one()]),
            lambda store: store.prune(Retention(events_per_task=5), 100),
        ]

    def one(self) -> str:
        return self.rng.choice(self.ids)

    async def act(self) -> None:
        act = self.rng.choice(self._acts) if self.ids else self.create
        try:
            await act(self.rng.choice(self.stores))
        except REFUSALS as error:
            self.refused.append(error)

    async def create(self, store: TaskStore) -> None:
        new = NewTask("demo", {}, coalesce_key=self.rng.choice(KEYS), serial_key=self.rng.choice(KEYS), max_retries=2)
        self.ids.append((await store.create(new)).task_id)

    async def create_waiting(self, store: TaskStore) -> None:
        depends_on = tuple({self.one(), self.one()})
        self.ids.append(
            (await store.create(NewTask("demo", {}, depends_on=depends_on, coalesce_key=self.rng.choice(KEYS)))).task_id
        )

    async def claim(self, store: TaskStore) -> None:
        claimed = await store.claim_due(Wanted("w", 60, ("demo",), {"demo": 12}), 3)
        self.fences += map(fence_of, claimed)

    async def finish(self, store: TaskStore) -> None:
        if self.fences:
            fence = self.fences.pop(self.rng.randrange(len(self.fences)))
            await store.finish(fence, self.rng.choice(ENDS), told())

    async def take_back(self, store: TaskStore) -> None:
        await store.reap(gone=["w"] if self.rng.random() < 0.2 else [], spare=[])


@pytest.mark.slow
async def test_everything_at_once_breaks_no_promise(open_store: OpenStore) -> None:
    heard = Changes()
    async with AsyncExitStack() as stack:
        stores = [(await stack.enter_async_context(open_store(heard))).tasks for _ in range(2)]
        crowd = Crowd(*stores)
        left = iter(range(ACTS))

        async def work() -> None:
            for _ in left:
                await crowd.act()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        tasks = {task.task_id: task for task in await stores[0].list(TaskFilter(), after=None, limit=10_000)}
        assert set(crowd.ids) == tasks.keys(), "an accepted task is gone"
        for task in tasks.values():
            check(task, tasks)
            events = await stores[1].events(task.task_id, after=None, before=None, limit=10_000)
            assert [event.seq for event in events] == list(range(task.first_seq, task.last_seq + 1))
            seqs = [seq for seq, _ in heard.of(task.task_id)]
            assert sorted(seqs) == list(range(1, task.last_seq + 1)), "each event is told once"
        held = [task.coalesce_key for task in tasks.values() if task.status is TaskStatus.QUEUED and task.coalesce_key]
        assert len(held) == len(set(held))
        held = [task.serial_key for task in tasks.values() if task.status is TaskStatus.RUNNING and task.serial_key]
        assert len(held) == len(set(held))


def check(task: Task, tasks: dict[str, Task]) -> None:
    others = [tasks[name] for name in set(task.depends_on)]
    if task.status in UNFINISHED:
        assert task.waits_for == sum(other.status is not TaskStatus.COMPLETED for other in others)
    if task.status in (TaskStatus.QUEUED, TaskStatus.PAUSED) and task.on_dependency_failure is DependencyFailure.FAIL:
        assert not any(other.status in (TaskStatus.FAILED, TaskStatus.CANCELLED) for other in others)
