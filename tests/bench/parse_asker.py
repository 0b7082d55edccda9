"""What a client asks while others wait for their pages, in a process of its own: `python -m tests.bench.parse_asker URL`.

Told the id of a task it begins to ask; `take` ends that and tells the `seconds` of each answer and the `lag` of its own loop,
which is a part of them. The end of its input ends it.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time

import aiohttp

from tests.bench.crawl_lag import Ticker, say

PAUSE_SECONDS = 0.05


async def ask(session: aiohttp.ClientSession, task_id: str, seconds: list[float]) -> None:
    paths = ("tasks?limit=50", "web-pages?limit=50", f"tasks/{task_id}", "tasks/stats", f"tasks/{task_id}/events")
    while True:
        for path in paths:
            seconds.append(await answered(session, "GET", path, 200))
            await asyncio.sleep(PAUSE_SECONDS)
        seconds.append(await answered(session, "POST", "web-pages/parse", 422, json={"url": "http://10.0.0.1/"}))


async def answered(session: aiohttp.ClientSession, method: str, path: str, status: int, **body: object) -> float:
    began = time.perf_counter()
    async with session.request(method, f"/api/v1/{path}", **body) as reply:  # type: ignore[arg-type]
        await reply.read()
        if reply.status != status:
            raise RuntimeError(f"{method} {path}: {reply.status}")
    return time.perf_counter() - began


async def main(url: str) -> None:
    ticker, seconds = Ticker(), list[float]()
    asking: list[asyncio.Task[None]] = []
    gc.freeze()
    async with aiohttp.ClientSession(url) as session:
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line != "take":
                asking = [asyncio.create_task(ticker.run()), asyncio.create_task(ask(session, line, seconds))]
                continue
            for task in asking:
                task.cancel()
            for outcome in await asyncio.gather(*asking, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
            say(seconds=seconds, lag=ticker.take())
            seconds.clear()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
