"""How fast traces are answered at a steady rate while they are grouped, and how late the answers' own client was.

    python -m tests.bench posts [--rate 200] [--seconds 30] [--batch 1] [--stored 20000]

A whole server in a process of its own takes `--stored` traces first, so that groupings have something to go by; then each post
is sent at its time, whether those before it are answered or not, and is timed from then to its answer. Prints milliseconds,
how long the disk alone takes to keep 4 KB (measured right before), and how many groupings ran and how many traces they grouped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.crawl_lag import Ticker, ms
from tests.bench.traces_made import HELD_OUT, TUNED, dataset
from tests.e2e.server_process import ServerProcess

FILL_BATCH = 500
DISK_BYTES, DISK_WRITES, DISK_PAUSE_SECONDS = 4096, 600, 0.005
PATH = "/api/v1/traces"


def instructions(count: int) -> list[str]:
    """Of all kinds, in any order; the same each time."""
    texts = [one.text for number, kind in enumerate({**TUNED, **HELD_OUT}.values()) for one in dataset(kind, number)]
    chosen = random.Random(1)
    return [f"{chosen.choice(texts)} #{number}" for number in range(count)]


def bodies(texts: Sequence[str], batch: int) -> list[bytes]:
    rows = [{"project_id": "bench", "path": "main", "instruction": text, "latency_ms": 12.0} for text in texts]
    return [json.dumps({"traces": rows[at : at + batch]}).encode() for at in range(0, len(rows), batch)]


async def post(session: aiohttp.ClientSession, body: bytes) -> None:
    async with session.post(PATH, data=body, headers={"Content-Type": "application/json"}) as reply:
        if reply.status != 202:
            raise RuntimeError(await reply.text())
        await reply.read()


async def at_rate(session: aiohttp.ClientSession, sent: Sequence[bytes], rate: float) -> list[float]:
    """Seconds from when each post was due to its answer."""
    took = list[float]()
    start = time.perf_counter()

    async def one(due: float, body: bytes) -> None:
        await post(session, body)
        took.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        for number, body in enumerate(sent):
            due = start + number / rate
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(one(due, body))
    return took


def disk_alone(folder: Path) -> list[float]:
    """Seconds that each of many small writes takes to be on the disk, with pauses as between posts."""
    took = list[float]()
    with (folder / "disk").open("wb", buffering=0) as file:
        file.write(b"x" * DISK_BYTES * DISK_WRITES)
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(DISK_WRITES):
            began = time.perf_counter()
            file.write(b"y" * DISK_BYTES)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
            time.sleep(DISK_PAUSE_SECONDS)
    return took


async def grouped(session: aiohttp.ClientSession) -> tuple[int, int]:
    """Groupings that have ended well or still run, and the traces that wait for one."""
    async with session.get("/api/v1/tasks", params={"task_type": "group_traces", "limit": "500"}) as reply:
        tasks: list[dict[str, Any]] = (await reply.json())["items"]
    async with session.get("/api/v1/traces/places") as reply:
        waiting = sum(place["waiting"] for place in (await reply.json())["items"])
    return sum(task["status"] in ("completed", "running") for task in tasks), waiting


async def bench(options: argparse.Namespace) -> None:
    count = int(options.rate * options.seconds) * options.batch
    texts = instructions(options.stored + count)
    sent = bodies(texts[options.stored :], options.batch)
    with tempfile.TemporaryDirectory(prefix="gleanery-posts-") as folder:
        server = ServerProcess(Path(folder))
        await server.start()
        try:
            async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(limit=0)) as session:
                for body in bodies(texts[: options.stored], FILL_BATCH):
                    await post(session, body)
                disk = disk_alone(Path(folder))
                before, _ = await grouped(session)
                ticker = Ticker()
                ticking = asyncio.create_task(ticker.run())
                took = await at_rate(session, sent, options.rate)
                ticking.cancel()
                after, waiting = await grouped(session)
        finally:
            await server.stop()
    lag = ticker.take()
    print(
        f"{len(took):,} posts of {options.batch} at {options.rate:g}/s: p50 {ms(took, 0.5)}, p99 {ms(took, 0.99)},"
        f" max {ms(took, 1.0)} ms; the client's own loop p99 {lag['p99']} ms late"
    )
    print(f"the disk alone, right before: p50 {ms(disk, 0.5)}, p99 {ms(disk, 0.99)}, max {ms(disk, 1.0)} ms")
    print(f"groupings begun before {before}, then {after - before} more; {waiting:,} traces wait for one")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0, help="posts a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--batch", type=int, default=1, help="traces in a post")
    parser.add_argument("--stored", type=int, default=20_000, help="traces that are there before")
    asyncio.run(bench(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
