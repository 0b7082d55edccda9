"""Politeness, on a clock that only moves when everybody sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools

import pytest

from gleanery.web.politeness import HostLimiter

URL = "https://h/a"


class Clock:
    """Time that jumps to the next sleeper's hour when told to `run`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleepers: list[tuple[float, int, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        heapq.heappush(self.sleepers, (self.now + seconds, id(event), event))
        await event.wait()

    async def settle(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    async def run(self) -> None:
        await self.settle()
        while self.sleepers:
            at, _, event = heapq.heappop(self.sleepers)
            self.now = max(self.now, at)
            event.set()
            await self.settle()


class Visits:
    """Starts visits to a limiter and notes when each began."""

    def __init__(self, limiter: HostLimiter, clock: Clock) -> None:
        self.limiter = limiter
        self.clock = clock
        self.starts: list[float] = []
        self.active = 0
        self.most = 0
        self.leave = asyncio.Event()

    async def visit(self, url: str = URL) -> None:
        async with self.limiter.turn(url):
            self.starts.append(self.clock.now)
            self.active += 1
            self.most = max(self.most, self.active)
            try:
                await self.leave.wait()
            finally:
                self.active -= 1

    def begin(self, count: int, url: str = URL) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.visit(url)) for _ in range(count)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> HostLimiter:
    return HostLimiter(2, clock=clock, sleep=clock.sleep, idle_seconds=100)


@pytest.fixture
def visits(limiter: HostLimiter, clock: Clock) -> Visits:
    return Visits(limiter, clock)


async def test_so_many_at_once_and_no_more(visits: Visits, clock: Clock) -> None:
    tasks = visits.begin(6)
    await clock.settle()
    assert (visits.active, visits.most) == (2, 2)
    visits.leave.set()
    await asyncio.gather(*tasks)
    assert (visits.active, visits.most, len(visits.starts)) == (0, 2, 6)


async def test_hosts_do_not_wait_for_each_other(visits: Visits, clock: Clock) -> None:
    tasks = visits.begin(2, "https://h/") + visits.begin(2, "https://o/") + visits.begin(2, "http://h:81/")
    await clock.settle()
    assert visits.active == 6
    visits.leave.set()
    await asyncio.gather(*tasks)


async def test_starts_are_a_delay_apart(limiter: HostLimiter, visits: Visits, clock: Clock) -> None:
    limiter.set_delay(URL, 2.0)
    visits.leave.set()
    tasks = visits.begin(4)
    await clock.run()
    await asyncio.gather(*tasks)
    assert visits.starts == [2.0, 4.0, 6.0, 8.0]


async def test_delay_and_pause_are_capped(limiter: HostLimiter, visits: Visits, clock: Clock) -> None:
    limiter.set_delay(URL, 9999.0)
    visits.leave.set()
    tasks = visits.begin(2)
    await clock.run()
    await asyncio.gather(*tasks)
    assert visits.starts == [30.0, 60.0]
    limiter.set_delay(URL, 0.0)
    limiter.slow_down(URL, 99999.0)
    tasks = visits.begin(1)
    await clock.run()
    await asyncio.gather(*tasks)
    assert visits.starts[-1] == 660.0


async def test_slowing_down_holds_back_the_whole_host_also_those_who_wait(
    limiter: HostLimiter, visits: Visits, clock: Clock
) -> None:
    limiter.set_delay(URL, 1.0)
    visits.leave.set()
    tasks = visits.begin(2)
    await clock.settle()
    limiter.slow_down(URL, 50.0)
    await clock.run()
    await asyncio.gather(*tasks)
    assert visits.starts == [50.0, 51.0]


async def test_pauses_without_a_time_double_until_a_turn_ends_well(limiter: HostLimiter, clock: Clock) -> None:
    starts: list[float] = []

    async def ask(answers: str) -> None:
        for answer in answers:
            async with limiter.turn(URL):
                starts.append(clock.now)
                if answer == "n":
                    limiter.slow_down(URL)

    task = asyncio.create_task(ask("nnnnnnnnyny"))
    await clock.run()
    await task
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 0, 1]


async def test_cancelled_waiters_spend_nothing(limiter: HostLimiter, visits: Visits, clock: Clock) -> None:
    limiter.set_delay(URL, 10.0)
    visits.leave.set()
    tasks = visits.begin(5)
    await clock.settle()
    for task in tasks[:4]:
        task.cancel()
    await clock.run()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True] * 4 + [False]
    assert visits.starts == [10.0]


async def test_a_place_is_given_back_by_error_and_cancellation(visits: Visits, clock: Clock) -> None:
    tasks = visits.begin(2)
    await clock.settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with pytest.raises(ValueError, match="boom"):
        async with visits.limiter.turn(URL):
            raise ValueError("boom")
    tasks = visits.begin(2)
    await clock.settle()
    assert visits.active == 2
    visits.leave.set()
    await asyncio.gather(*tasks)


async def test_idle_hosts_are_forgotten(limiter: HostLimiter, visits: Visits, clock: Clock) -> None:
    busy = visits.begin(1, "https://busy/")
    await clock.settle()
    for n in range(50):
        async with limiter.turn(f"https://h{n}/"):
            pass
    assert len(limiter) == 51
    clock.now = 101.0
    async with limiter.turn("https://new1/"):
        pass
    async with limiter.turn("https://new2/"):
        pass
    assert len(limiter) == 3
    visits.leave.set()
    await asyncio.gather(*busy)


async def test_a_host_with_a_pause_is_remembered(limiter: HostLimiter, visits: Visits, clock: Clock) -> None:
    limiter.slow_down(URL, 500.0)
    clock.now = 200.0
    async with limiter.turn("https://other/"):
        pass
    visits.leave.set()
    tasks = visits.begin(1)
    await clock.run()
    await asyncio.gather(*tasks)
    assert visits.starts == [500.0]
