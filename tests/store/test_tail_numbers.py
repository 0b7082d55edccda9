"""The contract of `TaskStore`: one order over the events of all tasks, whichever process wrote them."""

from __future__ import annotations

import asyncio

from gleanery.model import Fence, NewEvent, NewTask, Progress, TaskStatus
from gleanery.store.base import Store
from gleanery.store.values import Change
from tests.store.conftest import OpenStore
from tests.store.samples import Changes, fence_of, started, told


def flat(changes: list[Change]) -> list[tuple[str, int, str]]:
    return [(change.task.task_id, event.seq, event.type) for change in changes for event in change.events]


async def read(store: Store, after: int = 0, limit: int = 1000) -> list[Change]:
    return list(await store.tasks.changes_after(after, limit))


async def test_an_empty_log_begins_at_nought(store: Store) -> None:
    assert await store.tasks.last_number() == 0
    assert await read(store) == []


async def test_numbers_count_the_events_of_all_tasks_without_a_gap(store: Store, changes: Changes) -> None:
    one, two = await started(store), await started(store)
    await asyncio.gather(*(store.tasks.report(fence_of(t), told() * 2, Progress()) for t in (one, two) * 5))
    number = 0
    for change in changes.heard:
        assert change.number == number + len(change.events)
        number = change.number
    assert number == await store.tasks.last_number() == 24
    assert flat(await read(store)) == flat(changes.heard)


async def test_what_is_read_is_what_was_told(store: Store, changes: Changes) -> None:
    task = await started(store)
    await store.tasks.report(fence_of(task), [NewEvent("page_stored", "é", {"n": [1, None]})], Progress())
    [*_, heard] = changes.heard
    assert await read(store, heard.number - 1) == [heard]


async def test_a_refused_write_takes_no_number(store: Store, changes: Changes) -> None:
    task = await started(store)
    before = await store.tasks.last_number()
    stale = Fence(task.task_id, 7)
    calls = [store.tasks.report(f, told(), Progress()) for f in (stale, fence_of(task), stale, fence_of(task))]
    await asyncio.gather(*calls, return_exceptions=True)
    assert await store.tasks.last_number() == before + 2
    assert [change.number for change in changes.heard[-2:]] == [before + 1, before + 2]


async def test_reading_on_from_any_number_misses_and_doubles_nothing(store: Store, changes: Changes) -> None:
    tasks = [await started(store) for _ in range(3)]
    for n in range(10):
        await store.tasks.report(fence_of(tasks[n % 3]), told() * (n % 4), Progress())
    whole, last = flat(changes.heard), await store.tasks.last_number()
    for start in range(last + 1):
        for limit in (1, 2, 5, 100):
            met: list[tuple[str, int, str]] = []
            number = start
            while page := await read(store, number, limit):
                assert 0 < sum(len(change.events) for change in page) <= limit
                met += flat(page)
                number = page[-1].number
            assert (number, met) == (last, whole[start:])


async def test_two_processes_write_into_one_order(store: Store, open_store: OpenStore) -> None:
    theirs = Changes()
    async with open_store(theirs) as other:
        task = await store.tasks.create(NewTask("demo", {}))
        claimed = await other.tasks.claim(task.task_id, "w", 60.0)
        assert claimed is not None
        fence = fence_of(claimed)
        await asyncio.gather(*(s.tasks.report(fence, told(), Progress()) for s in (store, other) * 20))
        await store.tasks.finish(fence, TaskStatus.COMPLETED, told())
        for process in (store, other):
            events = [event for change in await read(process) for event in change.events]
            assert [event.seq for event in events] == list(range(1, 44))
            assert await process.tasks.last_number() == 43
        assert {change.number for change in theirs.heard} < set(range(2, 43))
