"""A clock that jumps by an hour: nobody's task is taken back for that, and what is due still starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import TaskContext, by_type
from gleanery.engine.worker import Worker
from gleanery.model import NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.presence import FilePresence
from gleanery.store.task_store import TaskStore
from tests.clock import SetClock
from tests.engine.faults import history
from tests.engine.stage import PATIENCE_SECONDS, Acting, Parts, Stage, Through

HOUR = 3600.0
LOOKS = 2


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def timed(tmp_path: Path, clock: SetClock) -> AsyncIterator[Stage]:
    """A stage whose store goes by `clock`."""
    feed = ChangeFeed()
    async with EmbeddedStore(tmp_path / "gleanery.db", feed.publish, clock) as store:
        yield Stage(store, feed, tmp_path)


class Looking(Through):
    """Tells when its worker has looked so many times whom tasks belong to."""

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self._left = 0
        self._seen = asyncio.Event()

    async def owners(self) -> Sequence[str]:
        self._left -= 1
        if self._left < 0:
            self._seen.set()
        return await self.inner.owners()

    async def looks(self, times: int) -> None:
        """Wait until it has finished so many more."""
        self._left = times
        self._seen.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._seen.wait()


class Playing:
    """An act that runs until the test lets it end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def act(self, ctx: TaskContext) -> None:
        await self.may_end.wait()


async def nothing(ctx: TaskContext) -> None:
    return


@pytest.mark.parametrize("lease_seconds", [2.0, 60.0], ids=["beats-soon", "beats-late"])
async def test_an_hour_ahead_a_task_stays_with_its_living_worker(
    timed: Stage, clock: SetClock, lease_seconds: float
) -> None:
    """Expected: by the row its lease is long over; neither its own worker nor another one takes it back, and it completes."""
    play, store = Playing(), Looking(timed.tasks)
    async with (
        timed.worker(Acting(play.act), clock=clock, lease_seconds=lease_seconds, worker_id="own"),
        timed.worker(Acting(nothing, "else"), clock=clock, lease_seconds=lease_seconds, worker_id="other", store=store),
    ):
        task = await timed.enqueue()
        await timed.told(task.task_id, "task_started")
        clock.jump(HOUR)
        await store.looks(LOOKS)
        play.may_end.set()
        done = await timed.ended(task)
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)
    await history.check_all(timed.tasks)


async def held(stage: Stage, worker_id: str, lease_seconds: float, task_type: str = "lost") -> Task:
    """A task that runs by its row alone, with a worker of that name."""
    new = NewTask(task_type, {})
    # Handed over together: nobody else can claim in between.
    _, task = await asyncio.gather(stage.tasks.create(new), stage.tasks.claim(new.task_id, worker_id, lease_seconds))
    assert task is not None
    return task


async def test_an_hour_ahead_only_the_tasks_of_a_worker_that_is_gone_are_taken_back(
    timed: Stage, clock: SetClock
) -> None:
    """Expected: a worker crashes as the clock jumps; its task is run by another, the living one's task is left alone."""
    presence = FilePresence(timed.folder / "workers")
    await presence.hold("living")
    living = await held(timed, "living", 60.0)
    async with timed.worker(Acting(nothing, "lost"), clock=clock, lease_seconds=60.0):
        clock.jump(HOUR)
        lost = await timed.ended(await held(timed, "crashed", HOUR))
        assert await timed.tasks.get(living.task_id) == living
    await presence.release()
    assert (lost.status, lost.attempt) == (TaskStatus.COMPLETED, 2)
    await history.check_all(timed.tasks)


async def test_an_hour_back_tasks_start_at_once_and_running_ones_go_on(timed: Stage, clock: SetClock) -> None:
    """Expected: what was queued before the jump without a start time, and what is queued after it, starts at once."""
    play = Playing()
    async with timed.worker(Acting(play.act), Acting(nothing, "next"), clock=clock, lease_seconds=2.0, concurrency=1):
        running, waiting = await timed.enqueue(), await timed.enqueue("next")
        await timed.told(running.task_id, "task_started")
        clock.jump(-HOUR)
        later = await timed.enqueue("next")
        play.may_end.set()
        ended = [await timed.ended(task) for task in (running, waiting, later)]
    assert {(task.status, task.attempt) for task in ended} == {(TaskStatus.COMPLETED, 1)}
    assert all(task.waited_seconds is not None and task.waited_seconds >= 0 for task in ended)
    assert all(task.ran_seconds >= 0 for task in ended)
    await history.check_all(timed.tasks)


async def test_an_hour_back_a_lost_lease_still_runs_out_by_and_by(timed: Stage, clock: SetClock) -> None:
    """Expected: a worker of which nothing shows whether it lives keeps its task until its lease is over by the new clock;
    then another takes it."""
    lost = await held(timed, "crashed", 2.0)
    clock.jump(-HOUR)
    store = Looking(timed.tasks)
    parts = cast(Store, Parts(store, timed.store.workers))
    worker = Worker(parts, by_type([Acting(nothing, "lost")]), concurrency=1, lease_seconds=1.0, clock=clock)
    await worker.start()
    await store.looks(1)
    assert (await timed.tasks.get(lost.task_id)).status is TaskStatus.RUNNING
    clock.jump(HOUR)
    done = await timed.ended(lost)
    await worker.stop()
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 2)
    await history.check_all(timed.tasks)


async def test_an_hour_back_a_worker_that_is_seen_to_be_gone_is_not_waited_for(timed: Stage, clock: SetClock) -> None:
    """Expected: where its process is seen to have ended, its task is taken back at once, whatever the clock says."""
    clock.jump(HOUR)
    lost = await held(timed, "crashed", HOUR)
    clock.jump(-HOUR)
    async with timed.worker(Acting(nothing, "lost"), clock=clock):
        done = await timed.ended(lost)
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 2)
    await history.check_all(timed.tasks)
