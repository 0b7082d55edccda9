"""The loop's lag: what the ticker observes when it comes in time, late, and beside a loop that is held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from gleanery.engine.lag import TICK_SECONDS, LagWatch


class Enough(Exception):
    """Ends the watch."""


class Ticker:
    """A clock that only the pauses move: each lasts as long as was asked and `late` seconds more."""

    def __init__(self, late: Sequence[float]) -> None:
        self.now = 100.0
        self.late = list(late)

    def clock(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        if not self.late:
            raise Enough
        self.now += seconds + self.late.pop(0)


async def test_it_observes_how_late_each_tick_comes() -> None:
    seen: list[float] = []
    ticker = Ticker([0.0, 0.25, 0.001, -0.01])
    with pytest.raises(Enough):
        await LagWatch(seen.append, clock=ticker.clock, pause=ticker.pause).run()
    assert [round(lag, 6) for lag in seen] == [0.0, 0.25, 0.001, 0.0]


async def test_a_loop_that_is_held_shows() -> None:
    seen: asyncio.Queue[float] = asyncio.Queue()
    watch = asyncio.create_task(LagWatch(seen.put_nowait).run())
    await seen.get()  # it ticks
    until = time.monotonic() + 5 * TICK_SECONDS
    while time.monotonic() < until:
        pass
    assert await seen.get() >= 3 * TICK_SECONDS
    watch.cancel()


async def test_it_costs_next_to_nothing() -> None:
    ticker = Ticker([0.0] * 2000)  # a hundred seconds of ticks
    before = time.thread_time()
    with pytest.raises(Enough):
        await LagWatch(lambda _: None, clock=ticker.clock, pause=ticker.pause).run()
    assert time.thread_time() - before < 0.5
