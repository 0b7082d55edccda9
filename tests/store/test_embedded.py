"""What only the embedded store promises: it survives SIGKILL and a full disk, and refuses a file from the future."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gleanery.errors import StorageError, StorageFull
from gleanery.model import NewTask, TaskStatus, UrlState
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.schema import MIGRATIONS
from gleanery.store.values import TaskFilter
from tests.store.samples import Changes, bundle_of, event_types, start_crawl, told, url_of, words_found

ROOT = Path(__file__).parents[2]


def open_raw(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def is_sound(path: Path) -> bool:
    connection = open_raw(path)
    try:
        found: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return found == "ok"
    finally:
        connection.close()


async def test_a_closed_store_opens_again_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "gleanery.db"
    async with EmbeddedStore(path, Changes()) as store:
        crawl = await start_crawl(store)
        bundle = await crawl.put("a")
        task = await store.tasks.get(crawl.task.task_id)
    async with EmbeddedStore(path, Changes()) as store:
        assert await store.tasks.get(task.task_id) == task
        assert await store.knowledge.page(bundle.page.page_id) == bundle.page
        assert (await store.health()).startswith("SQLite, ")
    assert is_sound(path)


async def test_a_database_of_a_newer_gleanery_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gleanery.db"
    async with EmbeddedStore(path, Changes()) as store:
        await store.tasks.create(NewTask("demo", {}))
    connection = open_raw(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StorageError) as caught:
        async with EmbeddedStore(path, Changes()):
            pass
    assert caught.value.details == {"found": len(MIGRATIONS) + 1, "known": len(MIGRATIONS)}
    connection = open_raw(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
    assert connection.execute("SELECT count(*) FROM task").fetchone()[0] == 1
    connection.close()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gleanery.db"
    path.write_bytes(b"not a database, but somebody's file " * 100)
    with pytest.raises(StorageError):
        async with EmbeddedStore(path, Changes()):
            pass
    assert path.read_bytes().startswith(b"not a database")


def written_until_killed(path: Path, lines_count: int) -> list[tuple[str, ...]]:
    """What a process has acknowledged that was killed amid its writes, after at least so many lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing", str(path)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(lines_count)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [tuple(line.split()) for line in lines if line.endswith("\n")]


async def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "gleanery.db"
    acknowledged = written_until_killed(path, 400)
    assert {kind for kind, *_ in acknowledged} == {"task", "event", "page"}

    assert is_sound(path)
    async with EmbeddedStore(path, Changes()) as store:
        for line in acknowledged:
            if line[0] == "task":
                assert (await store.tasks.get(line[1])).status is TaskStatus.QUEUED
        _, reporter, last = [line for line in acknowledged if line[0] == "event"][-1]
        task = await store.tasks.get(reporter)
        events = await store.tasks.events(reporter, after=None, before=None, limit=100_000)
        assert [event.seq for event in events] == list(range(1, task.last_seq + 1))
        assert task.last_seq >= int(last)
        await check_crawl(store, {line[1] for line in acknowledged if line[0] == "page"})


async def check_crawl(store: EmbeddedStore, pages: set[str]) -> None:
    """Every acknowledged page is there, and page, chunks, words, URL and event agree about every one."""
    [source] = await store.knowledge.sources(after=None, limit=2, model=None)
    [crawl] = await store.tasks.list(TaskFilter(task_type="crawl"), after=None, limit=2)
    held = {
        page.url.removeprefix("https://a.test/")
        for page, _ in await store.knowledge.pages(source.source_id, after=None, limit=100_000)
    }
    assert pages <= held
    assert len(held) <= len(pages) + 4
    rows = await store.crawls.urls(crawl.task_id, state=UrlState.STORED, after=0, limit=100_000)
    assert {row.url.removeprefix("https://a.test/") for row in rows} == held
    assert Counter(await event_types(store, crawl.task_id))["page_stored"] == min(len(held), 998)
    assert source.chunk_count == 3 * len(held)
    words = await words_found(store, "three", limit=100_000)
    assert len(words) == len(held)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB. Mounting asks for root; the test of `Database` fills a file without it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_refuses_new_pages_and_keeps_the_old(small_disk: Path) -> None:
    path = small_disk / "gleanery.db"
    ballast = small_disk / "ballast"
    changes = Changes()
    async with EmbeddedStore(path, changes) as store:
        crawl = await start_crawl(store)
        await crawl.put("first", ["kept words"])
        fill(ballast)
        stored, failed = ["first"], 0
        for n in range(5):
            try:
                await crawl.put(f"big-{n}", [f"{n} {i} " + "filler " * 800 for i in range(20)])
                stored.append(f"big-{n}")
            except StorageFull:
                failed += 1
        assert failed
        pages = await store.knowledge.pages(crawl.source.source_id, after=None, limit=10)
        assert sorted(page.url.rsplit("/", 1)[1] for page, _ in pages) == sorted(stored)
        assert len(await words_found(store, "kept", limit=10)) == 1
        task = await store.tasks.get(crawl.task.task_id)
        assert [seq for seq, _ in changes.of(task.task_id)] == list(range(1, task.last_seq + 1))

        ballast.unlink()
        bundle = bundle_of(crawl.source.source_id, task.task_id, "late")
        await crawl.add(url_of("late"))
        assert await crawl.store_page(url_of("late"), bundle), "with room again it goes on"
        await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    assert is_sound(path)


def fill(ballast: Path) -> None:
    """Take what room is left on the disk."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


async def test_many_readers_and_writers_at_once(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "gleanery.db", Changes()) as store:
        crawl = await start_crawl(store)

        async def write_then_read(n: int) -> None:
            bundle = await crawl.put(str(n), [f"word{n}"])
            assert await store.knowledge.page(bundle.page.page_id) == bundle.page
            assert len(await words_found(store, f"word{n}", limit=5)) == 1

        await asyncio.gather(*(write_then_read(n) for n in range(60)))
        assert (await store.knowledge.source(crawl.source.source_id)).page_count == 60
