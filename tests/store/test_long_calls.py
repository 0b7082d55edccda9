"""What waits behind a page that is being written: short calls don't, and a crawl is started whole or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gleanery.errors import QueueFull
from gleanery.model import NewTask
from gleanery.store.base import Store
from gleanery.store.sqlite import LONG_CALL_LETS_PASS, Database, Tx
from gleanery.store.values import Idempotency
from tests.store.samples import Changes, new_source


@pytest.fixture
async def database(tmp_path: Path, changes: Changes) -> AsyncIterator[Database]:
    async with Database(tmp_path / "gleanery.db", changes) as it:
        yield it


async def order_of(database: Database, calls: list[tuple[str, bool]]) -> list[str]:
    """The names of calls (and whether they are long), in the order in which the writer took them when all waited."""
    loop, order = asyncio.get_running_loop(), list[str]()
    is_busy, gate = asyncio.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        loop.call_soon_threadsafe(is_busy.set)
        gate.wait(30)

    def noting(name: str) -> Callable[[Tx], None]:
        return lambda tx: order.append(name)

    holding = asyncio.create_task(database.write(hold))
    await is_busy.wait()
    waiting = asyncio.gather(*(database.write(noting(name), is_long=is_long) for name, is_long in calls))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(holding, waiting)
    return order


async def test_short_calls_go_before_a_long_one(database: Database) -> None:
    assert await order_of(database, [("page", True), ("a", False), ("b", False)]) == ["a", "b", "page"]


async def test_long_calls_keep_their_order(database: Database) -> None:
    assert await order_of(database, [("one", True), ("two", True), ("a", False)]) == ["a", "one", "two"]


async def test_a_long_call_does_not_wait_for_ever(database: Database) -> None:
    order = await order_of(database, [("page", True), *((str(n), False) for n in range(2 * LONG_CALL_LETS_PASS))])
    assert order.index("page") == LONG_CALL_LETS_PASS - 1
    assert len(order) == 2 * LONG_CALL_LETS_PASS + 1


async def test_a_start_that_finds_no_room_leaves_no_source(store: Store) -> None:
    one, two = new_source("https://one.test/"), new_source("https://two.test/")
    await store.crawls.start(NewTask("crawl", {}), one, "//one.test/", queue_limit=1)
    with pytest.raises(QueueFull):
        await store.crawls.start(NewTask("crawl", {}), two, "//two.test/", queue_limit=1)
    rows = await store.knowledge.sources(after=None, limit=10, model=None)
    assert [row.source_id for row in rows] == [one.source_id]


async def test_a_start_takes_the_source_that_the_url_has(store: Store) -> None:
    first = new_source("https://one.test/")
    again = replace(first, source_id="src_again", tags=("new",))
    key = Idempotency("key", "hash")
    task = await store.crawls.start(NewTask("crawl", {"a": 1}), first, "//one.test/", idempotency=key)
    assert task.payload == {"a": 1, "source_id": first.source_id}
    assert await store.crawls.start(NewTask("crawl", {}), again, "//one.test/", idempotency=key) == task
    assert (await store.knowledge.source(first.source_id)).tags == first.tags, "a repeated start changes nothing"
    other = await store.crawls.start(NewTask("crawl", {}), again, "//one.test/")
    assert other.payload["source_id"] == first.source_id
    assert (await store.knowledge.source(first.source_id)).tags == ("new",)
