"""What a spec declares, at work: rules for errors, recovery before the next try, steps, keys, limits."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from gleanery import errors
from gleanery.engine.handler import TaskContext, by_type
from gleanery.engine.retry import Decision, Retry, RetryPolicy, Rule
from gleanery.engine.submit import Submitter
from gleanery.model import NewTask, TaskStatus
from tests.engine.stage import Acting, Stage


class BrowserDied(RuntimeError):
    """What a recovery mends."""


async def nothing(_: TaskContext) -> None:
    return


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        Rule((errors.TimedOut,), Decision.FAIL),
        Rule((errors.FetchError, ValueError), Decision.RETRY),
        Rule((Exception,), Decision.FAIL),
    )
    policy, rng = RetryPolicy(base_seconds=0, rules=rules), random.Random(1)
    assert policy.decide(errors.TimedOut("u", "slow"), 0, rng) is None
    assert policy.decide(errors.HttpStatus("u", 404, "Not Found"), 0, rng) == Retry(0.0), "though it says it can't pass"
    assert policy.decide(ValueError(), 2, rng) == Retry(0.0)
    assert policy.decide(ValueError(), 3, rng) is None, "no retries left"
    assert policy.decide(ValueError(), 3, rng, max_retries=4) == Retry(0.0), "the task was given more"
    assert policy.decide(ValueError(), 1, rng, max_retries=1) is None, "or less"
    assert policy.decide(KeyError(), 0, rng) is None


@pytest.mark.parametrize(("asked", "waits"), [(7, 7.0), (7.5, 7.5), (10**9, 3600.0), (None, 0.0), ("soon", 0.0)])
def test_the_wait_an_error_asks_for_is_kept_and_bounded(asked: object, waits: float) -> None:
    error = errors.EmbedUnavailable("Busy.", retry_after=asked)
    assert RetryPolicy(base_seconds=0).decide(error, 0, random.Random(1)) == Retry(waits)


async def test_a_recovery_runs_before_the_next_try_and_is_told(stage: Stage) -> None:
    done: list[str] = []

    async def relaunch(error: Exception) -> None:
        done.append(f"relaunch after {error}")

    async def act(ctx: TaskContext) -> dict[str, Any]:
        done.append(f"try {ctx.task.attempt}")
        if ctx.task.attempt == 1:
            raise BrowserDied("crash")
        return {}

    rule = Rule((BrowserDied,), Decision.RECOVER, relaunch, "relaunch the browser")
    async with stage.worker(Acting(act, retry=RetryPolicy(base_seconds=0, rules=(rule,)))):
        ended = await stage.ended(await stage.enqueue())
    assert ended.status is TaskStatus.COMPLETED
    assert done == ["try 1", "relaunch after crash", "try 2"]
    rows = await stage.tasks.events(ended.task_id, after=None, before=None, limit=10)
    [told] = [event for event in rows if event.type == "task_retry_scheduled"]
    assert told.data["recovery"] == {"name": "relaunch the browser", "ok": True}


async def test_a_recovery_that_fails_is_told_and_the_next_try_comes_all_the_same(stage: Stage) -> None:
    async def cannot(_: Exception) -> None:
        raise OSError("no such program")

    async def act(ctx: TaskContext) -> dict[str, Any]:
        if ctx.task.attempt < 3:
            raise BrowserDied("crash")
        return {}

    rule = Rule((BrowserDied,), Decision.RECOVER, cannot, "relaunch")
    async with stage.worker(Acting(act, retry=RetryPolicy(base_seconds=0, rules=(rule,)))):
        ended = await stage.ended(await stage.enqueue())
    assert (ended.status, ended.retry_attempts) == (TaskStatus.COMPLETED, 2)
    rows = await stage.tasks.events(ended.task_id, after=None, before=None, limit=20)
    told = [event.data["recovery"] for event in rows if event.type == "task_retry_scheduled"]
    assert told == [{"name": "relaunch", "ok": False, "reason": "OSError"}] * 2


async def test_a_step_is_worked_out_once_over_all_attempts(stage: Stage) -> None:
    paid: list[str] = []

    async def act(ctx: TaskContext) -> dict[str, Any]:
        async def analyse() -> dict[str, Any]:
            paid.append(ctx.idempotency_key("analysis"))
            return {"words": ["ä", 1, None]}

        answer = await ctx.step("analysis", analyse)
        if ctx.task.attempt < 3:
            raise errors.ConnectFailed("u", "Gone.")
        return {"answer": answer}

    async with stage.worker(Acting(act)):
        ended = await stage.ended(await stage.enqueue())
    assert paid == [f"{ended.task_id}:analysis"]
    assert (ended.attempt, ended.result) == (3, {"answer": {"words": ["ä", 1, None]}})
    assert (await stage.events(ended)).count("task_step_completed") == 1


async def test_a_paused_task_goes_on_where_it_stopped(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> dict[str, Any]:
        await ctx.advance("steps", ctx.task.attempt, 2)
        if ctx.task.attempt == 1:
            await asyncio.Event().wait()
        return {"from": ctx.task.progress.percentage}

    async with stage.worker(Acting(act, can_pause=True)):
        task = await stage.enqueue()
        await stage.told(task.task_id, "task_progressed")
        await stage.tasks.request_pause(task.task_id)
        await stage.told(task.task_id, "task_paused")
        paused = await stage.tasks.get(task.task_id)
        assert (paused.status, paused.progress.percentage, paused.worker_id) == (TaskStatus.PAUSED, 50.0, None)
        await stage.tasks.resume(task.task_id)
        ended = await stage.ended(task)
    assert (ended.status, ended.result, ended.retry_attempts) == (TaskStatus.COMPLETED, {"from": 50.0}, 0)


async def test_keys_and_payload_come_from_the_spec(stage: Stage) -> None:
    handler = Acting(nothing, coalesce_key=lambda payload: f"k:{payload.project}")
    submitter = Submitter(stage.tasks, by_type([handler]), queue_limit=10)
    tasks = [await submitter.submit(NewTask("demo", {"project": name})) for name in ("a", "b", "a")]
    assert [(task.coalesce_key, task.serial_key) for task in tasks] == [("k:a", "k:a"), ("k:b", "k:b"), ("k:a", "k:a")]
    states = [(await stage.tasks.get(task.task_id)).status for task in tasks]
    assert states == [TaskStatus.CANCELLED, TaskStatus.QUEUED, TaskStatus.QUEUED]
    with pytest.raises(errors.InvalidInput) as refused:
        await submitter.submit(NewTask("nobody", {}))
    assert (refused.value.field, refused.value.reason) == ("task_type", "must be one of demo")


async def test_what_a_payload_says_is_checked_before_there_is_a_task(stage: Stage) -> None:
    def check(payload: Any) -> None:
        if payload.url == "http://10.0.0.1/":
            raise errors.InvalidUrl("is a private address")

    submitter = Submitter(stage.tasks, by_type([Acting(nothing)]), queue_limit=10, checks={"demo": check})
    with pytest.raises(errors.InvalidUrl):
        submitter.prepared(NewTask("demo", {"url": "http://10.0.0.1/"}))
    with pytest.raises(errors.InvalidUrl):
        await submitter.submit(NewTask("demo", {"url": "http://10.0.0.1/"}))
    assert await stage.tasks.count_by_status() == {}
    assert (await submitter.submit(NewTask("demo", {"url": "https://a.test/"}))).status is TaskStatus.QUEUED


async def test_no_more_of_a_type_or_queue_run_at_once_than_declared(stage: Stage) -> None:
    gate = asyncio.Event()

    async def act(_: TaskContext) -> None:
        await gate.wait()

    handlers = Acting(act, "few", concurrency=2), Acting(act, "many")
    async with stage.worker(*handlers, concurrency=20, queue_limits={"slow": 1}):
        few = [await stage.enqueue("few") for _ in range(5)]
        slow = [await stage.enqueue("many", queue_name="slow") for _ in range(3)]
        last = await stage.enqueue("many")
        assert last.task_id in {task.task_id for task in await stage.running(4)}
        assert await stage.tasks.count_by_status() == {"queued": 5, "running": 4}
        gate.set()
        for task in (*few, *slow, last):
            assert (await stage.ended(task)).status is TaskStatus.COMPLETED
