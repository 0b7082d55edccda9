"""Workers on several machines: names with leases in the store, by the store's clock, and what all of them have alike."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gleanery.errors import InvalidInput
from gleanery.model import utc_now
from gleanery.store.base import Store
from gleanery.store.leased_presence import LeasedPresence
from gleanery.store.presence import FilePresence
from gleanery.store.processes import Life, ProcessStore, Seen
from tests.clock import SetClock, StandingClock
from tests.store.test_presence import another_process, said

LEASE = 30.0


@pytest.fixture
def clock() -> SetClock:
    return StandingClock()


@pytest.fixture
def processes(store: Store) -> ProcessStore:
    assert store.processes is not None
    return store.processes


def presence(processes: ProcessStore, machine: Path, lease_seconds: float = LEASE, **clocks: Any) -> LeasedPresence:
    """As that of a process on that machine: its folder is no other machine's."""
    clocks.setdefault("clock", utc_now)
    return LeasedPresence(processes, FilePresence(machine / "workers"), lease_seconds, **clocks)


async def names(processes: ProcessStore) -> dict[str, bool]:
    return {seen.worker_id: seen.is_over for seen in await processes.look("somebody", "else")}


async def test_a_name_is_had_by_one_life_for_a_lease(processes: ProcessStore, clock: SetClock) -> None:
    first, second = Life("a", "1", "here"), Life("a", "2", "there")
    assert await processes.hold(first, LEASE) is None
    assert await processes.hold(first, LEASE) is None, "a call may be repeated"
    other = await processes.hold(second, LEASE)
    assert other is not None
    assert (other.life, other.place) == ("1", "here")
    assert other.seconds == pytest.approx(LEASE, abs=0.001)
    clock.jump(LEASE + 1)
    assert await names(processes) == {"a": True}
    assert await processes.hold(second, LEASE) is None
    await processes.release("a", "1")
    assert await names(processes) == {"a": False}, "it is another one's by now"
    await processes.release("a", "2")
    assert await names(processes) == {}


async def test_looking_prolongs_ones_own_lease_and_no_other(processes: ProcessStore, clock: SetClock) -> None:
    await processes.hold(Life("a", "1", "here"), LEASE)
    await processes.hold(Life("b", "2", "there"), LEASE)
    clock.jump(LEASE * 0.6)
    seen = await processes.look("a", "1")
    assert [(one.worker_id, one.is_own) for one in sorted(seen, key=lambda one: one.worker_id)] == [
        ("a", True),
        ("b", False),
    ]
    clock.jump(LEASE * 0.6)
    assert await names(processes) == {"a": False, "b": True}
    clock.jump(LEASE * 11)
    await names(processes)
    assert await names(processes) == {}, "nobody has asked for them in ten leases"


async def test_a_life_that_is_known_to_be_gone_needs_no_waiting(processes: ProcessStore) -> None:
    await processes.hold(Life("a", "1", "here"), LEASE)
    assert await processes.hold(Life("a", "2", "here"), LEASE, gone="0") is not None
    assert await processes.hold(Life("a", "2", "here"), LEASE, gone="1") is None


async def test_workers_of_two_machines_see_each_other_by_leases(
    processes: ProcessStore, clock: SetClock, tmp_path: Path
) -> None:
    mine, theirs = presence(processes, tmp_path / "one"), presence(processes, tmp_path / "two")
    await mine.hold("a")
    await theirs.hold("b")
    assert list(await mine.gone(["b", "nobody"])) == [], "of whom nothing is known, tasks' leases say"
    assert list(await theirs.gone(["a"])) == []
    clock.jump(LEASE + 1)
    third = presence(processes, tmp_path / "three")
    await third.hold("c")
    assert sorted(await third.gone(["a", "b", "c"])) == ["a", "b"]
    assert list(await third.ended(["a", "b", "c"])) == [], "a silent one may still wake: its tasks' leases say"


@pytest.mark.parametrize("step", [LEASE + 1, 600.0])
async def test_a_database_clock_that_is_set_makes_nobody_gone_for_a_lease(
    processes: ProcessStore, clock: SetClock, tmp_path: Path, step: float
) -> None:
    """Expected: each has a lease's time to prolong its own by the new clock."""
    at = [0.0]
    mine = presence(processes, tmp_path / "one", clock=clock, monotonic=lambda: at[0])
    theirs = Life("b", "1", "there")
    await mine.hold("a")
    await processes.hold(theirs, LEASE)
    assert list(await mine.gone(["b"])) == []
    clock.jump(step)
    for _ in range(int(LEASE)):
        at[0] += 1.0
        clock.jump(1.0)
        assert list(await mine.gone(["b"])) == []
        await processes.hold(theirs, LEASE)  # as a look prolongs it, or takes the name again that was forgotten
    assert list(await mine.gone(["b"])) == []


