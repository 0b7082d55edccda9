"""Workers on several machines, known to each other by leases: nobody who lives loses a task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import by_type
from gleanery.engine.worker import Worker
from gleanery.errors import StorageAway
from gleanery.model import Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.leased_presence import LeasedPresence
from gleanery.store.presence import FilePresence
from gleanery.store.processes import Life
from gleanery.store.supabase import SupabaseStore
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Wanted
from tests.clock import SetClock
from tests.engine.faults.test_clock import LOOKS, Looking, nothing
from tests.engine.stage import Acting, Parts, Stage, Through
from tests.ground.supabase import Gateway, Project

LEASE = 60.0


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def timed(gateway: Gateway, supabase_project: Project, clock: SetClock, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage over Supabase, whose store goes by `clock`."""
    feed = ChangeFeed()
    async with SupabaseStore(gateway.url, supabase_project.service_key, feed.publish, clock) as store:
        yield Stage(store, feed, tmp_path)


@asynccontextmanager
async def looking(stage: Stage, clock: SetClock, lease_seconds: float = LEASE) -> AsyncIterator[Looking]:
    """A worker on another machine than all others."""
    assert stage.store.processes is not None
    store = Looking(stage.tasks)
    worker = Worker(
        cast(Store, Parts(store, stage.store.workers)),
        by_type([Acting(nothing, "else")]),
        concurrency=1,
        lease_seconds=lease_seconds,
        presence=LeasedPresence(stage.store.processes, FilePresence(stage.folder / "workers"), lease_seconds, clock),
        clock=clock,
    )
    await worker.start()
    yield store
    await worker.stop()


async def running(stage: Stage, worker_id: str) -> Task:
    """A task that runs by its row alone, of a type that no other worker takes."""
    task = await stage.tasks.claim((await stage.enqueue()).task_id, worker_id, LEASE)
    assert task is not None
    return task


async def test_a_database_clock_set_ahead_takes_no_task_of_a_worker_elsewhere(timed: Stage, clock: SetClock) -> None:
    """Expected: by the new clock its lease is long over, as all are; it lives, and is given the time to prolong it."""
    assert timed.store.processes is not None
    await timed.store.processes.hold(Life("living", "1", "elsewhere"), LEASE)
    living = await running(timed, "living")
    async with looking(timed, clock) as looks:
        clock.jump(600)
        await looks.looks(LOOKS)
        assert await timed.tasks.get(living.task_id) == living


async def test_a_task_of_a_dead_worker_elsewhere_is_taken_back_a_lease_after_the_clock_was_set(
    timed: Stage, clock: SetClock
) -> None:
    assert timed.store.processes is not None
    await timed.store.processes.hold(Life("dead", "1", "elsewhere"), LEASE)
    lost = await running(timed, "dead")
    async with looking(timed, clock, lease_seconds=2.0) as looks:
        clock.jump(600)
        await looks.looks(1)
        assert await timed.tasks.get(lost.task_id) == lost
        await timed.told(lost.task_id, "task_queued", times=2)


async def test_a_worker_that_wakes_and_claims_before_it_is_seen_keeps_what_it_claimed(
    timed: Stage, clock: SetClock
) -> None:
    """Expected: frozen for longer than its lease it is taken for gone, and what it ran before is taken back; a task that it has
    just claimed has a lease of its own."""
    assert timed.store.processes is not None
    await timed.store.processes.hold(Life("frozen", "1", "elsewhere"), LEASE)
    before = await running(timed, "frozen")
    clock.jump(LEASE + 1)
    after = await running(timed, "frozen")
    async with looking(timed, clock) as looks:
        await looks.looks(LOOKS)
        assert await timed.tasks.get(after.task_id) == after
        assert (await timed.tasks.get(before.task_id)).status is TaskStatus.QUEUED


class LosingClaims(Through):
    """Does not hear the answers of its claims until it gives the first one up."""

    def __init__(self, inner: TaskStore, gateway: Gateway) -> None:
        super().__init__(inner)
        self.gateway = gateway
        self.given_up = 0

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        if not self.given_up:
            self.gateway.loses["gleanery_tasks_claim_due"] = 1_000
        try:
            return await self.inner.claim_due(wanted, limit)
        except StorageAway:
            self.given_up += 1
            raise
        finally:
            self.gateway.loses.clear()


async def test_a_task_without_retries_outlives_a_claim_whose_answer_never_came(
    gateway: Gateway, supabase_project: Project, tmp_path: Path
) -> None:
    """Expected: its worker lives, so nobody was lost; it begins what it has claimed as soon as it hears of it."""
    feed = ChangeFeed()
    key = supabase_project.service_key
    async with SupabaseStore(gateway.url, key, feed.publish, patience_seconds=0.3) as opened:
        store: Any = opened
        stage = Stage(store, feed, tmp_path)
        task = await stage.enqueue(max_retries=0)
        losing = LosingClaims(stage.tasks, gateway)
        async with stage.worker(Acting(nothing), store=cast(TaskStore, losing), lease_seconds=10.0):
            done = await stage.ended(task)
    assert losing.given_up == 1
    assert (done.status, done.attempt, done.error) == (TaskStatus.COMPLETED, 1, None)
