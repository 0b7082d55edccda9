"""Rules that know how often they were applied: their names stand in the task's row, whoever runs the next attempt."""

from __future__ import annotations

import random

from gleanery import errors
from gleanery.engine.handler import TaskContext
from gleanery.engine.retry import Decision, Retry, RetryPolicy, Rule
from gleanery.model import TaskStatus
from tests.engine.stage import Acting, Stage

ONCE = Rule((errors.TimedOut,), Decision.RETRY, name="longer", max_times=1)
BLOCKED = Rule((errors.PageBlocked,), Decision.RETRY, name="rotate", max_times=2)
SMALL = Rule((ValueError,), Decision.RETRY, name="small", when=lambda error: str(error) == "small")


def test_a_rule_is_applied_so_many_times() -> None:
    policy, rng = RetryPolicy(base_seconds=0, rules=(ONCE, BLOCKED)), random.Random(1)
    slow, blocked = errors.TimedOut("u", "slow"), errors.PageBlocked("u", "no", retry_after=3)
    assert policy.decide(slow, 0, rng) == Retry(0.0, ONCE)
    assert policy.decide(slow, 1, rng, recoveries=("rotate",)) == Retry(0.0, ONCE), "another rule's don't count"
    assert policy.decide(slow, 1, rng, recoveries=("longer",)) is None
    assert policy.decide(blocked, 1, rng, recoveries=("rotate", "longer")) == Retry(3.0, BLOCKED)
    assert policy.decide(blocked, 2, rng, recoveries=("rotate", "rotate")) is None
    assert policy.decide(slow, 3, rng) is None, "no retries left"


def test_a_rule_fits_only_when_it_says_so() -> None:
    policy, rng = RetryPolicy(base_seconds=0, rules=(SMALL, Rule((ValueError,), Decision.FAIL))), random.Random(1)
    assert policy.decide(ValueError("small"), 0, rng) == Retry(0.0, SMALL)
    assert policy.decide(ValueError("large"), 0, rng) is None


async def test_the_next_attempt_sees_by_which_rules_it_is_tried_again(stage: Stage) -> None:
    seen: list[tuple[str, ...]] = []

    async def act(ctx: TaskContext) -> None:
        seen.append(ctx.task.recoveries)
        raise [errors.TimedOut("u", "slow"), errors.PageBlocked("u", "no"), errors.TimedOut("u", "slow again")][
            len(seen) - 1
        ]

    policy = RetryPolicy(base_seconds=0, rules=(ONCE, BLOCKED))
    async with stage.worker(Acting(act, retry=policy)):
        ended = await stage.ended(await stage.enqueue())
    assert seen == [(), ("longer",), ("longer", "rotate")]
    assert ended.status is TaskStatus.FAILED
    rows = await stage.tasks.events(ended.task_id, after=None, before=None, limit=50)
    told = [(row.data["attempt"], row.data["action"]) for row in rows if row.type == "task_retry_scheduled"]
    assert told == [(1, "longer"), (2, "rotate")]
    [failed] = [row for row in rows if row.type == "task_failed"]
    assert failed.data["attempt"] == 3


async def test_a_request_to_retry_begins_without_recoveries(stage: Stage) -> None:
    seen: list[tuple[str, ...]] = []

    async def act(ctx: TaskContext) -> None:
        seen.append(ctx.task.recoveries)
        raise errors.TimedOut("u", "slow")

    async with stage.worker(Acting(act, retry=RetryPolicy(base_seconds=0, rules=(ONCE,)))):
        ended = await stage.ended(await stage.enqueue())
        await stage.tasks.retry(ended.task_id, only_failed=False)
        await stage.told(ended.task_id, "task_failed", 2)
    assert seen == [(), ("longer",), (), ("longer",)]


async def test_memory_that_a_handler_measures_itself_is_told(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> None:
        ctx.memory.measure = lambda: 321.0
        await stage.tasks.get(ctx.task.task_id)
        while (await stage.tasks.get(ctx.task.task_id)).memory_usage_mb != 321.0:
            pass  # asks the store, which lets the heartbeat pass

    async with stage.worker(Acting(act), lease_seconds=1.0):
        ended = await stage.ended(await stage.enqueue())
    assert ended.status is TaskStatus.COMPLETED
