"""Doorbells by Procrastinate: what the store keeps, who hears it, and what is left when somebody dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from gleanery.engine.doorbells import ProcrastinateDispatcher
from gleanery.model import NewTask, Task, TaskStatus, utc_now
from gleanery.store.supabase import SupabaseStore
from gleanery.store.supabase.doorbells import STALE_SECONDS, Doorbells, of_type, of_worker
from gleanery.store.supabase.notices import Notices
from gleanery.store.task_store import TaskStore
from tests.engine.stage import PATIENCE_SECONDS
from tests.ground.supabase import Gateway, Project
from tests.store.samples import LEASE_SECONDS, fence_of, told


class Place:
    """As of a worker. It has room, or never has any."""

    def __init__(self, worker_id: str, task_types: Sequence[str], free: int) -> None:
        self.worker_id = worker_id
        self.task_types = task_types
        self.free = free
        self.room = asyncio.Event()
        if free:
            self.room.set()


class Listener:
    """A dispatcher with what came by it."""

    def __init__(self, dispatcher: ProcrastinateDispatcher, place: Place) -> None:
        self.dispatcher = dispatcher
        self.place = place
        self.heard: list[str] = []
        self._news = asyncio.Event()
        dispatcher.listen(self._hear)

    def _hear(self, task_id: str) -> None:
        self.heard.append(task_id)
        self._news.set()

    async def until(self, *tasks: Task) -> None:
        """Wait until these were heard, in this order, and nothing else."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.heard) < len(tasks):
                self._news.clear()
                await self._news.wait()
        assert self.heard == [task.task_id for task in tasks]


Listen = Callable[..., Any]


