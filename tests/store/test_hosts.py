"""Which processes use a host, as rows that all of them see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gleanery.model import HostUse
from gleanery.store.base import HostStore, Store
from tests.clock import SetClock

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def row(host: str, worker: str, users: int = 1, pause: float | None = None, beat: float = 0.0) -> HostUse:
    return HostUse(host, worker, users, None if pause is None else at(pause), 0.5, at(beat))


class FixedClock(SetClock):
    def __call__(self) -> datetime:
        return NOW + self.ahead


@pytest.fixture
def clock() -> SetClock:
    return FixedClock()


@pytest.fixture
async def hosts(store: Store) -> HostStore:
    return store.hosts


async def test_rows_come_back_as_they_were_set(hosts: HostStore) -> None:
    rows = [row("a", "w1"), row("a", "w2", users=0, pause=60), row("b:81", "w1")]
    await hosts.use(rows)
    assert await hosts.used(["a", "b:81", "c"], at(-5)) == rows
    assert await hosts.used(["b:81"], at(-5)) == rows[2:]
    assert await hosts.used([], at(-5)) == []


async def test_a_row_is_set_when_it_is_written(hosts: HostStore, clock: SetClock) -> None:
    """Expected: by then a process may have waited for the store for long."""
    early = row("a", "w1", beat=0)
    clock.jump(8)
    await hosts.use([early])
    assert await hosts.used(["a"], at(8)) == [row("a", "w1", beat=8)]


async def test_a_worker_has_one_row_of_a_host(hosts: HostStore, clock: SetClock) -> None:
    await hosts.use([row("a", "w1", users=7, pause=60), row("b", "w1")])
    clock.jump(1)
    await hosts.use([row("a", "w1", users=2)])
    assert await hosts.used(["a"], at(-5)) == [row("a", "w1", users=2, beat=1)]


async def test_old_rows_are_not_told_but_for_their_pause(hosts: HostStore, clock: SetClock) -> None:
    await hosts.use([row("a", "w1"), row("a", "w2", pause=60)])
    clock.jump(1)
    await hosts.use([row("a", "w3")])
    assert [one.worker_id for one in await hosts.used(["a"], at(1))] == ["w2", "w3"]


async def test_more_hosts_than_parameters(hosts: HostStore) -> None:
    rows = [row(f"h{n:04}", "w1") for n in range(1201)]
    await hosts.use(rows)
    assert await hosts.used([one.host for one in rows], at(-5)) == rows


async def test_who_is_forgotten_leaves_its_pauses(hosts: HostStore) -> None:
    await hosts.use([row("a", "w1", pause=60), row("b", "w1", pause=-1), row("c", "w1"), row("c", "w2")])
    await hosts.forget("w1")
    assert await hosts.used(["a", "b", "c"], at(-5)) == [row("a", "w1", users=0, pause=60), row("c", "w2")]


async def test_what_is_old_and_holds_nobody_back_is_removed(hosts: HostStore, clock: SetClock) -> None:
    await hosts.use([row("a", "w1"), row("a", "w2", pause=160)])
    clock.jump(100)
    await hosts.use([row("a", "w3")])
    assert await hosts.prune(at(50)) == 1
    assert [one.worker_id for one in await hosts.used(["a"], at(-1000))] == ["w2", "w3"]
