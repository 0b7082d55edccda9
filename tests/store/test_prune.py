"""The contract of `TaskStore`: what may be forgotten, and what stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gleanery.engine.housekeeping import prune
from gleanery.errors import NotFound
from gleanery.model import DeliveryState, ErrorInfo, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.values import Idempotency, Removed, Retention, TaskFilter
from tests.clock import SetClock
from tests.store.samples import Changes, fence_of, start_crawl, started, told, url_of

DAY = 86_400.0
BROKEN = ErrorInfo("broken", "It broke.")


async def ended(store: Store, status: TaskStatus = TaskStatus.COMPLETED, **fields: object) -> Task:
    """A task with three events."""
    task = await started(store, NewTask("demo", {}, **fields))  # type: ignore[arg-type]
    return await store.tasks.finish(fence_of(task), status, told(), error=BROKEN)


async def with_events(store: Store, count: int) -> Task:
    """A running task that has told so many."""
    task = await started(store)
    events = [NewEvent("page_stored", str(n)) for n in range(count - 2)]
    return await store.tasks.report(fence_of(task), events, Progress())


async def left(store: Store) -> set[str]:
    return {task.task_id for task in await store.tasks.list(TaskFilter(), after=None, limit=1000)}


async def seqs(store: Store, task: Task) -> tuple[int, list[int]]:
    """The first that is kept by the task's row, and those that are there."""
    now = await store.tasks.get(task.task_id)
    events = await store.tasks.events(task.task_id, after=None, before=None, limit=100_000)
    return now.first_seq, [event.seq for event in events]


def of_tasks(clock: SetClock, days: float = 1.0) -> Retention:
    return Retention(tasks_before=clock() - timedelta(days=days))


async def test_tasks_that_ended_before_a_day_go_with_all_that_hangs_on_them(store: Store, clock: SetClock) -> None:
    old = await started(store)
    await store.tasks.keep_step(fence_of(old), "s", 1)
    await store.tasks.finish(fence_of(old), TaskStatus.COMPLETED, told())
    unfinished = {(await started(store)).task_id, (await store.tasks.create(NewTask("demo", {}))).task_id}
    clock.jump(2 * DAY)
    young = await ended(store)
    assert await prune(store.tasks, of_tasks(clock)) == Removed(tasks=1, events=4)
    assert await left(store) == {young.task_id, *unfinished}
    with pytest.raises(NotFound):
        await store.tasks.get(old.task_id)
    assert await store.tasks.events(old.task_id, after=None, before=None, limit=10) == []
    assert await store.tasks.step(old.task_id, "s") is None
    assert await store.tasks.count_by_status() == {"queued": 1, "running": 1, "completed": 1}


async def test_without_a_time_nothing_goes(store: Store, clock: SetClock) -> None:
    await ended(store)
    clock.jump(1000 * DAY)
    assert await prune(store.tasks, Retention()) == Removed()
    assert len(await left(store)) == 1


async def test_only_tasks_of_the_states_asked_for_go(store: Store, clock: SetClock) -> None:
    failed = await ended(store, TaskStatus.FAILED)
    await ended(store)
    await ended(store, TaskStatus.CANCELLED)
    clock.jump(2 * DAY)
    states = (TaskStatus.COMPLETED, TaskStatus.CANCELLED)
    assert (await prune(store.tasks, replace(of_tasks(clock), statuses=states))).tasks == 2
    assert await left(store) == {failed.task_id}


async def test_a_task_that_an_unfinished_one_waits_for_stays(store: Store, clock: SetClock) -> None:
    needed, paused_needs, unneeded = [await ended(store) for _ in range(3)]
    waiting = await store.tasks.create(NewTask("demo", {}, depends_on=(needed.task_id,)))
    paused = await store.tasks.create(NewTask("demo", {}, depends_on=(paused_needs.task_id,)))
    await store.tasks.request_pause(paused.task_id)
    clock.jump(2 * DAY)
    assert (await prune(store.tasks, of_tasks(clock))).tasks == 1
    assert unneeded.task_id not in await left(store)
    for task in (waiting, paused):
        await store.tasks.request_cancel(task.task_id)
    assert (await prune(store.tasks, of_tasks(clock))).tasks == 2
    assert await left(store) == {waiting.task_id, paused.task_id}


