"""A cancel that comes at any moment of a short life: one outcome, and the answer agrees with it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.errors import WrongState
from gleanery.model import TaskStatus
from gleanery.store.values import Change
from tests.engine.faults import history
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage

RACES = 10_000
AT_ONCE = 100
LATEST_TURN = 40


async def nothing(ctx: TaskContext) -> None:
    return


class Told:
    """What was told of tasks: that they began, and how they ended."""

    def __init__(self) -> None:
        self.statuses: dict[str, TaskStatus] = {}
        self._news: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)

    def __call__(self, changes: Sequence[Change]) -> None:
        for change in changes:
            task = change.task
            if task.status.is_final:
                assert task.task_id not in self.statuses, "one end"
                self.statuses[task.task_id] = task.status
            if task.status is not TaskStatus.QUEUED:
                self._news[task.task_id, "began"].set()
            if task.status.is_final:
                self._news[task.task_id, "ended"].set()

    async def wait(self, task_id: str, what: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._news[task_id, what].wait()

    async def end(self, task_id: str) -> TaskStatus:
        await self.wait(task_id, "ended")
        return self.statuses[task_id]


async def race(stage: Stage, told: Told, *, is_begun: bool, turns: int) -> tuple[str, TaskStatus]:
    """Cancel a new task, so many turns of the loop after it was queued or began: what was answered, and how it ended."""
    task = await stage.enqueue()
    if is_begun:
        await told.wait(task.task_id, "began")
    for _ in range(turns):
        await asyncio.sleep(0)
    try:
        answer = await stage.tasks.request_cancel(task.task_id)
    except WrongState as refused:
        answered = f"refused, {refused.details['status']}"
    else:
        answered = f"{answer.status}, {'asked' if answer.is_cancel_requested else 'done'}"
    return answered, await told.end(task.task_id)


@pytest.mark.slow
async def test_ten_thousand_cancels_race_completion_and_every_answer_is_kept(stage: Stage) -> None:
    """Expected: one outcome each. Answered `cancelled` it stays so; answered `running` it ends as one of both; refused it
    had completed already."""
    rng, told, seen = random.Random(11), Told(), Counter[tuple[str, str]]()
    stage.feed.listen(told)
    races_to_run = RACES // stage.times_slower
    async with stage.worker(Acting(nothing), concurrency=AT_ONCE // 4) as worker:
        for _ in range(races_to_run // AT_ONCE):
            races = (race(stage, told, is_begun=n % 2 == 0, turns=rng.randrange(LATEST_TURN)) for n in range(AT_ONCE))
            seen.update(await asyncio.gather(*races))
    assert worker.running == 0
    assert set(seen) <= {
        ("cancelled, done", "cancelled"),
        ("running, asked", "cancelled"),
        ("running, asked", "completed"),
        ("refused, completed", "completed"),
    }
    assert min(seen["cancelled, done", "cancelled"], seen["refused, completed", "completed"]) > races_to_run // 100, (
        seen
    )
    assert seen["running, asked", "cancelled"] + seen["running, asked", "completed"] > 0, seen
    for task in await history.check_all(stage.tasks):
        assert task.status is told.statuses[task.task_id]
