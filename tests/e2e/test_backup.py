"""A server that is backed up in the middle of a crawl: what is restored goes on by itself and ends up with the same."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client, Crawl
from tests.e2e.server_process import ServerProcess
from tests.sites.gated import gated_site

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = 60
HELD_FROM = 30


async def command(*args: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gleanery", *args)
    async with asyncio.timeout(60):
        assert await process.wait() == 0


async def knowledge(client: Client, crawl: Crawl) -> dict[str, Any]:
    pages = await client.every(f"/sources/{crawl.source_id}/pages")
    chunks = await client.every(f"/sources/{crawl.source_id}/chunks")
    return {
        "pages": sorted((page["url"], page["title"], page["chars"]) for page in pages),
        "chunks": sorted((c["start"], c["end"], c["content"]) for c in chunks),
    }


async def test_a_backup_in_the_middle_of_a_crawl_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second = ServerProcess(tmp_path / "first"), ServerProcess(tmp_path / "second")
    async with gated_site(PAGES, open_to=HELD_FROM) as (site, gate), aiohttp.ClientSession() as session:
        await first.start()
        client = Client(first.url, session)
        task_id = (await client.start(f"{site.url}/guide/"))["task_id"]
        await client.until_stored(task_id, HELD_FROM)
        await command("backup", str(tmp_path / "b.zip"), "--data-dir", str(tmp_path / "first"))
        assert (await client.one(f"/tasks/{task_id}"))["status"] == "running"  # it goes on beside it
        await gate.open(PAGES)
        whole = await client.ended(task_id)
        await command("restore", str(tmp_path / "b.zip"), "--data-dir", str(tmp_path / "second"))
        site.requests.clear()
        await second.start()
        try:
            restored = Client(second.url, session)
            crawl = await restored.ended(task_id)
            assert crawl.status == whole.status == "completed"
            assert await knowledge(restored, crawl) == await knowledge(client, whole)
            stored = [e["data"]["url"] for e in crawl.events if e["type"] == "page_stored"]
            assert len(stored) == len(set(stored))
            # What was stored at the moment of the backup is not asked for again.
            assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))
            paths = {url.removeprefix(site.url) for url in stored}
            assert len([path for path in site.requests if path in paths]) <= len(stored) - HELD_FROM
        finally:
            await second.kill()
            await first.kill()
