"""`Database`: several calls in one commit, and none of them pays for another."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gleanery.errors import NotFound, StorageError, StorageFull
from gleanery.model import NewEvent, NewTask
from gleanery.store.sqlite import WAL_LIMIT_PAGES, Database, Tx
from gleanery.store.sqlite_rows import append
from gleanery.store.sqlite_tasks import SqliteTasks
from tests.store.samples import Changes


def _told(tx: Tx, task_id: str, message: str) -> None:
    append(tx, task_id, [NewEvent("x", message)])


@pytest.fixture
async def database(tmp_path: Path, changes: Changes) -> AsyncIterator[Database]:
    async with Database(tmp_path / "gleanery.db", changes) as it:
        yield it


def put(key: str, size: int = 1) -> Callable[[Tx], str]:
    """Work that keeps a row of about `size` bytes under `key`."""

    def work(tx: Tx) -> str:
        tx.db.execute("INSERT INTO idempotency VALUES (?, ?, '', 0)", (key, "x" * size))
        return key

    return work


async def keys(database: Database) -> set[str]:
    return await database.read(lambda db: {row["key"] for row in db.execute("SELECT key FROM idempotency")})


async def in_one_commit(database: Database, *works: Callable[[Tx], Any]) -> list[Any]:
    """What each call gives or raises when all of them wait for the writer together."""
    loop = asyncio.get_running_loop()
    is_busy, gate = asyncio.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        loop.call_soon_threadsafe(is_busy.set)
        gate.wait(30)

    holding = asyncio.create_task(database.write(hold))
    await is_busy.wait()
    calls = asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    # `write` hands its call over in its first step; one turn of the loop, and all of them are in line.
    await asyncio.sleep(0)
    gate.set()
    await holding
    return await calls


def refuse(tx: Tx) -> None:
    put("refused")(tx)
    raise NotFound("row", "x")


def stumble(tx: Tx) -> None:
    put("stumbled")(tx)
    tx.db.execute("INSERT INTO no_such_table VALUES (1)")


async def test_a_call_that_raises_takes_back_only_its_own(database: Database) -> None:
    results = await in_one_commit(database, put("a"), refuse, put("b"), stumble, put("c"), put("a"))
    assert results[0::2] == ["a", "b", "c"]
    assert isinstance(results[1], NotFound)
    assert isinstance(results[3], StorageError)
    assert isinstance(results[5], StorageError), "the key is there already"
    assert await keys(database) == {"a", "b", "c"}


async def test_a_call_that_fills_the_disk_does_not_take_the_others_along(database: Database) -> None:
    def limit(tx: Tx) -> None:
        # Room for a few small rows. SQLite answers what exceeds it as it answers a full disk, and may roll back all.
        count = tx.db.execute("PRAGMA page_count").fetchone()[0]
        tx.db.execute(f"PRAGMA max_page_count = {count + 2}")

    await database.write(limit)
    results = await in_one_commit(database, put("a"), put("big", 1_000_000), put("b"), refuse)
    assert isinstance(results[1], StorageFull)
    assert isinstance(results[3], NotFound)
    assert (results[0], results[2]) == ("a", "b")
    assert await keys(database) == {"a", "b"}
    assert await database.write(put("c")) == "c"


async def test_a_lost_transaction_is_never_reported_otherwise_than_it_went(database: Database) -> None:
    def lose(tx: Tx) -> None:
        tx.db.execute("ROLLBACK")
        raise StorageFull("as SQLite does on a full disk")

    results = await in_one_commit(database, put("a"), lose, put("b"))
    reported = {result for result in results if isinstance(result, str)}
    assert await keys(database) == reported == {"a", "b"}


async def test_only_what_was_kept_is_told(database: Database, changes: Changes) -> None:
    tasks = SqliteTasks(database)
    task = await tasks.create(NewTask("demo", {}))
    changes.heard.clear()

    def tell(message: str) -> Callable[[Tx], None]:
        return lambda tx: _told(tx, task.task_id, message)

    def tell_and_fail(tx: Tx) -> None:
        tell("lost")(tx)
        raise NotFound("row", "x")

    await in_one_commit(database, tell("one"), tell_and_fail, tell("two"))
    assert [(e.seq, e.message) for c in changes.heard for e in c.events] == [(2, "one"), (3, "two")]


async def test_a_cancelled_caller_does_not_undo_the_write(database: Database) -> None:
    writing = asyncio.create_task(database.write(put("a")))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await database.write(put("b"))
    assert await keys(database) == {"a", "b"}


async def test_a_write_that_fails_after_its_caller_went_is_no_news(database: Database) -> None:
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    writing = asyncio.create_task(database.write(refuse))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await database.write(put("a"))
    gc.collect()
    assert unheard == []


async def test_a_long_call_lets_short_ones_pass_but_not_for_ever(database: Database) -> None:
    order: list[str] = []
    loop = asyncio.get_running_loop()
    is_busy, gate = asyncio.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        loop.call_soon_threadsafe(is_busy.set)
        gate.wait(30)

    def note(name: str) -> Callable[[Tx], None]:
        return lambda tx: order.append(name)

    holding = asyncio.create_task(database.write(hold))
    await is_busy.wait()
    calls = asyncio.gather(
        database.write(note("long"), is_long=True), *(database.write(note(str(n))) for n in range(300))
    )
    await asyncio.sleep(0)
    gate.set()
    await holding
    await calls
    shorts = [name for name in order if name != "long"]
    assert shorts == [str(n) for n in range(300)]
    assert 50 <= order.index("long") <= 101


async def test_writes_in_flight_are_kept_when_the_database_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "gleanery.db"
    async with Database(path, Changes()) as database:
        writes = [asyncio.create_task(database.write(put(str(n)))) for n in range(120)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*writes) == [str(n) for n in range(120)]
    async with Database(path, Changes()) as database:
        assert len(await keys(database)) == 120


async def test_a_query_that_is_wrong_is_a_storage_error(database: Database) -> None:
    with pytest.raises(StorageError, match="no_such_table"):
        await database.read(lambda db: db.execute("SELECT * FROM no_such_table"))
    assert await keys(database) == set(), "and the reader is free again"


async def test_the_log_starts_over_though_writes_never_pause(database: Database) -> None:
    """Else it would grow for as long as somebody writes."""
    log = database.path.with_name(f"{database.path.name}-wal")

    def write_much(tx: Tx) -> None:
        tx.db.execute("INSERT OR REPLACE INTO idempotency VALUES ('much', ?, '', 0)", ("x" * 4_000_000,))

    def salt() -> bytes:
        with log.open("rb") as file:
            return file.read(24)[16:]

    await database.write(write_much)
    first = salt()
    async with asyncio.timeout(60):
        while salt() == first:
            for _ in range(5):
                await database.write(write_much, is_durable=False)
    assert log.stat().st_size < WAL_LIMIT_PAGES * 4096
