"""Webhooks of Shortcut: how soon they are answered at a steady rate, each asking for a story of its own.

A server process of its own; calls start at their time, whether those before are answered or not, and their wait counts. Each
webhook is signed, new, and makes a story with three tasks. `--working` has the server also work on them, against a local
Shortcut, which takes the same processor.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import psutil

from tests.api.client import Client
from tests.api.storied import put, send
from tests.e2e.server_process import ServerProcess
from tests.sites.shortcut import Shortcut, shortcut


async def measure(rate: int, seconds: float, is_working: bool) -> tuple[list[float], float]:
    """Milliseconds of every call, from when it was to begin; and CPU milliseconds of the server for each."""
    async with shortcut() as there, aiohttp.ClientSession() as session:
        with TemporaryDirectory() as folder:
            process = ServerProcess(
                Path(folder),
                GLEANERY_SHORTCUT_URL=there.api,
                GLEANERY_WORKER_CONCURRENCY="4" if is_working else "0",
                GLEANERY_QUEUE_LIMIT="1000000",
            )
            await process.start()
            client = Client(process.url, session)
            try:
                await put(client)
                await _steady(client, there, rate, 1.0)
                before = _cpu_seconds(process.pid)
                took = await _steady(client, there, rate, seconds)
                return took, (_cpu_seconds(process.pid) - before) * 1000 / len(took)
            finally:
                await process.kill()


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def _steady(client: Client, there: Shortcut, rate: int, seconds: float) -> list[float]:
    webhooks = [there.webhook(there.add(f"Story {n}"), added=["enhance"]) for n in range(int(rate * seconds))]
    took: list[float] = []
    begin = time.perf_counter() + 0.1

    async def call(number: int) -> None:
        at = begin + number / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        reply = await send(client, *webhooks[number])
        assert reply.status == 202, reply
        took.append((time.perf_counter() - at) * 1000)

    await asyncio.gather(*map(call, range(len(webhooks))))
    return sorted(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100, help="webhooks a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="for how long")
    parser.add_argument("--working", action="store_true", help="the server works on the stories meanwhile")
    arguments = parser.parse_args()
    took, cpu = asyncio.run(measure(arguments.rate, arguments.seconds, arguments.working))
    at = {name: took[min(len(took) - 1, int(len(took) * share))] for name, share in (("p50", 0.5), ("p99", 0.99))}
    figures = ", ".join(f"{name} {value:.1f} ms" for name, value in {**at, "most": took[-1]}.items())
    print(f"{len(took):,} webhooks at {arguments.rate} a second: {figures}; {cpu:.1f} ms of CPU each")


if __name__ == "__main__":
    main()