async def test_one_that_is_silent_is_gone_a_lease_after_the_clock_was_set(
    processes: ProcessStore, clock: SetClock, tmp_path: Path
) -> None:
    at = [0.0]
    mine = presence(processes, tmp_path / "one", clock=clock, monotonic=lambda: at[0])
    await mine.hold("a")
    await processes.hold(Life("dead", "1", "there"), LEASE)
    clock.jump(LEASE + 1)
    gone = list[Sequence[str]]()
    for _ in range(int(LEASE) + 3):
        at[0] += 1.0
        clock.jump(1.0)
        gone.append(list(await mine.gone(["dead"])))
    assert gone == [[]] * int(LEASE) + [["dead"]] * 3


async def test_a_name_that_lives_on_another_machine_is_refused_after_its_lease(
    processes: ProcessStore, clock: SetClock, tmp_path: Path
) -> None:
    """Expected: the second one waits whether the first still lives, since it might be its own earlier life."""
    now = 0.0

    def monotonic() -> float:
        return now

    async def wait(seconds: float) -> None:
        """In the middle of it the first one prolongs its lease."""
        nonlocal now
        for half in (seconds / 2, seconds / 2):
            now += half
            clock.jump(half)
            await first.gone([])

    first = presence(processes, tmp_path / "one", clock=clock, monotonic=monotonic)
    second = presence(processes, tmp_path / "two", clock=clock, monotonic=monotonic, wait=wait)
    await first.hold("a")
    with pytest.raises(InvalidInput) as caught:
        await second.hold("a")
    assert now > LEASE
    assert caught.value.field == "worker_id"
    assert list(await first.gone([])) == []


async def test_a_worker_that_crashed_in_this_folder_is_gone_at_once(processes: ProcessStore, tmp_path: Path) -> None:
    """Expected: its locked file is seen, its lease need not run out; and its name is free at once."""
    folder = tmp_path / "workers"
    looking = presence(processes, tmp_path)
    await looking.hold("me")
    with another_process(folder, "a") as process:
        assert said(process) == "held"
        await processes.hold(Life("a", "1", FilePresence(folder).place()), LEASE)
        assert list(await looking.gone(["a"])) == list(await looking.ended(["a"])) == []
        process.kill()
        process.wait()
        assert list(await looking.gone(["a"])) == list(await looking.ended(["a"])) == ["a"]
    again = presence(processes, tmp_path)
    async with asyncio.timeout(LEASE / 2):
        await again.hold("a")


class SeesAlways:
    """A ProcessStore of which a test says who is seen."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        self._seen = seen

    async def hold(self, life: Life, lease_seconds: float, *, gone: str | None = None) -> None:
        return None

    async def look(self, worker_id: str, life: str) -> Sequence[Seen]:
        return self._seen

    async def release(self, worker_id: str, life: str) -> None:
        return

    async def common(self, name: str, value: str) -> str:
        return value


async def test_after_a_time_without_the_store_nobody_is_gone_for_a_lease(tmp_path: Path) -> None:
    """Expected: whoever was away from the store too has had no chance to prolong its lease."""
    seen = [Seen("me", "here", is_over=False, is_own=True), Seen("a", "elsewhere", is_over=True, is_own=False)]
    times = [0.0, 1.0, *(100.0 + 5 * n for n in range(8))]  # nobody answered before 100
    at = [0.0]
    it = presence(SeesAlways(seen), tmp_path, clock=lambda: datetime.fromtimestamp(at[0], UTC), monotonic=lambda: at[0])
    await it.hold("me")
    gone = dict[float, Sequence[str]]()
    for at[0] in times:
        gone[at[0]] = list(await it.gone(["a"]))
    assert [time for time in times if gone[time]] == [0.0, 1.0, 130.0, 135.0]


async def test_what_all_have_alike_is_what_the_first_one_gave(processes: ProcessStore) -> None:
    assert await processes.common("x", "1") == "1"
    assert await processes.common("x", "2") == "1"
    assert await processes.common("y", "2") == "2"
