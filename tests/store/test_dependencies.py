"""The contract of `TaskStore`: tasks that wait for others."""

from __future__ import annotations

import asyncio

import pytest

from gleanery.errors import InvalidInput, NotFound, WrongState
from gleanery.model import DependencyFailure, ErrorInfo, NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.values import Wanted
from tests.store.samples import LEASE_SECONDS, Changes, event_types, fence_of, started, told

BROKEN = ErrorInfo("broken", "It broke.")
WAIT = DependencyFailure.WAIT


async def made(store: Store, *depends_on: Task, **fields: object) -> Task:
    names = tuple(task.task_id for task in depends_on)
    return await store.tasks.create(NewTask("demo", {}, depends_on=names, **fields))  # type: ignore[arg-type]


async def ended(store: Store, task: Task, status: TaskStatus = TaskStatus.COMPLETED) -> Task:
    claimed = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    error = BROKEN if status is TaskStatus.FAILED else None
    return await store.tasks.finish(fence_of(claimed), status, told(), error=error)


async def now(store: Store, task: Task) -> Task:
    return await store.tasks.get(task.task_id)


async def ready(store: Store) -> list[str]:
    return [task.task_id for task in await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 10)]


async def test_a_task_waits_until_everything_it_depends_on_is_complete(store: Store, changes: Changes) -> None:
    first, second = await made(store), await made(store)
    last = await made(store, first, second, priority=100)
    assert (last.waits_for, last.depends_on) == (2, (first.task_id, second.task_id))
    await ended(store, first)
    assert (await now(store, last)).waits_for == 1
    assert await store.tasks.claim(last.task_id, "w", LEASE_SECONDS) is None
    assert (await store.tasks.stats(window_seconds=60)).due == 1
    await ended(store, second)
    assert (await now(store, last)).waits_for == 0
    assert changes.of(last.task_id) == [(1, "task_queued"), (2, "task_released")]
    assert await ready(store) == [last.task_id]


async def test_a_waiting_task_is_not_due_at_any_time(store: Store) -> None:
    first = await made(store)
    await made(store, first, run_at=first.created_at)
    assert await ready(store) == [first.task_id]
    assert await ready(store) == []
    assert await store.tasks.next_due_at(["demo"]) is None


async def test_a_dependency_that_is_complete_already_is_no_reason_to_wait(store: Store) -> None:
    first = await ended(store, await made(store))
    last = await made(store, first, first)
    assert (last.waits_for, last.status) == (0, TaskStatus.QUEUED)
    assert await ready(store) == [last.task_id]


@pytest.mark.parametrize("status", [TaskStatus.FAILED, TaskStatus.CANCELLED])
async def test_a_failed_or_cancelled_dependency_fails_all_that_hang_on_it(
    store: Store, changes: Changes, status: TaskStatus
) -> None:
    first = await made(store)
    middle = await made(store, first)
    last = await made(store, middle)
    patient = await made(store, middle, on_dependency_failure=WAIT)
    await ended(store, first, status)
    failed = await now(store, middle)
    assert (failed.status, failed.processing_completed_at is not None) == (TaskStatus.FAILED, True)
    assert failed.error is not None
    assert failed.error.code == "dependency_failed"
    assert failed.error.details == {"task_id": first.task_id, "status": status}
    below = await now(store, last)
    assert below.error is not None
    assert below.error.details == {"task_id": middle.task_id, "status": "failed"}
    assert changes.of(last.task_id) == [(1, "task_queued"), (2, "task_failed")]
    assert (await now(store, patient)).status is TaskStatus.QUEUED
    assert await ready(store) == []


async def test_a_task_that_comes_after_the_failure_fails_at_once(store: Store) -> None:
    first = await ended(store, await made(store), TaskStatus.FAILED)
    late = await made(store, first)
    assert late.status is TaskStatus.FAILED
    assert await event_types(store, late.task_id) == ["task_queued", "task_failed"]
    patient = await made(store, first, on_dependency_failure=WAIT)
    assert (patient.status, patient.waits_for) == (TaskStatus.QUEUED, 1)


