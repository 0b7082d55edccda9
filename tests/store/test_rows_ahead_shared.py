"""Rows of a large page go ahead of it while somebody else on the same crawl stores the same page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gleanery.model import Fence, FrontierUrl, PageBundle, StoredAs, TaskStatus, UrlState
from gleanery.store.base import Store
from gleanery.store.crawl_rows import settled_row
from gleanery.store.crawl_sharing import CrawlSharing
from gleanery.store.supabase.crawls import told_args
from gleanery.store.supabase.page_writer import PageWriter
from tests.clock import SetClock
from tests.store.samples import HALF_WAY, Crawl, bundle_of, event_types, fence_of, told, url_of, words_found
from tests.store.test_crawl_sharing import LEASE, helper, sharing
from tests.store.test_generations import Site, complete

__all__ = ["sharing"]

MANY = 50
TEXTS = [f"wombat word{n}" for n in range(MANY)]


@dataclass
class Interrupted:
    """A Rest of one who is held up: before the call of that number of a function something else happens."""

    rest: Any
    function: str
    number: int
    meanwhile: Callable[[], Awaitable[object]]
    asked: list[str] = field(default_factory=list)

    async def write(self, function: str, **args: Any) -> Any:
        self.asked.append(function)
        if function == self.function and self.asked.count(function) == self.number:
            await self.meanwhile()
        return await self.rest.write(function, **args)


async def store_page(
    crawl: Crawl, fence: Fence, url: FrontierUrl, bundle: PageBundle, held_up: Callable[[Any], Any] = lambda rest: rest
) -> StoredAs:
    """Store the page as what the URL leads to."""
    crawls: Any = crawl.store.crawls
    settled = replace(url, state=UrlState.STORED, page_id=bundle.page.page_id, chunk_count=len(bundle.chunks))
    ended = {"url": settled_row(settled), **told_args(fence, told(), HALF_WAY)}
    return await PageWriter(held_up(crawls._rest)).store(fence, bundle, ended)


def page_of(crawl: Crawl, texts: Sequence[str] = TEXTS) -> PageBundle:
    return bundle_of(crawl.source.source_id, crawl.task.task_id, "page", texts)


async def one_each(store: Store, crawl: Crawl, sharing: CrawlSharing) -> tuple[FrontierUrl, Fence, FrontierUrl]:
    """The crawl's own worker and a helper each have a URL: its URL, the helper, the helper's URL."""
    await store.generations.begin(crawl.fence, crawl.source.source_id)
    await crawl.add(url_of("a"), url_of("b"))
    [own] = (await sharing.claim(crawl.fence, keep=[], limit=1, lease_seconds=LEASE)).urls
    beside = await helper(store, crawl, "w1")
    [theirs] = (await sharing.claim(beside, keep=[], limit=1, lease_seconds=LEASE)).urls
    return own, beside, theirs


async def texts_of(crawl: Crawl) -> list[str]:
    found = await crawl.store.knowledge.chunks(crawl.source.source_id, page_id=None, after=0, limit=200)
    return [row.chunk.content for row in found]


async def left_when_over(crawl: Crawl, count_rows: Callable[[str], int]) -> dict[str, int]:
    """The rows of some tables once nothing works on the source any more."""
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [], result={})
    while await crawl.store.generations.prune(3):
        pass
    return {table: count_rows(table) for table in ("page", "chunk", "chunk_words", "text")}


WHOLE = {"page": 1, "chunk": MANY, "chunk_words": MANY, "text": MANY}


@pytest.mark.parametrize("function", ["crawls_put_ahead", "crawls_store_page"])
async def test_a_page_that_somebody_else_begins_too_is_there_when_it_is_told(
    store: Store, crawl: Crawl, sharing: CrawlSharing, count_rows: Callable[[str], int], function: str
) -> None:
    own, beside, _ = await one_each(store, crawl, sharing)
    other = PageWriter(store.crawls._rest)  # type: ignore[attr-defined]

    def held_up(rest: Any) -> Interrupted:
        return Interrupted(rest, function, 1, lambda: other._begin_page(beside, page_of(crawl)))

    assert await store_page(crawl, crawl.fence, own, page_of(crawl), held_up) is StoredAs.NEW
    assert await texts_of(crawl) == TEXTS
    assert len(await words_found(store, "wombat")) == MANY
    assert await left_when_over(crawl, count_rows) == WHOLE


async def test_a_page_that_changed_takes_the_place_of_the_old_one_though_somebody_else_begins_it_too(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    site = Site(crawl)
    await crawl.put("page", ["as it was"])
    await complete(crawl)
    again = await site.next()
    own, beside, _ = await one_each(store, again, sharing)
    other = PageWriter(store.crawls._rest)  # type: ignore[attr-defined]

    def held_up(rest: Any) -> Interrupted:
        return Interrupted(rest, "crawls_put_ahead", 1, lambda: other._begin_page(beside, page_of(again)))

    assert await store_page(again, again.fence, own, page_of(again), held_up) is StoredAs.CHANGED
    await complete(again)
    assert await texts_of(again) == TEXTS


@pytest.mark.parametrize("number", [1, 2])
async def test_a_page_to_which_two_urls_lead_is_stored_and_told_once(
    store: Store, crawl: Crawl, sharing: CrawlSharing, count_rows: Callable[[str], int], number: int
) -> None:
    own, beside, theirs = await one_each(store, crawl, sharing)
    stored: list[StoredAs] = []

    async def meanwhile() -> None:
        stored.append(await store_page(crawl, beside, theirs, page_of(crawl)))

    def held_up(rest: Any) -> Interrupted:
        return Interrupted(rest, "crawls_put_ahead", number, meanwhile)

    stored.append(await store_page(crawl, crawl.fence, own, page_of(crawl), held_up))
    assert stored == [StoredAs.NEW, StoredAs.BEFORE]
    assert await texts_of(crawl) == TEXTS
    assert (await event_types(store, crawl.task.task_id)).count("page_stored") == 1
    assert {path: row[0] for path, row in (await crawl.urls()).items()} == {"a": "queued", "b": "stored"}
    assert await left_when_over(crawl, count_rows) == WHOLE


@pytest.mark.parametrize("function", ["crawls_begin_page", "crawls_put_ahead", "crawls_store_page"])
async def test_a_helper_that_stood_still_halfway_through_a_page_leaves_nothing_of_it(
    store: Store,
    crawl: Crawl,
    sharing: CrawlSharing,
    clock: SetClock,
    count_rows: Callable[[str], int],
    function: str,
) -> None:
    own, slow, lost = await one_each(store, crawl, sharing)
    stored: list[StoredAs] = []

    async def taken_over() -> None:
        clock.jump(LEASE + 1)
        claimed = await sharing.claim(crawl.fence, keep=[own.ordinal], limit=9, lease_seconds=LEASE)
        assert [url.url_key for url in claimed.urls] == [lost.url_key]
        stored.append(await store_page(crawl, crawl.fence, lost, page_of(crawl)))

    def stands_still(rest: Any) -> Interrupted:
        return Interrupted(rest, function, 1, taken_over)

    stored.append(await store_page(crawl, slow, lost, page_of(crawl), stands_still))
    assert stored == [StoredAs.NEW, StoredAs.BEFORE]
    assert await texts_of(crawl) == TEXTS
    assert await left_when_over(crawl, count_rows) == WHOLE


async def test_a_helper_that_wakes_halfway_does_not_take_away_what_the_crawls_own_worker_has_begun(
    store: Store, crawl: Crawl, sharing: CrawlSharing, clock: SetClock, count_rows: Callable[[str], int]
) -> None:
    """Expected of the page: whole where it was begun last, told once, though the helper begins it again in between."""
    own, slow, lost = await one_each(store, crawl, sharing)
    clock.jump(LEASE + 1)
    [taken] = (await sharing.claim(crawl.fence, keep=[own.ordinal], limit=9, lease_seconds=LEASE)).urls
    stored: list[StoredAs] = []

    async def wakes() -> None:
        stored.append(await store_page(crawl, slow, lost, page_of(crawl)))

    def held_up(rest: Any) -> Interrupted:
        return Interrupted(rest, "crawls_put_ahead", 2, wakes)

    stored.append(await store_page(crawl, crawl.fence, taken, page_of(crawl), held_up))
    assert stored == [StoredAs.BEFORE, StoredAs.NEW]
    assert await texts_of(crawl) == TEXTS
    assert await left_when_over(crawl, count_rows) == WHOLE


@pytest.mark.parametrize("function", ["crawls_put_ahead", "crawls_store_page"])
async def test_a_page_whose_row_was_taken_away_is_begun_anew(
    store: Store, crawl: Crawl, execute: Callable[[str], None], function: str
) -> None:
    await crawl.add(url_of("a"))

    async def taken_away() -> None:
        execute("with gone as (delete from page) delete from chunk")

    def held_up(rest: Any) -> Interrupted:
        return Interrupted(rest, function, 1, taken_away)

    assert await store_page(crawl, crawl.fence, url_of("a"), page_of(crawl), held_up) is StoredAs.NEW
    assert await texts_of(crawl) == TEXTS


async def test_what_an_earlier_attempt_has_left_of_a_page_goes_when_it_is_begun_anew(
    store: Store, crawl: Crawl, count_rows: Callable[[str], int]
) -> None:
    writer = PageWriter(store.crawls._rest)  # type: ignore[attr-defined]
    await crawl.add(url_of("a"))
    await writer._begin_page(crawl.fence, page_of(crawl))
    assert await store.tasks.reap(gone=["worker-1"], spare=[])
    claimed = await store.tasks.claim(crawl.task.task_id, "worker-1", 60.0)
    assert claimed is not None
    await store_page(replace(crawl, task=claimed), fence_of(claimed), url_of("a"), page_of(crawl))
    assert count_rows("page") == 1
