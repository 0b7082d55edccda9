"""The worker on a good day: tasks run, fail, are tried again, wait for their turn."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gleanery import errors
from gleanery.engine.handler import TaskContext
from gleanery.engine.retry import RetryPolicy
from gleanery.model import NewEvent, NewTask, Progress, Task, TaskStatus, utc_now
from tests.engine.stage import PATIENCE_SECONDS, Acting, AwayAtReports, CountingBeats, FullAtTheEnd, Stage


async def nothing(ctx: TaskContext) -> dict[str, Any]:
    return {}


async def test_a_task_runs_reports_and_completes(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> dict[str, Any]:
        assert not ctx.is_resumed
        await ctx.report(Progress(40.0, "working"), NewEvent("stage_started", "Working", {"stage": "working"}))
        return {"answer": ctx.task.payload["question"] * 2}

    async with stage.worker(Acting(act), worker_id="w1") as worker:
        task = await stage.enqueue(payload={"question": 21})
        done = await stage.ended(task)
        assert worker.concurrency == 4
    assert (done.status, done.result, done.error) == (TaskStatus.COMPLETED, {"answer": 42}, None)
    assert (done.progress, done.attempt, done.retry_attempts) == (Progress(100.0, "done"), 1, 0)
    assert await stage.events(task) == ["task_queued", "task_started", "stage_started", "task_completed"]


async def test_the_end_keeps_progress_that_was_written_beside_the_context(stage: Stage) -> None:
    """As a crawl's pages are: with their rows, through the store."""

    async def act(ctx: TaskContext) -> None:
        await ctx.report(Progress(10.0))
        await stage.tasks.report(ctx.fence, [NewEvent("page_stored", "One page")], Progress(60.0))
        if "fails" in ctx.task.payload:
            raise errors.NotHtml("https://a.test/", "No.")
        await stage.tasks.request_cancel(ctx.task.task_id)
        await asyncio.Event().wait()

    async with stage.worker(Acting(act)):
        cancelled = await stage.ended(await stage.enqueue())
        failed = await stage.ended(await stage.enqueue(payload={"fails": True}))
    assert [(task.status, task.progress.percentage) for task in (cancelled, failed)] == [
        (TaskStatus.CANCELLED, 60.0),
        (TaskStatus.FAILED, 60.0),
    ]


async def test_what_advance_held_back_is_kept_by_the_end(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        for step in range(1, 8):
            await ctx.advance("steps", step, 10)
        raise errors.NotHtml("https://a.test/", "No.")

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue())
    assert failed.progress.percentage == 70.0
    assert failed.progress.stages["steps"].done == 7


async def test_what_waited_before_the_start_is_run(stage: Stage) -> None:
    tasks = [await stage.enqueue() for _ in range(10)]
    async with stage.worker(Acting(nothing), concurrency=3):
        assert {(await stage.ended(task)).status for task in tasks} == {TaskStatus.COMPLETED}


# --- failures ----------------------------------------------------------------------------------------------------


async def test_an_error_that_cannot_pass_fails_the_task_at_once(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        raise errors.HttpStatus("https://a.test/", 404, "Not Found")

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue())
    assert (failed.status, failed.attempt, failed.retry_attempts) == (TaskStatus.FAILED, 1, 0)
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("http_404", "The site answered 404 Not Found.")
    assert failed.error.details == {"url": "https://a.test/", "status": 404, "retry_after": None}
    assert await stage.events(failed) == ["task_queued", "task_started", "task_failed"]


