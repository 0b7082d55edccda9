"""The call that tells a webhook what a refresh changed: its shape, its bounds, its place in the order, and who gets none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from gleanery.model import PageChange, TaskStatus
from gleanery.store.base import Store
from gleanery.store.generation_store import TOLD_PAGES
from gleanery.store.values import SourceChange
from tests.api.refreshed import Refreshed, refreshed
from tests.store.samples import HALF_WAY, bundle_of, told, url_of

HOOK = "https://h.test/in"
BEFORE = {"a": "one", "b": "same", "c": "goes"}


@pytest.fixture
async def source(store: Store) -> Refreshed:
    made = await refreshed(store, BEFORE)
    await store.knowledge.change_source(made.source_id, SourceChange(title="Widgets"))
    return made


async def bodies(store: Store) -> list[dict[str, Any]]:
    calls = await store.outbox.list(state=None, task_id=None, after=None, limit=100)
    assert all(json.loads(call.body)["type"] == call.type for call in calls)
    return [json.loads(call.body) for call in calls][::-1]


async def page_ids(source: Refreshed, paths: str) -> Mapping[str, str]:
    found = await source.store.knowledge.page_ids(source.source_id, [f"a.test/{path}" for path in paths])
    return {key.removeprefix("a.test/"): page_id for key, page_id in found.items()}


async def test_what_changed_is_told_before_the_end_of_the_task(source: Refreshed) -> None:
    before = await page_ids(source, "abc")
    done = await source.crawl({"a": "two", "b": "same", "d": "new"}, webhook_url=HOOK)
    ids = {**before, **await page_ids(source, "abd")}
    changed, ended = await bodies(source.store)
    assert [changed["type"], ended["type"]] == ["source.changed", "task.completed"]
    assert set(changed) == {"type", "timestamp", "data"}
    assert changed["data"] == {
        "source_id": source.source_id,
        "url": "https://a.test/",
        "title": "Widgets",
        "generation": 2,
        "base": 1,
        "task_id": done.task_id,
        "pages": {"added": 1, "changed": 1, "removed": 1},
        "changes": [
            {"change": change, "page_id": ids[path], "url": f"https://a.test/{path}", "title": path}
            for path, change in (("a", "changed"), ("c", "removed"), ("d", "added"))
        ],
        "has_more": False,
    }


async def test_many_pages_are_counted_and_the_first_of_them_listed(source: Refreshed) -> None:
    crawl = await source.begun(webhook_url=HOOK)
    for number in range(TOLD_PAGES + 5):
        bundle = bundle_of(source.source_id, crawl.task.task_id, f"new/{number:03}")
        await crawl.store_page(url_of(f"new/{number:03}"), bundle)
    done = await source.store.generations.complete(
        crawl.fence, source.source_id, timedelta(days=1), told(), HALF_WAY, {"pages_unchanged": 3}
    )
    (body,) = await bodies(source.store)
    assert [change["url"] for change in body["data"]["changes"]] == [
        f"https://a.test/new/{number:03}" for number in range(TOLD_PAGES)
    ]
    assert body["data"]["pages"] == {"added": TOLD_PAGES + 5, "changed": 0, "removed": 0}
    assert body["data"]["has_more"] is True
    assert done.result[f"pages_{PageChange.ADDED}"] == TOLD_PAGES + 5


@pytest.mark.parametrize(
    ("pages", "fields"),
    [
        pytest.param(BEFORE, {"webhook_url": HOOK}, id="nothing changed"),
        pytest.param({"a": "two"}, {}, id="nobody to tell"),
        pytest.param(
            {"a": "two"}, {"webhook_url": HOOK, "webhook_states": (TaskStatus.FAILED,)}, id="failures alone wanted"
        ),
    ],
)
async def test_nobody_is_told_of_nothing_or_against_their_will(
    source: Refreshed, pages: Mapping[str, str], fields: Mapping[str, Any]
) -> None:
    await source.crawl(pages, **fields)
    assert [body for body in await bodies(source.store) if body["type"] == "source.changed"] == []
