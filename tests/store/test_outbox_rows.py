"""The contract of `OutboxStore`: webhook calls as rows, written with the state that they tell of."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from gleanery.errors import LeaseLost, NotFound, WrongState
from gleanery.model import Delivery, DeliveryState, ErrorInfo, NewTask, Task, TaskStatus
from gleanery.store.base import Store
from tests.clock import SetClock
from tests.store.samples import LEASE_SECONDS, fence_of, told

BROKEN = ErrorInfo("broken", "It broke.")
HOLD_SECONDS = 60.0
PENDING, DELIVERED, DEAD = DeliveryState


async def made(store: Store, *states: TaskStatus, **fields: object) -> Task:
    told_states = {"webhook_states": states} if states else {}
    new = NewTask("demo", {}, webhook_url="https://h.test/in", **told_states, **fields)  # type: ignore[arg-type]
    return await store.tasks.create(new)


async def ended(store: Store, task: Task, status: TaskStatus = TaskStatus.COMPLETED) -> Task:
    claimed = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    return await store.tasks.finish(fence_of(claimed), status, told(), result={"n": 1}, error=BROKEN)


async def calls(store: Store, task: Task | None = None) -> list[Delivery]:
    """Oldest first."""
    task_id = None if task is None else task.task_id
    found = await store.outbox.list(state=None, task_id=task_id, after=None, limit=100)
    return list(found)[::-1]


async def settle(store: Store, call: Delivery, state: DeliveryState, **fields: object) -> bool:
    values: dict[str, object] = {"status_code": 200, "error": None, **fields}
    return await store.outbox.settle(call, state, **values)  # type: ignore[arg-type]


async def test_the_end_of_a_task_is_kept_with_its_call(store: Store) -> None:
    task = await ended(store, await made(store))
    [call] = await calls(store, task)
    assert (call.task_id, call.url, call.type, call.state) == (
        task.task_id,
        "https://h.test/in",
        "task.completed",
        PENDING,
    )
    assert (call.attempts, call.settled_at, call.last_status_code, call.last_error) == (0, None, None, None)
    body = json.loads(call.body)
    assert set(body) == {"type", "timestamp", "data"}
    assert body["data"]["task_id"] == task.task_id
    assert (body["data"]["status"], body["data"]["result"], body["data"]["error"]) == ("completed", {"n": 1}, None)
    assert await store.outbox.get(call.delivery_id) == call
    assert await store.outbox.count_by_state() == {"pending": 1}


async def test_only_the_states_asked_for_are_told_each_time(store: Store) -> None:
    task = await made(store, TaskStatus.RUNNING, TaskStatus.PAUSED, TaskStatus.QUEUED, TaskStatus.FAILED)
    await store.tasks.request_pause(task.task_id)
    await store.tasks.resume(task.task_id)
    claimed = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    await store.tasks.finish(fence_of(claimed), TaskStatus.QUEUED, told())
    await ended(store, task, TaskStatus.FAILED)
    kinds = [call.type.removeprefix("task.") for call in await calls(store, task)]
    assert kinds == ["queued", "paused", "queued", "running", "queued", "running", "failed"]
    silent = await ended(store, await store.tasks.create(NewTask("demo", {})))
    assert await calls(store, silent) == []


async def test_whatever_ends_a_task_is_told(store: Store) -> None:
    cancelled = await store.tasks.request_cancel((await made(store)).task_id)
    old = await made(store, coalesce_key="k")
    await made(store, coalesce_key="k")
    orphan = await made(store, depends_on=(cancelled.task_id,))
    lost = await made(store, max_retries=0)
    assert await store.tasks.claim(lost.task_id, "gone", LEASE_SECONDS)
    await store.tasks.reap(gone=["gone"], spare=[])
    for task, kind in ((cancelled, "cancelled"), (old, "cancelled"), (orphan, "failed"), (lost, "failed")):
        assert [call.type for call in await calls(store, task)] == [f"task.{kind}"]
    assert json.loads((await calls(store, lost))[0].body)["data"]["error"]["code"] == "worker_lost"


async def test_an_attempt_that_no_longer_runs_calls_nobody(store: Store) -> None:
    task = await made(store)
    claimed = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    await store.tasks.reap(gone=["w"], spare=[])
    with pytest.raises(LeaseLost):
        await store.tasks.finish(fence_of(claimed), TaskStatus.COMPLETED, told())
    assert await calls(store) == []


async def test_a_call_is_claimed_once_and_again_when_its_hold_ran_out(store: Store, clock: SetClock) -> None:
    task = await ended(store, await made(store))
    claims = await asyncio.gather(*(store.outbox.claim(10, HOLD_SECONDS) for _ in range(20)))
    [call] = [call for claim in claims for call in claim]
    assert (call.task_id, call.attempts) == (task.task_id, 1)
    clock.jump(HOLD_SECONDS + 1)
    [again] = await store.outbox.claim(10, HOLD_SECONDS)
    assert (again.delivery_id, again.attempts) == (call.delivery_id, 2)
    assert await settle(store, call, DELIVERED) is False, "a later attempt has begun"
    assert (await store.outbox.get(call.delivery_id)).state is PENDING
    assert await settle(store, again, DELIVERED) is True


async def test_calls_go_out_oldest_first_and_of_a_task_one_at_a_time(store: Store, clock: SetClock) -> None:
    chatty = await made(store, TaskStatus.RUNNING, TaskStatus.COMPLETED)
    await ended(store, chatty)
    clock.jump(1)
    other = await ended(store, await made(store))
    first = await store.outbox.claim(10, HOLD_SECONDS)
    assert [(call.task_id, call.type) for call in first] == [
        (chatty.task_id, "task.running"),
        (other.task_id, "task.completed"),
    ]
    assert await store.outbox.claim(10, HOLD_SECONDS) == []
    await settle(store, first[0], DELIVERED)
    [last] = await store.outbox.claim(10, HOLD_SECONDS)
    assert (last.task_id, last.type) == (chatty.task_id, "task.completed")


async def test_a_call_that_failed_twice_holds_back_no_later_one(store: Store, clock: SetClock) -> None:
    task = await ended(store, await made(store, TaskStatus.RUNNING, TaskStatus.COMPLETED))
    for attempt in (1, 2):
        [call] = await store.outbox.claim(10, HOLD_SECONDS)
        assert (call.type, call.attempts) == ("task.running", attempt)
        assert await store.outbox.claim(10, HOLD_SECONDS) == [], "under way, or about to be tried again"
        next_at = clock() + timedelta(seconds=30)
        assert await settle(store, call, PENDING, status_code=500, error="no", next_at=next_at)
        assert await store.outbox.claim(10, HOLD_SECONDS) == []
        assert await store.outbox.next_at() == next_at
        clock.jump(31)
    [third] = await store.outbox.claim(10, HOLD_SECONDS)
    [later] = await store.outbox.claim(10, HOLD_SECONDS)
    assert [(call.task_id, call.type, call.attempts) for call in (third, later)] == [
        (task.task_id, "task.running", 3),
        (task.task_id, "task.completed", 1),
    ]


async def test_a_call_that_failed_waits_for_its_time(store: Store, clock: SetClock) -> None:
    await ended(store, await made(store))
    assert await store.outbox.next_at() is not None
    [call] = await store.outbox.claim(10, HOLD_SECONDS)
    next_at = clock() + timedelta(seconds=30)
    assert await settle(store, call, PENDING, status_code=503, error="busy", next_at=next_at)
    waiting = await store.outbox.get(call.delivery_id)
    assert (waiting.state, waiting.last_status_code, waiting.last_error) == (PENDING, 503, "busy")
    assert (waiting.next_at, waiting.settled_at) == (next_at, None)
    assert await store.outbox.next_at() == next_at
    assert await store.outbox.claim(10, HOLD_SECONDS) == []
    clock.jump(31)
    assert [c.attempts for c in await store.outbox.claim(10, HOLD_SECONDS)] == [2]


async def test_a_settled_call_is_done(store: Store, clock: SetClock) -> None:
    await ended(store, await made(store))
    [call] = await store.outbox.claim(10, HOLD_SECONDS)
    assert await settle(store, call, DELIVERED)
    done = await store.outbox.get(call.delivery_id)
    assert (done.state, done.next_at, done.last_status_code) == (DELIVERED, None, 200)
    assert done.settled_at is not None
    clock.jump(3600)
    assert await store.outbox.claim(10, HOLD_SECONDS) == []
    assert await store.outbox.next_at() is None
    assert await settle(store, call, DEAD) is False


async def test_a_dead_call_is_sent_again_by_request(store: Store) -> None:
    await ended(store, await made(store))
    [call] = await store.outbox.claim(10, HOLD_SECONDS)
    with pytest.raises(WrongState):
        await store.outbox.retry(call.delivery_id)
    await settle(store, call, DEAD, status_code=410, error="gone")
    again = await store.outbox.retry(call.delivery_id)
    assert (again.state, again.attempts, again.settled_at) == (PENDING, 0, None)
    [claimed] = await store.outbox.claim(10, HOLD_SECONDS)
    assert (claimed.delivery_id, claimed.body) == (call.delivery_id, call.body)
    for ask in (store.outbox.retry, store.outbox.get):
        with pytest.raises(NotFound):
            await ask("msg_nobody")


async def test_calls_are_listed_newest_first_by_state_and_task(store: Store) -> None:
    tasks = [await ended(store, await made(store)) for _ in range(5)]
    [first, *_] = await store.outbox.claim(10, HOLD_SECONDS)
    await settle(store, first, DELIVERED)
    met: list[str] = []
    after: tuple[float, str] | None = None
    while page := await store.outbox.list(state=PENDING, task_id=None, after=after, limit=2):
        met += [call.task_id for call in page]
        after = (page[-1].created_at.timestamp(), page[-1].delivery_id)
    assert met == [task.task_id for task in tasks[:0:-1]]
    [call] = await store.outbox.list(state=DELIVERED, task_id=None, after=None, limit=10)
    assert call.task_id == tasks[0].task_id
    assert await store.outbox.list(state=DELIVERED, task_id=tasks[1].task_id, after=None, limit=10) == []
    assert await store.outbox.count_by_state() == {"pending": 4, "delivered": 1}
