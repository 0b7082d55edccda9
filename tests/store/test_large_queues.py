"""What grows with the number of tasks, and must not hold up the one writer: links, figures, forgetting."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gleanery.errors import InvalidInput
from gleanery.model import ErrorInfo, NewTask, TaskStatus, utc_now
from gleanery.store import sqlite_stats
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.sqlite_links import check_dependencies
from gleanery.store.values import Retention
from tests.store.samples import LEASE_SECONDS, fence_of, started, told

BROKEN = ErrorInfo("broken", "It broke.")
CHAIN = 400
WINDOW_SECONDS = 3600.0


class Steps:
    """Counts the work of a connection in hundreds of steps of SQLite's machine."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.hundreds = 0
        db.set_progress_handler(self._count, 100)

    def _count(self) -> int:
        self.hundreds += 1
        return 0


@pytest.fixture
def chain() -> sqlite3.Connection:
    """Tasks 0 to 399, each of which waits for the one before."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE task (task_id TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute("CREATE TABLE dependency (task_id TEXT, depends_on TEXT, PRIMARY KEY (task_id, depends_on))")
    db.execute("CREATE INDEX dependency_of ON dependency (depends_on)")
    db.executemany("INSERT INTO task VALUES (?)", [(f"{n:03d}",) for n in range(CHAIN)])
    db.executemany("INSERT INTO dependency VALUES (?, ?)", [(f"{n:03d}", f"{n - 1:03d}") for n in range(1, CHAIN)])
    return db


def test_a_new_task_may_wait_for_a_whole_chain_without_a_walk_along_it(chain: sqlite3.Connection) -> None:
    steps = Steps(chain)
    check_dependencies(chain, "new", [f"{n:03d}" for n in range(CHAIN)])
    assert steps.hundreds < 2 * CHAIN, "a few steps for each that it waits for, not for each pair of them"


def test_a_circle_over_a_whole_chain_is_found(chain: sqlite3.Connection) -> None:
    steps = Steps(chain)
    with pytest.raises(InvalidInput, match=r"depends_on\.1: 399 waits for this task already"):
        check_dependencies(chain, "001", ["000", "399"])
    assert steps.hundreds < 2 * CHAIN


async def test_the_figures_count_more_ends_than_the_times_are_taken_from(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with EmbeddedStore(path, lambda _: None) as store:
        for status in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.COMPLETED):
            task = await started(store)
            await store.tasks.finish(fence_of(task), TaskStatus.QUEUED, told(), error=BROKEN, run_at=utc_now())
            again = await store.tasks.claim(task.task_id, "w", LEASE_SECONDS)
            assert again is not None
            await store.tasks.finish(fence_of(again), status, told(), error=BROKEN)
        for _ in range(3):
            await store.tasks.create(NewTask("demo", {}, coalesce_key="k"))
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.row_factory = sqlite3.Row
            stats = sqlite_stats.stats(db, utc_now(), WINDOW_SECONDS, sample=4)
    assert stats.ended == {"completed": 2, "failed": 1, "cancelled": 2}
    assert (stats.retries, stats.superseded) == (3, 2)
    assert stats.waiting.count == 2, "of the four newest ends two never ran"


async def test_forgetting_looks_for_old_events_beside_the_writer(store: Store) -> None:
    """A task that is taken up again between the look and the write keeps its events."""
    tasks = [await store.tasks.create(NewTask("demo", {})) for _ in range(3)]
    for task in tasks:
        await store.tasks.request_cancel(task.task_id)
    retention = Retention(events_before=utc_now() + timedelta(seconds=1))
    pruned, _ = await asyncio.gather(
        store.tasks.prune(retention, 100), store.tasks.retry(tasks[0].task_id, only_failed=False)
    )
    assert pruned.events in (4, 6)
    kept = await store.tasks.get(tasks[0].task_id)
    events = await store.tasks.events(kept.task_id, after=None, before=None, limit=10)
    assert [event.seq for event in events] == list(range(kept.first_seq, kept.last_seq + 1))
    assert events[-1].type == "task_queued"
    assert (await store.tasks.prune(retention, 100)).events == 0
