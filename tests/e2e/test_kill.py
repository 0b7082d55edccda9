"""A server that is killed again and again in the middle of a crawl: nothing lost, nothing doubled, nothing fetched in vain."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client, Crawl
from tests.api.watcher import Watcher
from tests.conftest import GIT_DOCS
from tests.e2e.server_process import ServerProcess
from tests.sites import Site
from tests.sites.static import serve_directory

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLS = 6


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serve_directory(GIT_DOCS) as site:
        yield site


@pytest.fixture
async def killed(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, Client]]:
    """A server process, started, and a client of it that lives as long as its port."""
    process = ServerProcess(tmp_path / "killed")
    await process.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield process, Client(process.url, session)
    finally:
        await process.kill()


async def asked(site: Site, count: int) -> None:
    """Until the site has been asked `count` times."""
    while len(site.requests) < count:
        site.asked.clear()
        await site.asked.wait()


async def knowledge(client: Client, crawl: Crawl) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """Everything that the crawl left, without ids and times: what must be the same after any number of deaths."""
    base = f"/sources/{crawl.source_id}"
    pages = await client.every(f"{base}/pages")
    assert len({page["url"] for page in pages}) == len(pages)
    whole = [await client.one(f"/pages/{page['page_id']}") for page in pages]
    hashes = {page["url"]: (page["content_hash"], page["title"], page["size_bytes"]) for page in whole}
    of_page = {page["page_id"]: page["url"] for page in pages}
    chunks = await client.every(f"{base}/chunks")
    codes = await client.every(f"{base}/code-examples")
    return (
        hashes,
        sorted((of_page[c["page_id"]], c["ordinal"], c["start"], c["end"], c["content"]) for c in chunks),
        sorted((c["url"], c["ordinal"], c["code"]) for c in codes),
    )


def lives(crawl: Crawl) -> list[list[dict[str, Any]]]:
    """The events of each life of the worker: a lost worker's end is an event of its own."""
    parts: list[list[dict[str, Any]]] = [[]]
    for event in crawl.events:
        if event["type"] == "task_queued" and "losses" in event["data"]:
            parts.append([])
        parts[-1].append(event)
    return parts


async def test_six_deaths_change_nothing(killed: tuple[ServerProcess, Client], client: Client, site: Site) -> None:
    start = f"{site.url}/index.html"
    calm = await client.crawl(start)
    total = len(site.requests)
    site.requests.clear()
    site.counts.clear()

    process, reader = killed
    moments = sorted(random.Random(20240817).sample(range(3, total - 5), KILLS))
    # With as many retries as deaths: none of them is taken for the task's own doing, though nothing was kept in between.
    asked_for = {"task_type": "crawl", "payload": {"url": start}, "max_retries": KILLS}
    task_id = (await reader.post("/tasks", asked_for)).body["task_id"]
    asked_before_kill = []
    async with Watcher(process.url, task_id) as watcher:
        for moment in moments:
            await watcher.connect()
            await watcher.subscribe(watcher.last_seq)
            await asked(site, moment)
            await process.kill()
            watcher.take_what_came()
            await watcher.drop()
            asked_before_kill.append(len(site.requests))
            await process.start()
        crawl = await reader.ended(task_id)
        await watcher.connect()
        while (await watcher.subscribe(watcher.last_seq))["more"]:
            pass
    assert crawl.status == "completed"
    assert watcher.events == crawl.events
    assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))
    assert await knowledge(reader, crawl) == await knowledge(client, calm)
    same = ("pages", "chunks", "code_examples", "failed", "skipped", "reasons")
    assert {name: crawl.task["result"][name] for name in same} == {name: calm.task["result"][name] for name in same}
    check_no_page_twice(crawl, site, asked_before_kill)
    assert crawl.task["retry_attempts"] == 0


def check_no_page_twice(crawl: Crawl, site: Site, asked_before_kill: list[int]) -> None:
    """Stored once, and after that never asked for again, whatever died in between."""
    stored = Counter(event["data"]["url"] for event in crawl.events if event["type"] == "page_stored")
    assert set(stored.values()) == {1}
    parts = lives(crawl)
    assert 2 <= len(parts) <= KILLS + 1
    settled: set[str] = set()
    deaths = asked_before_kill[len(asked_before_kill) - (len(parts) - 1) :]
    for part, death in zip(parts, deaths, strict=False):
        settled |= {event["data"]["url"].removeprefix(site.url) for event in part if event["type"] == "page_stored"}
        assert not settled & set(site.requests[death:])
    assert max(count for path, count in site.counts.items() if path != "/robots.txt") <= KILLS + 1
