"""Limits of a crawl that are changed while it runs: a worker beside the server hears of it, and a kill forgets none."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import API, Client
from tests.api.sites import gated_ring
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


async def test_another_worker_hears_of_new_limits_and_they_survive_its_death(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    server = ServerProcess(tmp_path / "data", GLEANERY_WORKER_CONCURRENCY="0")
    await server.start()
    stack.push_async_callback(server.kill)
    worker, second = WorkerProcess(tmp_path / "data", "one"), WorkerProcess(tmp_path / "data", "two")
    for process in (worker, second):
        stack.push_async_callback(process.kill)
    await worker.start("--concurrency", "2")
    client = Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))
    async with gated_ring(16) as site:
        task_id = (await client.start(site.start, max_pages=4))["task_id"]
        await site.let(2)
        await client.until_stored(task_id, 3)
        reply = await client.call("PATCH", f"{API}/knowledge/crawls/{task_id}", json={"max_pages": 8})
        assert reply.status == 200
        async with asyncio.timeout(20):  # the other process hears of it and asks for more pages
            while "/p6.html" not in site.site.counts:
                await client.one(f"/tasks/{task_id}")
        await site.let(2)
        await client.until_stored(task_id, 5)
        await client.call("PATCH", f"{API}/knowledge/crawls/{task_id}", json={"max_pages": 11, "concurrency": 3})
        await worker.kill()
        await second.start("--concurrency", "2")
        await site.let(12)
        crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 11)
    assert crawl.task["payload"]["concurrency"] == 3
    assert [event["data"]["changed"] for event in crawl.events if event["type"] == "task_changed"] == [
        {"max_pages": 8},
        {"max_pages": 11, "concurrency": 3},
    ]
