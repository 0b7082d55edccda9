"""A server that leaves all tasks to worker processes: they share the work, and one may die, or the server, without harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client, Crawl
from tests.api.sites import gated_ring
from tests.api.watcher import Watcher
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess
from tests.sites.openai_api import OpenAIApi, openai_api

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SITE = {
    "index.html": "<title>Fruit</title><main><h1>Fruit</h1><p>All about it.</p><a href='a.html'>a</a> <a href='b.html'>b</a></main>",
    "a.html": "<title>Apples</title><main><h1>Apples</h1><p>Apples grow on trees in an orchard.</p></main>",
    "b.html": "<title>Bananas</title><main><h1>Bananas</h1><p>Bananas are yellow and bent.</p></main>",
}


class House:
    """A server that runs nothing itself, and two workers on its data."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.server = ServerProcess(data_dir, GLEANERY_WORKER_CONCURRENCY="0", **settings)
        self.workers = {name: WorkerProcess(data_dir, name, **settings) for name in ("one", "two")}

    async def start(self, stack: AsyncExitStack) -> Client:
        await self.server.start()
        stack.push_async_callback(self.server.kill)
        for worker in self.workers.values():
            stack.push_async_callback(worker.kill)
            await worker.start("--concurrency", "4")
        return Client(self.server.url, await stack.enter_async_context(aiohttp.ClientSession()))


async def submit(client: Client, **payload: Any) -> str:
    reply = await client.post("/tasks", {"task_type": "test", "payload": payload})
    assert reply.status == 202, reply
    return str(reply.body["task_id"])


async def found_by_meaning(client: Client, query: str, count: int) -> list[dict[str, Any]]:
    """Search until so many hits are there: the server takes in what was embedded a moment after it is told."""
    async with asyncio.timeout(60):
        while True:
            reply = await client.post("/search", {"query": query, "mode": "vector"})
            assert reply.status == 200, reply
            if len(reply.body["hits"]) == count:
                hits: list[dict[str, Any]] = reply.body["hits"]
                return hits


def runners(task: Crawl) -> list[str]:
    """The workers that ran it, in order."""
    return [event["data"]["worker_id"] for event in task.events if event["type"] in ("task_started", "task_resumed")]


def sent(api: OpenAIApi, word: str) -> str:
    """The text with that word as it was embedded: as a query it has the vector of its chunk."""
    return next(text for request in api.requests for text in request.input if word in text)


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api() as api:
        yield api


async def test_two_workers_do_all_the_work_and_the_server_tells_of_it(
    tmp_path: Path, stack: AsyncExitStack, serve_pages: ServePages, api: OpenAIApi
) -> None:
    house = House(tmp_path / "data", GLEANERY_EMBEDDER="openai", OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=api.base_url)
    client = await house.start(stack)
    site = await serve_pages(SITE)
    crawl_id = (await client.start(f"{site.url}/index.html"))["task_id"]
    quick = [await submit(client, steps=2, seconds=0.05) for _ in range(20)]
    async with Watcher(client.url, crawl_id) as watcher:
        await watcher.connect()
        if (await watcher.subscribe(0))["task"]["status"] != "completed":
            await watcher.hear_the_end()
    ended = [await client.ended(task_id) for task_id in (crawl_id, *quick)]
    assert {task.status for task in ended} == {"completed"}
    assert {name for task in ended for name in runners(task)} <= {"one", "two"}
    assert watcher.events == ended[0].events
    for task in ended:
        assert [event["seq"] for event in task.events] == list(range(1, task.task["last_seq"] + 1))
        assert len(runners(task)) == 1
    hits = await found_by_meaning(client, sent(api, "orchard"), 3)
    assert hits[0]["url"].startswith(f"{site.url}/a.html")

    # A page that the worker overwrites: what it said before is found no more.
    (tmp_path / "site" / "b.html").write_text("<title>Plums</title><main><h1>Plums</h1><p>Plums are blue.</p></main>")
    again = await client.crawl(f"{site.url}/index.html")
    assert again.status == "completed"
    hits = await found_by_meaning(client, sent(api, "blue"), 3)
    assert "blue" in hits[0]["content"]
    assert not [hit for hit in hits if "yellow" in hit["content"]]

    health = (await client.call("GET", "/health/background-tasks")).body
    assert (health["status"], health["reasons"]) == ("ok", [])
    alive = {worker["worker_id"]: worker["concurrency"] for worker in health["workers"] if worker["is_alive"]}
    assert (alive.pop("one"), alive.pop("two"), list(alive.values())) == (4, 4, [0])


