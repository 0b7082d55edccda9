"""The contract of `TaskStore`: states over time, as the times of the rows tell them."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path

from gleanery.model import ErrorInfo, NewTask, Task, TaskStatus, utc_now
from gleanery.store import sqlite_timeline
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import Timeline, Wanted
from tests.clock import SetClock
from tests.store.samples import LEASE_SECONDS, fence_of, started, told

BROKEN = ErrorInfo("broken", "It broke.")
HOUR = 3600.0


async def last_hours(store: Store, hours: int) -> Timeline:
    """One bucket for each hour; those before the tests' own time are empty."""
    return await store.tasks.timeline(window_seconds=hours * HOUR, buckets=hours)


def to_the_hour(clock: SetClock) -> None:
    """Half past: what a test does within some minutes falls into one bucket."""
    clock.jump(HOUR * 1.5 - clock().timestamp() % HOUR)


async def claim(store: Store, task: Task) -> Task:
    claimed = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    return claimed


def levels(timeline: Timeline) -> list[tuple[int, int, int]]:
    return [(each.queued, each.running, each.retrying) for each in timeline.buckets]


def ends(timeline: Timeline) -> list[tuple[int, int, int]]:
    return [(each.completed, each.failed, each.cancelled) for each in timeline.buckets]


async def test_without_tasks_there_is_nothing_in_any_bucket(store: Store, clock: SetClock) -> None:
    timeline = await last_hours(store, 3)
    assert (timeline.window_seconds, timeline.bucket_seconds, timeline.is_whole) == (3 * HOUR, HOUR, True)
    assert levels(timeline) == ends(timeline) == [(0, 0, 0)] * 3
    *before, last = [each.at for each in timeline.buckets]
    assert [at.timestamp() % HOUR for at in before] == [0, 0]
    assert before[1] - before[0] == timedelta(hours=1)
    assert timedelta() <= last - before[1] <= timedelta(hours=1)
    assert abs(clock() - last) < timedelta(minutes=1), "the last one ends now"


async def test_a_task_waits_runs_and_ends(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    task = await store.tasks.create(NewTask("demo", {}))
    clock.jump(HOUR)
    claimed = await claim(store, task)
    clock.jump(2 * HOUR)
    await store.tasks.finish(fence_of(claimed), TaskStatus.COMPLETED, told())
    clock.jump(HOUR)
    timeline = await last_hours(store, 6)
    assert levels(timeline) == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 0), (0, 0, 0)]
    assert ends(timeline) == [(0, 0, 0)] * 4 + [(1, 0, 0), (0, 0, 0)]


async def test_each_end_counts_for_itself(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    for status in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.FAILED):
        await store.tasks.finish(fence_of(await started(store)), status, told(), error=BROKEN)
    await store.tasks.request_cancel((await store.tasks.create(NewTask("demo", {}))).task_id)
    timeline = await last_hours(store, 1)
    assert (levels(timeline), ends(timeline)) == ([(0, 0, 0)], [(1, 2, 1)])


async def test_a_wait_between_two_tries_is_told_apart(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    first = await started(store)
    clock.jump(HOUR)
    later = clock() + timedelta(hours=2)
    await store.tasks.finish(fence_of(first), TaskStatus.QUEUED, told(), error=BROKEN, run_at=later)
    clock.jump(HOUR)
    assert levels(await last_hours(store, 3)) == [(0, 1, 0), (0, 0, 1), (0, 0, 1)]
    clock.jump(HOUR)
    [second] = await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 1)
    assert levels(await last_hours(store, 4)) == [(0, 1, 0), (0, 0, 1), (0, 0, 1), (0, 1, 0)]
    clock.jump(HOUR)
    await store.tasks.finish(fence_of(second), TaskStatus.FAILED, told(), error=BROKEN)
    after = await last_hours(store, 5)
    assert levels(after)[-1] == (0, 0, 0)
    assert ends(after)[-1] == (0, 1, 0)


async def test_one_cancelled_while_it_waits_for_a_try_did_not_run_until_then(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    task = await started(store)
    await store.tasks.finish(
        fence_of(task), TaskStatus.QUEUED, told(), error=BROKEN, run_at=clock() + timedelta(hours=9)
    )
    clock.jump(2 * HOUR)
    await store.tasks.request_cancel(task.task_id)
    timeline = await last_hours(store, 3)
    assert (levels(timeline), ends(timeline)[-1]) == ([(0, 0, 1), (0, 0, 1), (0, 0, 0)], (0, 0, 1))


async def test_paused_and_put_back_ones_wait_again_since_then(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    paused, put_back = await started(store), await started(store)
    await store.tasks.request_pause((await store.tasks.create(NewTask("demo", {}))).task_id)
    clock.jump(HOUR)
    await store.tasks.finish(fence_of(paused), TaskStatus.PAUSED, told())
    await store.tasks.finish(fence_of(put_back), TaskStatus.QUEUED, told())
    clock.jump(HOUR)
    assert levels(await last_hours(store, 3)) == [(1, 2, 0), (1, 0, 2), (1, 0, 2)]


async def test_what_was_there_before_the_window_is_in_its_first_bucket(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    await store.tasks.create(NewTask("demo", {}))
    await started(store)
    clock.jump(50 * HOUR)
    assert levels(await last_hours(store, 2)) == [(1, 1, 0), (1, 1, 0)]


async def test_a_failed_dependency_never_ran(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    first = await started(store)
    await store.tasks.create(NewTask("demo", {}, depends_on=(first.task_id,)))
    await store.tasks.finish(fence_of(first), TaskStatus.FAILED, told(), error=BROKEN)
    timeline = await last_hours(store, 1)
    assert (levels(timeline), ends(timeline)) == ([(0, 0, 0)], [(0, 2, 0)])


async def test_a_clock_that_was_set_back_makes_no_negative_count(store: Store, clock: SetClock) -> None:
    to_the_hour(clock)
    task = await started(store)
    clock.jump(-3 * HOUR)
    await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told())
    clock.jump(3 * HOUR)
    assert all(min(level) >= 0 for level in levels(await last_hours(store, 5)))


async def test_no_more_ends_are_looked_at_than_bounds_allow_and_every_row_is_found_by_index(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with EmbeddedStore(path, lambda _: None) as store:
        for _ in range(5):
            await store.tasks.request_cancel((await store.tasks.create(NewTask("demo", {}))).task_id)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.row_factory = sqlite3.Row
            cut = sqlite_timeline.timeline(db, utc_now(), 2 * HOUR, 2, most=4)
            values = {"first": 0, "width": 1, "last": 1, "most": 1, "now": 1}
            plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {sqlite_timeline.SQL}", values)]
    assert (cut.is_whole, sum(each.cancelled for each in cut.buckets)) == (False, 4)
    assert [step for step in plan if " task " in step or " event " in step] == [
        "SEARCH task USING INDEX task_ended (processing_completed_at>?)",
        "SEARCH task USING INDEX task_by_status (status=?)",
        "SEARCH event USING INDEX event_seq (task_id=? AND seq=?)",
    ]
