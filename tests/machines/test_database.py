"""A database that goes away and comes back, and a PostgREST that is killed, while three machines work."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gleanery import errors
from gleanery.model import Task
from tests.engine.faults.child import Child
from tests.machines.cluster import Cluster
from tests.machines.conftest import StartMachine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAMES = ("one", "two", "three")
CRASHES = ((0, 0.5), (5, 5.0), (10, 0.0), (5, 12.0), (25, 1.0))
"""For how many seconds there is a database, and then is none."""


async def three(start_machine: StartMachine) -> list[Child]:
    machines = [await start_machine(name) for name in NAMES]
    for machine in machines:
        await machine.until("ready")
    return machines


class Load:
    """Asks for tasks, one after the other, for as long as it is entered; `accepted` are those that were answered."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.accepted: list[Task] = []
        self._another = asyncio.Event()

    async def __aenter__(self) -> Load:
        self._job = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._job.cancel()
        await asyncio.gather(self._job, return_exceptions=True)

    async def _ask(self) -> None:
        while True:
            with contextlib.suppress(errors.StorageError):  # not accepted, as far as anybody knows
                key = f"k{len(self.accepted) % 5}"
                self.accepted.append(await self._cluster.enqueue(steps=3, seconds=0.05, key=key))
                self._another.set()
            await asyncio.sleep(0.25)

    async def go_on(self, seconds: float) -> None:
        """Wait for that long, and for at least five more that are accepted."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self.more(5))
            both.create_task(asyncio.sleep(seconds))

    async def more(self, count: int) -> None:
        """Wait until so many more are accepted."""
        for _ in range(count):
            self._another.clear()
            await self._another.wait()


async def test_postgresql_stops_and_starts_under_load(cluster: Cluster, start_machine: StartMachine) -> None:
    """Expected: five crashes of the database later, two of them longer than a lease, every accepted task is complete.

    For minutes of it: `python -m tests.bench machines --faults postgresql`.
    """
    machines = await three(start_machine)
    async with Load(cluster) as load:
        for work, away in CRASHES:
            await load.go_on(work)
            await asyncio.to_thread(cluster.project.stop_postgres)
            await asyncio.sleep(away)  # the fault itself
            await asyncio.to_thread(cluster.project.start_postgres)
        await load.more(5)
    await cluster.ended(load.accepted)
    for machine in machines:
        assert await machine.end() == 0
    await cluster.check(load.accepted)


async def test_postgrest_is_killed_under_load(cluster: Cluster, start_machine: StartMachine) -> None:
    machines = await three(start_machine)
    async with Load(cluster) as load:
        for seconds in (0.1, 2.0):
            await load.more(5)
            cluster.project.kill_postgrest()
            await asyncio.sleep(seconds)  # the fault itself
            await asyncio.to_thread(cluster.project.start_postgrest)
        await load.more(5)
    await cluster.ended(load.accepted)
    for machine in machines:
        assert await machine.end() == 0
    await cluster.check(load.accepted)
