"""No process outlives its server, however it ends, and rendering many pages leaves no more of them than rendering a few."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.sites.shells import ShellSite, shell_site
from tests.web.browsers import browser_processes

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.slow]

GONE_SECONDS = 60.0
PAGES = 500
MOST_GROWTH_MB = 200.0
MOST_RENDERERS = 8


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, Client]]:
    process = ServerProcess(tmp_path / "data", GLEANERY_LOG_LEVEL="error")
    await process.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield process, Client(process.url, session)
    finally:
        await process.stop()


async def in_the_middle(server: ServerProcess, client: Client, site: ShellSite) -> list[psutil.Process]:
    """All processes below the server while it renders four pages that don't come to rest."""
    site.held = {f"/shell/{number}.html" for number in range(8)}
    await client.start(f"{site.url}/index.html", render="browser")
    await site.until_waiting(4)
    kinds = set(browser_processes(server.pid).values())
    assert {"driver", "browser", "renderer"} <= kinds
    return psutil.Process(server.pid).children(recursive=True)


async def check_gone(processes: list[psutil.Process]) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=GONE_SECONDS)
    assert [process.name() for process in alive] == []


async def test_a_server_that_is_killed_leaves_no_process_behind(server: tuple[ServerProcess, Client]) -> None:
    process, client = server
    async with shell_site(shells=8) as site:
        below = await in_the_middle(process, client, site)
        await process.kill()
        await check_gone(below)


async def test_a_server_that_is_told_to_end_takes_its_processes_along(server: tuple[ServerProcess, Client]) -> None:
    process, client = server
    async with shell_site(shells=8) as site:
        below = await in_the_middle(process, client, site)
        assert await process.stop() == 0
        await check_gone(below)


def weight(server: ServerProcess) -> tuple[int, float]:
    """How many processes there are below the server but renderers, which come and go, and the MB of all together."""
    root = psutil.Process(server.pid)
    below = root.children(recursive=True)
    renderers = [each for each, kind in browser_processes(server.pid).items() if kind == "renderer"]
    return len(below) - len(renderers), sum(map(memory, (root, *below))) / 2**20


def memory(process: psutil.Process) -> int:
    """In bytes; 0 of one that has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


async def comes_to_rest(server: ServerProcess, count: int, megabytes: float) -> None:
    """Until there are no more processes and not more MB than that."""
    async with asyncio.timeout(GONE_SECONDS):
        while True:
            found = weight(server)
            renderers = list(browser_processes(server.pid).values()).count("renderer")
            if found[0] <= count and found[1] < megabytes and renderers <= MOST_RENDERERS:
                return
            await asyncio.sleep(0.1)


async def test_after_five_hundred_pages_there_is_no_more_of_it_than_before(
    server: tuple[ServerProcess, Client],
) -> None:
    process, client = server
    async with shell_site(shells=PAGES) as site:
        await client.crawl(f"{site.url}/index.html", render="browser", max_pages=40)
        count, megabytes = weight(process)
        crawl = await client.crawl(f"{site.url}/index.html", render="browser")
    assert (crawl.task["result"]["pages"], crawl.task["result"]["reasons"]) == (PAGES + 1, {})
    await comes_to_rest(process, count, megabytes + MOST_GROWTH_MB)
