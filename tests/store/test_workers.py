"""The contract of `WorkerStore`: the processes that work, as they last told of themselves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gleanery.model import WorkerInfo
from gleanery.store.base import Store
from tests.store.conftest import OpenStore
from tests.store.samples import Changes

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def worker(worker_id: str, minute: int = 0) -> WorkerInfo:
    at = BEGIN + timedelta(minutes=minute)
    return WorkerInfo(worker_id, "hôst", 4711, "0.1.0", ("crawl", "demo"), 4, 2, 123.5, "running", at, at)


async def test_workers_come_back_as_they_told_of_themselves_oldest_first(store: Store) -> None:
    late, early = worker("a", 5), worker("b", 1)
    assert await store.workers.list() == []
    await store.workers.put(late)
    await store.workers.put(early)
    assert await store.workers.list() == [early, late]


async def test_a_worker_that_tells_again_is_one_worker(store: Store) -> None:
    await store.workers.put(worker("a"))
    again = replace(worker("a"), running=0, state="stopping", task_types=(), beat_at=BEGIN + timedelta(hours=1))
    await asyncio.gather(*(store.workers.put(again) for _ in range(3)))
    assert await store.workers.list() == [again]


async def test_workers_are_removed_by_their_ids(store: Store) -> None:
    for name in ("a", "b", "c"):
        await store.workers.put(worker(name))
    await store.workers.remove(["a", "c", "nobody"])
    await store.workers.remove([])
    assert await store.workers.list() == [worker("b")]


async def test_another_process_sees_them(store: Store, open_store: OpenStore) -> None:
    async with open_store(Changes()) as other:
        await store.workers.put(worker("a"))
        assert await other.workers.list() == [worker("a")]
