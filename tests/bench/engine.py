"""Measures the task engine: gleanery, Procrastinate (PostgreSQL) and SAQ (Redis) side by side, with empty tasks.

    python -m tests.bench engine [--quick] [--only PART ...] [--python PYTHON] [--install] [--folder FOLDER]

Each contender runs in a process of its own, submits and works in one loop there, and takes its turn in every round, so
that noise of the machine hits all. PostgreSQL and Redis are the machine's, started for this on sockets, with their
defaults; Redis a second time with a log that is synced at every write, which makes it as durable as the others.
`lag` and `memory` are of gleanery alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.crawl_child import Child, started
from tests.bench.crawl_lag import Ticker, ms
from tests.bench.engine_python import contenders_python
from tests.bench.engine_servers import NotThere, install, postgres, redis
from tests.bench.engine_table import Measure, markdown, verdicts

PARTS = ("submit", "throughput", "pickup", "lag", "memory")
SIDE_BY_SIDE = ("submit", "throughput", "pickup")
LAG_LIMIT_MS = 20.0
FLAT_MB = 5.0
FSYNCS = 50
LONGEST_SECONDS = 300.0
"""After so long a measurement counts as hanging."""


@dataclass(frozen=True)
class Extent:
    """How much is measured. `singles`, `at_once` and `samples` are per round."""

    rounds: int
    singles: int
    at_once: int
    samples: int
    throughput_rounds: int
    tasks: int
    lag_tasks: int
    lag_seconds: float
    waiting_tasks: int
    memory_marks: tuple[int, ...]


FULL = Extent(6, 100, 500, 50, 3, 5_000, 10_000, 10.0, 1_000, (10_000, 50_000, 100_000))
QUICK = Extent(2, 50, 200, 25, 1, 1_000, 2_000, 3.0, 300, (2_000, 5_000, 10_000))


class Contestant:
    """A contender's process, with what it has answered so far."""

    def __init__(self, name: str, child: Child) -> None:
        self.name = name
        self._child = child
        self.took: dict[str, list[float]] = defaultdict(list)

    async def ask(self, do: str, **arguments: Any) -> Mapping[str, Any]:
        self._child.tell(json.dumps({"do": do, **arguments}))
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await self._child.hear()
        except TimeoutError:
            raise RuntimeError(f"{self.name} did not end {do} {arguments} in {LONGEST_SECONDS:.0f} s") from None

    async def submit(self, extent: Extent) -> None:
        one_by_one = await self.ask("submit", count=extent.singles, at_once=1)
        self.took["submit"] += one_by_one["took"]
        together = await self.ask("submit", count=extent.at_once, at_once=50)
        self.took["submit 50"] += together["took"]
        self.took["submit 50 rate"].append(extent.at_once / together["seconds"])

    async def throughput(self, extent: Extent) -> None:
        for concurrency in (10, 100):
            told = await self.ask("throughput", tasks=extent.tasks, concurrency=concurrency)
            self.took[f"rate {concurrency}"].append(extent.tasks / told["seconds"])
            self.took[f"cpu {concurrency}"].append(told["cpu_seconds"] / extent.tasks)

    async def pickup(self, extent: Extent) -> None:
        told = await self.ask("pickup", samples=extent.samples)
        self.took["pickup"] += told["from_call"]
        self.took["pickup after"] += told["from_return"]

    def figures(self) -> Mapping[str, float]:
        """Milliseconds, tasks a second, and CPU milliseconds a task, by the names of MEASURES."""
        found = dict[str, float]()
        for key in ("submit", "submit 50", "pickup", "pickup after"):
            if key in self.took:
                found |= {f"{key} p50": ms(self.took[key], 0.5), f"{key} p99": ms(self.took[key], 0.99)}
        for key in ("submit 50 rate", "rate 10", "rate 100"):
            if key in self.took:
                found[key] = statistics.median(self.took[key])
        for key in ("cpu 10", "cpu 100"):
            if key in self.took:
                found[key] = 1000 * statistics.median(self.took[key])
        return found


MEASURES = (
    Measure("submit p50", "submit, one after the other: p50 ms"),
    Measure("submit p99", "… p99 ms"),
    Measure("submit 50 p50", "submit, 50 at once: p50 ms of a call"),
    Measure("submit 50 p99", "… p99 ms of a call"),
    Measure("submit 50 rate", "… tasks/s", is_rate=True),
    Measure("rate 10", "empty tasks/s, 10 at once", is_rate=True),
    Measure("rate 100", "empty tasks/s, 100 at once", is_rate=True),
    Measure("pickup p50", "submit call to handler: p50 ms"),
    Measure("pickup p99", "… p99 ms"),
    Measure("pickup after p50", "submit's return to handler: p50 ms", is_compared=False),
    Measure("pickup after p99", "… p99 ms", is_compared=False),
    Measure("cpu 10", "CPU ms a task in the process, 10 at once", is_compared=False),
    Measure("cpu 100", "… 100 at once", is_compared=False),
)


@contextlib.asynccontextmanager
async def contestant(name: str, python: str, module: str, argument: str) -> Any:
    async with started(python, f"tests.bench.{module}", [argument]) as child:
        await child.hear()
        yield Contestant(name, child)