async def test_an_error_that_may_pass_is_tried_again_until_it_has(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> dict[str, Any]:
        if ctx.task.attempt < 3:
            raise errors.ConnectFailed("https://a.test/", "Nobody answers.")
        return {"attempt": ctx.task.attempt, "is_resumed": ctx.is_resumed}

    async with stage.worker(Acting(act)):
        done = await stage.ended(await stage.enqueue())
    assert (done.status, done.result) == (TaskStatus.COMPLETED, {"attempt": 3, "is_resumed": True})
    assert (done.retry_attempts, done.error) == (2, None)
    assert done.last_error is not None
    assert done.last_error.code == "connect_failed"
    again = ["task_retry_scheduled", "task_resumed"]
    assert await stage.events(done) == ["task_queued", "task_started", *again, *again, "task_completed"]


@pytest.mark.parametrize(("policy", "of_task", "tries"), [(2, 4, 5), (9, 2, 3), (9, 0, 1), (0, 2, 3)])
async def test_retries_end_with_the_limit_of_the_task(stage: Stage, policy: int, of_task: int, tries: int) -> None:
    async def act(ctx: TaskContext) -> None:
        raise errors.TimedOut("https://a.test/", "Too slow.")

    async with stage.worker(Acting(act, retry=RetryPolicy(max_retries=policy, base_seconds=0))):
        failed = await stage.ended(await stage.enqueue(max_retries=of_task))
    assert (failed.status, failed.attempt, failed.retry_attempts) == (TaskStatus.FAILED, tries, tries - 1)


async def test_an_unknown_error_is_an_internal_one_and_keeps_its_words_to_the_log(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        raise ZeroDivisionError("the password is 123")

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue(max_retries=1))
    assert failed.attempt == 2
    assert failed.error is not None
    assert (failed.error.code, failed.error.details) == ("internal_error", {})
    assert "ZeroDivisionError" in failed.error.message
    assert "password" not in str(await stage.tasks.events(failed.task_id, after=None, before=None, limit=100))


async def test_a_task_that_takes_longer_than_its_limit_fails(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        await asyncio.Event().wait()

    async with stage.worker(Acting(act, timeout_seconds=0.01)):
        failed = await stage.ended(await stage.enqueue(max_retries=0))
    assert failed.error is not None
    assert failed.error.code == "task_timed_out"


async def test_a_handler_that_cancels_itself_fails(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        raise asyncio.CancelledError

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue(max_retries=0))
    assert (failed.status, failed.error and failed.error.code) == (TaskStatus.FAILED, "internal_error")


@pytest.mark.parametrize("result", [{"at": utc_now()}, {"text": "\ud800"}], ids=["no JSON", "no Unicode"])
async def test_a_result_that_cannot_be_stored_fails_the_task(stage: Stage, result: dict[str, Any]) -> None:
    async def act(ctx: TaskContext) -> dict[str, Any]:
        return result

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue(max_retries=0))
    assert (failed.status, failed.error and failed.error.code) == (TaskStatus.FAILED, "internal_error")


async def test_an_end_that_finds_no_room_is_written_once_there_is(stage: Stage) -> None:
    async with stage.worker(Acting(nothing), store=FullAtTheEnd(stage.tasks, times=1)):
        done = await stage.ended(await stage.enqueue())
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)


# --- whose turn it is --------------------------------------------------------------------------------------------


async def test_better_priority_runs_first_then_the_older(stage: Stage) -> None:
    order: list[int] = []

    async def act(ctx: TaskContext) -> None:
        order.append(ctx.task.payload["n"])

    tasks = [await stage.enqueue(payload={"n": n}, priority=p) for n, p in enumerate((10, 50, 90, 50, 100))]
    async with stage.worker(Acting(act), concurrency=1):
        for task in tasks:
            await stage.ended(task)
    assert order == [4, 2, 1, 3, 0]


async def test_no_more_run_at_once_than_allowed(stage: Stage) -> None:
    running, most = 0, 0
    is_full, gate = asyncio.Event(), asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            is_full.set()
        await gate.wait()
        running -= 1

    async with stage.worker(Acting(act), concurrency=3) as worker:
        tasks = [await stage.enqueue() for _ in range(8)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await is_full.wait()
        assert worker.running == 3
        gate.set()
        for task in tasks:
            assert (await stage.ended(task)).status is TaskStatus.COMPLETED
    assert most == 3


async def test_tasks_of_one_serial_key_run_one_after_the_other(stage: Stage) -> None:
    running: set[str] = set()

    async def act(ctx: TaskContext) -> None:
        assert not running
        running.add(ctx.task.task_id)
        await ctx.report(Progress(50.0))
        running.discard(ctx.task.task_id)

    async with stage.worker(Acting(act)):
        tasks = [await stage.enqueue(serial_key="one") for _ in range(6)]
        assert {(await stage.ended(task)).error for task in tasks} == {None}


async def test_tasks_that_wait_for_a_serial_key_leave_the_other_slots_to_others(stage: Stage) -> None:
    gate = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        if ctx.task.payload["waits"]:
            await gate.wait()

    held = [await stage.enqueue(payload={"waits": True}, serial_key="one", priority=99) for _ in range(3)]
    free = await stage.enqueue(payload={"waits": False})
    async with stage.worker(Acting(act), concurrency=2):
        assert (await stage.ended(free)).status is TaskStatus.COMPLETED
        gate.set()
        for task in held:
            await stage.ended(task)


async def test_a_task_with_a_start_time_runs_then_though_others_are_held_up(stage: Stage) -> None:
    gate = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        if ctx.task.payload:
            await gate.wait()

    async with stage.worker(Acting(act)):
        held = [await stage.enqueue(payload={"waits": True}, serial_key="one") for _ in range(2)]
        await stage.enqueue("nobody does this")
        start_at = utc_now() + timedelta(seconds=0.3)
        late = await stage.ended(await stage.enqueue(run_at=start_at))
        assert late.processing_started_at is not None
        assert late.processing_started_at >= start_at
        gate.set()
        for task in held:
            await stage.ended(task)


async def test_a_task_type_without_handler_is_left_alone(stage: Stage) -> None:
    async with stage.worker(Acting(nothing, "known")):
        unknown = await stage.enqueue("unknown", priority=100)
        await stage.ended(await stage.enqueue("known"))
    assert await stage.tasks.get(unknown.task_id) == unknown


async def test_a_worker_without_slots_runs_nothing(stage: Stage) -> None:
    async with stage.worker(Acting(nothing), concurrency=0) as idle:
        task = await stage.enqueue()
        assert idle.running == 0
    assert await stage.tasks.get(task.task_id) == task


# --- the lease ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_task_may_outlive_its_lease_by_far(stage: Stage) -> None:
    beats = CountingBeats(stage.tasks, until=10)

    async def act(ctx: TaskContext) -> None:
        await beats.enough.wait()

    async with stage.worker(Acting(act), lease_seconds=1.0, store=beats):
        done = await stage.ended(await stage.enqueue())
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)
    assert done.memory_usage_mb is not None
    assert done.memory_usage_mb > 1


