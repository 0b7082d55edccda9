"""A frontier that several workers share: each has a few of the URLs that wait, and sees how many the others have."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from gleanery.handlers.crawl.frontier import Frontier
from gleanery.model import Fence, FrontierUrl
from gleanery.store.crawl_sharing import Claimed, CrawlSharing
from gleanery.store.crawl_store import CrawlStore

AT_ONCE = 24
"""URLs claimed by one call: enough for the pipeline to go on meanwhile, few enough to leave some to others."""
LEASE_SECONDS = 30.0
LOOK_SECONDS = 0.5


class SharedFrontier(Frontier):
    """`hear` is told what came of each claim. The crawl is through when nobody has anything any more and nothing waits, or may be
    taken; a helper has no need to wait for others once there is no room."""

    look_seconds = LOOK_SECONDS

    def __init__(
        self,
        store: CrawlStore,
        sharing: CrawlSharing,
        fence: Fence,
        room: Callable[[], int],
        clock: Callable[[], float],
        hear: Callable[[Claimed], None],
    ) -> None:
        super().__init__(store, fence.task_id, room, clock)
        self._sharing = sharing
        self._fence = fence
        self._hear = hear
        self._others = 0
        self._looked_at = clock()
        self._others_depth: int | None = None
        self._is_closed = False

    async def prolong(self) -> None:
        """Keep what one has for another lease."""
        async with self._filling:
            await self._look()

    async def close(self) -> None:
        """For the crawl's own worker: from now on helpers write nothing."""
        if not self._is_helper:
            self._is_closed = True
            await self._sharing.close(self._fence)

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    async def _pick(self) -> FrontierUrl | None:
        # Where there is no room nothing is claimed, which would tell what others have: that is seen to end.
        if not self._is_helper and self._room() <= 0 and super()._is_through() and self._must_look():
            await self._look()
        return await super()._pick()

    @property
    def _is_helper(self) -> bool:
        return self._fence.helper is not None

    def _must_look(self) -> bool:
        return self._others == 0 or self._clock() - self._looked_at >= LOOK_SECONDS

    async def _look(self) -> None:
        """Keep what one has, and see what others have."""
        await self._claim([*self._busy(), *(url.ordinal for url in self._window)], 0)

    async def _more(self) -> Sequence[FrontierUrl]:
        return (await self._claim(self._busy(), max(0, min(AT_ONCE, self._free())))).urls

    async def _claim(self, keep: Sequence[int], limit: int) -> Claimed:
        claimed = await self._sharing.claim(self._fence, keep=keep, limit=limit, lease_seconds=LEASE_SECONDS)
        self._others, self._others_depth, self._looked_at = claimed.others, claimed.shallowest, self._clock()
        self._is_closed = False
        self._hear(claimed)
        return claimed

    def _depths_under_way(self) -> Iterable[int]:
        others = () if self._others_depth is None else (self._others_depth,)
        return itertools.chain(super()._depths_under_way(), others)

    def _is_through(self) -> bool:
        return super()._is_through() and (self._others == 0 or (self._is_helper and self._room() <= 0))
