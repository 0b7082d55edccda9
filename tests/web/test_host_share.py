"""Processes that share a host through one database: its places, its delays and its pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery import errors
from gleanery.model import HostUse
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_hosts import SqliteHosts
from gleanery.web.host_share import LATE, HostShare, Others, seen
from gleanery.web.politeness import HostLimiter

URL = "https://h/a"


class Time:
    """One time for all processes, as a clock of each kind."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def utc(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Process:
    """A limiter with its share, and those that are at the host now."""

    def __init__(self, share: HostShare, time: Time, most: int) -> None:
        self.share = share
        self.limiter = HostLimiter(most, share=share, clock=time.monotonic)
        self.active = 0
        self.leave = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def visit(self) -> None:
        async with self.limiter.turn(URL):
            self.active += 1
            await self.leave.wait()
            self.active -= 1

    async def begin(self, count: int) -> None:
        """So many want to the host, and those for whom there is a place are there."""
        self.tasks = [asyncio.create_task(self.visit()) for _ in range(count)]
        await turns()
        await self.share.join("h")
        await turns()

    async def look(self) -> None:
        await self.share.beat()
        await turns()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.active = 0


@asynccontextmanager
async def running(store: SqliteHosts, time: Time, *names: str, most: int = 8) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        shares = [await stack.enter_async_context(HostShare(store, name, clock=time.utc)) for name in names]
        processes = [Process(share, time, most) for share in shares]
        try:
            yield processes
        finally:
            for process in processes:
                await process.end()


async def turns() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


class Counted(SqliteHosts):
    """Counts the writes, and fails or takes its time when told to."""

    writes = 0
    is_broken = False
    seconds = 0.0

    def __init__(self, database: Database, time: Time) -> None:
        super().__init__(database)
        self._time = time

    async def use(self, rows: Sequence[HostUse]) -> None:
        self.writes += 1
        self._time.seconds += self.seconds
        if self.is_broken:
            raise errors.StorageError("The disk is gone.")
        await super().use(rows)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def store(tmp_path: Path, time: Time) -> AsyncIterator[Counted]:
    async with Database(tmp_path / "gleanery.db", lambda _: None, time.utc) as database:
        yield Counted(database, time)


@pytest.mark.parametrize("most", [1, 2, 3, 8])
@pytest.mark.parametrize("processes", [1, 2, 3, 5, 8, 9, 20])
def test_all_parts_together_are_the_whole_at_any_time(most: int, processes: int) -> None:
    had = [0] * processes
    for slot in range(processes):
        parts = [Others(processes, rank, slot=slot).places(most) for rank in range(processes)]
        assert sum(parts) == most
        had = [before + part for before, part in zip(had, parts, strict=True)]
    assert max(had) - min(had) <= (0 if processes > most else processes)  # turns are fair


@given(st.floats(0, 4e9), st.integers(2, 9), st.floats(0.01, 30), st.data())
def test_processes_start_a_delay_apart(at: float, processes: int, delay_seconds: float, data: st.DataObject) -> None:
    cycle = processes * delay_seconds
    ranks = data.draw(st.lists(st.integers(0, processes - 1), min_size=2, max_size=2, unique=True))
    first, second = (Others(processes=processes, rank=rank).turn(at, delay_seconds) for rank in ranks)
    assert at <= first <= at + cycle
    apart = abs(first - second) % cycle
    assert min(apart, cycle - apart) >= (1 - LATE) * delay_seconds - 1e-5
    again = Others(processes=processes, rank=ranks[0])
    assert again.turn(first + again.rest(delay_seconds), delay_seconds) - first <= cycle + 1e-5


async def test_alone_a_process_has_all_places(store: Counted, time: Time) -> None:
    async with running(store, time, "w1") as (only,):
        await only.begin(10)
        assert only.active == 8


async def test_processes_share_the_places_and_get_them_back(store: Counted, time: Time) -> None:
    async with running(store, time, "w1", "w2", "w3") as processes:
        for process in processes:
            await process.begin(20)
        assert [process.active for process in processes] == [8, 4, 2]  # until the first ones look again
        for process in processes:
            await process.look()
            await process.end()
            await process.begin(20)
        assert [process.active for process in processes] == [3, 3, 2]
        await processes[2].end()
        for time.seconds in (3.0, 6.0):  # the third one isn't heard of any more
            for process in processes[:2]:
                await process.look()
        assert [process.active for process in processes] == [4, 4, 0]


async def test_more_processes_than_places_take_turns(store: Counted, time: Time) -> None:
    async with running(store, time, "w1", "w2", "w3", most=1) as processes:
        await store.use([HostUse("h", f"w{n}", 1, None, 0.0, time.utc()) for n in (1, 2, 3)])
        had = []
        for _ in range(3):
            for process in processes:
                await process.begin(2)
                await process.look()
            had.append([process.active for process in processes])
            for process in processes:
                await process.end()
            time.seconds += 2.0
            for process in processes:
                await process.look()
    assert sorted(had, reverse=True) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


async def test_a_pause_told_to_one_holds_for_all(store: Counted, time: Time) -> None:
    async with running(store, time, "w1", "w2") as (first, second):
        await first.begin(1)
        await second.begin(1)
        first.limiter.slow_down(URL, 50.0)
        await first.share.beat()
        await second.share.beat()
        assert second.limiter.paused_seconds(URL) == 50.0
        for _ in range(5):  # hearing of it again and again makes it no longer, and it isn't told on
            time.seconds += 1.0
            await first.share.beat()
            await second.share.beat()
        assert (first.limiter.paused_seconds(URL), second.limiter.paused_seconds(URL)) == (45.0, 45.0)
        assert second.limiter.need("h").pause_seconds == 0.0