async def test_one_that_waits_runs_when_the_failed_one_was_retried(store: Store) -> None:
    first = await ended(store, await made(store), TaskStatus.FAILED)
    patient = await made(store, first, on_dependency_failure=WAIT)
    await store.tasks.retry(first.task_id, only_failed=False)
    assert (await now(store, patient)).waits_for == 1
    await ended(store, first)
    assert await ready(store) == [patient.task_id]


async def test_a_task_cannot_be_retried_before_what_it_waits_for(store: Store) -> None:
    first = await made(store)
    last = await made(store, first)
    await ended(store, first, TaskStatus.FAILED)
    with pytest.raises(WrongState) as caught:
        await store.tasks.retry(last.task_id, only_failed=False)
    assert caught.value.details["depends_on"] == first.task_id
    await store.tasks.retry(first.task_id, only_failed=False)
    again = await store.tasks.retry(last.task_id, only_failed=False)
    assert (again.status, (await now(store, last)).waits_for) == (TaskStatus.QUEUED, 1)
    assert await ready(store) == [first.task_id]


async def test_a_paused_task_is_released_and_failed_like_a_queued_one(store: Store) -> None:
    good, bad = await made(store), await made(store)
    released, orphan = await made(store, good), await made(store, bad)
    for task in (released, orphan):
        await store.tasks.request_pause(task.task_id)
    await ended(store, good)
    await ended(store, bad, TaskStatus.FAILED)
    paused = await now(store, released)
    assert (paused.status, paused.waits_for) == (TaskStatus.PAUSED, 0)
    assert (await now(store, orphan)).status is TaskStatus.FAILED