class Bench:
    """A project, a store in it, and any number of listeners."""

    def __init__(self, project: Project, tasks: TaskStore) -> None:
        self.project = project
        self.tasks = tasks

    @asynccontextmanager
    async def listener(
        self,
        worker_id: str = "w",
        *types: str,
        free: int = 1,
        is_noticed: bool = True,
        fetch_seconds: float = 600.0,
        beat_seconds: float = 0.05,
    ) -> AsyncIterator[Listener]:
        """One that has begun to listen. It looks without a notice only so often as it is told."""
        notices = Notices(self.project.database_url)
        place = Place(worker_id, types or ("demo",), free)
        dispatcher = ProcrastinateDispatcher(
            self.project.database_url, notices, place, fetch_seconds=fetch_seconds, beat_seconds=beat_seconds
        )
        listener = Listener(dispatcher, place)
        before = self.count("procrastinate_workers")
        await dispatcher.start()
        if is_noticed:
            notices.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self.count("procrastinate_workers") == before or (is_noticed and not notices.is_heard):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            yield listener
        finally:
            await notices.stop()
            await dispatcher.drain()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        with self.project.connect() as connection:
            connection.execute("set search_path = gleanery_procrastinate")
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        return int(self.execute(f"select count(*) from {table}")[0][0])

    async def none_left(self) -> None:
        """Wait until no doorbell is kept."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.count("procrastinate_jobs"):  # noqa: ASYNC110 - another process's tables tell nobody
                await asyncio.sleep(0.01)

    async def running(self, worker_id: str, **fields: Any) -> Task:
        task = await self.tasks.create(NewTask("demo", {}, **fields))
        claimed = await self.tasks.claim(task.task_id, worker_id, LEASE_SECONDS)
        assert claimed is not None
        return claimed


@pytest.fixture
async def bench(gateway: Gateway, supabase_project: Project) -> AsyncIterator[Bench]:
    async with SupabaseStore(gateway.url, supabase_project.service_key, lambda _: None) as store:
        yield Bench(supabase_project, store.tasks)


async def test_a_task_rings_one_listener_of_its_type_and_nothing_is_left(bench: Bench) -> None:
    async with bench.listener("w", "demo") as one, bench.listener("v", "other") as other:
        task = await bench.tasks.create(NewTask("demo", {}))
        await one.until(task)
        last = await bench.tasks.create(NewTask("other", {}))
        await other.until(last)
        await bench.none_left()
        assert one.heard == [task.task_id]
        assert one.dispatcher.health() == "Procrastinate over PostgreSQL, 1 doorbells heard here"


async def test_nothing_is_kept_where_nobody_listens(bench: Bench) -> None:
    await bench.tasks.create(NewTask("demo", {}))
    assert bench.count("procrastinate_jobs") == 0
    bench.execute("insert into procrastinate_workers (last_heartbeat) values (now() - interval '31 seconds')")
    await bench.tasks.create(NewTask("demo", {}))
    assert bench.count("procrastinate_jobs") == 0


async def test_a_doorbell_that_cannot_be_kept_fails_no_task(bench: Bench) -> None:
    bench.execute("insert into procrastinate_workers default values")
    bench.execute("alter table procrastinate_jobs rename to jobs_away")
    try:
        task = await bench.tasks.create(NewTask("demo", {}))
    finally:
        bench.execute("alter table jobs_away rename to procrastinate_jobs")
    assert (await bench.tasks.get(task.task_id)).status is TaskStatus.QUEUED


async def test_a_record_that_is_not_kept_has_no_doorbell(bench: Bench) -> None:
    bench.execute("insert into procrastinate_workers default values")
    with pytest.raises(Exception, match="wait already"):
        await bench.tasks.create(NewTask("demo", {}), queue_limit=0)
    assert bench.count("procrastinate_jobs") == 0


async def test_the_first_by_priority_is_heard_first(bench: Bench) -> None:
    bench.execute("insert into procrastinate_workers default values")
    low, high, middle = [await bench.tasks.create(NewTask("demo", {}, priority=n)) for n in (1, 9, 5)]
    async with bench.listener(free=1) as one:
        await one.until(high, middle, low)


async def test_a_delayed_task_rings_at_its_time(bench: Bench) -> None:
    bench.execute("insert into procrastinate_workers default values")
    due = utc_now() + timedelta(hours=1)
    task = await bench.tasks.create(NewTask("demo", {}, run_at=due))
    assert bench.execute("select extract(epoch from scheduled_at)::float from procrastinate_jobs") == [
        (pytest.approx(due.timestamp(), abs=0.001),)
    ]
    async with bench.listener(fetch_seconds=0.05) as one:
        soon = await bench.tasks.create(NewTask("demo", {}))
        await one.until(soon)
        bench.execute("update procrastinate_jobs set scheduled_at = now()")
        await one.until(soon, task)


async def test_what_is_asked_of_a_running_task_rings_its_worker_alone_even_a_full_one(bench: Bench) -> None:
    async with bench.listener("w", free=0) as one, bench.listener("v", free=0) as other:
        task = await bench.running("w")
        await bench.tasks.request_pause(task.task_id)
        await one.until(task)
        await bench.tasks.request_cancel(task.task_id)
        await one.until(task, task)
        assert other.heard == []


async def test_a_full_worker_leaves_doorbells_to_others(bench: Bench) -> None:
    async with bench.listener("w", free=0) as full:
        task = await bench.tasks.create(NewTask("demo", {}))
        async with bench.listener("v") as other:
            await other.until(task)
        assert full.heard == []


async def test_the_end_of_a_serial_key_rings_for_the_next(bench: Bench) -> None:
    bench.execute("insert into procrastinate_workers default values")
    first = await bench.running("w", serial_key="k")
    second = await bench.tasks.create(NewTask("demo", {}, serial_key="k"))
    bench.execute("delete from procrastinate_jobs")
    await bench.tasks.finish(fence_of(first), TaskStatus.COMPLETED, told(), result={})
    async with bench.listener() as one:
        await one.until(second)


async def test_a_release_rings(bench: Bench) -> None:
    async with bench.listener(free=9) as one:
        first = await bench.running("w")
        await one.until(first)
        last = await bench.tasks.create(NewTask("demo", {}, depends_on=(first.task_id,)))
        await bench.tasks.finish(fence_of(first), TaskStatus.COMPLETED, told(), result={})
        await one.until(first, last)


# --- what breaks -------------------------------------------------------------------------------------------------


async def test_without_notices_doorbells_are_found_by_looking(bench: Bench) -> None:
    async with bench.listener(is_noticed=False, fetch_seconds=0.05) as one:
        task = await bench.tasks.create(NewTask("demo", {}))
        await one.until(task)


async def test_what_a_dead_process_held_is_swept(bench: Bench) -> None:
    """Expected: it is gone once its holder has been silent for half a minute, and one that lives keeps what it holds."""
    async with AsyncExitStack() as stack:
        dead = await stack.enter_async_context(Doorbells(bench.project.database_url))
        alive = await stack.enter_async_context(Doorbells(bench.project.database_url))
        for _ in range(2):
            await bench.tasks.create(NewTask("demo", {}))
        assert await dead.fetch([of_type("demo")])
        kept = await alive.fetch([of_type("demo")])
        assert kept is not None
        await alive.sweep()
        assert bench.count("procrastinate_jobs") == 2
        bench.execute(
            "update procrastinate_workers set last_heartbeat = now() - interval '31 seconds'"
            " where id = (select min(id) from procrastinate_workers)"
        )
        await alive.sweep()
        assert bench.execute("select id from procrastinate_jobs") == [(kept.job.id,)]
        await alive.done(kept)
        assert (bench.count("procrastinate_jobs"), bench.count("procrastinate_events")) == (0, 0)


async def test_what_nobody_heard_in_time_is_swept(bench: Bench) -> None:
    async with Doorbells(bench.project.database_url) as doorbells:
        later = utc_now() + timedelta(hours=1)
        for run_at in (None, None, later):
            await bench.tasks.create(NewTask("demo", {}, run_at=run_at))
        old = f"to_jsonb(extract(epoch from now()) - {STALE_SECONDS + 1})"
        bench.execute(f"update procrastinate_jobs set args = jsonb_set(args, '{{rung_at}}', {old}) where id <> 2")
        await doorbells.sweep()
        assert bench.execute("select id from procrastinate_jobs order by id") == [(2,), (3,)]


async def test_connections_that_are_cut_are_made_again(bench: Bench) -> None:
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gleanery %'"
    async with bench.listener(free=9) as one:
        first = await bench.tasks.create(NewTask("demo", {}))
        await one.until(first)
        for _ in range(2):
            bench.execute(cut)
        # While it listens to nothing no doorbell is kept for it: its worker's look is what finds those tasks.
        later = list[Task]()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(one.heard) == 1:
                later.append(await bench.tasks.create(NewTask("demo", {})))
                await asyncio.sleep(0.05)
        assert one.heard[1] in {task.task_id for task in later}


async def test_a_schema_that_is_missing_is_said_and_then_found(bench: Bench) -> None:
    notices = Notices(bench.project.database_url)
    dispatcher = ProcrastinateDispatcher(bench.project.database_url, notices, Place("w", ("demo",), 1))
    bench.execute("alter table step rename to step_away")
    try:
        await dispatcher.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "gleanery migrate" not in dispatcher.health():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        bench.execute("alter table step_away rename to step")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not dispatcher.health().startswith("Procrastinate over PostgreSQL"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await dispatcher.drain()


@pytest.mark.parametrize("name", ["demo", "x" * 30, "x" * 31, "é" * 16])
def test_queues_are_named_alike_here_and_in_the_database(supabase_project: Project, name: str) -> None:
    with supabase_project.connect() as connection:
        sql = "select gleanery.doorbell_queue('type', %s), gleanery.doorbell_queue('worker', %s)"
        assert connection.execute(sql, (name, name)).fetchone() == (of_type(name), of_worker(name))