async def test_a_process_that_comes_later_obeys_a_pause_of_one_that_is_gone(store: Counted, time: Time) -> None:
    async with running(store, time, "w1") as (first,):
        await first.begin(1)
        first.limiter.slow_down(URL, 50.0)
        await first.share.beat()
    time.seconds = 20.0
    async with running(store, time, "w2") as (second,):
        await second.begin(1)
        assert (second.active, second.limiter.paused_seconds(URL)) == (0, 30.0)


async def test_a_delay_is_kept_by_all_together(store: Counted, time: Time) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.seconds += seconds

    await store.use([HostUse("h", f"w{n}", 1, None, 0.5 * n, time.utc()) for n in (1, 2, 3)])
    share = HostShare(store, "w0", clock=time.utc)
    limiter = HostLimiter(share=share, clock=time.monotonic, sleep=sleep)
    async with limiter.turn(URL):
        await share.beat()
    for _ in range(3):
        async with limiter.turn(URL):
            pass
    assert slept == [6.0, 6.0]  # the longest delay, 1.5 s, times four processes


async def test_the_job_looks_before_the_first_request(store: Counted, time: Time) -> None:
    await store.use([HostUse("h", "w2", 5, time.utc() + timedelta(seconds=30), 0.0, time.utc())])
    async with HostShare(store, "w1", clock=time.utc) as share:
        limiter = HostLimiter(share=share, clock=time.monotonic)
        task = asyncio.create_task(_visit(limiter))
        await turns()
        await share.join("h")
        assert (limiter.paused_seconds(URL), share.others("h").processes) == (30.0, 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _visit(limiter: HostLimiter) -> None:
    async with limiter.turn(URL):
        pass


async def test_nothing_is_written_by_request_and_nothing_when_idle(store: Counted, time: Time) -> None:
    async with HostShare(store, "w1", clock=time.utc) as share:
        limiter = HostLimiter(share=share, clock=time.monotonic)
        for _ in range(200):
            async with limiter.turn(URL):
                pass
        assert store.writes == 1
        for _ in range(5):  # beats after the last request: that it was used, that it isn't any more, and no more
            await share.beat()
        assert store.writes == 3
        rows = await store.used(["h"], time.utc())
        assert [(row.users, row.worker_id) for row in rows] == [(0, "w1")]


async def test_a_store_that_fails_stops_nobody(store: Counted, time: Time) -> None:
    store.is_broken = True
    async with HostShare(store, "w1", clock=time.utc) as share:
        limiter = HostLimiter(share=share, clock=time.monotonic)
        async with limiter.turn(URL):
            pass
    assert store.writes == 1


@pytest.mark.parametrize(("is_broken", "until"), [(False, 13), (True, 14)], ids=["slow", "away"])
async def test_after_a_time_without_the_store_the_others_are_still_there(
    store: Counted, time: Time, is_broken: bool, until: int
) -> None:
    """Expected: nobody could tell anything meanwhile. Who tells nothing in the five seconds afterwards either is gone."""
    async with running(store, time, "w1", "w2", "w3") as processes:
        for process in processes:
            await process.begin(1)
        for process in processes[:2]:
            await process.look()
        store.seconds, store.is_broken = 8.0, is_broken
        await processes[0].look()
        store.seconds = 0.0
        await processes[1].look()
        store.is_broken = False
        known = {8: processes[0].share.others("h").processes}
        for second in range(9, 16):
            time.seconds = float(second)
            for process in processes[:2]:
                await process.look()
            known[second] = processes[0].share.others("h").processes
            assert processes[1].share.others("h").processes == known[second]
    assert known == {second: 3 if second < until else 2 for second in range(8, 16)}


async def test_who_was_idle_counts_nobody_who_has_gone_meanwhile(store: Counted, time: Time) -> None:
    async with running(store, time, "w1", "w2") as (first, second):
        await first.begin(1)
        await second.begin(1)
        await first.look()
        assert first.share.others("h").processes == 2
        await first.end()
        for _ in range(3):  # that it was used, that it isn't any more
            await first.look()
        time.seconds = 60.0
        await first.begin(1)
        assert first.share.others("h").processes == 1


async def test_nobody_waits_for_a_job_that_has_ended(store: Counted, time: Time) -> None:
    share = HostShare(store, "w1", clock=time.utc)
    limiter = HostLimiter(share=share, clock=time.monotonic)
    async with share:
        pass
    async with limiter.turn(URL):
        assert store.writes == 0


def test_who_is_gone_does_not_count() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    rows = [
        HostUse("h", "a", 1, None, 1.0, now - timedelta(seconds=6)),
        HostUse("h", "b", 0, now + timedelta(seconds=9), 2.0, now),
        HostUse("h", "c", 3, now - timedelta(seconds=9), 0.5, now),
        HostUse("h", "z", 1, now + timedelta(seconds=99), 9.0, now),
    ]
    slot = int(now.timestamp() // 2)
    since = now - timedelta(seconds=5)
    assert seen("z", rows, now, since) == Others(processes=2, rank=1, delay_seconds=0.5, pause_seconds=9.0, slot=slot)
    assert seen("z", [], now, since) == Others(slot=slot)
