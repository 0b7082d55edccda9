"""Ticks become tasks: each one once, over several schedulers, crashes, missed time, overlaps and a full queue."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, by_type
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.schedule import run_at, tick_name
from gleanery.engine.scheduler import Scheduler, task_of
from gleanery.engine.submit import Submitter
from gleanery.model import Fence, MissedTicks, Schedule, Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import Idempotency, TaskFilter

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class DemoPayload(BaseModel):
    model_config = ConfigDict(extra="forbid")

    word: str = "hello"


class Demo:
    """A `Handler` whose tasks are only made here, never run."""

    spec = TaskSpec("demo", DemoPayload, retry=RetryPolicy(max_retries=7))

    async def run(self, ctx: TaskContext, payload: DemoPayload) -> Outcome:
        raise NotImplementedError


class Clock:
    """Stands still until a test sets it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Node:
    """A process that schedules: its own store over the shared file."""

    def __init__(self, store: EmbeddedStore, clock: Clock, limit: int) -> None:
        self.store = store
        self.clock = clock
        self.submitter = Submitter(store.tasks, by_type([Demo()]), queue_limit=limit)
        self.scheduler = Scheduler(store.schedules, store.tasks, self.submitter, clock)

    async def put(self, name: str = "one", **fields: Any) -> Schedule:
        """Every minute from noon on, unless said otherwise."""
        usual = Schedule(
            schedule_id=f"sch_{name}",
            name=name,
            task_type="demo",
            payload={"word": "hi"},
            cron=None,
            interval_seconds=60.0,
            time_zone="UTC",
            jitter_seconds=0.0,
            missed_ticks=MissedTicks.ONCE,
            priority=50,
            queue_name="default",
            max_retries=None,
            webhook_url=None,
            source_id=None,
            is_paused=False,
            created_at=NOON,
            next_at=NOON + MINUTE,
        )
        return await self.store.schedules.put(replace(usual, **fields))

    async def tasks(self, name: str = "one") -> Sequence[Task]:
        """The schedule's tasks, by their time."""
        found = await self.store.tasks.list(TaskFilter(schedule_id=f"sch_{name}"), after=None, limit=1000)
        return sorted(found, key=lambda task: (task.run_at, task.task_id))

    async def minutes(self, name: str = "one") -> list[float]:
        """When the schedule's tasks are to run, in minutes from noon."""
        return [(task.run_at - NOON) / MINUTE for task in await self.tasks(name)]

    async def row(self, name: str = "one") -> Schedule:
        return await self.store.schedules.get(f"sch_{name}")

    async def at(self, minutes: float) -> bool:
        self.clock.now = NOON + minutes * MINUTE
        return await self.scheduler.look()

    async def end(self, task: Task, status: TaskStatus = TaskStatus.COMPLETED) -> None:
        """Run it to its end."""
        claimed = await self.store.tasks.claim(task.task_id, "worker", 60.0)
        assert claimed is not None
        await self.store.tasks.finish(Fence(task.task_id, claimed.attempt), status, [])


async def opened(stack: AsyncExitStack, path: Path, clock: Clock, limit: int = 10_000) -> Node:
    store = await stack.enter_async_context(EmbeddedStore(path, lambda _: None, clock))
    return Node(store, clock, limit)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def node(stack: AsyncExitStack, tmp_path: Path) -> Node:
    return await opened(stack, tmp_path / "gleanery.db", Clock())


async def test_a_tick_makes_a_task_and_moves_the_schedule_on(node: Node) -> None:
    await node.put(priority=70, queue_name="nightly", webhook_url="https://hook.test/", max_retries=2)
    assert await node.at(0.99)
    assert await node.tasks() == []
    assert await node.at(1.01)
    (task,) = await node.tasks()
    assert (task.task_type, task.payload, task.title, task.status) == ("demo", {"word": "hi"}, "one", TaskStatus.QUEUED)
    assert (task.schedule_id, task.priority, task.queue_name) == ("sch_one", 70, "nightly")
    assert (task.webhook_url, task.max_retries, task.run_at) == ("https://hook.test/", 2, NOON + MINUTE)
    row = await node.row()
    assert (row.next_at, row.last_at, row.last_task_id) == (NOON + 2 * MINUTE, node.clock.now, task.task_id)
    assert (row.skipped_count, row.last_error) == (0, None)
    await node.at(1.5)
    assert len(await node.tasks()) == 1


async def test_retries_are_those_of_the_type_unless_the_schedule_says_otherwise(node: Node) -> None:
    assert node.submitter.prepared(task_of(await node.put(), node.submitter)).max_retries == 7
    assert node.submitter.prepared(task_of(await node.put(max_retries=0), node.submitter)).max_retries == 0


async def test_a_task_is_due_by_the_jitter_of_its_tick(node: Node) -> None:
    schedule = await node.put(jitter_seconds=45.0)
    await node.at(1)
    (task,) = await node.tasks()
    assert task.run_at == run_at(schedule, NOON + MINUTE)
    assert timedelta() < task.run_at - (NOON + MINUTE) < timedelta(seconds=45)