async def test_the_last_task_of_a_source_stays_as_long_as_the_source_does(store: Store, clock: SetClock) -> None:
    crawl = await start_crawl(store)
    await crawl.store.knowledge.name_source(crawl.fence, crawl.source.source_id, "A")
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told())
    clock.jump(2 * DAY)
    assert await prune(store.tasks, of_tasks(clock)) == Removed()
    await store.knowledge.delete_source(crawl.source.source_id)
    assert (await prune(store.tasks, of_tasks(clock))).tasks == 1


async def test_a_task_whose_webhook_call_is_still_to_be_sent_stays(store: Store, clock: SetClock) -> None:
    task = await ended(store, webhook_url="https://h.test/")
    clock.jump(2 * DAY)
    assert await prune(store.tasks, of_tasks(clock)) == Removed()
    [call] = await store.outbox.claim(10, 60.0)
    await store.outbox.settle(call, DeliveryState.DEAD, status_code=500, error="no")
    assert (await prune(store.tasks, of_tasks(clock))).tasks == 1
    assert await store.outbox.list(state=None, task_id=task.task_id, after=None, limit=10) == []


async def test_settled_calls_and_old_keys_go_and_pending_calls_stay(store: Store, clock: SetClock) -> None:
    for _ in range(2):
        await ended(store, webhook_url="https://h.test/")
    [call] = await store.outbox.claim(1, 60.0)
    await store.outbox.settle(call, DeliveryState.DELIVERED, status_code=200, error=None)
    kept = await store.tasks.create(NewTask("demo", {}), idempotency=Idempotency("k", "h"))
    clock.jump(2 * DAY)
    before = clock() - timedelta(days=1)
    removed = await prune(store.tasks, Retention(deliveries_before=before, idempotency_before=before))
    assert removed == Removed(deliveries=1, idempotency_keys=1)
    assert await store.outbox.count_by_state() == {"pending": 1}
    assert (await store.tasks.get(kept.task_id)) == kept
    assert await store.tasks.known_start(Idempotency("k", "h")) is None


async def test_a_key_goes_with_its_task(store: Store, clock: SetClock) -> None:
    key = Idempotency("k", "h")
    task = await store.tasks.create(NewTask("demo", {}), idempotency=key)
    await store.tasks.request_cancel(task.task_id)
    clock.jump(2 * DAY)
    await prune(store.tasks, of_tasks(clock))
    assert await store.tasks.known_start(key) is None


# --- events ------------------------------------------------------------------------------------------------------


async def test_of_any_task_the_newest_events_stay(store: Store) -> None:
    running, short = await with_events(store, 10), await with_events(store, 3)
    assert await prune(store.tasks, Retention(events_per_task=4)) == Removed(events=6)
    assert await seqs(store, running) == (7, [7, 8, 9, 10])
    assert await seqs(store, short) == (1, [1, 2, 3])
    await store.tasks.report(fence_of(running), told(), Progress())
    assert await prune(store.tasks, Retention(events_per_task=4)) == Removed(events=1)
    assert await seqs(store, running) == (8, [8, 9, 10, 11])


async def test_old_events_of_ended_tasks_go_and_their_tasks_stay(store: Store, clock: SetClock) -> None:
    done, running = await ended(store), await with_events(store, 5)
    clock.jump(2 * DAY)
    young = await ended(store)
    retention = Retention(events_before=clock() - timedelta(days=1))
    assert await prune(store.tasks, retention) == Removed(events=3)
    assert await seqs(store, done) == (4, [])
    assert await seqs(store, running) == (1, [1, 2, 3, 4, 5])
    assert await seqs(store, young) == (1, [1, 2, 3])


