"""Tasks that lost their workers again and again: one of them at a time is watched, and none waits for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gleanery.model import Fence, NewTask, Progress, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import SUSPECT_LOSSES, SUSPECT_SECONDS, Wanted
from tests.clock import SetClock
from tests.engine.faults import history

WANTED = Wanted("next", 600.0, ("demo",))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def store(tmp_path: Path, clock: SetClock) -> AsyncIterator[Store]:
    async with EmbeddedStore(tmp_path / "gleanery.db", lambda _: None, clock) as store:
        yield store


async def suspects(store: Store, count: int) -> Sequence[str]:
    """Tasks that ran side by side each time that their worker was lost."""
    made = [await store.tasks.create(NewTask("demo", {})) for _ in range(count)]
    for losses in range(SUSPECT_LOSSES):
        tasks = await store.tasks.claim_due(Wanted("lost", 600.0, ("demo",)), 10)
        assert len(tasks) == count, f"after {losses} losses they still run together"
        await store.tasks.reap(gone=["lost"], spare=[])
    return [task.task_id for task in made]


async def claimed(store: Store) -> Sequence[Task]:
    return await store.tasks.claim_due(WANTED, 10)


async def test_of_several_suspects_one_runs_and_others_begin_when_it_has_ended(store: Store) -> None:
    """Expected: one of them is claimed; a task that was never lost runs beside it; its end lets the next one begin."""
    waiting = {*await suspects(store, 3)}
    [first] = await claimed(store)
    assert first.task_id in waiting
    sound = await store.tasks.create(NewTask("demo", {}))
    assert [task.task_id for task in await claimed(store)] == [sound.task_id]
    await store.tasks.finish(Fence(first.task_id, first.attempt), TaskStatus.COMPLETED, [])
    [second] = await claimed(store)
    assert second.task_id in waiting - {first.task_id}


async def test_a_suspect_that_gets_on_is_none_any_more(store: Store) -> None:
    """Expected: progress of the one that runs lets the next one begin."""
    await suspects(store, 2)
    [first] = await claimed(store)
    assert await claimed(store) == []
    await store.tasks.report(Fence(first.task_id, first.attempt), [], Progress(10.0))
    assert len(await claimed(store)) == 1
    await history.check_all(store.tasks)


async def test_a_suspect_is_not_watched_for_longer_than_a_while(store: Store, clock: SetClock) -> None:
    """Expected: one that runs long without a word about it holds the others up for ten seconds, not until it ends."""
    await suspects(store, 2)
    assert len(await claimed(store)) == 1
    clock.jump(SUSPECT_SECONDS - 1)
    assert await claimed(store) == []
    clock.jump(2)
    assert len(await claimed(store)) == 1
    await history.check_all(store.tasks)