async def test_only_completion_releases(store: Store) -> None:
    first = await made(store)
    last = await made(store, first)
    claimed = await store.tasks.claim(first.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    await store.tasks.finish(fence_of(claimed), TaskStatus.QUEUED, told(), error=BROKEN, run_at=claimed.created_at)
    assert (await now(store, last)).waits_for == 1
    claimed = await store.tasks.claim(first.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    await store.tasks.finish(fence_of(claimed), TaskStatus.PAUSED, told())
    assert (await now(store, last)).waits_for == 1
    assert await event_types(store, last.task_id) == ["task_queued"]


async def test_the_ends_of_all_dependencies_at_once_release_once(store: Store, changes: Changes) -> None:
    firsts = [await made(store) for _ in range(10)]
    last = await made(store, *firsts)
    await asyncio.gather(*(ended(store, task) for task in firsts))
    assert (await now(store, last)).waits_for == 0
    assert changes.of(last.task_id) == [(1, "task_queued"), (2, "task_released")]


# --- change ------------------------------------------------------------------------------------------------------


async def test_a_circle_is_refused_by_whatever_way_and_nothing_is_written(store: Store, changes: Changes) -> None:
    first = await made(store)
    middle = await made(store, first)
    last = await made(store, middle)
    changes.heard.clear()
    for depends_on in ((first,), (middle,), (last,)):
        with pytest.raises(InvalidInput):
            await store.tasks.change(first.task_id, priority=99, depends_on=[task.task_id for task in depends_on])
    assert await now(store, first) == first
    assert changes.heard == []


async def test_two_changes_at_once_make_no_circle(store: Store) -> None:
    one, two = await made(store), await made(store)
    results = await asyncio.gather(
        store.tasks.change(one.task_id, depends_on=[two.task_id]),
        store.tasks.change(two.task_id, depends_on=[one.task_id]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Task, InvalidInput]
    assert await ready(store) == [two.task_id]


async def test_an_unknown_dependency_is_named(store: Store) -> None:
    known = await made(store)
    with pytest.raises(InvalidInput) as caught:
        await store.tasks.create(NewTask("demo", {}, depends_on=(known.task_id, "tsk_nobody")))
    assert caught.value.field == "depends_on.1"
    with pytest.raises(InvalidInput) as caught:
        await store.tasks.change(known.task_id, depends_on=["tsk_nobody"])
    assert caught.value.field == "depends_on.0"
    assert await store.tasks.count_by_status() == {"queued": 1}


async def test_changed_dependencies_hold_release_and_fail(store: Store, changes: Changes) -> None:
    done, waiting = await ended(store, await made(store)), await made(store)
    failed = await ended(store, await made(store), TaskStatus.FAILED)
    task = await made(store)
    held = await store.tasks.change(task.task_id, depends_on=[waiting.task_id])
    assert (held.waits_for, held.depends_on) == (1, (waiting.task_id,))
    freed = await store.tasks.change(task.task_id, depends_on=[done.task_id])
    assert (freed.waits_for, freed.status) == (0, TaskStatus.QUEUED)
    lost = await store.tasks.change(task.task_id, depends_on=[failed.task_id])
    assert lost.status is TaskStatus.FAILED
    assert [kind for _, kind in changes.of(task.task_id)] == ["task_queued", *["task_rebound"] * 3, "task_failed"]


async def test_a_change_to_what_is_already_so_is_not_told(store: Store, changes: Changes) -> None:
    first = await made(store)
    task = await made(store, first, priority=7)
    changes.heard.clear()
    assert await store.tasks.change(task.task_id, priority=7, depends_on=[first.task_id]) == task
    assert changes.heard == []


async def test_a_new_priority_counts_for_the_next_claim(store: Store) -> None:
    low, high = await made(store, priority=10), await made(store, priority=20)
    changed = await store.tasks.change(low.task_id, priority=30)
    assert changed.priority == 30
    [*_, event] = await store.tasks.events(low.task_id, after=None, before=None, limit=10)
    assert (event.type, event.data) == ("task_reprioritised", {"priority": 30, "was": 10})
    assert await ready(store) == [low.task_id, high.task_id]


@pytest.mark.parametrize("status", [TaskStatus.RUNNING, TaskStatus.COMPLETED, TaskStatus.FAILED])
async def test_only_a_waiting_task_can_be_changed(store: Store, status: TaskStatus) -> None:
    task = await made(store)
    if status is TaskStatus.RUNNING:
        assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    else:
        await ended(store, task, status)
    before = await now(store, task)
    with pytest.raises(WrongState):
        await store.tasks.change(task.task_id, priority=1)
    assert await now(store, task) == before
    with pytest.raises(NotFound):
        await store.tasks.change("tsk_nobody", priority=1)


async def test_a_failure_goes_down_a_chain_of_any_length(store: Store) -> None:
    first = above = await started(store)
    for _ in range(1500):
        above = await store.tasks.create(NewTask("demo", {}, depends_on=(above.task_id,)))
    await store.tasks.finish(fence_of(first), TaskStatus.FAILED, told(), error=ErrorInfo("broken", "It broke."))
    assert await store.tasks.count_by_status() == {"failed": 1501}
    last = await store.tasks.get(above.task_id)
    assert last.error is not None
    assert (last.error.code, last.error.details["status"]) == ("dependency_failed", "failed")


async def test_a_task_cannot_wait_for_the_one_whose_place_it_takes(store: Store) -> None:
    old = await store.tasks.create(NewTask("demo", {}, coalesce_key="k"))
    between = await store.tasks.create(NewTask("demo", {}, depends_on=(old.task_id,)))
    for waited_for in (old, between):
        with pytest.raises(InvalidInput) as refused:
            await store.tasks.create(NewTask("demo", {}, coalesce_key="k", depends_on=(waited_for.task_id,)))
        assert refused.value.field == "depends_on.0"
    assert await store.tasks.get(old.task_id) == old
    assert await store.tasks.count_by_status() == {"queued": 2}


async def test_what_waited_for_a_superseded_task_hears_for_what_it_waits_now(store: Store) -> None:
    old = await store.tasks.create(NewTask("demo", {}, coalesce_key="k"))
    waiting = await store.tasks.create(NewTask("demo", {}, depends_on=(old.task_id,)))
    new = await store.tasks.create(NewTask("demo", {}, coalesce_key="k"))
    assert (await store.tasks.get(waiting.task_id)).depends_on == (new.task_id,)
    events = await store.tasks.events(waiting.task_id, after=None, before=None, limit=10)
    assert [(e.type, dict(e.data)) for e in events][1:] == [("task_rebound", {"depends_on": [new.task_id]})]
