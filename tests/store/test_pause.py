"""The contract of `TaskStore`: pausing and resuming."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gleanery.errors import NotFound, WrongState
from gleanery.model import ErrorInfo, NewTask, TaskStatus, utc_now
from gleanery.store.base import Store
from gleanery.store.values import Asked, Wanted
from tests.store.samples import HALF_WAY, LEASE_SECONDS, Changes, event_types, fence_of, started, told

BROKEN = ErrorInfo("broken", "It broke.")


async def test_a_queued_task_is_paused_at_once_and_resumed(store: Store) -> None:
    task = await store.tasks.create(NewTask("demo", {}))
    paused = await store.tasks.request_pause(task.task_id)
    assert (paused.status, paused.is_pause_requested) == (TaskStatus.PAUSED, False)
    assert await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 10) == []
    assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS) is None
    assert (await store.tasks.resume(task.task_id)).status is TaskStatus.QUEUED
    assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert await event_types(store, task.task_id) == ["task_queued", "task_paused", "task_queued", "task_started"]


async def test_a_running_task_is_marked_once_and_its_worker_hears_of_it(store: Store) -> None:
    task = await started(store)
    marked = await asyncio.gather(*(store.tasks.request_pause(task.task_id) for _ in range(3)))
    assert {(t.status, t.is_pause_requested) for t in marked} == {(TaskStatus.RUNNING, True)}
    assert (await event_types(store, task.task_id)).count("task_pause_requested") == 1
    assert await store.tasks.asked_of("worker-1") == [task.task_id]
    assert await store.tasks.asked_of("another") == []
    assert await store.tasks.beat([fence_of(task)], 60.0, {}) == {task.task_id: Asked(False, True)}
    paused = await store.tasks.finish(fence_of(task), TaskStatus.PAUSED, told(), progress=HALF_WAY)
    assert (paused.status, paused.is_pause_requested, paused.progress) == (TaskStatus.PAUSED, False, HALF_WAY)
    assert (paused.worker_id, paused.lease_until, paused.processing_completed_at) == (None, None, None)


async def test_a_pause_that_was_only_asked_for_is_taken_back(store: Store) -> None:
    task = await started(store)
    await store.tasks.request_pause(task.task_id)
    going_on = await store.tasks.resume(task.task_id)
    assert (going_on.status, going_on.is_pause_requested) == (TaskStatus.RUNNING, False)
    assert await store.tasks.asked_of("worker-1") == []
    done = await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result={})
    assert done.status is TaskStatus.COMPLETED


async def test_an_attempt_that_would_be_tried_again_is_paused_if_that_was_asked(store: Store) -> None:
    task = await started(store)
    await store.tasks.request_pause(task.task_id)
    run_at = utc_now() + timedelta(hours=1)
    paused = await store.tasks.finish(fence_of(task), TaskStatus.QUEUED, told(), error=BROKEN, run_at=run_at)
    assert (paused.status, paused.last_error, paused.retry_attempts) == (TaskStatus.PAUSED, BROKEN, 0)
    assert (await event_types(store, task.task_id))[-1] == "task_paused"


async def test_a_task_that_ends_before_it_pauses_has_ended(store: Store) -> None:
    task = await started(store)
    await store.tasks.request_pause(task.task_id)
    done = await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result={})
    assert (done.status, done.is_pause_requested) == (TaskStatus.COMPLETED, False)


async def test_a_cancel_outweighs_a_pause(store: Store) -> None:
    task = await started(store)
    await store.tasks.request_pause(task.task_id)
    await store.tasks.request_cancel(task.task_id)
    assert await store.tasks.beat([fence_of(task)], 60.0, {}) == {task.task_id: Asked(True, True)}
    ended = await store.tasks.finish(fence_of(task), TaskStatus.PAUSED, told())
    assert ended.status is TaskStatus.CANCELLED
    assert (await event_types(store, task.task_id))[-1] == "task_cancelled"


async def test_a_pause_after_a_cancel_is_no_news(store: Store) -> None:
    task = await started(store)
    asked = await store.tasks.request_cancel(task.task_id)
    assert await store.tasks.request_pause(task.task_id) == asked


async def test_a_lost_task_that_was_to_be_paused_is_paused(store: Store, changes: Changes) -> None:
    task = await started(store)
    await store.tasks.request_pause(task.task_id)
    [taken] = await store.tasks.reap(gone=["worker-1"], spare=[])
    assert (taken.status, taken.is_pause_requested, taken.worker_id) == (TaskStatus.PAUSED, False, None)
    assert changes.of(task.task_id)[-1] == (4, "task_paused")


async def test_a_paused_task_keeps_its_start_time(store: Store) -> None:
    run_at = utc_now() + timedelta(hours=1)
    task = await store.tasks.create(NewTask("demo", {}, run_at=run_at))
    await store.tasks.request_pause(task.task_id)
    assert (await store.tasks.resume(task.task_id)).run_at == run_at
    assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS) is None


async def test_pausing_a_paused_task_is_no_news(store: Store, changes: Changes) -> None:
    task = await store.tasks.create(NewTask("demo", {}))
    paused = await store.tasks.request_pause(task.task_id)
    changes.heard.clear()
    assert await store.tasks.request_pause(task.task_id) == paused
    assert changes.heard == []


@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED])
async def test_an_ended_task_can_be_neither_paused_nor_resumed(store: Store, status: TaskStatus) -> None:
    task = await started(store)
    ended = await store.tasks.finish(fence_of(task), status, told(), error=BROKEN)
    with pytest.raises(WrongState):
        await store.tasks.request_pause(task.task_id)
    with pytest.raises(WrongState):
        await store.tasks.resume(task.task_id)
    assert await store.tasks.get(task.task_id) == ended


async def test_only_a_paused_task_is_resumed(store: Store) -> None:
    for task in (await store.tasks.create(NewTask("demo", {})), await started(store)):
        with pytest.raises(WrongState):
            await store.tasks.resume(task.task_id)
    for call in (store.tasks.resume, store.tasks.request_pause):
        with pytest.raises(NotFound):
            await call("tsk_nobody")


async def test_claim_and_pause_at_once_leave_no_third_state(store: Store) -> None:
    for _ in range(20):
        task = await store.tasks.create(NewTask("demo", {}))
        claimed, _ = await asyncio.gather(
            store.tasks.claim(task.task_id, "w", LEASE_SECONDS), store.tasks.request_pause(task.task_id)
        )
        now = await store.tasks.get(task.task_id)
        expected = (TaskStatus.PAUSED, False) if claimed is None else (TaskStatus.RUNNING, True)
        assert (now.status, now.is_pause_requested) == expected
