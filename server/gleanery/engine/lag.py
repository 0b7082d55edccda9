"""The loop's lag: how much later than due a ticker comes to its turn, which is how long something held the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

TICK_SECONDS = 0.05


class LagWatch:
    """`run` it: every 50 ms `observe` gets the lag in seconds. `clock` (seconds) and `pause` are those of a test."""

    def __init__(
        self,
        observe: Callable[[float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._observe = observe
        self._clock = clock
        self._pause = pause

    async def run(self) -> None:
        while True:
            before = self._clock()
            await self._pause(TICK_SECONDS)
            self._observe(max(0.0, self._clock() - before - TICK_SECONDS))
