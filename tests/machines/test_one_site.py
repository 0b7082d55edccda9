"""Crawls of one site by workers on different machines: it is asked no faster than by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess
from tests.ground.supabase import Gateway, Project
from tests.sites import OFFERS, run

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = 6
DELAY_SECONDS = 1.0
FOLDERS = ("a", "b")
EARLY = 2
"""How many requests may come before their time, while one process has not heard of the other yet."""


@dataclass
class PoliteSite:
    """Two folders of pages, and when pages of them were asked for."""

    url: str = ""
    asked_at: list[tuple[float, str]] = field(default_factory=list)
    begun: dict[str, asyncio.Event] = field(default_factory=lambda: {folder: asyncio.Event() for folder in FOLDERS})
    """Set with the first page of the folder. The second one of the other waits for that."""


@asynccontextmanager
async def polite_site() -> AsyncIterator[PoliteSite]:
    site = PoliteSite()

    async def robots(_: web.Request) -> web.Response:
        return web.Response(text=f"User-agent: *\nCrawl-delay: {DELAY_SECONDS:g}\n")

    async def page(request: web.Request) -> web.Response:
        folder, name = request.match_info["folder"], request.match_info["name"]
        if name in OFFERS or folder not in FOLDERS:
            raise web.HTTPNotFound
        site.asked_at.append((asyncio.get_running_loop().time(), folder))
        if site.begun[folder].is_set():
            await asyncio.gather(*(begun.wait() for begun in site.begun.values()))
        site.begun[folder].set()
        links = "".join(f'<a href="/{folder}/{n}.html">Page {n}</a> ' for n in range(1, PAGES))
        text = f"<title>{folder} {name}</title><main><h1>{folder} {name}</h1><p>What page {folder} {name} says.</p>{links}</main>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/robots.txt", robots)
    app.router.add_get("/{folder}/{name:.*}", page)
    async with run(app, "127.0.0.1") as site.url:
        yield site


async def test_a_delay_is_kept_by_crawls_of_two_machines_together(
    supabase_project: Project, gateway: Gateway, tmp_path: Path, stack: AsyncExitStack
) -> None:
    """Expected: both crawl at the same time, and all their requests together take as long as with the delay that robots.txt asks
    for between any two of them."""
    shared = {
        "SUPABASE_URL": gateway.url,
        "SUPABASE_SERVICE_KEY": supabase_project.service_key,
        "GLEANERY_CRAWL_WORKERS": "1",
    }
    server = ServerProcess(tmp_path / "server", GLEANERY_WORKER_CONCURRENCY="0", **shared)
    stack.push_async_callback(server.kill)
    await server.start()
    for name in ("one", "two"):
        worker = WorkerProcess(tmp_path / name, name, **shared)
        stack.push_async_callback(worker.kill)
        await worker.start("--types", "crawl", "--concurrency", "1")
    client = Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))
    site = await stack.enter_async_context(polite_site())
    starts = [await client.start(f"{site.url}/{folder}/") for folder in FOLDERS]
    crawls = [await client.ended(str(start["task_id"])) for start in starts]
    assert [(crawl.status, crawl.task["result"]["pages"]) for crawl in crawls] == [("completed", PAGES)] * 2
    workers = {
        event["data"]["worker_id"] for crawl in crawls for event in crawl.events if event["type"] == "task_started"
    }
    assert workers == {"one", "two"}
    both = max(next(at for at, one in site.asked_at if one == folder) for folder in FOLDERS)
    times = [at for at, _ in site.asked_at if at >= both]
    assert len(times) > PAGES, "both at the same time"
    assert times[-1] - times[0] >= (len(times) - 1 - EARLY) * DELAY_SECONDS, times
