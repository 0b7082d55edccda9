"""SIGTERM in the middle of everything: soon over, every line closed, and at the next start all goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import API, Client
from tests.api.sites import gated_ring
from tests.api.watcher import Watcher
from tests.e2e.server_process import ServerProcess

pytestmark = pytest.mark.e2e

SHUTDOWN_SECONDS = 3.0


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
