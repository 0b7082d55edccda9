"""A full disk and a locked database: what waits for them goes on when they let it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gleanery.engine.handler import TaskContext
from gleanery.errors import StorageError, StorageFull
from gleanery.model import Fence, NewEvent, Progress, Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.sqlite import Tx
from gleanery.store.task_store import TaskStore
from tests.engine.conftest import EMBEDDED_ONLY
from tests.engine.faults import history
from tests.engine.faults.child import child
from tests.engine.faults.stores import faulty_stage
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage, Through

TOO_LARGE = "x" * 500_000
LEASE_SECONDS = 1.0


class Refused(Through):
    """Tells when the end of a task found no room."""

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self.once = asyncio.Event()

    async def finish(self, fence: Fence, status: TaskStatus, events: Sequence[NewEvent], **fields: Any) -> Task:
        try:
            return await self.inner.finish(fence, status, events, **fields)
        except StorageFull:
            self.once.set()
            raise


async def first_seen(seen: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await seen.wait()


# --- no room on the disk -----------------------------------------------------------------------------------------


def no_more_room(tx: Tx) -> None:
    """SQLite answers what exceeds its count of pages as it answers a full disk."""
    count = tx.db.execute("PRAGMA page_count").fetchone()[0]
    tx.db.execute(f"PRAGMA max_page_count = {count}")


def room_again(tx: Tx) -> None:
    tx.db.execute("PRAGMA max_page_count = 1000000")


async def test_a_disk_that_is_full_at_the_end_of_a_task_delays_the_end(tmp_path: Path) -> None:
    """Expected: the result that found no room is kept once there is some; the task ran once, others go on meanwhile."""
    ran = list[str]()
    runs, is_full = asyncio.Event(), asyncio.Event()

    async def act(ctx: TaskContext) -> dict[str, str]:
        ran.append(ctx.task.task_id)
        if "text" in ctx.task.payload:
            runs.set()
            await is_full.wait()
        return {"text": ctx.task.payload.get("text", "")}

    async with faulty_stage(tmp_path) as it:
        store = Refused(it.stage.tasks)
        async with it.stage.worker(Acting(act), store=store, lease_seconds=LEASE_SECONDS):
            small = await it.stage.enqueue()
            await it.stage.ended(small)
            large = await it.stage.enqueue(payload={"text": TOO_LARGE})
            await first_seen(runs)
            await it.database.write(no_more_room)
            is_full.set()
            await first_seen(store.once)
            assert (await it.stage.tasks.get(large.task_id)).status is TaskStatus.RUNNING
            await it.database.write(room_again)
            done = await it.stage.ended(large)
        assert (done.status, done.attempt, done.result) == (TaskStatus.COMPLETED, 1, {"text": TOO_LARGE})
        assert ran == [small.task_id, large.task_id]
        await history.check_all(it.stage.tasks)


async def test_a_report_that_finds_no_room_is_the_handlers_error_and_the_task_still_ends(tmp_path: Path) -> None:
    """Expected: the handler gets StorageFull, its event is not kept, and the end of the task is."""
    heard = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        await it.database.write(no_more_room)
        try:
            await ctx.report(Progress(50.0, message="half"), NewEvent("stage_started", TOO_LARGE))
        except StorageFull:
            heard.set()
            raise

    async with faulty_stage(tmp_path) as it, it.stage.worker(Acting(act)):
        task = await it.stage.enqueue()
        await first_seen(heard)
        await it.database.write(room_again)
        failed = await it.stage.ended(task)
        assert failed.error is not None
        assert (failed.status, failed.error.code) == (TaskStatus.FAILED, "storage_full")
        assert "stage_started" not in await it.stage.events(task)
        await history.check_all(it.stage.tasks)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB. Mounting asks for root; the tests above do without."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


@EMBEDDED_ONLY
async def test_on_a_real_full_disk_tasks_end_once_there_is_room(small_disk: Path, stage: Stage, tmp_path: Path) -> None:
    """Expected: amid running tasks the disk fills up; when there is room again all end as `completed`, none ran twice."""
    ran = list[str]()
    is_full = asyncio.Event()

    async def act(ctx: TaskContext) -> dict[str, str]:
        ran.append(ctx.task.task_id)
        await is_full.wait()
        return {"text": TOO_LARGE}

    ballast = small_disk / "ballast"
    async with EmbeddedStore(small_disk / "gleanery.db", stage.feed.publish) as store:
        there = Stage(store, stage.feed, tmp_path)
        tasks = Refused(store.tasks)
        async with there.worker(Acting(act), store=tasks, lease_seconds=LEASE_SECONDS):
            both = [await there.enqueue() for _ in range(2)]
            for task in both:
                await there.told(task.task_id, "task_started")
            fill(ballast)
            is_full.set()
            await first_seen(tasks.once)
            ballast.unlink()
            for task in both:
                done = await there.ended(task)
                assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)
        assert sorted(ran) == sorted(task.task_id for task in both)
        await history.check_all(store.tasks)


# --- a database that another process has locked ------------------------------------------------------------------


@EMBEDDED_ONLY
async def test_a_lock_longer_than_a_lease_but_within_the_patience_of_sqlite_loses_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    """Expected: beats, reports, ends and creates wait for the lock; every task completes, in the attempt that it ran in."""
    is_locked = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        await is_locked.wait()
        await ctx.report(Progress(50.0))

    async with stage.worker(Acting(act), lease_seconds=LEASE_SECONDS):
        tasks = [await stage.enqueue() for _ in range(4)]
        for task in tasks:
            await stage.told(task.task_id, "task_started")
        async with child(tmp_path / "gleanery.db", "lock", "2.5") as holder:
            await holder.until("held")
            is_locked.set()
            tasks += await asyncio.gather(*(stage.enqueue() for _ in range(4)))
            assert await holder.over() == 0
        ended = [await stage.ended(task) for task in tasks]
    assert {(task.status, task.attempt) for task in ended} == {(TaskStatus.COMPLETED, 1)}
    await history.check_all(stage.tasks)


@EMBEDDED_ONLY
async def test_two_workers_that_both_wait_for_a_lock_longer_than_their_leases_lose_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    """Expected: whoever comes first after the lock may take the other's task back; every task still completes, once."""
    is_locked = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        await is_locked.wait()
        await ctx.report(Progress(50.0))

    async with EmbeddedStore(tmp_path / "gleanery.db", stage.feed.publish) as second:
        other = Stage(second, stage.feed, tmp_path)
        async with (
            stage.worker(Acting(act), lease_seconds=LEASE_SECONDS, concurrency=3, worker_id="one"),
            other.worker(Acting(act), lease_seconds=LEASE_SECONDS, concurrency=3, worker_id="two"),
        ):
            tasks = [await stage.enqueue() for _ in range(6)]
            for task in tasks:
                await stage.told(task.task_id, "task_started")
            async with child(tmp_path / "gleanery.db", "lock", "2.5") as holder:
                await holder.until("held")
                is_locked.set()
                assert await holder.over() == 0
            ended = [await stage.ended(task) for task in tasks]
    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    await history.check_all(stage.tasks)


