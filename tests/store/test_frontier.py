"""The contract of `CrawlStore`: URLs found, waiting, settled and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gleanery.errors import IdempotencyConflict, LeaseLost, QueueFull
from gleanery.model import CrawlCounts, FetchedBy, FrontierUrl, NewTask, TaskStatus, UrlOrigin, UrlState
from gleanery.store.base import Store
from gleanery.store.values import Idempotency
from tests.store.samples import HALF_WAY, Changes, Crawl, bundle_of, event_types, new_source, told, url_of


def too_deep(path: str, depth: int) -> FrontierUrl:
    return url_of(path, depth, UrlState.SKIPPED, reason="too_deep")


# --- start -------------------------------------------------------------------------------------------------------


async def test_starting_a_crawl_keeps_source_and_task_together(store: Store) -> None:
    source = new_source(tags=("a",))
    task = await store.crawls.start(NewTask("crawl", {"url": source.url}), source, "a.test/")
    assert task.payload == {"url": source.url, "source_id": source.source_id}
    assert await event_types(store, task.task_id) == ["task_queued"]
    again = await store.crawls.start(NewTask("crawl", {"url": source.url}), new_source(tags=("b",)), "a.test/")
    assert again.payload["source_id"] == source.source_id, "the URL has its source already"
    assert (await store.knowledge.source(source.source_id)).tags == ("b",)
    assert await store.tasks.claim(task.task_id, "w", 60.0)
    assert await store.tasks.claim(again.task_id, "w", 60.0) is None, "one crawl of a source at a time"


async def test_a_crawl_that_finds_no_place_in_the_queue_leaves_no_source(store: Store) -> None:
    await store.tasks.create(NewTask("demo", {}))
    with pytest.raises(QueueFull):
        await store.crawls.start(NewTask("crawl", {}), new_source(), "a.test/", queue_limit=1)
    assert await store.knowledge.sources(after=None, limit=10, model=None) == []


async def test_one_idempotency_key_starts_one_crawl(store: Store) -> None:
    key = Idempotency("k", "hash")
    first = await store.crawls.start(NewTask("crawl", {}), new_source(tags=("a",)), "a.test/", idempotency=key)
    again = await store.crawls.start(NewTask("crawl", {}), new_source(tags=("b",)), "a.test/", idempotency=key)
    assert again == first
    assert (await store.knowledge.source(first.payload["source_id"])).tags == ("a",)
    with pytest.raises(IdempotencyConflict):
        await store.crawls.start(NewTask("crawl", {}), new_source(), "b.test/", idempotency=Idempotency("k", "other"))
    assert len(await store.knowledge.sources(after=None, limit=10, model=None)) == 1


# --- URLs --------------------------------------------------------------------------------------------------------


async def test_urls_are_kept_once_in_the_order_of_their_discovery(crawl: Crawl) -> None:
    found = url_of("a", found_on="https://a.test/")
    assert await crawl.add(found, url_of("b"), url_of("c", state=UrlState.SKIPPED, reason="other_host")) == 2
    assert await crawl.add(url_of("b"), url_of("a"), url_of("d"), url_of("d")) == 1
    rows = await crawl.store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=10)
    assert [row.ordinal for row in rows] == [1, 2, 3, 4]
    assert [row.url_key for row in rows] == ["a.test/a", "a.test/b", "a.test/c", "a.test/d"]
    first = rows[0]
    assert (first.url, first.found_on, first.attempts, first.settled_at) == (found.url, "https://a.test/", 0, None)
    assert (rows[2].state, rows[2].reason) == (UrlState.SKIPPED, "other_host")
    assert rows[2].settled_at is not None


async def test_many_adding_the_same_urls_queue_each_once(crawl: Crawl) -> None:
    batches = [[url_of(str(n)) for n in range(start, start + 20)] for start in range(0, 40, 5)]
    assert sum(await asyncio.gather(*(crawl.add(*batch) for batch in batches))) == 55
    rows = await crawl.store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=100)
    assert [row.ordinal for row in rows] == list(range(1, 56))


@pytest.mark.parametrize(
    ("known", "found", "queued", "becomes"),
    [
        pytest.param(url_of("x", 3), url_of("x", 1), 0, ("queued", 1, None), id="shorter way to one that waits"),
        pytest.param(url_of("x", 1), url_of("x", 3), 0, ("queued", 1, None), id="longer way"),
        pytest.param(too_deep("x", 4), url_of("x", 3), 1, ("queued", 3, None), id="too deep, now in reach"),
        pytest.param(too_deep("x", 5), too_deep("x", 4), 0, ("skipped", 4, "too_deep"), id="still too deep"),
        pytest.param(
            url_of("x", 3, UrlState.SKIPPED, reason="excluded"),
            url_of("x", 1),
            0,
            ("skipped", 3, "excluded"),
            id="skipped for another reason",
        ),
    ],
)
async def test_a_known_url_found_again(
    crawl: Crawl, known: FrontierUrl, found: FrontierUrl, queued: int, becomes: tuple[str, int, str | None]
) -> None:
    await crawl.add(known)
    assert await crawl.add(found) == queued
    assert await crawl.urls() == {"x": becomes}
    [row] = await crawl.store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=10)
    assert (row.settled_at is None) == (becomes[0] == "queued")


async def test_a_settled_url_found_again_stays_settled(crawl: Crawl) -> None:
    await crawl.add(url_of("bad", 3))
    failed = url_of("bad", 3, UrlState.FAILED, reason="http_500")
    await crawl.store.crawls.settle(crawl.fence, failed, told(), HALF_WAY)
    await crawl.put("good")
    assert await crawl.add(url_of("bad", 1), url_of("good", 0)) == 0
    assert await crawl.urls() == {"bad": ("failed", 3, "http_500"), "good": ("stored", 1, None)}


async def test_next_urls_are_shallow_first_and_leave_out_what_is_under_way(crawl: Crawl) -> None:
    await crawl.add(url_of("deep", 2), url_of("b", 1), url_of("start", 0), url_of("c", 1))
    await crawl.add(url_of("no", 0, UrlState.SKIPPED, reason="excluded"))

    async def following(limit: int, *exclude: int) -> list[str]:
        urls = await crawl.store.crawls.next_urls(crawl.task.task_id, limit, exclude)
        return [url.url_key.removeprefix("a.test/") for url in urls]

    assert await following(10) == ["start", "b", "c", "deep"]
    assert await following(2) == ["start", "b"]
    assert await following(2, 3, 2) == ["c", "deep"]
    assert await following(10, 1, 2, 3, 4) == []
    assert await crawl.store.crawls.next_urls("tsk_other", 10, []) == []


async def test_a_failed_try_is_counted_and_told(crawl: Crawl, changes: Changes) -> None:
    await crawl.add(url_of("a"))
    changes.heard.clear()
    for _ in range(2):
        await crawl.store.crawls.note_attempt(crawl.fence, "a.test/a", told("again"), HALF_WAY)
    [row] = await crawl.store.crawls.next_urls(crawl.task.task_id, 1, [])
    assert (row.attempts, row.state) == (2, UrlState.QUEUED)
    assert changes.of(crawl.task.task_id) == [(3, "page_stored"), (4, "page_stored")]


async def test_a_settled_url_says_what_happened_to_it(crawl: Crawl) -> None:
    await crawl.add(url_of("a"))
    end = url_of("a", 1, UrlState.FAILED, reason="http_404", message="Gone.", status_code=404, attempts=2)
    await crawl.store.crawls.settle(crawl.fence, end, told("failed"), HALF_WAY)
    [row] = await crawl.store.crawls.urls(crawl.task.task_id, state=UrlState.FAILED, after=0, limit=10)
    assert (row.reason, row.message, row.status_code, row.attempts) == ("http_404", "Gone.", 404, 2)
    assert row.settled_at is not None
    task = await crawl.store.tasks.get(crawl.task.task_id)
    assert (task.progress, task.last_seq) == (HALF_WAY, 3)


async def test_what_still_waits_is_skipped_for_a_reason(crawl: Crawl) -> None:
    await crawl.put("done")
    await crawl.add(url_of("a"), url_of("b"), too_deep("c", 9))
    assert await crawl.store.crawls.skip_queued(crawl.fence, "page_limit") == 2
    assert await crawl.store.crawls.skip_queued(crawl.fence, "page_limit") == 0
    assert await crawl.urls() == {
        "done": ("stored", 1, None),
        "a": ("skipped", 1, "page_limit"),
        "b": ("skipped", 1, "page_limit"),
        "c": ("skipped", 9, "too_deep"),
    }


async def test_urls_are_paged_and_filtered_by_state(crawl: Crawl) -> None:
    await crawl.add(*(url_of(str(n), state=UrlState.SKIPPED if n % 3 == 0 else UrlState.QUEUED) for n in range(10)))

    async def listed(state: UrlState | None, after: int, limit: int) -> list[int]:
        rows = await crawl.store.crawls.urls(crawl.task.task_id, state=state, after=after, limit=limit)
        return [row.ordinal for row in rows]

    assert await listed(None, 0, 4) == [1, 2, 3, 4]
    assert await listed(None, 8, 4) == [9, 10]
    assert await listed(UrlState.SKIPPED, 1, 2) == [4, 7]
    assert await listed(UrlState.FAILED, 0, 10) == []


async def test_urls_are_filtered_by_reason(crawl: Crawl) -> None:
    await crawl.add(
        url_of("a"), too_deep("b", 9), url_of("c", state=UrlState.SKIPPED, reason="other_host"), too_deep("d", 9)
    )
    rows = await crawl.store.crawls.urls(crawl.task.task_id, state=None, reason="too_deep", after=2, limit=10)
    assert [row.url_key for row in rows] == ["a.test/d"]


async def test_a_url_keeps_how_it_became_known_and_what_is_said_of_it(crawl: Crawl) -> None:
    lastmod = datetime(2026, 1, 2, tzinfo=UTC)
    await crawl.add(url_of("a", origin=UrlOrigin.SITEMAP, lastmod=lastmod))
    settled = url_of("a", 1, UrlState.SKIPPED, reason="same_content", fetched_by=FetchedBy.BROWSER, same_as="a.test/b")
    await crawl.store.crawls.settle(crawl.fence, settled, told(), HALF_WAY)
    [row] = await crawl.store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=10)
    assert (row.origin, row.lastmod) == (UrlOrigin.SITEMAP, lastmod)
    assert (row.fetched_by, row.same_as, row.is_own) == (FetchedBy.BROWSER, "a.test/b", False)


async def test_urls_whose_canonical_one_gave_no_page_are_taken_up_for_themselves(crawl: Crawl) -> None:
    await crawl.put("stored")
    await crawl.add(*(url_of(path) for path in ("gone", "a", "b", "c", "d")))
    for path, same_as in (("a", "gone"), ("b", "stored"), ("c", "never-seen")):
        end = url_of(path, 1, UrlState.SKIPPED, reason="canonical", same_as=f"a.test/{same_as}")
        await crawl.store.crawls.settle(crawl.fence, end, told(), HALF_WAY)
    await crawl.store.crawls.settle(
        crawl.fence, url_of("gone", 1, UrlState.FAILED, reason="http_404"), told(), HALF_WAY
    )
    assert await crawl.store.crawls.take_up_orphans(crawl.fence) == 2
    assert await crawl.store.crawls.take_up_orphans(crawl.fence) == 0
    rows = await crawl.store.crawls.urls(crawl.task.task_id, state=UrlState.QUEUED, after=0, limit=10)
    assert [(row.url_key, row.is_own, row.same_as) for row in rows] == [
        ("a.test/a", True, None),
        ("a.test/c", True, None),
        ("a.test/d", False, None),
    ]


async def test_urls_that_end_at_once_end_each_in_its_own_way(crawl: Crawl, changes: Changes) -> None:
    """Expected: of each its row, its event after those that were asked for before it, and the progress of the last one."""
    await crawl.add(*(url_of(path) for path in "abcdef"))
    before = (await crawl.store.tasks.get(crawl.task.task_id)).last_seq
    ends = [
        url_of(path, 1, state, reason=f"reason {path}", message=f"why {path}")
        for path, state in zip("abcde", [UrlState.FAILED, UrlState.SKIPPED] * 2 + [UrlState.FAILED], strict=True)
    ]
    progress = [replace(HALF_WAY, percentage=60.0 + n, message=f"at {n}") for n in range(len(ends))]
    await asyncio.gather(
        *(
            crawl.store.crawls.settle(crawl.fence, end, [*told(f"ended {end.url_key}"), *told("and so")], told_with)
            for end, told_with in zip(ends, progress, strict=True)
        )
    )
    rows = await crawl.store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=10)
    assert [(row.url_key, row.state, row.reason, row.message) for row in rows] == [
        *((end.url_key, end.state, end.reason, end.message) for end in ends),
        ("a.test/f", UrlState.QUEUED, None, None),
    ]
    events = await crawl.store.tasks.events(crawl.task.task_id, after=before, before=None, limit=100)
    assert [event.message for event in events] == [
        message for end in ends for message in (f"ended {end.url_key}", "and so")
    ]
    task = await crawl.store.tasks.get(crawl.task.task_id)
    assert (task.progress, task.last_seq) == (progress[-1], before + 10)
    assert [seq for seq, _ in changes.of(crawl.task.task_id)] == list(range(1, before + 11))


async def test_counts_are_what_the_rows_say(crawl: Crawl) -> None:
    await crawl.put("one", ["a", "b"], code=[("python", "x = 1")])
    await crawl.put("two", ["c"])
    await crawl.add(url_of("w"), url_of("f"), too_deep("d", 9), too_deep("e", 9))
    await crawl.store.crawls.settle(crawl.fence, url_of("f", 1, UrlState.FAILED, reason="http_500"), told(), HALF_WAY)
    await crawl.add(url_of("p"))
    await crawl.store.crawls.settle(crawl.fence, url_of("p", 1, UrlState.SKIPPED, reason="not_html"), told(), HALF_WAY)
    counts = await crawl.store.crawls.counts(crawl.task.task_id, crawl.source.source_id, None)
    assert counts == CrawlCounts(
        queued=1,
        stored=2,
        skipped=3,
        failed=1,
        refused=2,
        embedded=0,
        chunks=3,
        code_examples=1,
        reasons={"too_deep": 2, "http_500": 1, "not_html": 1},
    )
    assert await crawl.store.crawls.counts("tsk_other", "src_other", "m") == CrawlCounts(0, 0, 0, 0, 0, 0, 0, 0, {})


Write = Callable[[Crawl], Awaitable[object]]


def _store_page(crawl: Crawl) -> Awaitable[object]:
    return crawl.store_page(url_of("a"), bundle_of(crawl.source.source_id, crawl.task.task_id, "a"))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda c: c.add(url_of("new")), id="add_urls"),
        pytest.param(lambda c: c.store.crawls.note_attempt(c.fence, "a.test/a", told(), HALF_WAY), id="note_attempt"),
        pytest.param(
            lambda c: c.store.crawls.settle(c.fence, url_of("a", 1, UrlState.FAILED), told(), HALF_WAY), id="settle"
        ),
        pytest.param(lambda c: c.store.crawls.skip_queued(c.fence, "page_limit"), id="skip_queued"),
        pytest.param(_store_page, id="store_page"),
    ],
)
@pytest.mark.parametrize("how", ["taken over", "ended"])
async def test_a_crawl_that_lost_its_lease_writes_nothing(
    crawl: Crawl, changes: Changes, write: Write, how: str
) -> None:
    await crawl.add(url_of("a"))
    if how == "ended":
        await crawl.store.tasks.finish(crawl.fence, TaskStatus.CANCELLED, told())
    else:
        await crawl.store.tasks.reap(gone=["worker-1", "worker-2", "crashed"], spare=[])
        assert await crawl.store.tasks.claim(crawl.task.task_id, "worker-2", 60.0)
    before = await event_types(crawl.store, crawl.task.task_id)
    changes.heard.clear()
    with pytest.raises(LeaseLost):
        await write(crawl)
    assert await crawl.urls() == {"a": ("queued", 1, None)}
    assert (await crawl.store.crawls.next_urls(crawl.task.task_id, 10, []))[0].attempts == 0
    assert await crawl.store.knowledge.pages(crawl.source.source_id, after=None, limit=10) == []
    assert await event_types(crawl.store, crawl.task.task_id) == before
    assert changes.heard == []


async def test_what_is_said_of_a_url_whose_page_is_stored_is_passed_over(crawl: Crawl) -> None:
    """Expected: no event, no state, no try counted, no other page."""
    await crawl.put("a")
    crawls, task_id = crawl.store.crawls, crawl.task.task_id
    [row] = await crawls.urls(task_id, state=None, after=0, limit=1)
    kinds = await event_types(crawl.store, task_id)
    for end in (UrlState.SKIPPED, UrlState.FAILED):
        await crawls.settle(crawl.fence, replace(row, state=end, reason="duplicate"), told(), HALF_WAY)
    await crawls.note_attempt(crawl.fence, row.url_key, told(), HALF_WAY)
    assert row.page_id is not None
    await crawls.keep_page(crawl.fence, row, row.page_id, told(), HALF_WAY)
    assert not await crawl.store_page(url_of("a"), bundle_of(crawl.source.source_id, task_id, "elsewhere"))
    assert list(await crawls.urls(task_id, state=None, after=0, limit=9)) == [row]
    assert await event_types(crawl.store, task_id) == kinds
    assert (await crawl.store.knowledge.source(crawl.source.source_id)).page_count == 1
