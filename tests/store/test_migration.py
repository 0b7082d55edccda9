"""A database of an older schema opens with everything that was in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gleanery.model import FetchedBy, KnownPage, NewTask, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.schema import MIGRATIONS
from gleanery.store.values import Idempotency, TaskFilter, Wanted
from tests.store.old_schema import BEGIN, EVENTS_EACH, VECTOR, write_old
from tests.store.samples import LEASE_SECONDS, Changes, chunks_of, fence_of, told, words_found

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=range(1, len(MIGRATIONS)), ids="version {}".format)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "gleanery.db"
    write_old(path, request.param)
    return path


def facts(path: Path) -> tuple[int, str]:
    """Schema version and soundness."""
    db = sqlite3.connect(path)
    try:
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        sound: str = db.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        db.close()
    return version, sound


async def test_tasks_events_and_keys_are_all_there(old: Path) -> None:
    async with EmbeddedStore(old, Changes()) as store:
        tasks = await store.tasks.list(TaskFilter(), after=None, limit=100)
        assert [task.task_id for task in tasks] == [f"tsk_{status}" for status in reversed(TaskStatus)]
        for task in tasks:
            assert task.task_id == f"tsk_{task.status}"
            assert (task.payload, task.first_seq, task.last_seq) == ({"é": 1}, 1, EVENTS_EACH)
            assert (task.waits_for, task.is_pause_requested, task.ran_seconds) == (0, False, 0.0)
            events = await store.tasks.events(task.task_id, after=None, before=None, limit=100)
            assert [(e.seq, e.message, e.data) for e in events] == [
                (seq, f"é {seq}", {"n": seq}) for seq in range(1, EVENTS_EACH + 1)
            ]
        assert await store.tasks.count_by_status() == dict.fromkeys(TaskStatus, 1)
        known = await store.tasks.known_start(Idempotency("key", "hash"))
        assert known is not None
        assert known.task_id == "tsk_completed"
        failed = await store.tasks.get("tsk_failed")
        assert failed.error is not None
        assert failed.error.code == "broken"
    assert facts(old) == (len(MIGRATIONS), "ok")


async def test_old_events_have_their_place_in_the_order_of_all_by_time(old: Path) -> None:
    async with EmbeddedStore(old, Changes()) as store:
        number = len(TaskStatus) * EVENTS_EACH
        assert await store.tasks.last_number() == number
        changes = await store.tasks.changes_after(0, 100)
        times = [event.at.timestamp() for change in changes for event in change.events]
        assert times == sorted(times)
        assert len(times) == number
        assert times[0] == BEGIN + 10
        await store.tasks.create(NewTask("demo", {}))
        [change] = await store.tasks.changes_after(number, 10)
        assert change.number == number + 1


async def test_what_ran_when_the_old_server_went_is_taken_back_and_completes(old: Path) -> None:
    changes = Changes()
    async with EmbeddedStore(old, changes) as store:
        assert list(await store.tasks.owners()) == ["host:1"]
        [taken] = await store.tasks.reap(gone=["host:1"], spare=[])
        assert (taken.task_id, taken.status) == ("tsk_running", TaskStatus.QUEUED)
        claimed = await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 10)
        assert {(task.task_id, task.attempt) for task in claimed} == {("tsk_queued", 1), ("tsk_running", 2)}
        for task in claimed:
            await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result={})
        [url] = await store.crawls.next_urls("tsk_running", 10, [])
        assert url.url == "https://a.test/"
        assert [seq for seq, _ in changes.of("tsk_running")] == [5, 6, 7]
        assert await store.tasks.count_by_status() == {"paused": 1, "completed": 3, "failed": 1, "cancelled": 1}


async def test_pages_urls_and_code_are_all_there(old: Path) -> None:
    async with EmbeddedStore(old, Changes()) as store:
        counts = await store.crawls.counts("tsk_running", "src_1", None)
        assert (counts.queued, counts.skipped, counts.refused) == (1, 4, 2)
        page = await store.knowledge.page("pg_1")
        assert (page.title, page.fetched_by) == ("T", FetchedBy.HTTP)
        assert await store.crawls.known_page("src_1", "a.test/") == KnownPage(
            "pg_1", page.url, '"e"', None, None, FetchedBy.HTTP, "en", "tsk_completed"
        )
        [example] = await store.knowledge.code_examples("src_1", language=None, after=0, limit=10)
        assert (example.code.code, example.code.is_guessed) == ("int x;", False)


async def test_chunks_are_found_as_before_and_keep_their_vectors(old: Path) -> None:
    async with EmbeddedStore(old, Changes()) as store:
        for match, row in (("soon", 7), ("createtask", 7), ("int", 8), ("title:T AND x", 8)):
            assert await words_found(store, match) == [row]
        found = await chunks_of(store, [7, 8])
        assert [found[row].chunk.chunk_id for row in (7, 8)] == ["ch_0", "ch_1"]
        assert found[7].chunk.heading_path == ("T", "U")
        [vector] = await store.vectors.vectors("m", after=0, limit=10)
        assert (vector.text_row, vector.vector.tolist()) == (found[7].text_row, VECTOR.tolist())
        [missing] = await store.vectors.without_vectors("src_1", "m", after=0, limit=10)
        assert missing.row == 8
        source = await store.knowledge.source("src_1", "m")
        assert (source.page_count, source.chunk_count, source.code_example_count) == (1, 2, 1)
        assert (source.embedded_chunk_count, source.generation) == (1, 1)
        [generation] = await store.generations.list("src_1", before=None, limit=10)
        assert (generation.number, generation.state, generation.base) == (1, "complete", None)


async def test_waiting_tasks_of_the_old_schema_can_be_steered(old: Path) -> None:
    async with EmbeddedStore(old, Changes()) as store:
        assert (await store.tasks.resume("tsk_paused")).status is TaskStatus.QUEUED
        changed = await store.tasks.change("tsk_paused", priority=99, depends_on=["tsk_queued"])
        assert (changed.priority, changed.waits_for) == (99, 1)
        assert (await store.tasks.retry("tsk_failed", only_failed=False)).status is TaskStatus.QUEUED


async def test_opening_it_twice_changes_it_once(old: Path) -> None:
    async with EmbeddedStore(old, Changes()) as store:
        tasks = await store.tasks.list(TaskFilter(), after=None, limit=100)
    async with EmbeddedStore(old, Changes()) as store:
        assert await store.tasks.list(TaskFilter(), after=None, limit=100) == tasks
    assert facts(old) == (len(MIGRATIONS), "ok")


@pytest.mark.parametrize("is_new", [False, True], ids=["old", "new"])
def test_processes_that_open_it_at_once_all_work(tmp_path: Path, is_new: bool) -> None:
    path = tmp_path / "gleanery.db"
    if not is_new:
        write_old(path)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.old_schema", str(path)],
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=60) for process in processes]
    count = 0 if is_new else len(TaskStatus)
    assert answers == [(f"{count} {count * EVENTS_EACH}\n", "")] * 3
    assert facts(path) == (len(MIGRATIONS), "ok")
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM task WHERE task_type = 'new'").fetchone()[0] == 3
    db.close()
