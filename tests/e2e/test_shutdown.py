"""SIGTERM in the middle of everything: soon over, every line closed, and at the next start all goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import API, Client
from tests.api.sites import gated_ring
from tests.api.watcher import Watcher
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess
from tests.ground.supabase import Gateway, Project

pytestmark = pytest.mark.e2e

SHUTDOWN_SECONDS = 15.0
"""Some seconds, and what a busy machine needs: an open line, which nobody ends, would hold the server for ever."""
GRACE_SECONDS = 1.0
WITHOUT_DATABASE_SECONDS = GRACE_SECONDS + 10.0
"""The grace, the time for last writes, and what a busy machine needs."""


async def test_open_lines_do_not_hold_the_end_and_nothing_is_lost(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path / "data")
    await process.start()
    loop = asyncio.get_running_loop()
    async with gated_ring(12) as site, aiohttp.ClientSession() as session:
        client = Client(process.url, session)
        task_id = (await client.start(site.start))["task_id"]
        events = f"{process.url}{API}/tasks/{task_id}/events"
        async with (
            Watcher(process.url, task_id) as watcher,
            session.ws_connect(f"{process.url}/ws/tasks/{task_id}/status") as socket,
            session.get(events, headers={"Accept": "text/event-stream"}) as stream,
        ):
            await watcher.connect()
            await watcher.subscribe(0)
            await site.let(4)
            await client.until_stored(task_id, 5)
            before = loop.time()
            assert await process.stop() == 0
            assert loop.time() - before < SHUTDOWN_SECONDS
            watcher.take_what_came()
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
            with pytest.raises(aiohttp.ClientPayloadError):  # an orderly end would say that the task has ended
                await stream.content.read()

            await process.start()
            await site.let(100)
            await watcher.drop()
            await watcher.connect()
            if (await watcher.subscribe(watcher.last_seq))["task"]["status"] != "completed":
                await watcher.hear_the_end()
            crawl = await client.ended(task_id)
    assert await process.stop() == 0
    assert watcher.events == crawl.events
    assert (crawl.status, crawl.task["retry_attempts"]) == ("completed", 0)
    assert crawl.task["result"]["pages"] == 13
    assert [site.site.counts[path] for path in ("/index.html", "/p0.html", "/p3.html")] == [1, 1, 1]
    assert [event["message"] for event in crawl.events if event["type"] == "task_queued"][1:] == [
        "Put back: the server is shutting down"
    ]


async def refused(project: Project, gateway: Gateway) -> None:
    gateway.is_down = True


async def silent(project: Project, gateway: Gateway) -> None:
    gateway.speaks.clear()


async def crashed(project: Project, gateway: Gateway) -> None:
    await asyncio.to_thread(project.stop_postgres)


@pytest.mark.slow
@pytest.mark.parametrize("take_away", [refused, silent, crashed])
async def test_a_database_that_is_away_does_not_hold_the_end(
    take_away: Callable[[Project, Gateway], Awaitable[None]],
    supabase_project: Project,
    gateway: Gateway,
    tmp_path: Path,
    stack: AsyncExitStack,
) -> None:
    """Expected: a server and a worker, both with a crawl, end within the grace time and that of their last writes."""
    settings = {
        "SUPABASE_URL": gateway.url,
        "SUPABASE_SERVICE_KEY": supabase_project.service_key,
        "GLEANERY_DATABASE_URL": supabase_project.database_url,
        "GLEANERY_GRACE_SECONDS": str(GRACE_SECONDS),
        "GLEANERY_WORKER_CONCURRENCY": "1",
    }
    server = ServerProcess(tmp_path / "server", **settings)
    worker = WorkerProcess(tmp_path / "worker", "one", **settings)
    stack.callback(supabase_project.start_postgres)
    stack.push_async_callback(server.kill)
    stack.push_async_callback(worker.kill)
    await asyncio.gather(server.start(), worker.start())
    loop = asyncio.get_running_loop()
    sites = [await stack.enter_async_context(gated_ring(12)) for _ in range(2)]
    client = Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))
    for site in sites:
        task_id = str((await client.start(site.start))["task_id"])
        await client.until_stored(task_id, 1)
    await take_away(supabase_project, gateway)
    for site in sites:
        await site.let(100)
    before = loop.time()
    assert set(await asyncio.gather(server.stop(), worker.stop())) == {0}
    assert loop.time() - before < WITHOUT_DATABASE_SECONDS