async def test_two_processes_make_each_tick_once(stack: AsyncExitStack, tmp_path: Path) -> None:
    clock = Clock()
    nodes = [await opened(stack, tmp_path / "gleanery.db", clock) for _ in range(2)]
    await nodes[0].put(missed_ticks=MissedTicks.ALL)
    for minute in range(1, 101):
        clock.now = NOON + minute * MINUTE
        await asyncio.gather(*(node.scheduler.look() for node in nodes))
    assert await nodes[0].minutes() == list(range(1, 101))
    assert len({task.task_id for task in await nodes[1].tasks()}) == 100
    row = await nodes[1].row()
    assert (row.next_at, row.skipped_count) == (NOON + 101 * MINUTE, 0)


async def test_two_processes_that_catch_up_together_make_each_tick_once(stack: AsyncExitStack, tmp_path: Path) -> None:
    clock = Clock()
    nodes = [await opened(stack, tmp_path / "gleanery.db", clock) for _ in range(2)]
    await nodes[0].put(missed_ticks=MissedTicks.ALL)
    clock.now = NOON + 60 * MINUTE
    while (row := await nodes[0].row()).next_at != NOON + 61 * MINUTE:
        await asyncio.gather(*(node.scheduler.look() for node in nodes))
    assert await nodes[0].minutes() == list(range(1, 61))
    assert row.skipped_count == 0


async def test_a_crash_between_task_and_schedule_makes_no_second_task(node: Node) -> None:
    schedule = await node.put()
    name = tick_name("sch_one", NOON + MINUTE)
    new = replace(task_of(schedule, node.submitter), run_at=NOON + MINUTE)
    key = Idempotency(name, hashlib.sha256(name.encode()).hexdigest())
    before = await node.submitter.submit(new, key)
    assert await node.at(1)
    assert [task.task_id for task in await node.tasks()] == [before.task_id]
    row = await node.row()
    assert (row.last_task_id, row.next_at) == (before.task_id, NOON + 2 * MINUTE)


@pytest.mark.parametrize(
    ("missed", "runs", "skipped"),
    [(MissedTicks.ONCE, [5], 4), (MissedTicks.ALL, [1, 2, 3, 4, 5], 0), (MissedTicks.SKIP, [5], 4)],
)
async def test_what_was_missed_while_nobody_looked(
    node: Node, missed: MissedTicks, runs: list[int], skipped: int
) -> None:
    await node.put(missed_ticks=missed)
    await node.at(5.5)  # half a minute after the newest
    assert await node.minutes() == runs
    row = await node.row()
    assert (row.next_at, row.skipped_count) == (NOON + 6 * MINUTE, skipped)


async def test_a_tick_missed_by_hours_is_passed_over_or_made_up_for(node: Node) -> None:
    daily = {"cron": "30 13 * * *", "interval_seconds": None, "next_at": NOON + 90 * MINUTE}
    await node.put("skipping", missed_ticks=MissedTicks.SKIP, **daily)
    await node.put("once", missed_ticks=MissedTicks.ONCE, **daily)
    await node.at(48 * 60)  # the second day's tick was 22.5 hours ago
    assert await node.minutes("skipping") == []
    assert await node.minutes("once") == [90 + 24 * 60]
    for name, skipped in (("skipping", 2), ("once", 1)):
        row = await node.row(name)
        assert (row.skipped_count, row.next_at) == (skipped, NOON + (90 + 48 * 60) * MINUTE)


async def test_a_long_time_of_minutes_is_made_up_for_by_the_newest_hundred(node: Node) -> None:
    await node.put(missed_ticks=MissedTicks.ALL, cron="* * * * *", interval_seconds=None)
    await node.at(7 * 24 * 60)
    assert await node.minutes() == list(range(7 * 24 * 60 - 99, 7 * 24 * 60 + 1))
    row = await node.row()
    assert (row.skipped_count, row.next_at) == (7 * 24 * 60 - 100, NOON + (7 * 24 * 60 + 1) * MINUTE)


async def test_a_tick_is_passed_over_while_the_last_task_has_not_ended(node: Node) -> None:
    await node.put()
    await node.at(1)
    (first,) = await node.tasks()
    await node.at(2)
    await node.at(3)
    assert len(await node.tasks()) == 1
    row = await node.row()
    assert (row.skipped_count, row.last_task_id, row.next_at) == (2, first.task_id, NOON + 4 * MINUTE)
    await node.end(first, TaskStatus.FAILED)
    await node.at(4)
    assert await node.minutes() == [1, 4]
    assert (await node.row()).skipped_count == 2


async def test_tasks_run_beside_each_other_when_all_ticks_are_wanted(node: Node) -> None:
    await node.put(missed_ticks=MissedTicks.ALL)
    for minute in (1, 2, 3):
        await node.at(minute)
    assert await node.minutes() == [1, 2, 3]
    assert (await node.row()).skipped_count == 0


async def test_a_last_task_that_was_removed_keeps_no_tick_back(node: Node) -> None:
    schedule = await node.put()
    assert await node.store.schedules.advance(
        schedule.schedule_id, NOON + MINUTE, NOON + 2 * MINUTE, task_id="tsk_removed"
    )
    await node.at(2)
    assert await node.minutes() == [2]


