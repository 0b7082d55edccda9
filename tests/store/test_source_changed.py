"""The call that tells a webhook what a refresh changed: its shape, its bounds, its place in the order, and who gets none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gleanery.model import NewTask, PageChange, PageDelta, Task, TaskStatus
from gleanery.store.source_changed import TOLD_PAGES, note_changed
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_outbox import SqliteOutbox
from gleanery.store.sqlite_tasks import SqliteTasks
from tests.store.samples import LEASE_SECONDS, fence_of, told

ADDED, CHANGED, REMOVED = PageChange


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(tmp_path / "gleanery.db", lambda _: None) as it:
        await it.write(
            lambda tx: tx.db.execute(
                "INSERT INTO source (source_id, url, url_key, title, knowledge_type, created_at, updated_at)"
                " VALUES ('src_1', 'https://a.test/', '//a.test/', 'Widgets', 'docs', 0, 0)"
            )
        )
        yield it


async def running(database: Database, **fields: Any) -> Task:
    tasks = SqliteTasks(database)
    task = await tasks.create(NewTask("crawl", {}, **{"webhook_url": "https://h.test/in", **fields}))
    claimed = await tasks.claim(task.task_id, "w", LEASE_SECONDS)
    assert claimed is not None
    return claimed


def deltas(count: int) -> list[PageDelta]:
    return [PageDelta(f"pg_{n}", f"https://a.test/{n}", str(n), f"Page {n}", CHANGED, 1, 2) for n in range(count)]


async def note(database: Database, task: Task, counts: dict[PageChange, int], pages: Sequence[PageDelta] = ()) -> None:
    await database.write(lambda tx: note_changed(tx, task.task_id, "src_1", 4, 3, counts, pages))


async def bodies(database: Database) -> list[dict[str, Any]]:
    calls = await SqliteOutbox(database).list(state=None, task_id=None, after=None, limit=100)
    assert all(json.loads(call.body)["type"] == call.type for call in calls)
    return [json.loads(call.body) for call in calls][::-1]


async def test_what_changed_is_told_before_the_end_of_the_task(database: Database) -> None:
    task = await running(database)
    await note(database, task, {ADDED: 0, CHANGED: 2, REMOVED: 0}, deltas(2))
    await SqliteTasks(database).finish(fence_of(task), TaskStatus.COMPLETED, told(), result={})
    changed, ended = await bodies(database)
    assert [changed["type"], ended["type"]] == ["source.changed", "task.completed"]
    assert set(changed) == {"type", "timestamp", "data"}
    assert changed["data"] == {
        "source_id": "src_1",
        "url": "https://a.test/",
        "title": "Widgets",
        "generation": 4,
        "base": 3,
        "task_id": task.task_id,
        "pages": {"added": 0, "changed": 2, "removed": 0},
        "changes": [
            {"change": "changed", "page_id": f"pg_{n}", "url": f"https://a.test/{n}", "title": f"Page {n}"}
            for n in (0, 1)
        ],
        "has_more": False,
    }


async def test_many_pages_are_counted_and_the_first_of_them_listed(database: Database) -> None:
    await note(database, await running(database), {ADDED: 9, CHANGED: 300, REMOVED: 0}, deltas(TOLD_PAGES + 5))
    (body,) = await bodies(database)
    assert len(body["data"]["changes"]) == TOLD_PAGES
    assert body["data"]["pages"] == {"added": 9, "changed": 300, "removed": 0}
    assert body["data"]["has_more"] is True


async def test_nobody_is_told_of_nothing_or_against_their_will(database: Database) -> None:
    some = {ADDED: 1, CHANGED: 0, REMOVED: 0}
    await note(database, await running(database), {ADDED: 0, CHANGED: 0, REMOVED: 0})
    await note(database, await running(database, webhook_url=None), some)
    await note(database, await running(database, webhook_states=(TaskStatus.FAILED,)), some)
    assert await bodies(database) == []
