"""How a process does while something goes on in it: how late its loop comes to its turns, and what memory it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from gleanery.engine.lag import LagWatch


@dataclass(slots=True)
class Vitals:
    """`lags` in seconds of this process's processors, one each 50 ms: what else the machine does is none of its doing. `rss_mb`
    is what the process grew by, at the end."""

    lags: list[float] = field(default_factory=list)
    rss_mb: float = 0.0

    def lag(self, share: float) -> float:
        """The lag that so many of all stayed below."""
        return sorted(self.lags)[int(share * (len(self.lags) - 1))] if self.lags else 0.0


@asynccontextmanager
async def watched() -> AsyncIterator[Vitals]:
    """Watches this process and this loop, sites and clients in it included."""
    vitals, process = Vitals(), psutil.Process()
    before = process.memory_info().rss
    watch = asyncio.create_task(LagWatch(vitals.lags.append, clock=time.process_time).run())
    try:
        yield vitals
    finally:
        watch.cancel()
        vitals.rss_mb = (process.memory_info().rss - before) / 2**20
