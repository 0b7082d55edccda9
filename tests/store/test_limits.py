"""Changed limits in the store: what is written with them, and what becomes of URLs that are known."""

from __future__ import annotations

import pytest

from gleanery.errors import LeaseLost, NotFound, WrongState
from gleanery.model import Fence, NewEvent, NewTask, TaskStatus, UrlOrigin, UrlState
from gleanery.store.base import Store
from gleanery.store.values import Asked
from tests.store.samples import Changes, Crawl, event_types, fence_of, new_source, started, url_of
from tests.store.test_schedules import sample

SKIPPED = UrlState.SKIPPED


async def test_a_change_is_kept_by_the_task_its_source_and_its_schedule(store: Store, changes: Changes) -> None:
    task = await store.crawls.start(
        NewTask("crawl", {"max_pages": 5, "max_minutes": None}),
        new_source(options={"max_pages": 5, "render": "http"}),
        "a.test/",
        schedule=sample("sch_1", task_type="crawl", payload={"max_pages": 5}),
    )
    assert await store.tasks.claim(task.task_id, "w", 60.0)
    changed = await store.crawls.change_limits(task.task_id, {"max_pages": 8, "max_minutes": 1.5})
    assert (changed.payload["max_pages"], changed.payload["max_minutes"]) == (8, 1.5)
    [event] = changes.heard[-1].events
    assert (event.type, event.message) == ("task_changed", "Limits changed: max_pages 5 → 8, max_minutes none → 1.5")
    assert event.data == {"changed": {"max_pages": 8, "max_minutes": 1.5}, "was": {"max_pages": 5, "max_minutes": None}}
    source = await store.knowledge.source(str(task.payload["source_id"]))
    assert source.options == {"max_pages": 8, "max_minutes": 1.5, "render": "http"}
    assert (await store.schedules.get("sch_1")).payload == {"max_pages": 8, "max_minutes": 1.5}
    assert await store.tasks.beat([fence_of(changed)], 60.0, {}) == {task.task_id: Asked(False, False, changed.payload)}


async def test_what_is_so_already_is_no_change(store: Store) -> None:
    task = await started(store, NewTask("crawl", {"max_pages": 5}))
    same = await store.crawls.change_limits(task.task_id, {"max_pages": 5, "concurrency": None})
    assert (same.payload, same.last_seq) == (task.payload, task.last_seq)


async def test_only_a_crawl_that_has_not_ended_has_limits(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.crawls.change_limits("tsk_none", {"max_pages": 5})
    with pytest.raises(WrongState):
        await store.crawls.change_limits((await started(store)).task_id, {"max_pages": 5})
    task = await started(store, NewTask("crawl", {}))
    await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, [NewEvent("task_completed", "Done")], result={})
    with pytest.raises(WrongState):
        await store.crawls.change_limits(task.task_id, {"max_pages": 5})
    assert "task_changed" not in await event_types(store, task.task_id)


async def test_what_a_limit_left_out_is_queued_again(crawl: Crawl) -> None:
    await crawl.add(
        url_of("a"),
        url_of("part", state=SKIPPED, reason="page_limit", origin=UrlOrigin.PART),
        url_of("other", state=SKIPPED, reason="excluded"),
    )
    assert await crawl.store.crawls.skip_queued(crawl.fence, "page_limit") == 1
    assert await crawl.store.crawls.take_up_limited(crawl.fence) == 1
    assert await crawl.urls() == {
        "a": ("queued", 1, None),
        "part": ("skipped", 1, "page_limit"),
        "other": ("skipped", 1, "excluded"),
    }
    counts = await crawl.store.crawls.counts(crawl.task.task_id, crawl.source.source_id, None)
    assert (counts.queued, counts.refused) == (1, 2)


async def test_what_is_deeper_is_left_out_but_for_what_is_on_its_way(crawl: Crawl) -> None:
    await crawl.add(url_of("a"), url_of("b", 2), url_of("c", 2), url_of("d", 3))
    assert await crawl.store.crawls.leave_out_deeper(crawl.fence, 1, [2]) == 2
    assert await crawl.urls() == {
        "a": ("queued", 1, None),
        "b": ("queued", 2, None),
        "c": ("skipped", 2, "too_deep"),
        "d": ("skipped", 3, "too_deep"),
    }


async def test_what_was_too_deep_is_decided_anew(crawl: Crawl) -> None:
    store, task_id = crawl.store.crawls, crawl.task.task_id
    await crawl.add(
        *(url_of(name, depth, SKIPPED, reason="too_deep") for name, depth in (("c", 3), ("a", 2), ("b", 2)))
    )
    rows = await store.too_deep(task_id, 2, 10)
    assert [row.url for row in rows] == ["https://a.test/a", "https://a.test/b"]
    await store.decide_anew(crawl.fence, [url_of("a", 2), url_of("b", 2, SKIPPED, reason="calendar"), url_of("new", 2)])
    assert await crawl.urls() == {
        "c": ("skipped", 3, "too_deep"),
        "a": ("queued", 2, None),
        "b": ("skipped", 2, "calendar"),
    }
    assert await store.too_deep(task_id, 2, 10) == []


async def test_a_worker_that_lost_its_lease_changes_nothing(crawl: Crawl) -> None:
    await crawl.add(url_of("a", 2))
    stale = Fence(crawl.task.task_id, crawl.task.attempt - 1)
    for late in (
        crawl.store.crawls.take_up_limited(stale),
        crawl.store.crawls.leave_out_deeper(stale, 1, []),
        crawl.store.crawls.decide_anew(stale, []),
    ):
        with pytest.raises(LeaseLost):
            await late
    assert await crawl.urls() == {"a": ("queued", 2, None)}


async def test_urls_are_found_by_text_and_counted_by_reason(crawl: Crawl) -> None:
    await crawl.add(url_of("Guide/a"), url_of("b", state=SKIPPED, reason="excluded"), url_of("guide%20c"))
    store, task_id = crawl.store.crawls, crawl.task.task_id
    found = await store.urls(task_id, state=None, after=0, limit=10, text="gUIDE")
    assert [row.url for row in found] == ["https://a.test/Guide/a", "https://a.test/guide%20c"]
    assert await store.urls(task_id, state=None, after=0, limit=10, text="%_") == []
    counts = await store.url_counts(task_id)
    assert [(row.state, row.reason, row.count) for row in counts] == [("queued", None, 2), ("skipped", "excluded", 1)]
