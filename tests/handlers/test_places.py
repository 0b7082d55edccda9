"""Room for the pages that are in a document besides others: nobody else takes it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from gleanery.handlers.crawl.frontier import Frontier
from gleanery.model import FrontierUrl, UrlState
from gleanery.store.crawl_store import CrawlStore


class Waiting:
    """The one call of a store that a frontier makes, with one URL that waits."""

    async def next_urls(self, task_id: str, limit: int, exclude: Sequence[int]) -> Sequence[FrontierUrl]:
        return [] if exclude else [FrontierUrl("http://h/a", "//h/a", 1, UrlState.QUEUED, ordinal=7)]


def frontier_of(room: int) -> Frontier:
    return Frontier(cast(CrawlStore, Waiting()), "tsk_1", lambda: room, asyncio.get_running_loop().time)


async def test_a_place_is_kept_until_it_is_left() -> None:
    frontier = frontier_of(1)
    assert frontier.take_place(is_instead=False)
    assert not frontier.take_place(is_instead=False)
    asking = asyncio.create_task(frontier.next())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not asking.done()
    await frontier.leave_place()
    url = await asking
    assert url is not None
    assert url.url_key == "//h/a"
    assert not frontier.take_place(is_instead=False), "the last place is taken by the URL under way"
    assert frontier.take_place(is_instead=True), "which gives no page itself"


async def test_a_url_that_is_forgotten_is_not_handed_out() -> None:
    class Two(Waiting):
        async def next_urls(self, task_id: str, limit: int, exclude: Sequence[int]) -> Sequence[FrontierUrl]:
            rows = [FrontierUrl(f"http://h/{n}", f"//h/{n}", 1, UrlState.QUEUED, ordinal=n) for n in (1, 2)]
            return [] if exclude else rows

    frontier = Frontier(cast(CrawlStore, Two()), "tsk_1", lambda: 5, asyncio.get_running_loop().time)
    first = await frontier.next()
    assert first is not None
    frontier.forget("//h/2")
    asking = asyncio.create_task(frontier.next())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not asking.done(), "nothing else waits, and the first is still under way"
    asking.cancel()
