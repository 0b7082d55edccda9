"""A resume that comes while the pause is on its way: what was answered is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gleanery.engine.handler import TaskContext
from gleanery.model import Fence, NewEvent, Task, TaskStatus
from tests.engine.faults import history
from tests.engine.stage import Acting, Stage, Through
from tests.engine.test_worker_races import forever


class ResumedBeforePaused(Through):
    """Somebody resumes the task after its handler was interrupted, before that is written."""

    async def finish(self, fence: Fence, status: TaskStatus, events: Sequence[NewEvent], **fields: Any) -> Task:
        if (await self.inner.get(fence.task_id)).is_pause_requested:
            answer = await self.inner.resume(fence.task_id)
            assert (answer.status, answer.is_pause_requested) == (TaskStatus.RUNNING, False)
        return await self.inner.finish(fence, status, events, **fields)


async def test_a_resume_after_the_handler_was_interrupted_lets_the_task_go_on(stage: Stage) -> None:
    """Expected: answered `running` and no pause asked for, the task runs on in another attempt, and completes."""

    async def act(ctx: TaskContext) -> None:
        if not ctx.is_resumed:
            await forever(ctx)

    async with stage.worker(Acting(act, can_pause=True), store=ResumedBeforePaused(stage.tasks)):
        task = await stage.enqueue()
        await stage.told(task.task_id, "stage_started")
        await stage.tasks.request_pause(task.task_id)
        done = await stage.ended(task)
    assert (done.status, done.attempt, done.retry_attempts) == (TaskStatus.COMPLETED, 2, 0)
    await history.check_all(stage.tasks)
