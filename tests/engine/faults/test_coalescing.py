"""Hundreds of requests for the same thing while one of them runs: the newest stands for all."""

from __future__ import annotations

import asyncio

from gleanery.engine.handler import TaskContext, by_type
from gleanery.engine.submit import Submitter
from gleanery.model import NewTask, TaskStatus
from tests.engine.faults import history
from tests.engine.stage import Acting, Stage

SUBMITS = 500


async def test_of_500_submits_on_one_key_the_first_and_the_last_run(stage: Stage) -> None:
    """Expected: the first runs while the others come; of those only the last runs, after it; 498 are superseded, each with
    its event and its error, and by one that came later."""
    may_end, ran, at_once = asyncio.Event(), list[str](), list[int]()

    async def act(ctx: TaskContext) -> None:
        ran.append(ctx.task.task_id)
        at_once.append(worker.running)
        await may_end.wait()

    handler = Acting(act, coalesce_key=lambda payload: "project 1")
    submitter = Submitter(stage.tasks, by_type([handler]), queue_limit=10)
    async with stage.worker(handler) as worker:
        first = await submitter.submit(NewTask("demo", {}))
        await stage.told(first.task_id, "task_started")
        made = await asyncio.gather(*(submitter.submit(NewTask("demo", {"n": n})) for n in range(SUBMITS - 1)))
        others = sorted(
            made, key=lambda task: task.created_at
        )  # where several connections submit, not their order here
        may_end.set()
        last = await stage.ended(others[-1])
        assert (await stage.ended(first)).status is TaskStatus.COMPLETED
    assert (ran, at_once) == ([first.task_id, last.task_id], [1, 1])
    assert last.status is TaskStatus.COMPLETED

    order = {task.task_id: n for n, task in enumerate([first, *others])}
    rows = {task.task_id: task for task in await history.check_all(stage.tasks)}
    superseded = [row for row in rows.values() if row.status is TaskStatus.CANCELLED]
    assert len(superseded) == SUBMITS - 2
    for row in superseded:
        assert row.error is not None
        assert (row.error.code, row.attempt) == ("superseded", 0)
        assert order[row.error.details["by"]] > order[row.task_id]
        assert await stage.events(row) == ["task_queued", "task_superseded"]
