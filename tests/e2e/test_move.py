"""A store moved in the middle of a crawl: another server goes on with it where the one that was killed stopped, there and back."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client
from tests.api.watcher import Watcher
from tests.cli.command import environment, run
from tests.conftest import StartServer
from tests.e2e.server_process import ServerProcess
from tests.ground.supabase import Gateway, Project
from tests.sites.gated import gated_site

pytestmark = pytest.mark.e2e

PAGES = 40
HELD_FROM = 20


async def knowledge(client: Client, source_id: str) -> list[Any]:
    """Of a server that has read the words of its index: before that it does not know which of them are common."""
    while not (await client.one("/search?mode=keyword&q=chaptre"))["corrections"]:
        pass
    pages = sorted(await client.every(f"/sources/{source_id}/pages"), key=lambda page: str(page["page_id"]))
    chunks = sorted(await client.every(f"/sources/{source_id}/chunks"), key=lambda chunk: str(chunk["chunk_id"]))
    hits = [await client.one(f"/search?mode=keyword&q={words}") for words in ("wombat+number7", "feed_12", "chapter")]
    return [pages, chunks, [[hit["url"] for hit in found["hits"]] for found in hits]]


async def move(project: Project, data_dir: Path, to: str) -> None:
    env = environment(data_dir, GLEANERY_DATABASE_URL=project.database_url)
    ended = await run(env, "move", "--to", to)
    assert ended.code == 0, ended.err


async def test_a_crawl_that_was_killed_goes_on_in_supabase_and_its_pages_come_back(
    supabase_project: Project, gateway: Gateway, start_server: StartServer, tmp_path: Path
) -> None:
    first, there, back = (tmp_path / name for name in ("first", "there", "back"))
    process = ServerProcess(first, GLEANERY_LEASE_SECONDS="2", GLEANERY_EXTRACT_PROCESSES="1")
    await process.start()
    async with AsyncExitStack() as stack, gated_site(PAGES, open_to=HELD_FROM) as (site, gate):
        stack.push_async_callback(process.stop)
        reader = Client(process.url, await stack.enter_async_context(aiohttp.ClientSession()))
        task_id = str((await reader.start(f"{site.url}/guide/"))["task_id"])
        watcher = await stack.enter_async_context(Watcher(process.url, task_id))
        await watcher.connect()
        await watcher.subscribe(0)
        while sum(event["type"] == "page_stored" for event in watcher.events) < HELD_FROM // 2:
            await watcher.hear()
        await process.kill()
        await watcher.drop()
        asked_before = list(site.requests)

        await move(supabase_project, first, "supabase")
        supabase = {"supabase_url": gateway.url, "supabase_service_key": supabase_project.service_key}
        life = await stack.enter_async_context(AsyncExitStack())
        server = await start_server(until=life, data_dir=there, **supabase)
        await gate.open(PAGES)
        crawl = await server.ended(task_id)
        watcher.url = server.url
        await watcher.connect()
        while (await watcher.subscribe(watcher.last_seq))["more"]:
            pass
        await watcher.drop()
        assert (crawl.status, crawl.task["result"]["pages"], crawl.task["result"]["failed"]) == (
            "completed",
            PAGES + 1,
            0,
        )
        assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))
        assert watcher.events == crawl.events
        stored = [event["data"]["url"] for event in crawl.events if event["type"] == "page_stored"]
        assert len(stored) == len(set(stored)) == PAGES + 1
        assert len(asked_before) > HELD_FROM // 2
        in_supabase = await knowledge(server, crawl.source_id)
        assert in_supabase[2][0]
        await life.aclose()

        await move(supabase_project, back, "sqlite")
        server = await start_server(data_dir=back)
        assert await knowledge(server, crawl.source_id) == in_supabase
        again = await server.post(f"/sources/{crawl.source_id}/refresh", {})
        refreshed = await server.ended(str(again.body["task_id"]))
        assert (refreshed.status, refreshed.task["result"]["failed"]) == ("completed", 0)
    assert (back / "webhook.secret").read_text() == (first / "webhook.secret").read_text()
