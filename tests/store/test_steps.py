"""The contract of `TaskStore`: steps, what an attempt has worked out so that the next one need not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gleanery.errors import LeaseLost
from gleanery.model import NewTask, Task, TaskStatus
from gleanery.store.base import Store
from tests.store.samples import LEASE_SECONDS, Changes, event_types, fence_of, started, told


async def again(store: Store, task: Task) -> Task:
    claimed = await store.tasks.claim(task.task_id, "worker-1", LEASE_SECONDS)
    assert claimed is not None
    return claimed


@pytest.mark.parametrize("value", [None, False, 0, "", "é\n", [1, {"a": [None]}], {"n": 1.5}])
async def test_a_step_comes_back_as_it_was_kept(store: Store, value: Any) -> None:
    task = await started(store)
    assert await store.tasks.step(task.task_id, "s") is None
    await store.tasks.keep_step(fence_of(task), "s", value)
    assert await store.tasks.step(task.task_id, "s") == (value,)


async def test_steps_belong_to_their_task(store: Store) -> None:
    one, two = await started(store), await started(store)
    await store.tasks.keep_step(fence_of(one), "s", 1)
    assert await store.tasks.step(two.task_id, "s") is None
    assert await store.tasks.step("tsk_nobody", "s") is None


async def test_the_first_value_of_a_step_stays_and_is_told_once(store: Store, changes: Changes) -> None:
    task = await started(store)
    await asyncio.gather(*(store.tasks.keep_step(fence_of(task), "s", n) for n in range(5)))
    kept = await store.tasks.step(task.task_id, "s")
    assert kept in [(n,) for n in range(5)]
    await store.tasks.keep_step(fence_of(task), "s", "later")
    assert await store.tasks.step(task.task_id, "s") == kept
    assert changes.of(task.task_id) == [(1, "task_queued"), (2, "task_started"), (3, "task_step_completed")]
    [*_, event] = await store.tasks.events(task.task_id, after=None, before=None, limit=10)
    assert event.data == {"step": "s"}


async def test_an_attempt_that_no_longer_runs_keeps_no_step(store: Store, changes: Changes) -> None:
    task = await started(store)
    await store.tasks.reap(gone=["worker-1"], spare=[])
    await again(store, task)
    changes.heard.clear()
    with pytest.raises(LeaseLost):
        await store.tasks.keep_step(fence_of(task), "s", 1)
    assert await store.tasks.step(task.task_id, "s") is None
    assert changes.heard == []


async def test_what_is_no_json_is_refused_and_nothing_is_kept(store: Store) -> None:
    task = await started(store)
    with pytest.raises(TypeError):
        await store.tasks.keep_step(fence_of(task), "s", object())
    assert await store.tasks.step(task.task_id, "s") is None
    assert await event_types(store, task.task_id) == ["task_queued", "task_started"]


async def test_steps_outlive_attempts_losses_and_a_retry_by_request(store: Store) -> None:
    task = await started(store)
    await store.tasks.keep_step(fence_of(task), "s", 1)
    await store.tasks.reap(gone=["worker-1"], spare=[])
    second = await again(store, task)
    await store.tasks.finish(fence_of(second), TaskStatus.CANCELLED, told())
    await store.tasks.retry(task.task_id, only_failed=False)
    assert await store.tasks.step(task.task_id, "s") == (1,)


async def test_a_step_between_losses_makes_them_count_anew(store: Store) -> None:
    task = await started(store, NewTask("demo", {}, max_retries=1))
    await store.tasks.reap(gone=["worker-1"], spare=[])
    second = await again(store, task)
    await store.tasks.keep_step(fence_of(second), "s", 1)
    await store.tasks.reap(gone=["worker-1"], spare=[])
    third = await again(store, task)
    await store.tasks.keep_step(fence_of(third), "s", 2)  # is there already: no progress
    [taken] = await store.tasks.reap(gone=["worker-1"], spare=[])
    assert taken.status is TaskStatus.FAILED
