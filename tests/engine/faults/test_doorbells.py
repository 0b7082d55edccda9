"""Doorbells that are lost, doubled, late and out of order: they carry no truth, so nothing may depend on them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from gleanery.engine.dispatch import LocalDispatcher
from gleanery.engine.handler import TaskContext
from gleanery.model import Progress, Task, TaskStatus, utc_now
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Wanted
from tests.engine.faults import history
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage, Through

TIMES = 10
LATEST_SECONDS = 0.3
DELAY = timedelta(seconds=0.5)


class Deaf(LocalDispatcher):
    """Loses every doorbell."""

    def ring(self, task_id: str) -> None:
        return


class Stuttering(LocalDispatcher):
    """Delivers every doorbell ten times, late and so out of order."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(5)
        self._under_way = 0
        self._is_quiet = asyncio.Event()
        self.delivered = 0

    def ring(self, task_id: str) -> None:
        self._is_quiet.clear()
        for _ in range(TIMES):
            self._under_way += 1
            asyncio.get_running_loop().call_later(self._random.uniform(0, LATEST_SECONDS), self._deliver, task_id)

    def _deliver(self, task_id: str) -> None:
        self.delivered += 1
        super().ring(task_id)
        self._under_way -= 1
        if not self._under_way:
            self._is_quiet.set()

    async def quiet(self) -> None:
        """Wait until all that was rung has been delivered."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._is_quiet.wait()


class Looks(Through):
    """Keeps when each look for due tasks and for what is asked of running ones began, and what it found."""

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self.claims: list[tuple[datetime, set[str]]] = []
        self.asks: list[tuple[datetime, set[str]]] = []

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        begun_at = utc_now()
        found = await self.inner.claim_due(wanted, limit)
        self.claims.append((begun_at, {task.task_id for task in found}))
        return found

    async def asked_of(self, worker_id: str) -> Sequence[str]:
        begun_at = utc_now()
        found = await self.inner.asked_of(worker_id)
        self.asks.append((begun_at, set(found)))
        return found


def missed(looks: Sequence[tuple[datetime, set[str]]], task: Task, since: datetime) -> int:
    """How many looks that began since then did not find the task, before one did."""
    found = [task.task_id in found for begun_at, found in looks if begun_at >= since]
    return 0 if any(task.task_id in found for begun_at, found in looks if begun_at < since) else found.index(True)


async def nothing(ctx: TaskContext) -> None:
    return


async def forever(ctx: TaskContext) -> None:
    await ctx.report(Progress(10.0))
    await asyncio.Event().wait()


async def test_without_any_doorbell_tasks_start_and_are_cancelled_within_a_look(stage: Stage) -> None:
    """Expected: a due task, a delayed one and a cancel of a running one are each seen by the look of once a second."""
    looks = Looks(stage.tasks)
    async with stage.worker(Acting(nothing), Acting(forever, "forever"), store=looks, dispatcher=Deaf()):
        later = await stage.enqueue(run_at=utc_now() + DELAY)
        running, soon = await stage.enqueue("forever"), await stage.enqueue()
        enqueued_at = utc_now()
        await stage.told(running.task_id, "task_started")
        assert (await stage.ended(soon)).status is TaskStatus.COMPLETED
        assert (await stage.ended(later)).status is TaskStatus.COMPLETED
        assert [missed(looks.claims, task, enqueued_at) for task in (running, soon)] == [0, 0]
        assert missed(looks.claims, later, max(enqueued_at, later.run_at)) == 0

        await stage.tasks.request_cancel(running.task_id)
        cancelled_at = utc_now()
        assert (await stage.ended(running)).status is TaskStatus.CANCELLED
        assert missed(looks.asks, running, cancelled_at) == 0
    await history.check_all(stage.tasks)


async def test_doorbells_that_come_ten_times_and_late_run_each_task_once(stage: Stage) -> None:
    """Expected: every task runs once, a cancelled one ends once, whatever order the doorbells of all come in."""
    ran: Counter[str] = Counter()

    async def act(ctx: TaskContext) -> None:
        ran[ctx.task.task_id] += 1
        await ctx.report(Progress(50.0))

    dispatcher = Stuttering()
    async with stage.worker(Acting(act), Acting(forever, "forever"), concurrency=8, dispatcher=dispatcher):
        endless = [await stage.enqueue("forever") for _ in range(4)]
        tasks = [await stage.enqueue() for _ in range(40)]
        for task in endless:
            await stage.told(task.task_id, "task_started")
            await stage.tasks.request_cancel(task.task_id)
        assert {(await stage.ended(task)).status for task in endless} == {TaskStatus.CANCELLED}
        assert {(await stage.ended(task)).status for task in tasks} == {TaskStatus.COMPLETED}
        await dispatcher.quiet()
    assert dispatcher.delivered > TIMES * len(tasks)
    assert ran == Counter(task.task_id for task in tasks)
    assert {task.attempt for task in await history.check_all(stage.tasks)} == {1}