async def test_a_busy_worker_still_takes_back_what_another_one_lost(stage: Stage) -> None:
    is_over = asyncio.Event()

    async def chain(ctx: TaskContext) -> None:
        if not is_over.is_set():
            await stage.enqueue("chain")

    async with stage.worker(Acting(nothing, "lost"), Acting(chain, "chain"), lease_seconds=1.0):
        lost = await claimed_by_a_dead_worker(stage)
        await stage.enqueue("chain")
        done = await stage.ended(lost)
        is_over.set()
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 2)


async def claimed_by_a_dead_worker(stage: Stage) -> Task:
    """A task that runs by its row, with a lease that is over."""
    while True:
        new = NewTask("lost", {})
        # Handed over together; where calls may overtake each other the stage's own worker may still be first.
        _, claimed = await asyncio.gather(stage.tasks.create(new), stage.tasks.claim(new.task_id, "dead", -1.0))
        if claimed is not None:
            return claimed


async def test_whatever_an_error_carries_its_task_ends(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        raise errors.StorageError("half a \ud800 character", at=utc_now(), names=("a", "b"))

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue())
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == ("storage_error", "half a ? character")
    assert failed.error.details["names"] == ["a", "b"]


async def test_no_more_of_a_type_run_in_a_worker_than_may(stage: Stage) -> None:
    """Expected: of six tasks two run, beside two of another type; each end lets the next one begin."""
    at_once, most, gate = 0, 0, asyncio.Semaphore(0)

    async def act(_: TaskContext) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await gate.acquire()
        at_once -= 1

    async with stage.worker(Acting(act, worker_concurrency=2), Acting(nothing, "other"), concurrency=5):
        tasks = [await stage.enqueue() for _ in range(6)]
        others = [await stage.enqueue("other") for _ in range(4)]
        for other in others:
            assert (await stage.ended(other)).status is TaskStatus.COMPLETED
        assert at_once == 2
        for _ in tasks:
            gate.release()
        assert {(await stage.ended(task)).status for task in tasks} == {TaskStatus.COMPLETED}
    assert most == 2


@pytest.mark.parametrize(("away", "status"), [(5, TaskStatus.COMPLETED), (52, TaskStatus.FAILED)])
async def test_a_database_that_was_away_costs_no_retry_as_long_as_it_may_be_its_own_fault(
    stage: Stage, away: int, status: TaskStatus
) -> None:
    """Expected: each attempt that met it is put back and says so; after fifty of them the task's own retries count."""

    async def act(ctx: TaskContext) -> None:
        await ctx.report(Progress(50.0), NewEvent("page_stored", "A step"))

    async with stage.worker(Acting(act), store=AwayAtReports(stage.tasks, away)):
        task = await stage.enqueue(max_retries=1)
        ended = await stage.ended(task)
    assert (ended.status, ended.attempt) == (status, min(away + 1, 52))
    assert (ended.retry_attempts, len(ended.recoveries)) == (max(0, min(away, 51) - 50), min(away, 50))
    events = await stage.tasks.events(task.task_id, after=None, before=None, limit=1000)
    put_back = [event for event in events if event.data.get("reason") == "database_away"]
    assert [event.message for event in put_back] == ["Put back: Nobody answers."] * min(away, 50)
