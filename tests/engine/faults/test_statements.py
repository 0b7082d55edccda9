"""Every statement of a task's life fails once, and again with those after it: nothing is half written, the task can end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.errors import StorageError
from gleanery.model import NewEvent, Progress, Task, TaskStatus
from tests.engine.faults import history
from tests.engine.faults.stores import FaultyStage, faulty_stage
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage

AT_ONCE = 12
LEAST_STATEMENTS = 25
"""Of a life of create, claim, report, step and finish; fewer would mean that the faults miss what they are to hit."""


async def act(ctx: TaskContext) -> dict[str, int]:
    await ctx.report(Progress(10.0), NewEvent("stage_started", "At it"))

    async def work() -> int:
        return 42

    answer = await ctx.step("answer", work)
    await ctx.report(Progress(90.0))
    return {"answer": answer}


async def created(stage: Stage) -> Task:
    """A task; a create that failed is asked again, and has left nothing behind."""
    try:
        return await stage.enqueue()
    except StorageError:
        assert await stage.tasks.count_by_status() == {}
        return await created(stage)


async def live(it: FaultyStage, first: int, times: int) -> Task:
    """A task's life in which those statements fail; when the task failed of them, it is tried again by request."""
    async with it.stage.worker(Acting(act), concurrency=2):
        it.faults.arm(first, times)
        task = await created(it.stage)
        ended = await it.stage.ended(task)
        if ended.status is TaskStatus.FAILED:
            assert ended.error is not None
            assert ended.error.code == "storage_error"
            try:
                await it.stage.tasks.retry(task.task_id, only_failed=False)
            except StorageError:
                await it.stage.tasks.retry(task.task_id, only_failed=False)
            ended = await it.stage.ended(task)
        it.faults.disarm()
    return ended


async def check_life(folder: Path, first: int, times: int) -> int:
    """Run a life in which those statements fail; how many of them were reached."""
    async with asyncio.timeout(2 * PATIENCE_SECONDS), faulty_stage(folder) as it:
        ended = await live(it, first, times)
        assert (ended.status, ended.result) == (TaskStatus.COMPLETED, {"answer": 42}), it.faults.failed
        [task] = await history.check_all(it.stage.tasks)
        assert it.seqs[task.task_id] == list(range(1, task.last_seq + 1)), "all that is kept was told, once"
        assert (await it.stage.events(task)).count("task_step_completed") == 1
        return len(it.faults.failed)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 4], ids=["alone", "with-the-next-three"])
async def test_whatever_statement_fails_the_task_ends_and_its_history_is_whole(tmp_path: Path, times: int) -> None:
    """Expected: who asked for what failed gets StorageError (or the worker tries again); afterwards the task ends."""
    async with faulty_stage(tmp_path / "sound") as it:
        await live(it, 0, 0)
        count = it.faults.count
    assert count > LEAST_STATEMENTS
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(first: int) -> int:
        async with gate:
            return await check_life(tmp_path / str(first), first, times)

    hit = await asyncio.gather(*(one(first) for first in range(1, count + 1)))
    assert hit[:LEAST_STATEMENTS] == [times] * LEAST_STATEMENTS


async def test_of_many_creates_at_once_those_that_were_answered_are_kept_and_no_others(tmp_path: Path) -> None:
    """Expected: whatever statement of their common commit fails, an answer means kept and an error means not kept."""
    async with faulty_stage(tmp_path) as it:
        kept = set[str]()
        failures = 0
        for first in range(1, 40):
            it.faults.arm(first, 1 + first % 3)
            answers = await asyncio.gather(*(it.stage.enqueue() for _ in range(6)), return_exceptions=True)
            kept |= {answer.task_id for answer in answers if isinstance(answer, Task)}
            errors = [answer for answer in answers if not isinstance(answer, Task)]
            assert all(isinstance(error, StorageError) for error in errors)
            failures += len(errors)
        it.faults.disarm()
        rows = await history.check_all(it.stage.tasks)
        assert failures
        assert {task.task_id for task in rows} == kept == set(it.seqs)
