"""How attempts end whose handlers do what they shouldn't: the row says so at once, and no lease has to run out for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from gleanery import errors
from gleanery.engine.attempt import Run, Stop, error_info
from gleanery.engine.handler import TaskContext
from gleanery.model import TaskStatus
from tests.engine.stage import Acting, Stage

NO_UTF8 = "half of a pair: \ud83d"


async def test_a_time_out_within_the_handler_is_not_the_limit_of_the_task(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    async with stage.worker(Acting(act, timeout_seconds=600.0)):
        failed = await stage.ended(await stage.enqueue(max_retries=0))
    assert failed.error is not None
    assert failed.error.code == "internal_error"
    assert "TimeoutError" in failed.error.message


async def test_progress_without_a_utf8_form_does_not_keep_the_end_from_being_told(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        await ctx.advance("steps", 1, 3)
        await ctx.advance("steps", 2, 3, NO_UTF8)  # is held back: the one before is just written
        raise errors.WrongState("No.")

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue())
    assert (failed.status, failed.attempt) == (TaskStatus.FAILED, 1)
    assert failed.error is not None
    assert failed.error.code == "wrong_state"
    assert failed.progress.stages["steps"].done == 1, "what could be stored"


async def test_a_cancel_is_told_whatever_the_progress_holds(stage: Stage) -> None:
    has_reported = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        await ctx.advance("steps", 1, 3)
        await ctx.advance("steps", 2, 3, NO_UTF8)
        has_reported.set()
        await asyncio.Event().wait()

    async with stage.worker(Acting(act)):
        task = await stage.enqueue()
        await has_reported.wait()
        await stage.tasks.request_cancel(task.task_id)
        assert (await stage.ended(task)).status is TaskStatus.CANCELLED


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("result", [{"a": object()}, {"a": NO_UTF8}, {"a": _nested(100_000)}, {(1, 2): 3}])
async def test_a_result_that_is_no_json_fails_the_task(stage: Stage, result: Any) -> None:
    async def act(ctx: TaskContext) -> Any:
        return result

    async with stage.worker(Acting(act)):
        failed = await stage.ended(await stage.enqueue(max_retries=0))
    assert (failed.status, failed.error and failed.error.code) == (TaskStatus.FAILED, "internal_error")


def test_details_of_any_kind_leave_a_storable_error() -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    for details in ({"pairs": {(1, 2): 3}}, {"circle": circle}, {"deep": _nested(100_000)}):
        assert error_info(errors.WrongState("No.", **details)).details == {}
    kept = error_info(errors.WrongState(NO_UTF8, at=object, text=NO_UTF8))
    assert (kept.message, kept.details["text"]) == ("half of a pair: ?", "half of a pair: ?")


async def test_a_handler_that_swallows_its_interruption_is_interrupted_again(stage: Stage) -> None:
    """As some libraries do: the second time finds it where it listens."""
    swallowed, stopped = asyncio.Event(), asyncio.Event()

    async def deaf_once() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        swallowed.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    run = Run(await stage.enqueue(), patience_seconds=0.0)
    run.is_begun, run.job = True, asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    run.interrupt(Stop.CANCEL)
    await swallowed.wait()
    run.interrupt(Stop.SHUTDOWN)
    await asyncio.gather(run.job, return_exceptions=True)
    assert stopped.is_set()
    assert run.stop is Stop.CANCEL, "the first reason stands"


async def test_clearing_up_has_its_time(stage: Stage) -> None:
    cleared_up, may_end = asyncio.Event(), asyncio.Event()

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
            cleared_up.set()

    run = Run(await stage.enqueue())
    run.is_begun, run.job = True, asyncio.create_task(tidy())
    await asyncio.sleep(0)
    for _ in range(3):
        run.interrupt(Stop.CANCEL)
        await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(run.job, return_exceptions=True)
    assert cleared_up.is_set()
