"""Who goes first where a process searches and crawls: searches, since somebody waits for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

PATIENCE_SECONDS = 0.05
"""So long the first in line waits at most: however much is searched, a crawl goes on."""
REST_SECONDS = 0.01
"""Who has asked once often asks again right after the answer."""


class RightOfWay:
    """Work in the background is cut into pieces of some ten milliseconds. Before each it gives way: while somebody searches
    it waits, with all such work of the process in one line, for a moment without a search or for its patience to end.

    For one event loop. Where nobody searches it costs nothing.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._searches = 0
        self._is_free = asyncio.Event()
        self._is_free.set()
        self._line = asyncio.Lock()
        self._rest: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """As long as this is entered, somebody waits for an answer."""
        self._searches += 1
        self._is_free.clear()
        if self._rest is not None:
            self._rest.cancel()
        try:
            yield
        finally:
            self._searches -= 1
            if not self._searches:
                self._rest = asyncio.get_running_loop().call_later(REST_SECONDS, self._is_free.set)

    async def give(self) -> None:
        """Before a piece of work that can wait."""
        if self._is_free.is_set():
            return
        async with self._line:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_seconds):
                    await self._is_free.wait()
