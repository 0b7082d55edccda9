"""Politeness, on a clock that only moves when everybody sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools

import pytest

from gleanery import errors
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
        self.order: list[str] = []
        self.active = 0
        self.most = 0
        self.leave = asyncio.Event()

    async def visit(self, url: str = URL, who: str = "") -> None:
        async with self.limiter.turn(url, who):
            self.starts.append(self.clock.now)
            self.order.append(who)
            self.active += 1
            self.most = max(self.most, self.active)
            try:
                await self.leave.wait()
            finally:
                self.active -= 1

    def begin(self, count: int, url: str = URL, who: str = "") -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.visit(url, who)) for _ in range(count)]


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
    assert limiter.set_delay(URL, 9999.0) == 30.0
    visits.leave.set()
    tasks = visits.begin(2)
    await clock.run()
    await asyncio.gather(*tasks)
    assert visits.starts == [30.0, 60.0]
    limiter.set_delay(URL, 0.0)
    assert limiter.slow_down(URL, 99999.0) == 600.0
    assert limiter.paused_seconds(URL) == 600.0
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
    # After a good answer there is no pause, only the delay of a host that has shown strain.
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 5, 4]


def refusal(status: int, retry_after: float | None = None) -> errors.HttpStatus:
    return errors.HttpStatus(URL, status, "", retry_after)


async def fail(limiter: HostLimiter, error: errors.FetchError) -> None:
    with pytest.raises(type(error)):
        async with limiter.turn(URL):
            raise error


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (refusal(429, 7.0), 7.0),
        (refusal(503, 9999.0), 600.0),
        (refusal(429), 1.0),
        (refusal(503, 0.0), 0.0),
        (refusal(500, 7.0), 0.0),
        (refusal(404), 0.0),
        (errors.TimedOut(URL, ""), 0.0),
    ],
)
async def test_what_a_turn_raises_pauses_its_host(
    limiter: HostLimiter, error: errors.FetchError, seconds: float
) -> None:
    await fail(limiter, error)
    assert limiter.paused_seconds(URL) == seconds
    assert limiter.paused_seconds("https://other/") == 0.0


async def test_many_refusals_at_once_are_one(clock: Clock) -> None:
    limiter = HostLimiter(8, clock=clock, sleep=clock.sleep)
    refuse = asyncio.Event()

    async def visit() -> None:
        async with limiter.turn(URL):
            await refuse.wait()
            raise refusal(429)

    tasks = [asyncio.create_task(visit()) for _ in range(8)]
    await clock.settle()
    refuse.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limiter.paused_seconds(URL) == 1.0
    assert limiter.need("h").delay_seconds == 0.25


async def test_one_that_was_under_way_when_the_pause_began_does_not_double_it(clock: Clock) -> None:
    limiter = HostLimiter(8, clock=clock, sleep=clock.sleep)
    slow = limiter.turn(URL)
    await slow.__aenter__()
    await fail(limiter, refusal(429))
    clock.now = 5.0  # the pause is over
    assert await slow.__aexit__(errors.HttpStatus, refusal(429), None) is False
    assert limiter.paused_seconds(URL) == 0.0


@pytest.mark.parametrize(
    ("error", "places"),
    [
        (refusal(429, 0.0), 4),
        (refusal(503, 0.0), 4),
        (refusal(502), 4),
        (refusal(504), 4),
        (errors.TimedOut(URL, ""), 4),
        (errors.ConnectFailed(URL, ""), 4),
        (refusal(500), 8),
        (refusal(404), 8),
        (errors.TooLarge(URL, ""), 8),
    ],
)
async def test_strain_takes_places_away(clock: Clock, error: errors.FetchError, places: int) -> None:
    limiter = HostLimiter(8, clock=clock, sleep=clock.sleep)
    await fail(limiter, error)
    visits = Visits(limiter, clock)
    tasks = visits.begin(20)
    await clock.run()
    assert visits.most == places
    visits.leave.set()
    await clock.run()
    await asyncio.gather(*tasks)


async def test_a_fast_site_gets_all_its_places_and_no_delay(clock: Clock) -> None:
    limiter = HostLimiter(8, clock=clock, sleep=clock.sleep)
    most = active = 0

    async def visit(n: int) -> None:
        nonlocal most, active
        async with limiter.turn(URL):
            active += 1
            most = max(most, active)
            await clock.sleep(0.001 + 0.049 * (n % 7 == 0))
            active -= 1

    tasks = [asyncio.create_task(visit(n)) for n in range(400)]
    await clock.run()
    await asyncio.gather(*tasks)
    assert most == 8
    assert limiter.need("h").delay_seconds == 0.0
    assert clock.now < 0.6  # what 400 answers take eight at once


async def test_one_that_is_not_timed_may_take_its_time(clock: Clock) -> None:
    limiter = HostLimiter(8, clock=clock, sleep=clock.sleep)
    for _ in range(10):
        async with limiter.turn(URL):
            clock.now += 0.01
    for _ in range(50):
        async with limiter.turn(URL, is_timed=False):
            clock.now += 5.0
    visits = Visits(limiter, clock)
    tasks = visits.begin(9)
    await clock.settle()
    assert visits.most == 8
    visits.leave.set()
    await asyncio.gather(*tasks)


async def test_crawls_of_one_host_get_places_in_turn(visits: Visits, clock: Clock) -> None:
    tasks = visits.begin(8, who="large") + visits.begin(3, who="small") + visits.begin(1, who="one")
    await clock.settle()
    visits.leave.set()
    await asyncio.gather(*tasks)
    ahead, rest = visits.order[:2], visits.order[2:]
    assert ahead == ["large", "large"]
    assert rest == ["large", "small", "one", "large", "small", "large", "small", "large", "large", "large"]


async def test_a_place_given_in_the_moment_of_a_cancellation_is_not_lost(visits: Visits, clock: Clock) -> None:
    first = visits.begin(2)
    await clock.settle()
    second = visits.begin(2)
    await clock.settle()
    visits.leave.set()
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    for task in second:  # each has its place by now, and hasn't run since
        task.cancel()
    await asyncio.gather(*first, *second, return_exceptions=True)
    visits.leave.clear()
    tasks = visits.begin(3)
    await clock.settle()
    assert visits.active == 2
    visits.leave.set()
    await asyncio.gather(*tasks)


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
