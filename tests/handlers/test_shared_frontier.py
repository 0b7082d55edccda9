"""When a frontier that several workers share is through, by what its claims tell of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from gleanery.handlers.crawl.shared_frontier import SharedFrontier
from gleanery.model import Fence
from gleanery.store.crawl_sharing import Claimed
from gleanery.store.crawl_store import CrawlStore


class Others:
    """A store that tells with each claim how many URLs others have, and that nothing waits."""

    def __init__(self, *counts: int) -> None:
        self.left = list(counts)
        self.limits: list[int] = []
        self.closed: list[Fence] = []

    async def claim(self, fence: Fence, *, keep: Sequence[int], limit: int, lease_seconds: float) -> Claimed:
        self.limits.append(limit)
        return Claimed([], self.left.pop(0), None, {}, 0.0, None)

    async def close(self, fence: Fence) -> None:
        self.closed.append(fence)

    async def let_go(self, fence: Fence) -> None: ...


OWN = Fence("tsk_1", 1)
HELPER = Fence("tsk_1", 1, "tsk_2:1")


def frontier_of(others: Others, fence: Fence, room: int) -> SharedFrontier:
    clock = asyncio.get_running_loop().time
    return SharedFrontier(cast(CrawlStore, None), others, fence, lambda: room, clock, lambda _: None)


@pytest.mark.parametrize(("room", "limit"), [(0, 0), (5, 5)])
async def test_a_crawl_is_through_once_nobody_has_anything(room: int, limit: int) -> None:
    """With room, and where the time is over: then nothing is claimed, and it is looked at all the same."""
    others = Others(2, 1, 0)
    assert await frontier_of(others, OWN, room).next() is None
    assert (others.left, others.limits) == ([], [limit] * 3)


async def test_a_helper_without_room_does_not_wait_for_others() -> None:
    others = Others()
    assert await frontier_of(others, HELPER, 0).next() is None
    assert others.limits == []


async def test_only_the_crawl_itself_closes() -> None:
    others = Others()
    for fence in (HELPER, OWN):
        await frontier_of(others, fence, 0).close()
    assert others.closed == [OWN]


async def test_it_is_closed_from_its_close_to_the_next_claim() -> None:
    """Nobody is asked for help meanwhile: whoever came would be sent away."""
    frontier = frontier_of(Others(0), OWN, 5)
    seen = [frontier.is_closed]
    await frontier.close()
    seen.append(frontier.is_closed)
    assert await frontier.next() is None
    assert [*seen, frontier.is_closed] == [False, True, False]
