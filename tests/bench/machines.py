"""Three machines over one PostgreSQL, for some minutes of faults: whether the engine's promise is kept, and what a fault costs.

    python -m tests.bench machines [--seconds N] [--seed N] [--faults killed still postgresql postgrest]

Every 5 to 40 seconds one of: a worker is killed (and started again), a worker stands still for longer than its lease,
PostgreSQL crashes and is started 0 to 15 seconds later, PostgREST is killed; --faults leaves some of them. The machines' wall
clocks are ten minutes ahead, right and ten minutes behind. Tasks of three steps come four times a second, in five serial keys.
At the end all is checked as the tests of `tests/machines` do. Exit code 1 when the promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from gleanery import errors
from gleanery.engine.events import ChangeFeed
from gleanery.engine.tail import Tail
from gleanery.model import Task
from gleanery.store.supabase import SupabaseStore
from tests.engine.faults.child import Child
from tests.ground.supabase import Gateway, Project
from tests.machines.cluster import Cluster
from tests.machines.machine import compiled_shift, machine

AHEAD = {"behind": -600, "right": 0, "ahead": 600}
STILL_SECONDS = 6.0
EVERY_SECONDS = 0.25
KEYS = 5
FAULTS = {
    "killed": "a worker killed",
    "still": "a worker stood still",
    "postgresql": "PostgreSQL crashed",
    "postgrest": "PostgREST killed",
}


class Stress:
    def __init__(self, cluster: Cluster, shift: Path, stack: AsyncExitStack, seed: int) -> None:
        self._cluster, self._shift, self._stack = cluster, shift, stack
        self._random = random.Random(seed)
        self._machines: dict[str, Child] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self.accepted: list[Task] = []
        self.refused = 0
        self.faults = Counter[str]()

    async def start(self) -> None:
        for name in AHEAD:
            await self._start(name)

    async def _start(self, name: str) -> None:
        it = await machine(self._cluster, self._shift, name, ahead_seconds=AHEAD[name])
        self._stack.push_async_callback(it.kill)
        await it.until("ready")
        self._machines[name], self._reading[name] = it, asyncio.create_task(it.read_for(1e6))

    async def load(self) -> None:
        while True:
            try:
                key = f"k{len(self.accepted) % KEYS}"
                self.accepted.append(await self._cluster.enqueue(steps=3, seconds=0.05, key=key, max_retries=1000))
            except errors.StorageError:
                self.refused += 1
            await asyncio.sleep(EVERY_SECONDS)

    async def harm(self, seconds: float, names: Sequence[str]) -> None:
        faults: Mapping[str, Callable[[], Awaitable[None]]] = {
            "killed": self._kill,
            "still": self._freeze,
            "postgresql": self._stop_postgres,
            "postgrest": self._kill_postgrest,
        }
        until = time.monotonic() + seconds
        deck = list[str]()
        while time.monotonic() < until:
            deck = deck or self._random.sample(names, len(names))
            name = deck.pop()
            await faults[name]()
            self.faults[name] += 1
            await asyncio.sleep(self._random.uniform(5, 40))

    async def _kill(self) -> None:
        name = self._random.choice(list(AHEAD))
        await _cancelled(self._reading[name])
        await self._machines[name].kill()
        await self._start(name)

    async def _freeze(self) -> None:
        it = self._machines[self._random.choice(list(AHEAD))]
        it.freeze()
        await asyncio.sleep(STILL_SECONDS)
        it.thaw()

    async def _stop_postgres(self) -> None:
        await asyncio.to_thread(self._cluster.project.stop_postgres)
        await asyncio.sleep(self._random.uniform(0, 15))
        await asyncio.to_thread(self._cluster.project.start_postgres)

    async def _kill_postgrest(self) -> None:
        self._cluster.project.kill_postgrest()
        await asyncio.sleep(self._random.uniform(0, 5))
        await asyncio.to_thread(self._cluster.project.start_postgrest)

    async def end(self) -> None:
        for name, it in self._machines.items():
            await _cancelled(self._reading[name])
            await it.end()


async def _cancelled(job: asyncio.Task[None]) -> None:
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def run(seconds: float, seed: int, faults: Sequence[str]) -> None:
    """Raises AssertionError when the promise was broken."""
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="gleanery-machines-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        project = stack.enter_context(Project())
        gateway = await stack.enter_async_context(Gateway(project))
        feed = ChangeFeed()
        tail = Tail(feed.publish)
        tail.is_alone = False
        store = await stack.enter_async_context(SupabaseStore(gateway.url, project.service_key, tail.hear))
        cluster = Cluster(project, gateway, store, folder)
        feed.listen(cluster.hear)
        await tail.start(store.tasks)
        stack.push_async_callback(tail.stop)
        stress = Stress(cluster, compiled_shift(folder), stack, seed)
        await stress.start()
        loading = asyncio.create_task(stress.load())
        await stress.harm(seconds, faults)
        await _cancelled(loading)
        rows = await cluster.ended(stress.accepted)
        await stress.end()
        took = sorted(
            (row.processing_completed_at - row.created_at).total_seconds()
            for row in rows
            if row.processing_completed_at
        )
        print(f"faults          {', '.join(f'{stress.faults[name]} × {FAULTS[name]}' for name in faults)}")
        print(f"tasks           {len(rows)} accepted, {stress.refused} refused while the database was away")
        print(
            f"attempts        {sum(row.attempt > 1 for row in rows)} tasks had more than one, {max(row.attempt for row in rows)} at most"
        )
        print(
            f"made to done    {statistics.median(took):.2f} s (p50), {took[int(len(took) * 0.95)]:.2f} s (p95), {took[-1]:.2f} s (most)"
        )
        await cluster.check(stress.accepted)
        print(
            "promise         kept: each accepted task completed once, one running per key, no event missing or out of order"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    options = parser.parse_args()
    asyncio.run(run(options.seconds, options.seed, options.faults))
    return 0


if __name__ == "__main__":
    sys.exit(main())