async def test_a_lock_longer_than_the_patience_of_sqlite_delays_ends_and_refuses_creates(tmp_path: Path) -> None:
    """Expected: who creates meanwhile gets StorageError and nothing is kept of it; what runs ends after the lock, once."""
    is_locked = asyncio.Event()
    ran = list[str]()

    async def act(ctx: TaskContext) -> None:
        ran.append(ctx.task.task_id)
        await is_locked.wait()

    async with faulty_stage(tmp_path, busy_milliseconds=100) as it:
        async with it.stage.worker(Acting(act), lease_seconds=LEASE_SECONDS):
            tasks = [await it.stage.enqueue() for _ in range(4)]
            for task in tasks:
                await it.stage.told(task.task_id, "task_started")
            async with child(tmp_path / "gleanery.db", "lock") as holder:
                await holder.until("held")
                is_locked.set()
                with pytest.raises(StorageError, match="locked"):
                    await it.stage.enqueue()
                holder.go_on()
                assert await holder.over() == 0
            ended = [await it.stage.ended(task) for task in [*tasks, await it.stage.enqueue()]]
        assert {(task.status, task.attempt) for task in ended} == {(TaskStatus.COMPLETED, 1)}
        assert sorted(ran) == sorted(task.task_id for task in ended)
        assert len(await history.check_all(it.stage.tasks)) == 5
