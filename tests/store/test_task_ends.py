"""The contract of `TaskStore`: how attempts and tasks end: finish, cancel, retry, reap."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gleanery.errors import LeaseLost, NotFound, WrongState
from gleanery.model import ErrorInfo, NewTask, Task, TaskStatus, UrlState, utc_now
from gleanery.store.base import Store
from tests.clock import SetClock
from tests.store.samples import HALF_WAY, LEASE_SECONDS, Changes, Crawl, event_types, fence_of, started, told, url_of

BROKEN = ErrorInfo("broken", "It broke.", {"at": [1, 2]})
FINAL = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


async def claim_again(store: Store, task: Task) -> Task:
    again = await store.tasks.claim(task.task_id, "worker-2", LEASE_SECONDS)
    assert again is not None
    return again


# --- finish ------------------------------------------------------------------------------------------------------


async def test_a_completed_task_keeps_its_result_and_frees_its_worker(store: Store) -> None:
    task = await started(store)
    done = await store.tasks.finish(
        fence_of(task), TaskStatus.COMPLETED, told("done"), progress=HALF_WAY, result={"pages": 3, "é": [None]}
    )
    assert (done.status, done.result, done.error) == (TaskStatus.COMPLETED, {"pages": 3, "é": [None]}, None)
    assert (done.worker_id, done.lease_until, done.progress) == (None, None, HALF_WAY)
    assert done.processing_completed_at is not None
    assert await store.tasks.get(task.task_id) == done
    with pytest.raises(LeaseLost):
        await store.tasks.finish(fence_of(task), TaskStatus.FAILED, told(), error=BROKEN)


async def test_a_failed_task_keeps_its_error(store: Store) -> None:
    task = await started(store)
    failed = await store.tasks.finish(fence_of(task), TaskStatus.FAILED, told(), error=BROKEN)
    assert (failed.status, failed.error, failed.last_error) == (TaskStatus.FAILED, BROKEN, BROKEN)
    assert failed.last_error_at is not None
    assert failed.retry_attempts == 0


async def test_another_try_counts_and_waits_for_its_time(store: Store) -> None:
    task = await started(store)
    run_at = utc_now() + timedelta(hours=1)
    waiting = await store.tasks.finish(fence_of(task), TaskStatus.QUEUED, told(), error=BROKEN, run_at=run_at)
    assert (waiting.status, waiting.run_at, waiting.retry_attempts) == (TaskStatus.QUEUED, run_at, 1)
    assert (waiting.error, waiting.last_error, waiting.processing_completed_at) == (None, BROKEN, None)
    assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS) is None


async def test_a_task_that_is_put_back_is_as_if_it_had_not_run(store: Store) -> None:
    task = await started(store)
    back = await store.tasks.finish(fence_of(task), TaskStatus.QUEUED, told())
    assert (back.status, back.retry_attempts, back.run_at) == (TaskStatus.QUEUED, 0, task.run_at)
    assert (back.last_error, back.last_error_at) == (None, None)
    again = await claim_again(store, task)
    assert (again.attempt, again.processing_started_at) == (2, task.processing_started_at)
    assert (await event_types(store, task.task_id))[-1] == "task_resumed"


# --- cancel ------------------------------------------------------------------------------------------------------


async def test_a_queued_task_is_cancelled_at_once(store: Store) -> None:
    task = await store.tasks.create(NewTask("demo", {}))
    cancelled = await store.tasks.request_cancel(task.task_id)
    assert cancelled.status is TaskStatus.CANCELLED
    assert cancelled.processing_completed_at is not None
    assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS) is None
    assert await event_types(store, task.task_id) == ["task_queued", "task_cancelled"]


async def test_a_paused_task_is_cancelled_at_once(store: Store) -> None:
    task = await started(store)
    await store.tasks.finish(fence_of(task), TaskStatus.PAUSED, told())
    assert (await store.tasks.request_cancel(task.task_id)).status is TaskStatus.CANCELLED


async def test_a_running_task_is_marked_once(store: Store) -> None:
    task = await started(store)
    marked = await asyncio.gather(*(store.tasks.request_cancel(task.task_id) for _ in range(3)))
    assert {(t.status, t.is_cancel_requested) for t in marked} == {(TaskStatus.RUNNING, True)}
    assert (await event_types(store, task.task_id)).count("task_cancel_requested") == 1
    ended = await store.tasks.finish(fence_of(task), TaskStatus.CANCELLED, told())
    assert (ended.status, ended.is_cancel_requested) == (TaskStatus.CANCELLED, False)


@pytest.mark.parametrize("status", FINAL)
async def test_an_ended_task_cannot_be_cancelled(store: Store, status: TaskStatus) -> None:
    task = await started(store)
    ended = await store.tasks.finish(fence_of(task), status, told(), error=BROKEN)
    with pytest.raises(WrongState) as caught:
        await store.tasks.request_cancel(task.task_id)
    assert caught.value.details == {"task_id": task.task_id, "status": status}
    assert await store.tasks.get(task.task_id) == ended


async def test_claim_and_cancel_at_once_leave_no_third_state(store: Store) -> None:
    for _ in range(20):
        task = await store.tasks.create(NewTask("demo", {}))
        claimed, _ = await asyncio.gather(
            store.tasks.claim(task.task_id, "w", LEASE_SECONDS), store.tasks.request_cancel(task.task_id)
        )
        now = await store.tasks.get(task.task_id)
        if claimed is None:
            assert now.status is TaskStatus.CANCELLED
        else:
            assert (now.status, now.is_cancel_requested) == (TaskStatus.RUNNING, True)


@pytest.mark.parametrize("only_failed", [False, True])
async def test_steering_an_unknown_task_is_not_found(store: Store, only_failed: bool) -> None:
    with pytest.raises(NotFound):
        await store.tasks.request_cancel("tsk_nobody")
    with pytest.raises(NotFound):
        await store.tasks.retry("tsk_nobody", only_failed=only_failed)


# --- retry -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [TaskStatus.FAILED, TaskStatus.CANCELLED])
async def test_a_failed_or_cancelled_task_runs_again_with_fresh_retries(store: Store, status: TaskStatus) -> None:
    task = await started(store)
    await store.tasks.finish(fence_of(task), TaskStatus.QUEUED, told(), error=BROKEN, run_at=utc_now())
    await store.tasks.finish(fence_of(await claim_again(store, task)), status, told(), error=BROKEN)
    again = await store.tasks.retry(task.task_id, only_failed=False)
    assert (again.status, again.retry_attempts, again.attempt) == (TaskStatus.QUEUED, 0, 2)
    assert (again.error, again.result, again.last_error, again.processing_completed_at) == (None, None, None, None)
    assert (await claim_again(store, task)).attempt == 3


@pytest.mark.parametrize("status", [TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.PAUSED])
async def test_only_an_ended_task_can_be_retried(store: Store, status: TaskStatus) -> None:
    task = await started(store)
    if status is not TaskStatus.RUNNING:
        await store.tasks.finish(fence_of(task), status, told())
    with pytest.raises(WrongState):
        await store.tasks.retry(task.task_id, only_failed=False)
    assert (await store.tasks.get(task.task_id)).status is status


async def settle(crawl: Crawl, path: str, state: UrlState, reason: str | None) -> None:
    url = url_of(path, state=state, reason=reason, message="why", status_code=500, attempts=4)
    await crawl.store.crawls.settle(crawl.fence, url, told(), HALF_WAY)


@pytest.mark.parametrize("only_failed", [False, True])
async def test_the_failed_pages_of_a_completed_crawl_are_tried_again(crawl: Crawl, only_failed: bool) -> None:
    await crawl.add(url_of("bad"), url_of("odd"))
    await crawl.put("good")
    await settle(crawl, "bad", UrlState.FAILED, "http_500")
    await settle(crawl, "odd", UrlState.SKIPPED, "not_html")
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    again = await crawl.store.tasks.retry(crawl.task.task_id, only_failed=only_failed)
    assert again.status is TaskStatus.QUEUED
    assert await crawl.urls() == {
        "bad": ("queued", 1, None),
        "odd": ("skipped", 1, "not_html"),
        "good": ("stored", 1, None),
    }
    [bad] = await crawl.store.crawls.next_urls(crawl.task.task_id, 10, [])
    assert (bad.attempts, bad.message, bad.status_code, bad.settled_at) == (0, None, None, None)
    [*_, last] = await crawl.store.tasks.events(crawl.task.task_id, after=None, before=None, limit=100)
    assert (last.type, last.data) == ("task_queued", {"reason": "retry", "failed_pages": 1})


@pytest.mark.parametrize(("status", "only_failed"), [(TaskStatus.COMPLETED, False), *((s, True) for s in FINAL)])
async def test_without_failed_pages_there_is_nothing_to_retry(
    crawl: Crawl, status: TaskStatus, only_failed: bool
) -> None:
    await crawl.put("good")
    ended = await crawl.store.tasks.finish(crawl.fence, status, told(), error=BROKEN)
    with pytest.raises(WrongState):
        await crawl.store.tasks.retry(crawl.task.task_id, only_failed=only_failed)
    assert await crawl.store.tasks.get(crawl.task.task_id) == ended


# --- reap --------------------------------------------------------------------------------------------------------


async def test_only_tasks_whose_lease_ran_out_are_taken_back(store: Store, changes: Changes, clock: SetClock) -> None:
    lost = await started(store)
    alive = await started(store)
    waiting = await store.tasks.create(NewTask("demo", {}))
    await store.tasks.beat([fence_of(alive)], 3600.0, {})
    clock.jump(LEASE_SECONDS + 1)
    [taken] = await store.tasks.reap(gone=[], spare=[])
    assert (taken.task_id, taken.status, taken.run_at) == (lost.task_id, TaskStatus.QUEUED, lost.created_at)
    assert (taken.worker_id, taken.lease_until, taken.retry_attempts) == (None, None, 0)
    assert changes.of(lost.task_id)[-1] == (3, "task_queued")
    assert (await store.tasks.get(alive.task_id)).status is TaskStatus.RUNNING
    assert await store.tasks.get(waiting.task_id) == waiting
    assert await store.tasks.reap(gone=[], spare=[]) == []


async def test_after_a_restart_every_running_task_is_taken_back(store: Store) -> None:
    running = {(await started(store)).task_id for _ in range(3)}
    taken = await store.tasks.reap(gone=["worker-1", "worker-2", "crashed"], spare=[])
    assert {task.task_id for task in taken} == running
    assert await store.tasks.count_by_status() == {"queued": 3}


async def test_a_lost_task_that_was_to_be_cancelled_is_cancelled(store: Store) -> None:
    task = await started(store)
    await store.tasks.request_cancel(task.task_id)
    [taken] = await store.tasks.reap(gone=["worker-1", "worker-2", "crashed"], spare=[])
    assert (taken.status, taken.is_cancel_requested) == (TaskStatus.CANCELLED, False)
    assert taken.processing_completed_at is not None


async def lose(store: Store, task: Task, times: int) -> Task:
    """Claim where it waits, then lose the worker, `times` times."""
    taken = task
    for _ in range(times):
        if (await store.tasks.get(task.task_id)).status is TaskStatus.QUEUED:
            await claim_again(store, task)
        [taken] = await store.tasks.reap(gone=["worker-1", "worker-2", "crashed"], spare=[])
    return taken


async def test_a_task_that_kills_its_worker_again_and_again_fails(store: Store) -> None:
    task = await started(store)
    assert (await lose(store, task, 3)).status is TaskStatus.QUEUED
    failed = await lose(store, task, 1)
    assert failed.status is TaskStatus.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.details) == ("worker_lost", {"losses": 4})
    # By request it gets a whole row of tries again.
    await store.tasks.retry(task.task_id, only_failed=False)
    assert (await lose(store, task, 3)).status is TaskStatus.QUEUED


async def test_progress_between_losses_makes_them_count_anew(store: Store) -> None:
    task = await started(store)
    await lose(store, task, 2)
    again = await claim_again(store, task)
    await store.tasks.report(fence_of(again), [], HALF_WAY)
    assert (await lose(store, task, 3)).status is TaskStatus.QUEUED
    assert (await lose(store, task, 1)).status is TaskStatus.FAILED
