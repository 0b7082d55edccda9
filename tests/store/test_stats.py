"""The contract of `TaskStore`: figures about tasks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gleanery.model import ErrorInfo, NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.sqlite_stats import spread
from gleanery.store.values import Spread
from tests.clock import SetClock, StandingClock
from tests.store.samples import LEASE_SECONDS, fence_of, told

BROKEN = ErrorInfo("broken", "It broke.")
TOLERANCE = 0.001
"""Its clock stands still while a test takes its steps."""


@pytest.fixture
def clock() -> SetClock:
    return StandingClock()


async def run(
    store: Store,
    clock: SetClock,
    *,
    waits: float = 0,
    runs: float = 0,
    status: TaskStatus = TaskStatus.COMPLETED,
    task_type: str = "demo",
) -> Task:
    """A task that waited and ran so many seconds."""
    task = await store.tasks.create(NewTask(task_type, {}))
    clock.jump(waits)
    claimed = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    clock.jump(runs)
    return await store.tasks.finish(fence_of(claimed), status, told(), error=BROKEN)


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=TOLERANCE)


async def test_an_empty_store_has_figures_too(store: Store) -> None:
    stats = await store.tasks.stats(window_seconds=60)
    assert (stats.window_seconds, stats.due, stats.oldest_due_seconds, stats.ended) == (60, 0, None, {})
    assert stats.by_status == dict.fromkeys(TaskStatus, 0)
    assert (stats.by_type, stats.by_queue, stats.waiting, stats.running) == ({}, {}, Spread(), Spread())
    assert (stats.retries, stats.superseded, stats.skipped_ticks) == (0, 0, 0)


async def test_tasks_are_counted_by_state_type_and_queue(store: Store, clock: SetClock) -> None:
    await run(store, clock)
    await run(store, clock, status=TaskStatus.FAILED, task_type="crawl")
    await store.tasks.create(NewTask("crawl", {}, queue_name="slow"))
    stats = await store.tasks.stats(window_seconds=60)
    assert {name: count for name, count in stats.by_status.items() if count} == await store.tasks.count_by_status()
    assert stats.by_type == {"demo": {"completed": 1}, "crawl": {"failed": 1, "queued": 1}}
    assert stats.by_queue == {"default": {"completed": 1, "failed": 1}, "slow": {"queued": 1}}


async def test_due_are_those_that_may_run_now(store: Store, clock: SetClock) -> None:
    first = await store.tasks.create(NewTask("demo", {}))
    await store.tasks.create(NewTask("demo", {}, depends_on=(first.task_id,)))
    await store.tasks.create(NewTask("demo", {}, run_at=clock() + timedelta(hours=1)))
    await store.tasks.request_pause((await store.tasks.create(NewTask("demo", {}))).task_id)
    clock.jump(600)
    await store.tasks.create(NewTask("crawl", {}))
    stats = await store.tasks.stats(window_seconds=60)
    assert (stats.due, stats.due_by_type) == (2, {"demo": 1, "crawl": 1})
    assert stats.oldest_due_seconds == about(600)
    clock.jump(-3600)
    back = await store.tasks.stats(window_seconds=60)
    assert (back.due, back.oldest_due_seconds) == (2, 0.0), "not in the future though the clock was set back"


async def test_times_are_of_what_ended_in_the_window(store: Store, clock: SetClock) -> None:
    await run(store, clock, waits=500, runs=500)
    clock.jump(4000)
    await run(store, clock, waits=100, runs=20)
    await run(store, clock, waits=200, runs=40, task_type="crawl")
    await run(store, clock, waits=300, runs=60, status=TaskStatus.FAILED)
    await store.tasks.request_cancel((await store.tasks.create(NewTask("demo", {}))).task_id)
    stats = await store.tasks.stats(window_seconds=3600)
    assert stats.ended == {"completed": 2, "failed": 1, "cancelled": 1}
    assert (stats.waiting.count, stats.waiting.p50, stats.waiting.p95) == (3, about(200), about(300))
    assert (stats.running.count, stats.running.p50, stats.running.p95) == (3, about(40), about(60))
    assert {name: one.count for name, one in stats.waiting_by_type.items()} == {"crawl": 1, "demo": 2}
    assert stats.running_by_type["crawl"] == Spread(1, about(40), about(40))  # type: ignore[arg-type]


async def test_the_time_of_all_attempts_counts_and_only_the_first_wait(store: Store, clock: SetClock) -> None:
    task = await store.tasks.create(NewTask("demo", {}))
    clock.jump(10)
    first = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert first is not None
    clock.jump(100)
    await store.tasks.finish(fence_of(first), TaskStatus.QUEUED, told(), error=BROKEN, run_at=clock())
    clock.jump(1000)
    second = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert second is not None
    clock.jump(100)
    await store.tasks.reap(gone=["w"], spare=[])
    third = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert third is not None
    clock.jump(100)
    done = await store.tasks.finish(fence_of(third), TaskStatus.COMPLETED, told())
    assert (done.waited_seconds, done.ran_seconds) == (about(10), about(300))
    assert (await store.tasks.stats(window_seconds=3600)).retries == 1


async def test_no_time_is_negative_when_the_clock_is_set_back(store: Store, clock: SetClock) -> None:
    task = await run(store, clock, waits=-3600, runs=-3600)
    assert (task.waited_seconds, task.ran_seconds) == (0.0, 0.0)


async def test_superseded_tasks_are_told_apart(store: Store) -> None:
    for _ in range(3):
        await store.tasks.create(NewTask("demo", {}, coalesce_key="k"))
    stats = await store.tasks.stats(window_seconds=60)
    assert (stats.superseded, stats.ended, stats.running) == (2, {"cancelled": 2}, Spread())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Spread()),
        ([3.0], Spread(1, 3.0, 3.0)),
        ([2.0, 1.0], Spread(2, 1.0, 2.0)),
        ([float(n) for n in range(100, 0, -1)], Spread(100, 50.0, 95.0)),
        ([float(n) for n in range(1, 22)], Spread(21, 11.0, 20.0)),
    ],
)
def test_median_and_95th_percentile_are_values_that_were_there(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected
