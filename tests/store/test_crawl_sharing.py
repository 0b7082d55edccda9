"""Who has which URLs of a crawl: its own worker and helpers, each URL one of them at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gleanery.errors import LeaseLost
from gleanery.model import Fence, FrontierUrl, GenerationState, NewTask, StoredAs, UrlState
from gleanery.store.base import Store
from gleanery.store.crawl_sharing import Claimed, CrawlSharing
from gleanery.store.rows import fence_row
from tests.clock import SetClock
from tests.store.samples import HALF_WAY, Crawl, bundle_of, told, url_of

LEASE = 30.0


@pytest.fixture
def sharing(store: Store) -> CrawlSharing:
    assert store.crawls.sharing is not None
    return store.crawls.sharing


async def helper(store: Store, crawl: Crawl, name: str) -> Fence:
    """The fence of a helper of that crawl, whose task runs."""
    new = NewTask("crawl_part", {}, parent_task_id=crawl.fence.task_id)
    await store.tasks.create(new)
    assert await store.tasks.claim(new.task_id, name, 600.0) is not None
    return replace(crawl.fence, helper=f"{new.task_id}:1")


async def some(store: Store, crawl: Crawl, count: int, depth: int = 1) -> None:
    await store.crawls.add_urls(
        crawl.fence,
        [FrontierUrl(f"http://a/{depth}/{n}", f"a/{depth}/{n}", depth, UrlState.QUEUED) for n in range(count)],
    )


def names(claimed: Claimed) -> list[str]:
    return [url.url_key for url in claimed.urls]


def ordinals(claimed: Claimed) -> list[int]:
    return [url.ordinal for url in claimed.urls]


async def test_a_url_is_had_by_one_at_a_time(store: Store, crawl: Crawl, sharing: CrawlSharing) -> None:
    await some(store, crawl, 6)
    first, second = await helper(store, crawl, "w1"), await helper(store, crawl, "w2")
    own = await sharing.claim(crawl.fence, keep=[], limit=2, lease_seconds=LEASE)
    theirs = await sharing.claim(first, keep=[], limit=3, lease_seconds=LEASE)
    rest = await sharing.claim(second, keep=[], limit=9, lease_seconds=LEASE)
    assert [len(names(one)) for one in (own, theirs, rest)] == [2, 3, 1]
    assert len({*names(own), *names(theirs), *names(rest)}) == 6
    assert (rest.others, rest.shallowest) == (5, 1)
    again = await sharing.claim(crawl.fence, keep=ordinals(own)[:1], limit=9, lease_seconds=LEASE)
    assert names(again) == names(own)[1:], "what one had and did not keep"
    await sharing.let_go(first)
    assert names(await sharing.claim(second, keep=ordinals(rest), limit=9, lease_seconds=LEASE)) == names(theirs)
    await sharing.let_go(crawl.fence)
    assert len((await sharing.claim(first, keep=[], limit=9, lease_seconds=LEASE)).urls) == 6


async def test_a_helper_has_its_urls_for_a_lease_and_as_long_as_its_attempt_runs(
    store: Store, crawl: Crawl, sharing: CrawlSharing, clock: SetClock
) -> None:
    await some(store, crawl, 4)
    first, second = await helper(store, crawl, "w1"), await helper(store, crawl, "w2")
    own = await sharing.claim(crawl.fence, keep=[], limit=1, lease_seconds=LEASE)
    theirs = await sharing.claim(first, keep=[], limit=1, lease_seconds=LEASE)
    lost = await sharing.claim(second, keep=[], limit=1, lease_seconds=LEASE)
    clock.jump(LEASE * 0.7)
    await sharing.claim(first, keep=ordinals(theirs), limit=0, lease_seconds=LEASE)
    clock.jump(LEASE * 0.7)
    found = await sharing.claim(crawl.fence, keep=ordinals(own), limit=9, lease_seconds=LEASE)
    assert names(lost)[0] in names(found), (
        "the crawl's own worker has its URLs without a lease, the first prolonged his"
    )
    assert names(theirs)[0] not in names(found)
    assert (found.others, len(found.urls)) == (1, 2)
    await store.tasks.reap(gone=["w1"], spare=[crawl.fence.task_id])
    found = await sharing.claim(crawl.fence, keep=ordinals(own) + ordinals(found), limit=9, lease_seconds=LEASE)
    assert names(found) == names(theirs)


async def test_what_a_helper_writes_of_a_url_that_it_lost_is_passed_over(
    store: Store, crawl: Crawl, sharing: CrawlSharing, clock: SetClock
) -> None:
    """Expected: no event, no state, no progress; and of a URL that it has, everything but the progress."""
    await some(store, crawl, 2)
    slow = await helper(store, crawl, "w1")
    kept, lost = (await sharing.claim(slow, keep=[], limit=2, lease_seconds=LEASE)).urls
    await sharing.claim(slow, keep=[kept.ordinal], limit=0, lease_seconds=LEASE)
    before = await store.tasks.get(crawl.fence.task_id)
    progress = replace(before.progress, percentage=77.0)
    await store.crawls.settle(slow, replace(lost, state=UrlState.FAILED), [], progress)
    assert await store.tasks.get(crawl.fence.task_id) == before
    await store.crawls.settle(slow, replace(kept, state=UrlState.FAILED), [], progress)
    rows = await store.crawls.urls(crawl.fence.task_id, state=None, after=0, limit=9)
    states = {row.url_key: row.state for row in rows}
    assert (states[kept.url_key], states[lost.url_key]) == (UrlState.FAILED, UrlState.QUEUED)
    assert (await store.tasks.get(crawl.fence.task_id)).progress == before.progress


async def test_of_urls_that_end_at_once_those_that_a_helper_lost_are_passed_over(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    await some(store, crawl, 4)
    slow = await helper(store, crawl, "w1")
    urls = (await sharing.claim(slow, keep=[], limit=4, lease_seconds=LEASE)).urls
    await sharing.claim(slow, keep=[urls[0].ordinal, urls[2].ordinal], limit=0, lease_seconds=LEASE)
    before = await store.tasks.get(crawl.fence.task_id)
    ends = [replace(url, state=UrlState.FAILED) for url in urls]
    await asyncio.gather(*(store.crawls.settle(slow, end, told(end.url_key), before.progress) for end in ends))
    rows = await store.crawls.urls(crawl.fence.task_id, state=UrlState.FAILED, after=0, limit=9)
    events = await store.tasks.events(crawl.fence.task_id, after=before.last_seq, before=None, limit=9)
    kept = [urls[0].url_key, urls[2].url_key]
    assert ([row.url_key for row in rows], [event.message for event in events]) == (kept, kept)


async def test_the_pages_that_a_crawl_may_take_count_for_all(store: Store, crawl: Crawl, sharing: CrawlSharing) -> None:
    await some(store, crawl, 30)
    await store.crawls.change_limits(crawl.fence.task_id, {"max_pages": 10})
    first = await helper(store, crawl, "w1")
    own = await sharing.claim(crawl.fence, keep=[], limit=7, lease_seconds=LEASE)
    theirs = await sharing.claim(first, keep=[], limit=9, lease_seconds=LEASE)
    assert (len(own.urls), len(theirs.urls), theirs.limits) == (7, 3, {"max_pages": 10})
    settled = replace(theirs.urls[0], state=UrlState.FAILED)
    await store.crawls.settle(first, settled, [], (await store.tasks.get(crawl.fence.task_id)).progress)
    again = await sharing.claim(first, keep=ordinals(theirs)[1:], limit=9, lease_seconds=LEASE)
    assert len(again.urls) == 1, "one that failed makes room for another"
    assert again.counts is not None
    assert (again.counts.failed, again.counts.stored) == (1, 0)


async def test_nobody_claims_of_an_attempt_that_is_over(store: Store, crawl: Crawl, sharing: CrawlSharing) -> None:
    await some(store, crawl, 3)
    late = await helper(store, crawl, "w1")
    owner = (await store.tasks.get(crawl.fence.task_id)).worker_id
    assert owner is not None
    await store.tasks.reap(gone=[owner], spare=[])
    with pytest.raises(LeaseLost) as caught:
        await sharing.claim(late, keep=[], limit=1, lease_seconds=LEASE)
    assert caught.value.details["task_id"] == crawl.fence.task_id


async def test_an_attempt_that_is_over_takes_nothing_from_the_next(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    await some(store, crawl, 3)
    owner = (await store.tasks.get(crawl.fence.task_id)).worker_id
    assert owner is not None
    await store.tasks.reap(gone=[owner], spare=[])
    again = await store.tasks.claim(crawl.fence.task_id, "w2", 600.0)
    assert again is not None
    next_one = replace(crawl, task=again)
    assert len((await sharing.claim(next_one.fence, keep=[], limit=3, lease_seconds=LEASE)).urls) == 3
    with pytest.raises(LeaseLost):
        await sharing.let_go(crawl.fence)
    beside = await helper(store, next_one, "w1")
    assert (await sharing.claim(beside, keep=[], limit=9, lease_seconds=LEASE)).others == 3
    await sharing.let_go(replace(crawl.fence, helper=beside.helper))  # an end of its own, which nobody minds


async def test_letting_go_takes_nothing_when_it_comes_a_second_time(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    await some(store, crawl, 3)
    rest: Any = store.crawls._rest  # type: ignore[attr-defined]
    beside = await helper(store, crawl, "w1")
    for fence, held_by in ((crawl.fence, beside), (beside, crawl.fence)):
        one_call = {"fence": fence_row(fence), "call_id": f"call {fence.helper}"}
        await rest.call("crawls_let_go", **one_call)
        mine = await sharing.claim(fence, keep=[], limit=1, lease_seconds=LEASE)
        theirs = await sharing.claim(held_by, keep=[], limit=1, lease_seconds=LEASE)
        await rest.call("crawls_let_go", **one_call)
        assert (len(mine.urls), len(theirs.urls)) == (1, 1)
        assert (await sharing.claim(held_by, keep=ordinals(theirs), limit=0, lease_seconds=LEASE)).others == 1
        await sharing.let_go(crawl.fence)


async def test_a_helper_hears_the_limits_and_how_long_the_crawl_has_run(
    store: Store, crawl: Crawl, sharing: CrawlSharing, clock: SetClock
) -> None:
    """Expected: the limits as they are now, and the seconds of all attempts by the store's clock; nothing else of the payload."""
    clock.jump(200.0)
    owner = (await store.tasks.get(crawl.fence.task_id)).worker_id
    assert owner is not None
    await store.tasks.reap(gone=[owner], spare=[])
    clock.jump(1000.0)
    assert await store.tasks.claim(crawl.fence.task_id, "w0", 600.0) is not None
    clock.jump(50.0)
    first = await helper(store, replace(crawl, task=await store.tasks.get(crawl.fence.task_id)), "w1")
    await store.crawls.change_limits(crawl.fence.task_id, {"max_depth": 2, "max_minutes": 1.5, "concurrency": None})
    heard = await sharing.claim(first, keep=[], limit=1, lease_seconds=LEASE)
    assert heard.limits == {"max_depth": 2, "max_minutes": 1.5}
    assert heard.ran_seconds == pytest.approx(250.0, abs=50.0), "the clock goes on meanwhile"
    await store.crawls.change_limits(crawl.fence.task_id, {"concurrency": 3, "max_minutes": None})
    heard = await sharing.claim(first, keep=[], limit=1, lease_seconds=LEASE)
    assert heard.limits == {"max_depth": 2, "max_minutes": None, "concurrency": 3}


async def test_what_a_helper_has_is_not_left_out_for_its_depth(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    await some(store, crawl, 2, depth=1)
    await some(store, crawl, 3, depth=2)
    first = await helper(store, crawl, "w1")
    own = await sharing.claim(crawl.fence, keep=[], limit=3, lease_seconds=LEASE)
    theirs = await sharing.claim(first, keep=[], limit=1, lease_seconds=LEASE)
    assert [url.depth for url in (*own.urls, *theirs.urls)] == [1, 1, 2, 2]
    assert await store.crawls.leave_out_deeper(crawl.fence, 1, ordinals(own)[:2]) == 2
    rows = await store.crawls.urls(crawl.fence.task_id, state=UrlState.QUEUED, after=0, limit=9)
    assert [row.url_key for row in rows] == [*names(own)[:2], *names(theirs)]


async def test_after_the_close_no_helper_adds_stores_keeps_or_ends_anything(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    """A helper goes on for a while after the crawl's own worker is through. Expected: one generation, complete; no URL waits
    again; nothing is told."""
    source_id = crawl.source.source_id
    begun = await store.generations.begin(crawl.fence, source_id)
    known = await crawl.put("kept")
    await crawl.add(url_of("a"), url_of("b"), url_of("c"))
    late = await helper(store, crawl, "w1")
    held = (await sharing.claim(late, keep=[], limit=9, lease_seconds=LEASE)).urls
    assert [url.url_key for url in held] == ["a.test/a", "a.test/b", "a.test/c"]
    await sharing.close(crawl.fence)
    assert await store.crawls.skip_queued(crawl.fence, "time_limit") == 3
    done = await store.generations.complete(crawl.fence, source_id, timedelta(days=1), told("published"), HALF_WAY, {})
    assert (done.number, done.state) == (begun.number, GenerationState.COMPLETE)
    before = (await crawl.urls(), (await store.tasks.get(crawl.fence.task_id)).last_seq)
    ended = [replace(url, state=UrlState.STORED, page_id="pg_1") for url in held]
    part = bundle_of(source_id, crawl.fence.task_id, "part")
    for writing in (
        store.crawls.add_urls(late, [url_of("late", 2)]),
        store.crawls.store_page(late, ended[0], bundle_of(source_id, crawl.fence.task_id, "a"), told(), HALF_WAY),
        store.crawls.store_page(late, url_of("part", 2, UrlState.STORED), part, told(), HALF_WAY),
        store.crawls.keep_page(late, ended[1], known.page.page_id, told(), HALF_WAY),
        store.crawls.settle(late, replace(held[2], state=UrlState.FAILED), told(), HALF_WAY),
        store.crawls.note_attempt(late, held[2].url_key, told(), HALF_WAY),
        store.tasks.report(late, told(), HALF_WAY),
        sharing.claim(late, keep=[], limit=9, lease_seconds=LEASE),
    ):
        with pytest.raises(LeaseLost) as caught:
            await writing
        assert caught.value.details["task_id"] == crawl.fence.task_id
    assert (await crawl.urls(), (await store.tasks.get(crawl.fence.task_id)).last_seq) == before
    assert await store.generations.list(source_id, before=None, limit=9) == [done]


async def test_who_closes_has_nothing_and_opens_by_claiming_again(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    """In this attempt, where a changed limit makes room, as in a later one."""
    await some(store, crawl, 4)
    own = await sharing.claim(crawl.fence, keep=[], limit=1, lease_seconds=LEASE)
    first = await helper(store, crawl, "w1")
    assert len((await sharing.claim(first, keep=[], limit=1, lease_seconds=LEASE)).urls) == 1
    await sharing.close(crawl.fence)
    again = await sharing.claim(crawl.fence, keep=ordinals(own), limit=2, lease_seconds=LEASE)
    assert (len(again.urls), again.others) == (2, 0)
    theirs = await sharing.claim(first, keep=[], limit=9, lease_seconds=LEASE)
    assert len(theirs.urls) == 2
    ended = replace(theirs.urls[0], state=UrlState.FAILED)
    await store.crawls.settle(first, ended, [], HALF_WAY)
    rows = await store.crawls.urls(crawl.fence.task_id, state=UrlState.FAILED, after=0, limit=9)
    assert [row.url_key for row in rows] == [ended.url_key]


async def test_a_helper_begins_no_generation(store: Store, crawl: Crawl, sharing: CrawlSharing) -> None:
    """Also where nobody has closed: what was published, or refused, stays as it is."""
    source_id = crawl.source.source_id
    await store.generations.begin(crawl.fence, source_id)
    await crawl.add(url_of("a"))
    late = await helper(store, crawl, "w1")
    [url] = (await sharing.claim(late, keep=[], limit=1, lease_seconds=LEASE)).urls
    await store.generations.reject(crawl.fence, source_id, {})
    with pytest.raises(LeaseLost):
        await store.crawls.store_page(
            late,
            replace(url, state=UrlState.STORED),
            bundle_of(source_id, crawl.fence.task_id, "a"),
            told(),
            HALF_WAY,
        )
    assert [one.state for one in await store.generations.list(source_id, before=None, limit=9)] == [
        GenerationState.REJECTED
    ]
    await store.generations.begin(crawl.fence, source_id)
    bundle = bundle_of(source_id, crawl.fence.task_id, "a")
    ended = replace(url, state=UrlState.STORED, page_id=bundle.page.page_id)
    assert await store.crawls.store_page(late, ended, bundle, told(), HALF_WAY) is StoredAs.NEW


async def test_a_close_that_comes_a_second_time_closes_nothing(
    store: Store, crawl: Crawl, sharing: CrawlSharing
) -> None:
    await some(store, crawl, 2)
    first = await helper(store, crawl, "w1")
    rest: Any = store.crawls._rest  # type: ignore[attr-defined]
    one_call = {"fence": fence_row(crawl.fence), "call_id": "call 1"}
    await rest.call("crawls_close", **one_call)
    own = await sharing.claim(crawl.fence, keep=[], limit=1, lease_seconds=LEASE)
    await rest.call("crawls_close", **one_call)
    theirs = await sharing.claim(first, keep=[], limit=1, lease_seconds=LEASE)
    assert (len(own.urls), len(theirs.urls), theirs.others) == (1, 1, 1)
