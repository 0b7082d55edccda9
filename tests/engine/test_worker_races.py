"""The worker on a bad day: cancels and shutdowns at the worst moment, leases lost, restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import timedelta

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.errors import LeaseLost, WrongState
from gleanery.model import Fence, NewEvent, Progress, Task, TaskStatus, utc_now
from tests.engine.stage import PATIENCE_SECONDS, Acting, AfterClaim, FullAtTheEnd, Stage


async def forever(ctx: TaskContext) -> None:
    await ctx.report(Progress(10.0), NewEvent("stage_started", "At it"))
    await asyncio.Event().wait()


async def nothing(ctx: TaskContext) -> None:
    return


# --- cancel ------------------------------------------------------------------------------------------------------


async def test_a_queued_task_that_is_cancelled_never_runs(stage: Stage) -> None:
    async with stage.worker(Acting(nothing)):
        later = await stage.enqueue(run_at=utc_now() + timedelta(hours=1))
        await stage.tasks.request_cancel(later.task_id)
        ended = await stage.ended(later)
    assert (ended.status, ended.attempt) == (TaskStatus.CANCELLED, 0)


async def test_a_running_task_is_cancelled_and_keeps_what_it_reported(stage: Stage) -> None:
    was_tidied = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        try:
            await forever(ctx)
        finally:
            was_tidied.set()

    async with stage.worker(Acting(act)):
        task = await stage.enqueue()
        await stage.told(task.task_id, "stage_started")
        await stage.tasks.request_cancel(task.task_id)
        ended = await stage.ended(task)
        assert (ended.status, ended.progress, ended.error) == (TaskStatus.CANCELLED, Progress(10.0), None)
        assert was_tidied.is_set()
    assert await stage.events(task) == [
        *("task_queued", "task_started", "stage_started", "task_cancel_requested", "task_cancelled"),
    ]


async def test_a_cancel_that_is_heard_before_the_worker_knows_of_its_task(stage: Stage) -> None:
    async def cancel(task: Task) -> None:
        await stage.tasks.request_cancel(task.task_id)

    async with stage.worker(Acting(forever), store=AfterClaim(stage.tasks, cancel)):
        ended = await stage.ended(await stage.enqueue())
    assert (ended.status, ended.attempt) == (TaskStatus.CANCELLED, 1)


async def test_a_cancel_that_is_heard_before_the_first_step_of_the_task(stage: Stage) -> None:
    first: list[str] = []

    async def cancel_the_first(task: Task) -> None:
        if first:
            return
        first.append(task.task_id)
        await stage.tasks.request_cancel(task.task_id)
        # Called after the worker's next step, which makes the job, and before the job's own first.
        asyncio.get_running_loop().call_soon(worker.hear, task.task_id)

    store = AfterClaim(stage.tasks, cancel_the_first)
    async with stage.worker(Acting(forever, "forever"), Acting(nothing), concurrency=1, store=store) as worker:
        ended = await stage.ended(await stage.enqueue("forever"))
        assert ended.status is TaskStatus.CANCELLED
        assert (await stage.ended(await stage.enqueue())).status is TaskStatus.COMPLETED, "the slot is free again"


async def test_cancels_at_any_moment_end_every_task_once(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        for n in range(5):
            await ctx.report(Progress(n * 20.0))

    async with stage.worker(Acting(act), concurrency=8) as worker:

        async def race(turns: int) -> Task:
            task = await stage.enqueue()
            for _ in range(turns):
                await asyncio.sleep(0)
            with contextlib.suppress(WrongState):  # it was quicker
                await stage.tasks.request_cancel(task.task_id)
            return await stage.ended(task)

        ended = await asyncio.gather(*(race(turns) for turns in range(60)))
        assert {task.status for task in ended} <= {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
        for task in ended:
            finals = [e for e in await stage.events(task) if e in ("task_completed", "task_cancelled")]
            assert finals == [f"task_{task.status}"]
    assert worker.running == 0


# --- shutdown and restart ----------------------------------------------------------------------------------------


async def test_a_shutdown_puts_running_tasks_back_without_counting(stage: Stage) -> None:
    async with stage.worker(Acting(forever)) as worker:
        task = await stage.enqueue(max_retries=0)
        await stage.told(task.task_id, "stage_started")
    assert worker.running == 0
    back = await stage.tasks.get(task.task_id)
    assert (back.status, back.retry_attempts, back.worker_id, back.error) == (TaskStatus.QUEUED, 0, None, None)

    async def act(ctx: TaskContext) -> dict[str, object]:
        return {"is_resumed": ctx.is_resumed, "from": ctx.task.progress.percentage}

    async with stage.worker(Acting(act)):
        done = await stage.ended(task)
    assert (done.result, done.attempt, done.retry_attempts) == ({"is_resumed": True, "from": 10.0}, 2, 0)
    assert (await stage.events(task))[-3:] == ["task_queued", "task_resumed", "task_completed"]


async def test_a_shutdown_amid_a_claim_leaves_nothing_running(stage: Stage) -> None:
    is_claimed, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(task: Task) -> None:
        is_claimed.set()
        await may_go_on.wait()

    async with stage.worker(Acting(forever), store=AfterClaim(stage.tasks, hold)) as worker:
        tasks = [await stage.enqueue() for _ in range(3)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await is_claimed.wait()
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0)
        may_go_on.set()
        await stopping
    assert [(await stage.tasks.get(task.task_id)).status for task in tasks] == [TaskStatus.QUEUED] * 3


async def test_what_a_crash_left_running_is_taken_up_at_once(stage: Stage) -> None:
    task = await stage.enqueue()
    assert await stage.tasks.claim(task.task_id, "crashed", 3600.0)
    async with stage.worker(Acting(nothing)):
        done = await stage.ended(task)
    assert (done.status, done.attempt, done.retry_attempts) == (TaskStatus.COMPLETED, 2, 0)
    assert await stage.events(task) == [
        *("task_queued", "task_started", "task_queued", "task_resumed", "task_completed"),
    ]


async def test_a_task_that_crashes_every_process_fails_in_the_end(stage: Stage) -> None:
    task = await stage.enqueue()
    for _ in range(4):
        assert await stage.tasks.claim(task.task_id, "crashed", 3600.0)
        async with stage.worker():
            pass
    failed = await stage.ended(task)
    assert (failed.status, failed.error and failed.error.code) == (TaskStatus.FAILED, "worker_lost")


async def test_a_shutdown_while_the_disk_is_full_is_no_standstill(stage: Stage) -> None:
    store = FullAtTheEnd(stage.tasks, times=10)
    async with stage.worker(Acting(forever), store=store):
        task = await stage.enqueue()
        await stage.told(task.task_id, "stage_started")
    async with stage.worker(Acting(nothing)):
        assert (await stage.ended(task)).status is TaskStatus.COMPLETED


# --- leases ------------------------------------------------------------------------------------------------------


class Takeover:
    """An act that runs until the test lets its first attempt write, and notes what that attempt was told."""

    def __init__(self) -> None:
        self.let_write = asyncio.Event()
        self.first_was_told: list[str] = []
        self.first_is_over = asyncio.Event()
        self.second_may_end = asyncio.Event()

    async def act(self, ctx: TaskContext) -> dict[str, int]:
        if ctx.task.attempt > 1:
            await self.second_may_end.wait()
            return {"attempt": ctx.task.attempt}
        await ctx.report(Progress(10.0), NewEvent("stage_started", "At it"))
        try:
            await self.let_write.wait()
            await ctx.report(Progress(99.0), NewEvent("warning_raised", "too late"))
        except (LeaseLost, asyncio.CancelledError) as error:
            self.first_was_told.append(type(error).__name__)
            self.first_is_over.set()
            raise
        return {"attempt": ctx.task.attempt}


async def test_a_worker_that_lost_its_lease_writes_nothing(stage: Stage) -> None:
    play = Takeover()
    # The first attempt has the only place, and for what comes after it something else has precedence: so this worker can't take
    # the task again before the other one does.
    async with stage.worker(Acting(play.act), Acting(forever, "other"), concurrency=1):
        task = await stage.enqueue()
        await stage.told(task.task_id, "stage_started")
        await stage.enqueue("other", priority=100)
        done = await run_elsewhere(stage, task)
        play.let_write.set()
    assert play.first_was_told
    assert await stage.tasks.get(task.task_id) == done
    assert (done.result, done.attempt) == ({"attempt": 2}, 2)
    assert "warning_raised" not in await stage.events(task)


async def run_elsewhere(stage: Stage, task: Task) -> Task:
    """Another worker takes the task back, and completes it."""
    await stage.lose(*await stage.tasks.owners())
    again = await stage.tasks.claim(task.task_id, "other", 600.0)
    assert again is not None
    event = NewEvent("task_completed", "Done")
    return await stage.tasks.finish(
        Fence(task.task_id, again.attempt), TaskStatus.COMPLETED, [event], result={"attempt": 2}
    )


async def test_a_worker_that_takes_up_its_own_lost_task_forgets_the_old_attempt(stage: Stage) -> None:
    play = Takeover()
    async with stage.worker(Acting(play.act)) as worker:
        task = await stage.enqueue()
        await stage.told(task.task_id, "stage_started")
        # The first who notices that the lease ran out is this worker itself.
        await stage.lose(worker.worker_id)
        await stage.told(task.task_id, "task_resumed")
        play.let_write.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await play.first_is_over.wait()
        await stage.tasks.get(task.task_id)
        assert worker.running == 1, "the second attempt"
        await stage.tasks.request_cancel(task.task_id)
        ended = await stage.ended(task)
    assert (ended.status, ended.attempt) == (TaskStatus.CANCELLED, 2)
    assert "warning_raised" not in await stage.events(task)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_two_workers_share_the_queue_and_run_nothing_twice(stage: Stage, concurrency: int) -> None:
    ran: list[str] = []

    async def act(ctx: TaskContext) -> None:
        ran.append(ctx.task.task_id)
        await ctx.report(Progress(50.0))

    async with (
        stage.worker(Acting(act), concurrency=concurrency, worker_id="w1"),
        stage.worker(Acting(act), concurrency=concurrency, worker_id="w2"),
    ):
        tasks = [await stage.enqueue() for _ in range(40)]
        for task in tasks:
            assert (await stage.ended(task)).attempt == 1
    assert sorted(ran) == sorted(task.task_id for task in tasks)


async def test_limits_hold_over_two_workers(stage: Stage) -> None:
    """Expected: of a type and of a queue no more run than may over both workers, of another type no more in each."""
    gate = asyncio.Event()

    async def act(_: TaskContext) -> None:
        await gate.wait()

    def handlers() -> list[Acting]:
        return [Acting(act, "few", concurrency=3), Acting(act, "here", worker_concurrency=2), Acting(act, "many")]

    async with (
        stage.worker(*handlers(), concurrency=9, worker_id="w1", queue_limits={"slow": 1}),
        stage.worker(*handlers(), concurrency=9, worker_id="w2", queue_limits={"slow": 1}),
    ):
        few = [await stage.enqueue("few") for _ in range(6)]
        here = [await stage.enqueue("here") for _ in range(6)]
        slow = [await stage.enqueue("many", queue_name="slow") for _ in range(3)]
        last = [await stage.enqueue("many") for _ in range(6)]
        running = await stage.running(14)
        assert Counter(task.task_type for task in running) == {"few": 3, "here": 4, "many": 7}
        by_worker = Counter(task.worker_id for task in running if task.task_type == "here")
        assert by_worker == {"w1": 2, "w2": 2}
        assert sum(task.queue_name == "slow" for task in running) == 1
        gate.set()
        for task in (*few, *here, *slow, *last):
            assert (await stage.ended(task)).status is TaskStatus.COMPLETED