async def enter_all(stack: contextlib.AsyncExitStack, scratch: Path, python: str | None) -> Sequence[Contestant]:
    """gleanery first; of the others those whose server there is."""
    own = scratch / "gleanery"
    own.mkdir()
    entered = [await stack.enter_async_context(contestant("gleanery", sys.executable, "engine_gleanery", str(own)))]
    if python is None:
        return entered
    always = ("--appendonly", "yes", "--appendfsync", "always")
    others = (
        ("Procrastinate", "engine_procrastinate", postgres(scratch / "postgres")),
        ("SAQ", "engine_saq", redis(scratch / "redis")),
        ("SAQ, synced", "engine_saq", redis(scratch / "redis-synced", *always)),
    )
    for name, module, server in others:
        try:
            address = await stack.enter_async_context(server)
        except NotThere as error:
            print(f"{name} is left out: {error}", flush=True)
            continue
        entered.append(await stack.enter_async_context(contestant(name, python, module, address)))
    return entered


async def side_by_side(parts: Sequence[str], contestants: Sequence[Contestant], extent: Extent) -> None:
    """Every round in another order."""
    for part in parts:
        rounds = extent.throughput_rounds if part == "throughput" else extent.rounds
        for number in range(rounds):
            print(f"{part}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            first = number % len(contestants)
            for one in (*contestants[first:], *contestants[:first]):
                await getattr(one, part)(extent)


async def lag(own: Contestant, extent: Extent, idle: Ticker) -> bool:
    """gleanery's loop with many tasks: queued, queued for later, waiting."""
    tasks, seconds, waiting = extent.lag_tasks, extent.lag_seconds, extent.waiting_tasks
    late = dict[str, Mapping[str, float]]()
    idle.take()
    for concurrency in (10, 100):
        what = f"{tasks:,} queued, worked off {concurrency} at once"
        late[what] = await own.ask("lag_queued", tasks=tasks, concurrency=concurrency)
    late[f"{tasks:,} queued for later, idle"] = await own.ask("lag_later", tasks=tasks, seconds=seconds)
    told = await own.ask("lag_waiting", tasks=waiting, seconds=seconds)
    late |= {f"{waiting:,} started": told["begun"], f"{waiting:,} running and waiting": told["waiting"]}
    # In one turn of the loop, since one event lets all of them go: shown, but of no task's making.
    shown = {**late, f"{waiting:,} let go at one moment": told["ended"], "(a loop that does nothing)": idle.take()}
    table = [[what, *(f"{lags[key]:.1f}" for key in ("p50", "p99", "max"))] for what, lags in shown.items()]
    print("\n" + markdown(["gleanery's loop lag, ms", "p50", "p99", "max"], table))
    print(f"\n{'met' if told['leases_lost'] == 0 else 'NOT MET'}: no lease lost: {told['leases_lost']}")
    for what, lags in late.items():
        print(f"{'met' if lags['p99'] < LAG_LIMIT_MS else 'NOT MET'}: lag p99 below {LAG_LIMIT_MS:.0f} ms: {what}")
    sys.stdout.flush()
    return told["leases_lost"] == 0 and all(lags["p99"] < LAG_LIMIT_MS for lags in late.values())


async def memory(own: Contestant, extent: Extent) -> bool:
    """gleanery's resident memory as tasks go by."""
    told = await own.ask("memory", marks=extent.memory_marks)
    resident = list(told["resident_mb"].values())
    head = ["gleanery's resident MB after", *(f"{mark:,} tasks" for mark in extent.memory_marks)]
    print("\n" + markdown(head, [["", *(f"{mb:.1f}" for mb in resident)]]))
    is_flat = resident[-1] - resident[0] <= FLAT_MB
    grown = f"{resident[-1] - resident[0]:+.1f} MB from the first to the last"
    print(f"\n{'met' if is_flat else 'NOT MET'}: memory is flat (within {FLAT_MB:.0f} MB): {grown}")
    return is_flat


def fsync_ms(folder: Path) -> float:
    """The median of a 4 KB append with fsync: what being durable costs in this folder."""
    took = list[float]()
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            before = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - before)
    return ms(took, 0.5)


async def compare(options: argparse.Namespace) -> int:
    extent: Extent = QUICK if options.quick else FULL
    parts = [part for part in PARTS if part in (options.only or PARTS)]
    shared = [part for part in parts if part in SIDE_BY_SIDE]
    python = (options.python or contenders_python()) if shared else None
    idle, are_met = Ticker(), list[bool]()
    whole = asyncio.current_task()
    assert whole is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)  # the servers must end with it
    ticking = asyncio.create_task(idle.run())
    async with contextlib.AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder)))
        scratch.chmod(0o711)  # PostgreSQL's own user must get to its folder
        print(f"An fsync in {scratch.parent} takes {fsync_ms(scratch):.2f} ms.", flush=True)
        contestants = await enter_all(stack, scratch, python)
        if shared:
            await side_by_side(shared, contestants, extent)
            figures = {one.name: one.figures() for one in contestants}
            table, is_ahead = verdicts(MEASURES, figures)
            print("\n" + table, flush=True)
            are_met.append(is_ahead)
        if "lag" in parts:
            are_met.append(await lag(contestants[0], extent, idle))
        if "memory" in parts:
            are_met.append(await memory(contestants[0], extent))
    ticking.cancel()
    return 0 if all(are_met) else 1


def main(arguments: Sequence[str]) -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--only", nargs="+", choices=PARTS)
    cli.add_argument("--quick", action="store_true", help="a tenth of it: shows that it works, not how fast")
    cli.add_argument("--python", help="a Python that has saq[redis], procrastinate and psycopg[binary]")
    cli.add_argument(
        "--install", action="store_true", help="as root on Debian: install PostgreSQL and Redis if missing"
    )
    cli.add_argument("--folder", type=Path, help="where the databases lie (default: the folder for temporary files)")
    options = cli.parse_args(arguments)
    if options.install:
        try:
            install()
        except NotThere as error:
            cli.error(str(error))
    return asyncio.run(compare(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
