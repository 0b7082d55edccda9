"""A server that is killed in the middle of a parse: the page is parsed again, and the task ends once."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.sites.parsed import ParsedSite, parsed_site
from tests.web.browsers import browser_processes

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
async def site() -> AsyncIterator[ParsedSite]:
    async with parsed_site() as it:
        yield it


@pytest.fixture
async def killed(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, Client]]:
    process = ServerProcess(tmp_path / "killed")
    await process.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield process, Client(process.url, session)
    finally:
        await process.kill()


async def test_a_parse_outlives_its_server(killed: tuple[ServerProcess, Client], site: ParsedSite) -> None:
    process, client = killed
    body = {"url": f"{site.url}/held/a", "headers": {"X-Key": "kept"}}
    starts = [(await client.post("/web-pages/parse", body)).body["task_id"] for _ in range(3)]
    await site.asked("/held/a")
    await process.kill()
    await process.start()
    await site.asked("/held/a", 2)
    site.gate.set()
    ended = [await client.ended(task_id) for task_id in starts]
    assert [crawl.status for crawl in ended] == ["completed"] * 3
    assert {crawl.task["result"]["web_page_id"] for crawl in ended} == {ended[0].task["result"]["web_page_id"]}
    assert len(site.of("/held/a")) == 2, "one load for all, once more for the one that was lost"
    assert [headers["X-Key"] for headers in site.of("/held/a")] == ["kept"] * 2
    for crawl in ended:
        assert [event["type"] for event in crawl.events].count("task_completed") == 1
        assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))
    assert (await client.one(f"/web-pages/{starts[0]}"))["page"]["head"]["title"] == "Sign in"


def browser_of(process: ServerProcess) -> psutil.Process:
    """The browser that the server has started, which is the oldest of its processes."""
    found = [each for each, kind in browser_processes(process.pid).items() if kind == "browser"]
    return min(found, key=lambda child: child.create_time())


async def test_a_parse_outlives_its_browser(killed: tuple[ServerProcess, Client], site: ParsedSite) -> None:
    process, client = killed
    task_id = (await client.post("/web-pages/parse", {"url": f"{site.url}/held/b"})).body["task_id"]
    await site.asked("/held/b")
    os.kill(browser_of(process).pid, signal.SIGKILL)
    await site.asked("/held/b", 2)
    site.gate.set()
    ended = await client.ended(task_id)
    parsed = await client.one(f"/web-pages/{task_id}")
    assert ended.status == "completed"
    assert [attempt["action"] for attempt in parsed["attempts"]] == ["restart_browser_and_retry"]
    assert parsed["attempts"][0]["error"]["details"]["reason"] == "browser_lost"
    health = (await client.call("GET", "/health/background-tasks")).body["page_pool"]
    assert (health["launches"], health["crashes"]) == (2, 1)


async def test_a_parse_outlives_its_renderer(killed: tuple[ServerProcess, Client], site: ParsedSite) -> None:
    """Killed while the page waits for what it has asked for; the browser goes on."""
    process, client = killed
    body = {"url": f"{site.url}/waits", "wait_until": "load"}
    task_id = (await client.post("/web-pages/parse", body)).body["task_id"]
    await site.asked("/held/picture")
    for each, kind in browser_processes(process.pid).items():
        if kind == "renderer":
            with suppress(psutil.NoSuchProcess):  # the browser starts and ends some by itself
                each.kill()
    await site.asked("/held/picture", 2)
    site.gate.set()
    assert (await client.ended(task_id)).status == "completed"
    parsed = await client.one(f"/web-pages/{task_id}")
    assert [attempt["action"] for attempt in parsed["attempts"]] == ["restart_browser_and_retry"]
    assert parsed["attempts"][0]["error"]["details"]["reason"] == "crashed"
    health = (await client.call("GET", "/health/background-tasks")).body["page_pool"]
    assert (health["launches"], health["crashes"]) == (1, 0)