async def test_what_a_killed_worker_ran_goes_on_in_the_other_at_once(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Not only when its lease is over: that one lasts longer than the test."""
    house = House(tmp_path / "data", GLEANERY_LEASE_SECONDS="3600")
    client = await house.start(stack)
    async with gated_ring(8) as site:
        task_id = (await client.start(site.start))["task_id"]
        await site.let(3)
        await client.until_stored(task_id, 4)
        first = (await client.one(f"/tasks/{task_id}"))["worker_id"]
        await house.workers.pop(first).kill()
        await client.until(task_id, lambda event: event["type"] == "task_resumed")
        await site.let(5)
        ended = await client.ended(task_id)
        counts = [site.site.counts[path] for path in ("/index.html", "/p0.html", "/p2.html")]
    assert (ended.status, runners(ended)) == ("completed", [first, *house.workers])
    assert (ended.task["retry_attempts"], ended.task["result"]["pages"], counts) == (0, 9, [1, 1, 1])
    assert [event["seq"] for event in ended.events] == list(range(1, ended.task["last_seq"] + 1))


async def test_a_restart_of_the_server_harms_nothing(tmp_path: Path, stack: AsyncExitStack) -> None:
    house = House(tmp_path / "data")
    client = await house.start(stack)
    async with gated_ring(8) as site:
        crawl_id = (await client.start(site.start))["task_id"]
        async with Watcher(client.url, crawl_id) as watcher:
            await watcher.connect()
            await watcher.subscribe(0)
            await site.let(3)
            await client.until_stored(crawl_id, 3)
            assert await house.server.stop() == 0
            watcher.take_what_came()
            await watcher.drop()
            await site.let(2)
            await house.server.start()
            await watcher.connect()
            await watcher.subscribe(watcher.last_seq)
            await site.let(3)
            await watcher.hear_the_end()
        crawl = await client.ended(crawl_id)
    assert watcher.events == crawl.events
    assert (crawl.status, crawl.task["result"]["pages"], crawl.task["retry_attempts"]) == ("completed", 9, 0)
    assert len(runners(crawl)) == 1


async def test_a_worker_crawls_the_example_of_the_server_beside_it(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Its address is private, and allowed because the server announced it."""
    house = House(tmp_path / "data", GLEANERY_ALLOW_ADDRESSES="")
    client = await house.start(stack)
    crawl = await client.crawl(f"{client.url}/example/", max_pages=3)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 3)
    assert set(runners(crawl)) <= set(house.workers)
    async with gated_ring(0) as site:
        refused = await client.post("/knowledge/add", {"url": site.start})
    assert (refused.status, refused.error["code"]) == (422, "address_forbidden")


async def test_a_worker_that_is_told_to_stop_puts_its_task_back(tmp_path: Path, stack: AsyncExitStack) -> None:
    house = House(tmp_path / "data")
    client = await house.start(stack)
    async with gated_ring(8) as site:
        task_id = (await client.start(site.start))["task_id"]
        await client.until_stored(task_id, 1)
        first = (await client.one(f"/tasks/{task_id}"))["worker_id"]
        assert await house.workers.pop(first).stop() == 0
        await site.let(8)
        ended = await client.ended(task_id)
    assert (ended.status, runners(ended)) == ("completed", [first, *house.workers])
    queued = [event["message"] for event in ended.events if event["type"] == "task_queued"]
    assert queued[1:] == ["Put back: the server is shutting down"]
    names = [worker["worker_id"] for worker in (await client.call("GET", "/health/background-tasks")).body["workers"]]
    assert first not in names
