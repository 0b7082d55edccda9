"""Two API servers and a worker that share nothing but the database: a client may change over between them at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import Client
from tests.api.sites import GatedSite, gated_ring
from tests.api.watcher import Watcher
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess
from tests.ground.supabase import Gateway, Project

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = 24
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gleanery %'"


class House:
    """Each process has a data folder of its own, as on machines of their own."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.servers = [
            ServerProcess(folder / f"server{n}", **settings, GLEANERY_WORKER_CONCURRENCY="0") for n in range(2)
        ]
        self.worker = WorkerProcess(folder / "worker", "one", **settings)

    async def start(self, stack: AsyncExitStack) -> Sequence[Client]:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for server in self.servers:
            stack.push_async_callback(server.kill)
        stack.push_async_callback(self.worker.kill)
        await asyncio.gather(*(server.start() for server in self.servers), self.worker.start("--concurrency", "4"))
        return [Client(server.url, session) for server in self.servers]


@pytest.fixture
async def site() -> AsyncIterator[GatedSite]:
    async with gated_ring(PAGES) as site:
        yield site


def over(project: Project, gateway: Gateway, **more: str) -> dict[str, str]:
    return {"SUPABASE_URL": gateway.url, "SUPABASE_SERVICE_KEY": project.service_key, **more}


async def dispatcher(client: Client) -> str:
    return str((await client.call("GET", "/health/background-tasks")).body["dispatcher"])


async def resume(watcher: Watcher, client: Client) -> None:
    """The network drops, and the next line is another server's: it goes on after the last event that was seen."""
    await watcher.drop()
    watcher.url = client.url
    await watcher.connect()
    ack = await watcher.subscribe(watcher.last_seq)
    assert (ack["found"], ack["startOver"]) == (True, False)


async def check(watcher: Watcher, client: Client) -> None:
    """Every event of the log was seen, once and in order."""
    log = await client.every(f"/tasks/{watcher.task_id}/events")
    assert [(event["seq"], event["type"]) for event in watcher.events] == [(e["seq"], e["type"]) for e in log]
    assert [event["seq"] for event in watcher.events] == list(range(1, len(log) + 1))


async def changed_over(one: Client, other: Client, site: GatedSite, stack: AsyncExitStack) -> Watcher:
    """Hears a crawl from the one server, then from the other; pages were stored in between."""
    task_id = str((await one.start(site.start))["task_id"])
    watcher = await stack.enter_async_context(Watcher(one.url, task_id))
    await watcher.connect()
    await watcher.subscribe(0)
    await page_stored(watcher, site)
    await resume(watcher, other)
    await page_stored(watcher, site)
    return watcher


async def test_a_client_that_changes_over_in_the_middle_of_a_crawl_misses_nothing(
    tmp_path: Path, supabase_project: Project, gateway: Gateway, site: GatedSite, stack: AsyncExitStack
) -> None:
    """Expected: each event once and in order, though servers change three times, all connections to the database are cut
    and one server is killed."""
    house = House(tmp_path, over(supabase_project, gateway, GLEANERY_DATABASE_URL=supabase_project.database_url))
    one, other = await house.start(stack)
    for client in (one, other):
        assert "Procrastinate" in await dispatcher(client)
    watcher = await changed_over(one, other, site, stack)
    with supabase_project.connect() as connection:
        connection.execute(CUT)
    await page_stored(watcher, site)
    await resume(watcher, one)
    await page_stored(watcher, site)
    await house.servers[0].kill()
    await resume(watcher, other)
    await page_stored(watcher, site)
    await site.let(PAGES)
    assert (await watcher.hear_the_end())["taskStatus"] == "completed"
    await check(watcher, other)


async def page_stored(watcher: Watcher, site: GatedSite) -> None:
    """Let pages go and hear of the next one that is stored: it comes by the line, not by what was asked for."""
    before = stored(watcher)
    await site.let(2)
    while stored(watcher) == before:
        await watcher.hear()


def stored(watcher: Watcher) -> int:
    return sum(event["type"] == "page_stored" for event in watcher.events)


async def test_without_a_connection_to_postgres_a_client_misses_nothing_either(
    tmp_path: Path, supabase_project: Project, gateway: Gateway, site: GatedSite, stack: AsyncExitStack
) -> None:
    house = House(tmp_path, over(supabase_project, gateway))
    one, other = await house.start(stack)
    assert "in this process" in await dispatcher(one)
    watcher = await changed_over(one, other, site, stack)
    await site.let(PAGES)
    assert (await watcher.hear_the_end())["taskStatus"] == "completed"
    await check(watcher, other)