async def test_a_task_without_its_old_events_goes_on_counting_where_it_was(
    store: Store, clock: SetClock, changes: Changes
) -> None:
    done = await ended(store, TaskStatus.FAILED)
    clock.jump(2 * DAY)
    await prune(store.tasks, Retention(events_before=clock()))
    await store.tasks.retry(done.task_id, only_failed=False)
    assert await seqs(store, done) == (4, [4])
    assert [seq for seq, _ in changes.of(done.task_id)] == [1, 2, 3, 4]


async def test_the_order_of_all_events_goes_on_when_the_newest_were_removed(store: Store, clock: SetClock) -> None:
    await ended(store)
    number = await store.tasks.last_number()
    clock.jump(2 * DAY)
    await prune(store.tasks, of_tasks(clock))
    assert await store.tasks.last_number() == number
    await store.tasks.create(NewTask("demo", {}))
    [change] = await store.tasks.changes_after(number, 10)
    assert change.number == number + 1


# --- much at once ------------------------------------------------------------------------------------------------


async def test_a_task_with_ten_thousand_events_goes_over_several_transactions(store: Store, clock: SetClock) -> None:
    task = await with_events(store, 9_999)
    await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told())
    clock.jump(2 * DAY)
    first = await store.tasks.prune(of_tasks(clock), 100)
    assert (first.tasks, 0 < first.events <= 2_000) == (0, True)
    begin, there = await seqs(store, task)
    assert there == list(range(first.events + 1, 10_001)), "what is left has no gap"
    assert begin == first.events + 1
    rest = await prune(store.tasks, of_tasks(clock))
    assert (rest.tasks, rest.events) == (1, 10_000 - first.events)
    assert await left(store) == set()


async def test_a_crawl_with_many_urls_goes_over_several_transactions(store: Store, clock: SetClock) -> None:
    crawl = await start_crawl(store)
    await crawl.add(*(url_of(str(n)) for n in range(7_000)))
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told())
    clock.jump(2 * DAY)
    retention = of_tasks(clock)
    promised = await store.tasks.prunable(retention)
    assert (promised.tasks, promised.urls) == (1, 7_000)
    assert await prune(store.tasks, retention) == promised
    assert await left(store) == set()
    assert await store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=10) == []


async def test_what_is_promised_is_what_goes_in_the_end(store: Store, clock: SetClock) -> None:
    key = Idempotency("old", "h")
    await store.tasks.request_cancel((await store.tasks.create(NewTask("demo", {}), idempotency=key)).task_id)
    await ended(store, webhook_url="https://h.test/")
    await ended(store, webhook_url="https://h.test/", webhook_states=(TaskStatus.RUNNING,))
    needed = await ended(store, webhook_url="https://h.test/")
    for call in await store.outbox.claim(2, 60.0):
        await store.outbox.settle(call, DeliveryState.DELIVERED, status_code=200, error=None)
    await store.tasks.create(NewTask("demo", {}, depends_on=(needed.task_id,)), idempotency=Idempotency("k", "h"))
    await with_events(store, 30)
    clock.jump(2 * DAY)
    await ended(store)
    before = clock() - timedelta(days=1)
    for retention in (
        Retention(events_per_task=20),
        Retention(events_before=before, events_per_task=2),
        Retention(before, (TaskStatus.CANCELLED,)),
        Retention(before, events_before=before, deliveries_before=before, idempotency_before=before),
    ):
        promised = await store.tasks.prunable(retention)
        assert promised != Removed()
        assert await prune(store.tasks, retention) == promised
        assert await store.tasks.prunable(retention) == Removed()


async def test_no_more_tasks_go_at_once_than_asked(store: Store, clock: SetClock) -> None:
    for _ in range(5):
        await ended(store)
    clock.jump(2 * DAY)
    assert [(await store.tasks.prune(of_tasks(clock), 2)).tasks for _ in range(4)] == [2, 2, 1, 0]