async def test_a_full_queue_leaves_the_tick_due(stack: AsyncExitStack, tmp_path: Path) -> None:
    node = await opened(stack, tmp_path / "gleanery.db", Clock(), limit=2)
    await node.put(missed_ticks=MissedTicks.ALL)
    assert not await node.at(3)
    assert await node.minutes() == [1, 2]
    row = await node.row()
    assert (row.next_at, row.skipped_count, row.last_error) == (NOON + 3 * MINUTE, 0, None)
    assert not await node.at(3.1)
    await node.end((await node.tasks())[0])
    assert await node.at(3.2)
    waiting = [task for task in await node.tasks() if task.status is TaskStatus.QUEUED]
    assert [task.run_at for task in waiting] == [NOON + 2 * MINUTE, NOON + 3 * MINUTE]
    row = await node.row()
    assert (row.last_task_id, row.next_at) == (waiting[1].task_id, NOON + 4 * MINUTE)


async def test_a_refused_payload_is_kept_as_the_error_and_the_schedule_goes_on(node: Node) -> None:
    await node.put(payload={"word": 5})
    await node.put("other")
    assert await node.at(1)
    assert await node.minutes() == []
    assert await node.minutes("other") == [1]
    row = await node.row()
    assert (row.next_at, row.skipped_count, row.last_task_id) == (NOON + 2 * MINUTE, 1, None)
    assert row.last_error is not None
    assert (row.last_error.code, row.last_error.details["field"]) == ("invalid_field", "payload.word")
    await node.put(payload={"word": "better"}, next_at=row.next_at)
    await node.at(2)
    assert await node.minutes() == [2]
    assert (await node.row()).last_error is None


async def test_an_unknown_type_and_a_key_in_use_pass_over_their_ticks_alone(node: Node) -> None:
    await node.put(task_type="gone")
    await node.put("taken")
    await node.submitter.submit(
        task_of(await node.put("other"), node.submitter), Idempotency(tick_name("sch_taken", NOON + MINUTE), "else")
    )
    await node.at(1)
    errors = [error for name in ("one", "taken") if (error := (await node.row(name)).last_error) is not None]
    assert [error.code for error in errors] == ["invalid_field", "idempotency_conflict"]
    await node.at(2)
    assert await node.minutes("taken") == [2]


async def test_a_schedule_whose_zone_is_no_more_stops_and_says_so(node: Node) -> None:
    await node.put(cron="0 * * * *", interval_seconds=None, time_zone="Mars/Base")
    await node.put("other")
    await node.at(1)
    row = await node.row()
    assert row.next_at is None
    assert row.last_error is not None
    assert row.last_error.details["field"] == "time_zone"
    assert await node.minutes("other") == [1]


async def test_a_paused_schedule_makes_nothing(node: Node) -> None:
    await node.put(is_paused=True)
    await node.at(10)
    assert await node.tasks() == []
    assert (await node.row()).next_at == NOON + MINUTE


async def test_more_schedules_than_one_round_takes_all_run(node: Node) -> None:
    for number in range(130):
        await node.put(f"n{number:03}")
    await node.at(1)
    found = await node.store.tasks.list(TaskFilter(), after=None, limit=1000)
    assert len({task.schedule_id for task in found}) == len(found) == 130


async def test_it_runs_by_itself_and_is_woken_early(node: Node) -> None:
    made = asyncio.Event()

    class Bell(Submitter):
        async def submit(self, new: Any, idempotency: Idempotency | None = None) -> Task:
            task = await super().submit(new, idempotency)
            made.set()
            return task

    bell = Bell(node.store.tasks, node.submitter.handlers, queue_limit=10)
    scheduler = Scheduler(node.store.schedules, node.store.tasks, bell, node.clock)
    await scheduler.start()
    try:
        await node.put()
        node.clock.now = NOON + MINUTE
        scheduler.wake()
        async with asyncio.timeout(15):
            await made.wait()
    finally:
        await scheduler.stop()
    assert await node.minutes() == [1]


async def test_a_tick_that_was_under_way_when_it_stopped_is_made_once(node: Node) -> None:
    """Stopped right after the task was made: the next start finds the schedule where it was."""
    made = asyncio.Event()

    class Stuck(Submitter):
        async def submit(self, new: Any, idempotency: Idempotency | None = None) -> Task:
            await super().submit(new, idempotency)
            made.set()
            return await asyncio.Future[Task]()

    await node.put()
    node.clock.now = NOON + MINUTE
    stuck = Stuck(node.store.tasks, node.submitter.handlers, queue_limit=10)
    scheduler = Scheduler(node.store.schedules, node.store.tasks, stuck, node.clock)
    await scheduler.start()
    async with asyncio.timeout(15):
        await made.wait()
    await scheduler.stop()
    assert (await node.row()).next_at == NOON + MINUTE
    await node.at(1.1)
    assert await node.minutes() == [1]
    assert (await node.row()).next_at == NOON + 2 * MINUTE
