"""The contract of `TaskStore`: the newest queued task of a coalesce key stands for all."""

from __future__ import annotations

import asyncio

import pytest

from gleanery.errors import QueueFull
from gleanery.model import DependencyFailure, ErrorInfo, NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.values import Idempotency, TaskFilter
from tests.store.samples import LEASE_SECONDS, Changes, fence_of, told

BROKEN = ErrorInfo("broken", "It broke.")


async def made(store: Store, **fields: object) -> Task:
    return await store.tasks.create(NewTask("demo", {}, coalesce_key="k", **fields))  # type: ignore[arg-type]


async def claimed(store: Store, task: Task) -> Task:
    running = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert running is not None
    return running


async def now(store: Store, task: Task) -> Task:
    return await store.tasks.get(task.task_id)


async def queued(store: Store) -> list[str]:
    tasks = await store.tasks.list(TaskFilter((TaskStatus.QUEUED,)), after=None, limit=100)
    return [task.task_id for task in tasks]


async def test_a_new_task_takes_the_place_of_the_one_that_waits(store: Store, changes: Changes) -> None:
    old = await made(store)
    other = await store.tasks.create(NewTask("demo", {}, coalesce_key="another"))
    new = await made(store)
    ended = await now(store, old)
    assert ended.status is TaskStatus.CANCELLED
    assert ended.error is not None
    assert (ended.error.code, ended.error.details) == ("superseded", {"by": new.task_id})
    assert ended.processing_completed_at is not None
    assert changes.of(old.task_id) == [(1, "task_queued"), (2, "task_superseded")]
    assert await queued(store) == [new.task_id, other.task_id]


async def test_of_many_at_once_one_waits(store: Store) -> None:
    await asyncio.gather(*(made(store) for _ in range(20)))
    assert await store.tasks.count_by_status() == {"queued": 1, "cancelled": 19}


async def test_one_that_runs_is_left_alone(store: Store) -> None:
    running = await claimed(store, await made(store))
    await made(store)
    assert await now(store, running) == running
    done = await store.tasks.finish(fence_of(running), TaskStatus.COMPLETED, told(), result={})
    assert done.status is TaskStatus.COMPLETED


async def test_a_start_that_is_known_supersedes_nothing(store: Store) -> None:
    key = Idempotency("k", "h")
    first = await store.tasks.create(NewTask("demo", {}, coalesce_key="k"), idempotency=key)
    new = await made(store)
    assert (await store.tasks.create(NewTask("demo", {}, coalesce_key="k"), idempotency=key)).task_id == first.task_id
    assert await queued(store) == [new.task_id]


async def test_taking_a_place_needs_no_room_in_a_full_queue(store: Store) -> None:
    old = await made(store)
    new = await store.tasks.create(NewTask("demo", {}, coalesce_key="k"), queue_limit=1)
    assert await queued(store) == [new.task_id]
    with pytest.raises(QueueFull) as caught:
        await store.tasks.create(NewTask("demo", {}, coalesce_key="another"), queue_limit=1)
    assert caught.value.details == {"waiting": 1}
    assert await queued(store) == [new.task_id]
    assert (await now(store, old)).status is TaskStatus.CANCELLED


async def test_what_waited_for_the_old_one_waits_for_the_new_one(store: Store) -> None:
    old = await made(store)
    below = await store.tasks.create(NewTask("demo", {}, depends_on=(old.task_id,)))
    new = await made(store)
    waiting = await now(store, below)
    assert (waiting.status, waiting.depends_on, waiting.waits_for) == (TaskStatus.QUEUED, (new.task_id,), 1)
    assert await store.tasks.claim(below.task_id, "w", LEASE_SECONDS) is None
    await store.tasks.finish(fence_of(await claimed(store, new)), TaskStatus.COMPLETED, told(), result={})
    assert (await now(store, below)).waits_for == 0
    await claimed(store, below)


@pytest.mark.parametrize(
    ("declared", "status"),
    [(DependencyFailure.FAIL, TaskStatus.FAILED), (DependencyFailure.WAIT, TaskStatus.QUEUED)],
)
async def test_a_new_one_that_waits_itself_takes_no_dependents_over(
    store: Store, declared: DependencyFailure, status: TaskStatus
) -> None:
    first = await store.tasks.create(NewTask("demo", {}))
    old = await made(store)
    below = await store.tasks.create(NewTask("demo", {}, depends_on=(old.task_id,), on_dependency_failure=declared))
    await made(store, depends_on=(first.task_id,))
    left = await now(store, below)
    assert (left.status, left.depends_on) == (status, (old.task_id,))


# --- back to the queue -------------------------------------------------------------------------------------------


async def test_an_attempt_that_failed_is_not_tried_again_when_a_newer_task_waits(
    store: Store, changes: Changes
) -> None:
    running = await claimed(store, await made(store))
    newer = await made(store)
    ended = await store.tasks.finish(
        fence_of(running), TaskStatus.QUEUED, told(), error=BROKEN, run_at=running.created_at
    )
    assert (ended.status, ended.error and ended.error.code) == (TaskStatus.CANCELLED, "superseded")
    assert [kind for _, kind in changes.of(running.task_id)][-1] == "task_superseded"
    assert await queued(store) == [newer.task_id]


async def test_a_lost_task_is_not_queued_again_when_a_newer_one_waits(store: Store) -> None:
    running = await claimed(store, await made(store))
    newer = await made(store)
    [taken] = await store.tasks.reap(gone=["w"], spare=[])
    assert (taken.task_id, taken.status) == (running.task_id, TaskStatus.CANCELLED)
    assert await queued(store) == [newer.task_id]


async def test_a_resumed_or_retried_task_gives_way_to_a_newer_one(store: Store) -> None:
    paused, cancelled = await made(store), await store.tasks.create(NewTask("demo", {}, coalesce_key="other"))
    await store.tasks.request_pause(paused.task_id)
    await store.tasks.request_cancel(cancelled.task_id)
    newer = await made(store)
    newest = await store.tasks.create(NewTask("demo", {}, coalesce_key="other"))
    assert (await store.tasks.resume(paused.task_id)).status is TaskStatus.CANCELLED
    assert (await store.tasks.retry(cancelled.task_id, only_failed=False)).status is TaskStatus.CANCELLED
    assert await queued(store) == [newest.task_id, newer.task_id]


async def test_the_newest_of_those_that_come_back_stays(store: Store) -> None:
    old = await claimed(store, await made(store))
    new = await claimed(store, await made(store))
    await store.tasks.finish(fence_of(old), TaskStatus.QUEUED, told())
    back = await store.tasks.finish(fence_of(new), TaskStatus.QUEUED, told())
    assert back.status is TaskStatus.QUEUED
    assert await queued(store) == [new.task_id]
