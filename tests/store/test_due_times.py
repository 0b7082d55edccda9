"""The contract of `TaskStore`: since when a task is due, and what of its life is a wait for a worker."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gleanery.model import NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.values import Wanted
from tests.clock import SetClock, StandingClock
from tests.store.samples import LEASE_SECONDS, fence_of, told

HOUR = 3600.0
TOLERANCE = 0.001
"""Its clock stands still while a test takes its steps."""


@pytest.fixture
def clock() -> SetClock:
    return StandingClock()


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=TOLERANCE)


async def claimed(store: Store, task: Task) -> Task:
    running = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert running is not None
    return running


async def oldest_due(store: Store) -> float | None:
    return (await store.tasks.stats(window_seconds=60)).oldest_due_seconds


async def test_a_task_is_due_once_what_it_waits_for_is_complete(store: Store, clock: SetClock) -> None:
    first = await store.tasks.create(NewTask("demo", {}))
    last = await store.tasks.create(NewTask("demo", {}, depends_on=(first.task_id,)))
    running = await claimed(store, first)
    clock.jump(HOUR)
    await store.tasks.finish(fence_of(running), TaskStatus.COMPLETED, told())
    assert await oldest_due(store) == about(0)
    clock.jump(60)
    assert await oldest_due(store) == about(60)
    assert (await claimed(store, last)).waited_seconds == about(60)


async def test_a_start_time_to_come_outlasts_what_a_task_waits_for(store: Store, clock: SetClock) -> None:
    first = await store.tasks.create(NewTask("demo", {}))
    at = clock() + timedelta(seconds=HOUR)
    last = await store.tasks.create(NewTask("demo", {}, depends_on=(first.task_id,), run_at=at))
    await store.tasks.finish(fence_of(await claimed(store, first)), TaskStatus.COMPLETED, told())
    assert (await store.tasks.get(last.task_id)).run_at == last.run_at
    assert await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 1) == []


async def test_a_task_that_is_resumed_is_due_from_then_on(store: Store, clock: SetClock) -> None:
    task = await store.tasks.create(NewTask("demo", {}))
    await store.tasks.request_pause(task.task_id)
    clock.jump(HOUR)
    await store.tasks.resume(task.task_id)
    clock.jump(60)
    assert await oldest_due(store) == about(60)
    assert (await claimed(store, task)).waited_seconds == about(60)


async def test_a_task_that_is_retried_is_due_at_once_whatever_its_start_time_was(store: Store, clock: SetClock) -> None:
    later = await store.tasks.create(NewTask("demo", {}, run_at=clock() + timedelta(seconds=HOUR)))
    old = await store.tasks.create(NewTask("demo", {}))
    for task in (later, old):
        await store.tasks.request_cancel(task.task_id)
    clock.jump(60)
    for task in (later, old):
        again = await store.tasks.retry(task.task_id, only_failed=False)
        assert (again.run_at - clock()).total_seconds() == about(0)
    clock.jump(60)
    assert await oldest_due(store) == about(60)
    assert [t.task_id for t in await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 2)] == [
        later.task_id,
        old.task_id,
    ]


async def test_nobody_has_waited_since_before_the_task_was_made(store: Store, clock: SetClock) -> None:
    task = await store.tasks.create(NewTask("demo", {}, run_at=clock() - timedelta(days=365)))
    assert await oldest_due(store) == about(0)
    assert (await claimed(store, task)).waited_seconds == about(0)
