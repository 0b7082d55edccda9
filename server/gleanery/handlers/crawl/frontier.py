"""Which URL is next: a window over the stored frontier, with what is under way and what waits for another try.

Only numbers are kept in memory, so it stays small however long the site is. Pages go breadth first: a level begins when
the one above is through, or has kept everybody waiting for `patience_seconds`; so depths are exact on a healthy site.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from gleanery.model import FrontierUrl
from gleanery.store.crawl_store import CrawlStore

WINDOW = 100
MOST_WAITING = 200
PATIENCE_SECONDS = 2.0


class Frontier:
    """Hands out URLs until all are settled. `room` tells how many more pages the crawl may take."""

    look_seconds = PATIENCE_SECONDS

    def __init__(self, store: CrawlStore, task_id: str, room: Callable[[], int], clock: Callable[[], float]) -> None:
        self._store = store
        self._task_id = task_id
        self._room = room
        self._clock = clock
        self._window: deque[FrontierUrl] = deque()
        self._under_way: dict[int, FrontierUrl] = {}
        self._waiting: list[tuple[float, int, FrontierUrl]] = []
        self._changed = asyncio.Condition()
        self._filling = asyncio.Lock()
        self._level_since: float | None = None
        self._version = 0
        self._sources = 0
        self._places = 0

    async def next(self) -> FrontierUrl | None:
        """The next URL to fetch, now under way; None when the crawl is through."""
        while True:
            seen = self._version
            async with self._filling:
                if (url := await self._pick()) is not None:
                    self._under_way[url.ordinal] = url
                    return url
                if self._is_through():
                    return None
            await self._wait(seen)

    @asynccontextmanager
    async def fed(self) -> AsyncIterator[None]:
        """Within it the crawl is not through, even when nothing waits: more URLs may come."""
        self._sources += 1
        try:
            yield
        finally:
            self._sources -= 1
            await self.wake()

    async def settled(self, url: FrontierUrl) -> None:
        """This URL is stored, skipped or failed, and its links are in the store."""
        self._under_way.pop(url.ordinal, None)
        await self.wake()

    async def again(self, url: FrontierUrl, seconds: float) -> None:
        """Try this URL once more after `seconds`."""
        self._under_way.pop(url.ordinal, None)
        heapq.heappush(self._waiting, (self._clock() + seconds, url.ordinal, url))
        await self.wake()

    async def give_back(self, url: FrontierUrl) -> None:
        """This URL waits again as if it had not been taken: there is no room for it any more."""
        await self.settled(url)

    @property
    def is_closed(self) -> bool:
        """Whether nobody could help just now."""
        return False

    async def close(self) -> None:
        """The stages are through: nothing is stored any more until `next` is asked again."""

    @asynccontextmanager
    async def reordered(self) -> AsyncIterator[Sequence[int]]:
        """Within it nothing is handed out and the store may say anew what waits; gives the ordinals that are on their way, or
        wait for another try, and stay so."""
        async with self._filling:
            try:
                yield self._busy()
            finally:
                self._window.clear()
        await self.wake()

    def forget(self, url_key: str) -> None:
        """This URL does not wait any more."""
        waiting = [url for url in self._window if url.url_key != url_key]
        if len(waiting) < len(self._window):
            self._window = deque(waiting)

    def take_place(self, *, is_instead: bool) -> bool:
        """Whether there is room for a page besides those under way (`is_instead`: of which one gives none); then it is kept
        until `leave_place`."""
        if self._free() + is_instead <= 0:
            return False
        self._places += 1
        return True

    async def leave_place(self) -> None:
        self._places -= 1
        await self.wake()

    async def wake(self) -> None:
        """Something changed: new URLs, or one fewer under way."""
        self._version += 1
        async with self._changed:
            self._changed.notify_all()

    @property
    def is_overdrawn(self) -> bool:
        """Whether more is under way than there is room for, since a limit was lowered or the time is over."""
        return self._free() < 0

    def _free(self) -> int:
        return self._room() - len(self._under_way) - self._places

    def _is_through(self) -> bool:
        if self._under_way or self._places:
            return False
        if self._sources and self._room() > 0:
            return False
        return self._room() <= 0 or not (self._window or self._waiting)

    async def _pick(self) -> FrontierUrl | None:
        if self._free() <= 0:
            return None
        if self._waiting and self._waiting[0][0] <= self._clock():
            return heapq.heappop(self._waiting)[2]
        if len(self._waiting) >= MOST_WAITING:
            return None
        if not self._window:
            self._window.extend(await self._more())
        if not self._window or self._must_wait(self._window[0].depth):
            return None
        return self._window.popleft()

    async def _more(self) -> Sequence[FrontierUrl]:
        """URLs that wait in the store and are not on their way."""
        return await self._store.next_urls(self._task_id, WINDOW, self._busy())

    def _busy(self) -> list[int]:
        """The ordinals that are on their way, or wait for another try."""
        return [*self._under_way, *(ordinal for _, ordinal, _ in self._waiting)]

    def _must_wait(self, depth: int) -> bool:
        """Whether a shallower page is still under way and hasn't used up everybody's patience."""
        if all(under_way >= depth for under_way in self._depths_under_way()):
            self._level_since = None
            return False
        if self._level_since is None:
            self._level_since = self._clock()
        return self._clock() - self._level_since < PATIENCE_SECONDS

    def _depths_under_way(self) -> Iterable[int]:
        return (url.depth for url in self._under_way.values())

    async def _wait(self, seen: int) -> None:
        """Until something changed since version `seen`, a try is due, or patience may be over."""
        due = self._waiting[0][0] - self._clock() if self._waiting else self.look_seconds
        try:
            async with asyncio.timeout(min(self.look_seconds, max(0.01, due))), self._changed:
                await self._changed.wait_for(lambda: self._version != seen)
        except TimeoutError:
            return
