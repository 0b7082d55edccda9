"""A cancel that comes at any moment of a short life: one outcome, and the answer agrees with it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.errors import WrongState
from gleanery.model import TaskStatus
from gleanery.store.base import Change
from tests.engine.faults import history
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage

RACES = 10_000
AT_ONCE = 100
LATEST_TURN = 400


async def nothing(ctx: TaskContext) -> None:
    return


@dataclass
class Ends:
    """How tasks ended, as it was told."""

    statuses: dict[str, TaskStatus] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Event] = field(default_factory=dict)

    def __call__(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.task.status.is_final:
                assert change.task.task_id not in self.statuses, "one end"
                self.statuses[change.task.task_id] = change.task.status
                self._waiting.setdefault(change.task.task_id, asyncio.Event()).set()

    async def of(self, task_id: str) -> TaskStatus:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._waiting.setdefault(task_id, asyncio.Event()).wait()
        return self.statuses[task_id]


async def race(stage: Stage, ends: Ends, turns: int) -> tuple[str, TaskStatus]:
    """Cancel a new task after so many turns of the loop: what was answered, and how it ended."""
    task = await stage.enqueue()
    for _ in range(turns):
        await asyncio.sleep(0)
    try:
        answer = await stage.tasks.request_cancel(task.task_id)
    except WrongState as refused:
        assert ends.statuses.get(task.task_id) == refused.details["status"], "it had ended, and that was told before"
        return "ended", await ends.of(task.task_id)
    assert answer.status is TaskStatus.CANCELLED or answer.is_cancel_requested
    return str(answer.status), await ends.of(task.task_id)


@pytest.mark.slow
async def test_ten_thousand_cancels_race_completion_and_every_answer_is_kept(stage: Stage) -> None:
    """Expected: one outcome each. Answered `cancelled` it stays so; answered `running` it ends as one of both; refused it
    had completed already."""
    rng, ends, seen = random.Random(11), Ends(), Counter[tuple[str, str]]()
    stage.feed.listen(ends)
    async with stage.worker(Acting(nothing), concurrency=AT_ONCE // 4) as worker:
        for _ in range(RACES // AT_ONCE):
            races = (race(stage, ends, rng.randrange(LATEST_TURN)) for _ in range(AT_ONCE))
            seen.update(await asyncio.gather(*races))
    assert worker.running == 0
    assert set(seen) <= {
        ("cancelled", "cancelled"),
        ("running", "cancelled"),
        ("running", "completed"),
        ("ended", "completed"),
    }
    assert min(seen["cancelled", "cancelled"], seen["ended", "completed"]) > RACES // 100, "both come first at times"
    assert seen["running", "cancelled"] + seen["running", "completed"] > 0
    for task in await history.check_all(stage.tasks):
        assert task.status is ends.statuses[task.task_id]
