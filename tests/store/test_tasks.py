"""The contract of `TaskStore`: creating, claiming, reporting, reading."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gleanery.errors import IdempotencyConflict, LeaseLost, NotFound, QueueFull
from gleanery.model import DependencyFailure, ErrorInfo, Fence, NewEvent, NewTask, Progress, TaskStatus, utc_now
from gleanery.store.base import Store
from gleanery.store.values import Asked, Idempotency, TaskFilter, Wanted
from tests.clock import SetClock
from tests.store.samples import HALF_WAY, LEASE_SECONDS, Changes, event_types, fence_of, started, told

# --- create ------------------------------------------------------------------------------------------------------


async def test_a_new_task_is_kept_as_it_was_given_with_its_first_event(store: Store) -> None:
    run_at = utc_now() + timedelta(hours=1)
    new = NewTask(
        "crawl",
        {"url": "https://é.test", "n": [1, None]},
        "T",
        "D",
        70,
        "slow",
        5,
        run_at,
        webhook_url="https://h.test",
        parent_task_id="tsk_up",
    )
    made = await store.tasks.create(new)
    task = await store.tasks.get(new.task_id)
    assert task == made
    assert (task.task_id, task.task_type, task.title, task.description) == (new.task_id, "crawl", "T", "D")
    assert (task.priority, task.queue_name, task.max_retries, task.run_at) == (70, "slow", 5, run_at)
    assert (task.webhook_url, task.parent_task_id, task.payload) == ("https://h.test", "tsk_up", new.payload)
    assert (task.status, task.attempt, task.retry_attempts, task.last_seq) == (TaskStatus.QUEUED, 0, 0, 1)
    assert (task.result, task.error, task.progress, task.worker_id, task.lease_until) == (
        *(None, None, Progress()),
        *(None, None),
    )
    [event] = await store.tasks.events(new.task_id, after=None, before=None, limit=10)
    assert (event.seq, event.type, event.at) == (1, "task_queued", task.created_at)


async def test_a_new_task_is_given_as_it_is_read(store: Store) -> None:
    """The answer is not read back: whatever a new task may have must be in it all the same."""
    first = await store.tasks.create(NewTask("demo", {1: (2, 3)}))  # type: ignore[dict-item]
    assert first.payload == {"1": [2, 3]}
    new = NewTask(
        "demo",
        {},
        depends_on=(first.task_id,),
        on_dependency_failure=DependencyFailure.WAIT,
        coalesce_key="c",
        serial_key="s",
        webhook_states=(TaskStatus.RUNNING,),
        schedule_id="sch_1",
        run_at=utc_now() - timedelta(days=1),
    )
    for task in (first, await store.tasks.create(new)):
        assert await store.tasks.get(task.task_id) == task


async def test_an_unknown_task_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        await store.tasks.get("tsk_nobody")
    assert caught.value.details == {"kind": "task", "id": "tsk_nobody"}
    assert await store.tasks.events("tsk_nobody", after=None, before=None, limit=10) == []
    assert await store.tasks.claim("tsk_nobody", "w", LEASE_SECONDS) is None


async def test_one_idempotency_key_makes_one_task(store: Store, changes: Changes) -> None:
    key = Idempotency("k", "hash of the request")
    assert await store.tasks.known_start(key) is None
    made = await asyncio.gather(*(store.tasks.create(NewTask("demo", {}), idempotency=key) for _ in range(20)))
    assert len({task.task_id for task in made}) == 1
    assert await store.tasks.count_by_status() == {"queued": 1}
    assert await store.tasks.known_start(key) == made[0]
    assert changes.of(made[0].task_id) == [(1, "task_queued")]


async def test_the_same_key_with_another_request_is_refused(store: Store) -> None:
    await store.tasks.create(NewTask("demo", {}), idempotency=Idempotency("k", "one"))
    with pytest.raises(IdempotencyConflict):
        await store.tasks.create(NewTask("demo", {}), idempotency=Idempotency("k", "two"))
    with pytest.raises(IdempotencyConflict):
        await store.tasks.known_start(Idempotency("k", "two"))
    assert await store.tasks.count_by_status() == {"queued": 1}


async def test_the_queue_takes_exactly_its_limit_of_waiting_tasks(store: Store) -> None:
    key = Idempotency("k", "h")
    first = await store.tasks.create(NewTask("demo", {}), idempotency=key, queue_limit=2)
    results = await asyncio.gather(
        *(store.tasks.create(NewTask("demo", {}), queue_limit=2) for _ in range(10)), return_exceptions=True
    )
    refused = [error for error in results if isinstance(error, QueueFull)]
    assert len(refused) == 9
    assert refused[0].details == {"waiting": 2}
    # A start that is known already needs no room, and a running task takes none.
    assert (await store.tasks.create(NewTask("demo", {}), idempotency=key, queue_limit=2)).task_id == first.task_id
    assert await store.tasks.claim(first.task_id, "w", LEASE_SECONDS)
    await store.tasks.create(NewTask("demo", {}), queue_limit=2)
    assert await store.tasks.count_by_status() == {"queued": 2, "running": 1}


# --- list --------------------------------------------------------------------------------------------------------


async def test_paging_through_tasks_meets_each_once_newest_first(store: Store) -> None:
    made = [(await store.tasks.create(NewTask("demo", {"n": n}))).task_id for n in range(7)]
    met: list[str] = []
    after: tuple[float, str] | None = None
    while page := await store.tasks.list(TaskFilter(), after=after, limit=3):
        assert len(page) <= 3
        met += [task.task_id for task in page]
        after = (page[-1].created_at.timestamp(), page[-1].task_id)
        await store.tasks.create(NewTask("demo", {}))  # what comes meanwhile doesn't shift the pages
    assert met == made[::-1]


async def test_paging_in_order_meets_each_once_as_they_would_be_chosen(store: Store, clock: SetClock) -> None:
    later = clock() + timedelta(hours=1)
    asked = [(50, None), (90, None), (50, later), (90, later), (0, None), (50, None)]
    made = [(await store.tasks.create(NewTask("demo", {}, priority=p, run_at=at))).task_id for p, at in asked]
    await store.tasks.request_pause(made[5])
    wanted = TaskFilter((TaskStatus.QUEUED, TaskStatus.PAUSED))
    met: list[str] = []
    after: tuple[int, float, float, str] | None = None
    while page := await store.tasks.in_order(wanted, after=after, limit=2):
        met += [task.task_id for task in page]
        last = page[-1]
        after = (last.priority, last.run_at.timestamp(), last.created_at.timestamp(), last.task_id)
    assert met == [made[n] for n in (1, 3, 0, 5, 2, 4)]


async def test_tasks_are_listed_by_id_and_error(store: Store) -> None:
    broken, worn = await started(store), await started(store)
    await store.tasks.finish(fence_of(broken), TaskStatus.FAILED, told(), error=ErrorInfo("broken", "It broke."))
    await store.tasks.finish(fence_of(worn), TaskStatus.FAILED, told(), error=ErrorInfo("worn", "It wore out."))
    good = await store.tasks.create(NewTask("demo", {}))

    async def listed(**fields: Any) -> set[str]:
        return {task.task_id for task in await store.tasks.list(TaskFilter(**fields), after=None, limit=10)}

    assert await listed(task_ids=(worn.task_id, good.task_id)) == {worn.task_id, good.task_id}
    assert await listed(error_code="broken") == {broken.task_id}
    assert await listed(error_code="broken", task_ids=(worn.task_id,)) == set()


async def test_tasks_are_listed_by_status_and_type(store: Store) -> None:
    waiting = await store.tasks.create(NewTask("demo", {}))
    running = await started(store, NewTask("crawl", {}))

    async def listed(*statuses: TaskStatus, task_type: str | None = None) -> set[str]:
        found = await store.tasks.list(TaskFilter(statuses, task_type), after=None, limit=10)
        return {task.task_id for task in found}

    assert await listed() == {waiting.task_id, running.task_id}
    assert await listed(TaskStatus.RUNNING) == {running.task_id}
    assert await listed(TaskStatus.RUNNING, TaskStatus.QUEUED) == {waiting.task_id, running.task_id}
    assert await listed(task_type="demo") == {waiting.task_id}
    assert await listed(TaskStatus.QUEUED, task_type="crawl") == set()


# --- due and claim -----------------------------------------------------------------------------------------------


def wanted(*task_types: str, **limits: Any) -> Wanted:
    return Wanted("w", LEASE_SECONDS, task_types or ("demo",), **limits)


async def claimed(store: Store, limit: int, *task_types: str, **limits: Any) -> list[str]:
    return [task.task_id for task in await store.tasks.claim_due(wanted(*task_types, **limits), limit)]


async def test_claims_take_the_best_priority_then_the_oldest_and_none_early(store: Store, clock: SetClock) -> None:
    now = clock()
    asked = (("low", 10, -9), ("new", 50, -1), ("old", 50, -5), ("top", 99, 0), ("late", 100, 60))
    for task_id, priority, seconds in asked:
        await store.tasks.create(
            NewTask("demo", {}, priority=priority, run_at=now + timedelta(seconds=seconds), task_id=task_id)
        )
    await store.tasks.create(NewTask("other", {}, run_at=now, task_id="other"))
    assert await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ()), 10) == []
    assert await claimed(store, 2) == ["top", "old"]
    assert await claimed(store, 10) == ["new", "low"]
    clock.jump(60)
    assert await claimed(store, 10, "demo", "other") == ["late", "other"]


async def test_no_more_of_a_type_or_queue_run_than_the_limits_say(store: Store) -> None:
    for n in range(6):
        await store.tasks.create(NewTask("a", {}, task_id=f"a{n}", queue_name="slow" if n % 2 else "default"))
    for n in range(3):
        await store.tasks.create(NewTask("b", {}, task_id=f"b{n}", queue_name="slow"))
    limits: dict[str, Any] = {"type_limits": {"a": 3}, "queue_limits": {"slow": 2}}
    assert await claimed(store, 10, "a", "b", **limits) == ["a0", "a1", "a2", "b0"]
    assert await claimed(store, 10, "a", "b", **limits) == []
    await store.tasks.finish(Fence("a1", 1), TaskStatus.COMPLETED, told())
    assert await claimed(store, 10, "a", "b", **limits) == ["a3"]
    await store.tasks.finish(Fence("a0", 1), TaskStatus.COMPLETED, told())
    assert await claimed(store, 10, "a", "b", **limits) == ["a4"]
    assert await claimed(store, 10, "b") == ["b1", "b2"]


async def test_a_type_that_runs_apart_is_not_had_by_the_worker_of_its_parent(store: Store) -> None:
    parent = await started(store, NewTask("a", {}))
    part = await store.tasks.create(NewTask("part", {}, parent_task_id=parent.task_id))
    alone = await store.tasks.create(NewTask("part", {}))
    own = Wanted(str(parent.worker_id), LEASE_SECONDS, ("part",), apart_types=("part",))
    assert [task.task_id for task in await store.tasks.claim_due(own, 10)] == [alone.task_id]
    assert await store.tasks.claim_due(own, 10) == []
    assert await claimed(store, 10, "part", apart_types=("part",)) == [part.task_id]
    await store.tasks.finish(Fence(part.task_id, 1), TaskStatus.QUEUED, [])
    await store.tasks.finish(fence_of(parent), TaskStatus.COMPLETED, told())
    assert [task.task_id for task in await store.tasks.claim_due(own, 10)] == [part.task_id]


async def test_the_next_time_is_that_of_the_first_task_that_is_not_due_yet(store: Store, clock: SetClock) -> None:
    now = clock()
    assert await store.tasks.next_due_at(["demo"]) is None
    for task_type, seconds in (("demo", -5), ("demo", 60), ("demo", 30), ("other", 10)):
        await store.tasks.create(NewTask(task_type, {}, run_at=now + timedelta(seconds=seconds)))
    assert await store.tasks.next_due_at(["demo"]) == now + timedelta(seconds=30)
    assert await store.tasks.next_due_at(["demo", "other"]) == now + timedelta(seconds=10)
    assert await store.tasks.next_due_at([]) is None
    clock.jump(120)
    assert await store.tasks.next_due_at(["demo"]) is None


async def test_a_task_without_a_start_time_is_due_though_the_clock_was_set_back(store: Store, clock: SetClock) -> None:
    now = await store.tasks.create(NewTask("demo", {}))
    await store.tasks.create(NewTask("demo", {}, run_at=clock() + timedelta(seconds=1)))
    clock.jump(-3600)
    assert await claimed(store, 10) == [now.task_id]


async def test_a_task_is_claimed_once_by_fifty_claimers(store: Store, changes: Changes) -> None:
    task = await store.tasks.create(NewTask("demo", {}))
    before = utc_now()
    claims = await asyncio.gather(*(store.tasks.claim(task.task_id, f"w{n}", 60.0) for n in range(50)))
    [won] = [claim for claim in claims if claim is not None]
    assert (won.status, won.attempt, won.last_seq) == (TaskStatus.RUNNING, 1, 2)
    assert won.worker_id == f"w{claims.index(won)}"
    assert won.processing_started_at is not None
    assert won.lease_until is not None
    assert 60 <= (won.lease_until - before).total_seconds() < 70
    assert changes.of(task.task_id) == [(1, "task_queued"), (2, "task_started")]
    assert await store.tasks.get(task.task_id) == won


async def test_a_task_that_is_not_due_cannot_be_claimed(store: Store) -> None:
    task = await store.tasks.create(NewTask("demo", {}, run_at=utc_now() + timedelta(hours=1)))
    assert await store.tasks.claim(task.task_id, "w", LEASE_SECONDS) is None
    assert await store.tasks.get(task.task_id) == task


async def test_one_task_of_a_serial_key_runs_at_a_time(store: Store) -> None:
    tasks = [await store.tasks.create(NewTask("demo", {}, serial_key="src_1")) for _ in range(10)]
    other = await store.tasks.create(NewTask("demo", {}, serial_key="src_2"))
    claims = await asyncio.gather(*(store.tasks.claim(task.task_id, "w", LEASE_SECONDS) for task in tasks))
    [won] = [claim for claim in claims if claim is not None]
    assert await claimed(store, 20) == [other.task_id]
    assert await store.tasks.count_by_status() == {"queued": 9, "running": 2}
    await store.tasks.finish(fence_of(won), TaskStatus.COMPLETED, told())
    assert len(await claimed(store, 20)) == 1
    assert await store.tasks.count_by_status() == {"queued": 8, "running": 2, "completed": 1}


# --- report, beat, fence -----------------------------------------------------------------------------------------


async def test_events_are_numbered_without_gaps_however_many_write_at_once(store: Store, changes: Changes) -> None:
    tasks = [await started(store) for _ in range(3)]

    def some(n: int) -> list[NewEvent]:
        return [NewEvent("page_stored", f"{n}.{i}", {"n": n}) for i in range(n % 4)]

    reports = [store.tasks.report(fence_of(task), some(n), HALF_WAY) for n in range(40) for task in tasks]
    await asyncio.gather(*reports)
    for task in tasks:
        events = await store.tasks.events(task.task_id, after=None, before=None, limit=1000)
        assert [event.seq for event in events] == list(range(1, 63))
        assert (await store.tasks.get(task.task_id)).last_seq == 62
        assert changes.of(task.task_id) == [(event.seq, event.type) for event in events]
        # The events of one report stay together.
        assert [e.message for e in events if e.data.get("n") == 3] == ["3.0", "3.1", "3.2"]


async def test_progress_comes_back_as_it_was_reported(store: Store) -> None:
    task = await started(store)
    reported = await store.tasks.report(fence_of(task), told(), HALF_WAY)
    assert reported.progress == HALF_WAY
    assert await store.tasks.get(task.task_id) == reported


async def test_a_report_without_events_is_told_too(store: Store, changes: Changes) -> None:
    task = await started(store)
    changes.heard.clear()
    await store.tasks.report(fence_of(task), [], HALF_WAY)
    [change] = changes.heard
    assert (change.task.progress, change.events) == (HALF_WAY, ())


async def test_events_are_read_forwards_and_backwards(store: Store) -> None:
    task = await started(store)
    await store.tasks.report(fence_of(task), [NewEvent("page_stored", str(n)) for n in range(3, 11)], HALF_WAY)

    async def seqs(after: int | None = None, before: int | None = None, limit: int = 100) -> list[int]:
        return [e.seq for e in await store.tasks.events(task.task_id, after=after, before=before, limit=limit)]

    assert await seqs() == list(range(1, 11))
    assert await seqs(after=4, limit=3) == [5, 6, 7]
    assert await seqs(after=10) == []
    assert await seqs(before=8, limit=3) == [5, 6, 7]
    assert await seqs(before=2, limit=3) == [1]
    assert await seqs(after=0, limit=2) == [1, 2]


async def test_a_beat_prolongs_the_lease_and_tells_of_a_cancel(store: Store, changes: Changes) -> None:
    task = await started(store)
    assert await store.tasks.beat([fence_of(task)], 600.0, {task.task_id: 123.5}) == {task.task_id: Asked(False, False)}
    beaten = await store.tasks.get(task.task_id)
    assert beaten.lease_until is not None
    assert (beaten.lease_until - utc_now()).total_seconds() > 500
    assert beaten.memory_usage_mb == 123.5
    await store.tasks.request_cancel(task.task_id)
    assert await store.tasks.beat([fence_of(task)], 600.0, {}) == {task.task_id: Asked(True, False)}
    assert (await store.tasks.get(task.task_id)).memory_usage_mb == 123.5
    assert await event_types(store, task.task_id) == ["task_queued", "task_started", "task_cancel_requested"]


async def test_an_attempt_that_no_longer_runs_writes_nothing(store: Store, changes: Changes) -> None:
    task = await started(store)
    old = fence_of(task)
    await store.tasks.reap(gone=["worker-1", "worker-2", "crashed"], spare=[])
    again = await store.tasks.claim(task.task_id, "worker-2", LEASE_SECONDS)
    assert again is not None
    assert again.attempt == 2
    changes.heard.clear()
    for call in (
        store.tasks.report(old, told(), HALF_WAY),
        store.tasks.finish(old, TaskStatus.COMPLETED, told(), result={}),
        store.tasks.report(Fence(task.task_id, 3), told(), HALF_WAY),
        store.tasks.report(Fence("tsk_nobody", 1), told(), HALF_WAY),
    ):
        with pytest.raises(LeaseLost):
            await call
    assert await store.tasks.beat([old], 600.0, {}) == {}
    assert await store.tasks.get(task.task_id) == again
    assert await event_types(store, task.task_id) == ["task_queued", "task_started", "task_queued", "task_resumed"]
    assert changes.heard == []


async def test_changes_are_told_in_the_order_of_their_commits(store: Store, changes: Changes) -> None:
    tasks = [await started(store) for _ in range(4)]
    changes.heard.clear()
    reports = [store.tasks.report(fence_of(tasks[n % 4]), told(str(n)), HALF_WAY) for n in range(200)]
    await asyncio.gather(*reports)
    by_task = {task.task_id: [c for c in changes.heard if c.task.task_id == task.task_id] for task in tasks}
    for heard in by_task.values():
        assert [c.events[0].seq for c in heard] == list(range(3, 53))
        assert [c.task.last_seq for c in heard] == list(range(3, 53))
    first = changes.heard[0].number
    assert [c.number for c in changes.heard] == list(range(first, first + 200))
    in_log = await store.tasks.changes_after(first - 1, 200)
    assert [e.message for c in changes.heard for e in c.events] == [e.message for c in in_log for e in c.events]
