"""The contract of a page's versions: what each generation did to it, and how it was then."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from gleanery.errors import NotFound
from gleanery.model import PageChange
from gleanery.store import sqlite_page_versions
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from tests.api.refreshed import Refreshed, refreshed

OTHER = {"other": "# Other\n"}


async def page_id_of(source: Refreshed, path: str) -> str:
    (page_id,) = (await source.store.knowledge.page_ids(source.source_id, [f"a.test/{path}"])).values()
    return page_id


async def told(store: Store, page_id: str) -> list[tuple[int, PageChange | None, int | None, bool]]:
    versions = await store.generations.page_versions(page_id, before=None, limit=100)
    return [(one.generation, one.change, one.chars, one.is_visible) for one in versions]


async def test_each_generation_that_did_something_to_the_page_newest_first(store: Store) -> None:
    source = await refreshed(store, {"a": "one", **OTHER})
    page_id = await page_id_of(source, "a")
    for text in ("one", "three", None, None, "six is back"):
        await source.crawl({**OTHER, **({} if text is None else {"a": text})})
    assert await told(store, page_id) == [
        (6, PageChange.ADDED, 11, True),
        (4, PageChange.REMOVED, None, False),
        (3, PageChange.CHANGED, 5, False),
        (1, PageChange.ADDED, 3, False),
    ]
    versions = await store.generations.page_versions(page_id, before=None, limit=1)
    older = await store.generations.page_versions(page_id, before=versions[-1].generation, limit=2)
    assert [one.generation for one in older] == [4, 3]
    generation = await store.generations.get(source.source_id, 3)
    assert (older[1].at, older[1].task_id, older[1].title) == (generation.completed_at, generation.task_id, "a")


async def test_a_version_can_be_read_as_it_was(store: Store) -> None:
    source = await refreshed(store, {"a": "one"})
    page_id = await page_id_of(source, "a")
    await source.crawl({"a": "two"})
    texts = [(await store.knowledge.page(page_id, number)).markdown for number in (1, 2, None)]
    assert texts == ["one", "two", "two"]


async def test_a_page_that_is_gone_still_has_its_versions(store: Store) -> None:
    source = await refreshed(store, {"a": "one", **OTHER})
    page_id = await page_id_of(source, "a")
    await source.crawl(OTHER)
    assert await told(store, page_id) == [(2, PageChange.REMOVED, None, False), (1, PageChange.ADDED, 3, False)]
    assert await store.knowledge.page_ids(source.source_id, ["a.test/a"]) == {}


async def test_what_is_not_seen_is_not_told(store: Store) -> None:
    source = await refreshed(store, {"a": "one", **OTHER})
    page_id = await page_id_of(source, "a")
    building = await source.begun()
    await source.put(building, {"a": "two"})
    assert await told(store, page_id) == [(1, PageChange.ADDED, 3, True)]
    await store.generations.reject(building.fence, source.source_id, {})
    assert await told(store, page_id) == [(1, PageChange.ADDED, 3, True)]
    await store.generations.activate(source.source_id, 2)
    assert (await told(store, page_id))[0] == (2, PageChange.CHANGED, 3, True)
    await store.generations.activate(source.source_id, 1)
    assert await told(store, page_id) == [(1, PageChange.ADDED, 3, True)]


async def test_of_the_oldest_that_is_kept_nobody_knows_what_it_replaced(store: Store) -> None:
    source = await refreshed(store, {"a": "one", "b": "same"})
    first, same = await page_id_of(source, "a"), await page_id_of(source, "b")
    for text in ("two", "three"):
        await source.crawl({"a": text, "b": "same"})
    while await store.generations.prune(2):
        pass
    assert await told(store, first) == [(3, PageChange.CHANGED, 5, True), (2, None, 3, False)]
    (only,) = await store.generations.page_versions(same, before=None, limit=9)
    assert (only.generation, only.change, only.at) == (1, None, None)


async def test_a_page_of_nobody_or_of_a_deleted_source_has_none(store: Store) -> None:
    source = await refreshed(store, {"a": "one"})
    page_id = await page_id_of(source, "a")
    await store.knowledge.delete_source(source.source_id)
    for missing in (page_id, "pg_9"):
        with pytest.raises(NotFound):
            await store.generations.page_versions(missing, before=None, limit=9)
    with pytest.raises(NotFound):
        await store.knowledge.page_ids(source.source_id, ["a.test/a"])


async def test_the_versions_are_found_by_index(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "gleanery.db", lambda _: None):
        pass
    with sqlite3.connect(tmp_path / "gleanery.db") as db:
        values = {"page": "pg_1", "before": 9, "limit": 9}
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sqlite_page_versions.VERSIONS}", values)]
    searched = [step for step in plan if re.search(r"\bSCAN\b", step)]
    assert searched == []
    assert any("page_born (page_id=? AND born<?)" in step for step in plan)
