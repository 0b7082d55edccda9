"""Doorbells that are lost, doubled, late and out of order: they carry no truth, so nothing may depend on them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta

from gleanery.engine.dispatch import LocalDispatcher
from gleanery.engine.handler import TaskContext
from gleanery.model import Progress, TaskStatus, utc_now
from tests.engine.faults import history
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage

TIMES = 10
LATEST_SECONDS = 0.3
HEEDED_SECONDS = 2.5
"""A look a second, and room for a busy machine."""


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


async def nothing(ctx: TaskContext) -> None:
    return


async def forever(ctx: TaskContext) -> None:
    await ctx.report(Progress(10.0))
    await asyncio.Event().wait()


async def test_without_any_doorbell_tasks_start_and_are_cancelled_within_a_look(stage: Stage) -> None:
    """Expected: a due task, a delayed one and a cancel of a running one are each seen by the look of once a second."""
    loop = asyncio.get_running_loop()
    async with stage.worker(Acting(nothing), Acting(forever, "forever"), dispatcher=Deaf()):
        before = loop.time()
        later = await stage.enqueue(run_at=utc_now() + timedelta(seconds=0.5))
        running, soon = await stage.enqueue("forever"), await stage.enqueue()
        await stage.told(running.task_id, "task_started")
        assert (await stage.ended(soon)).status is TaskStatus.COMPLETED
        assert (await stage.ended(later)).status is TaskStatus.COMPLETED
        assert loop.time() - before < 0.5 + HEEDED_SECONDS

        before = loop.time()
        await stage.tasks.request_cancel(running.task_id)
        assert (await stage.ended(running)).status is TaskStatus.CANCELLED
        assert loop.time() - before < HEEDED_SECONDS
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
