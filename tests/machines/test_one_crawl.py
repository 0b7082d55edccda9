"""One crawl, worked on by several workers of different machines: no page is fetched twice, and none is lost with a worker."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import API, Client
from tests.api.sites import GatedSite, gated_ring
from tests.e2e.server_process import ServerProcess
from tests.e2e.worker_process import WorkerProcess
from tests.ground.supabase import Gateway, Project
from tests.sites.written import Answer, Answers, html, markdown, moved, rel, written_site

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = 70
MAX_PAGES = 65
MANY = 300
"""More than three workers have at once."""
AHEAD = {"one": 0, "two": 600, "three": -600}


LONG_LEASE_SECONDS, SHORT_LEASE_SECONDS = 60, 6
"""The short one is for who waits for the end of a dead worker's."""


class House:
    """A server that runs nothing itself, and three workers, each with a folder and a wall clock of its own."""

    def __init__(self, project: Project, gateway: Gateway, shift: Path, folder: Path, lease_seconds: int) -> None:
        self._project = project
        shared = {
            "SUPABASE_URL": gateway.url,
            "SUPABASE_SERVICE_KEY": project.service_key,
            "GLEANERY_LEASE_SECONDS": str(lease_seconds),
        }
        self.server = ServerProcess(folder / "server", GLEANERY_WORKER_CONCURRENCY="0", **shared)
        self.workers = {
            name: WorkerProcess(folder / name, name, LD_PRELOAD=str(shift), SHIFTED_SECONDS=str(ahead), **shared)
            for name, ahead in AHEAD.items()
        }

    async def start(self, stack: AsyncExitStack) -> Client:
        await self.server.start()
        stack.push_async_callback(self.server.kill)
        for worker in self.workers.values():
            stack.push_async_callback(worker.kill)
            await worker.start("--types", "crawl", "--concurrency", "2")
        return Client(self.server.url, await stack.enter_async_context(aiohttp.ClientSession()))

    def held(self) -> Mapping[str, int]:
        """How many URLs each has: the crawl's own worker ('') and the helpers."""
        with self._project.connect() as connection:
            rows = connection.execute("select helper, count(*) from gleanery.frontier_hold group by helper").fetchall()
        return {str(helper): int(count) for helper, count in rows}

    async def until_shared(self, holders: int) -> Mapping[str, int]:
        async with asyncio.timeout(90):
            while True:
                if len(held := self.held()) >= holders:
                    return held
                await asyncio.sleep(0.1)  # nobody tells when a URL is taken


@pytest.fixture
async def house(
    request: pytest.FixtureRequest, supabase_project: Project, gateway: Gateway, shift: Path, tmp_path: Path
) -> House:
    return House(supabase_project, gateway, shift, tmp_path, getattr(request, "param", LONG_LEASE_SECONDS))


async def helpers(client: Client, crawl_id: str) -> list[dict[str, Any]]:
    return await client.every(f"/tasks?parent_task_id={crawl_id}&task_type=crawl_part")


async def workers_of(client: Client, *tasks: dict[str, Any]) -> set[str]:
    """Who began an attempt of them."""
    events = [event for task in tasks for event in await client.every(f"/tasks/{task['task_id']}/events")]
    return {event["data"]["worker_id"] for event in events if event["type"] in ("task_started", "task_resumed")}


async def told_to_helper(client: Client, crawl_id: str) -> str:
    """The last message of a helper that nobody asked for, in another worker than that of the crawl."""
    for number in itertools.count(1):
        payload = {"crawl_id": crawl_id, "attempt": 1, "number": number}
        reply = await client.post("/tasks", {"task_type": "crawl_part", "payload": payload})
        part = await client.ended(str(reply.body["task_id"]))
        if part.events[-1]["message"] != "Nothing to help with: the crawl goes on without, or is over":
            return str(part.events[-1]["message"])
    raise AssertionError("unreachable")


def asked_for(site: GatedSite) -> dict[str, int]:
    return {path: count for path, count in site.site.pages.items() if path.startswith("/p")}


async def test_three_workers_share_a_crawl_and_fetch_no_page_twice(house: House, stack: AsyncExitStack) -> None:
    """Expected: all three have URLs at the same time; each page is asked for once, and no more of them than the crawl may take."""
    client = await house.start(stack)
    async with gated_ring(PAGES) as site:
        crawl_id = str((await client.start(site.start, max_pages=MAX_PAGES))["task_id"])
        held = await house.until_shared(3)
        assert sum(held.values()) <= MAX_PAGES
        await site.let(PAGES)
        crawl = await client.ended(crawl_id)
        assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", MAX_PAGES)
        assert asked_for(site) == {f"/p{n}.html": 1 for n in range(MAX_PAGES - 1)}
    seqs = [event["seq"] for event in crawl.events]
    assert seqs == list(range(1, crawl.task["last_seq"] + 1))
    stored = [event["data"]["url"] for event in crawl.events if event["type"] == "page_stored"]
    assert len(stored) == len(set(stored)) == MAX_PAGES
    parts = await helpers(client, crawl_id)
    assert await workers_of(client, crawl.task) & await workers_of(client, *parts) == set()
    shares = [(await client.ended(one["task_id"])).task["result"]["pages"] for one in parts]
    assert sum(share > 0 for share in shares) >= 2
    told = [event["data"] for event in crawl.events if event["type"] == "task_completed"]
    assert len(told) == 1
    assert house.held() == {}
    health = (await client.call("GET", "/health/background-tasks")).body
    assert {one["worker_id"] for one in health["workers"] if one["is_alive"]} >= set(AHEAD)


@pytest.mark.parametrize("house", [SHORT_LEASE_SECONDS], indirect=True)
async def test_a_helper_that_is_killed_leaves_its_pages_to_the_others(house: House, stack: AsyncExitStack) -> None:
    """Expected: what it had is fetched by others once its task is seen to be lost; nothing else is fetched again."""
    client = await house.start(stack)
    async with gated_ring(PAGES) as site:
        crawl_id = str((await client.start(site.start))["task_id"])
        held = await house.until_shared(2)
        helper = next(name for name in held if name)
        worker = (await client.one(f"/tasks/{helper.partition(':')[0]}"))["worker_id"]
        await house.workers.pop(worker).kill()
        await site.let(PAGES)
        crawl = await client.ended(crawl_id)
        assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", PAGES + 1)
        twice = [path for path, count in asked_for(site).items() if count > 1]
        assert set(asked_for(site).values()) <= {1, 2}
        assert len(twice) <= held[helper]
    stored = [event["data"]["url"] for event in crawl.events if event["type"] == "page_stored"]
    assert len(stored) == len(set(stored)) == PAGES + 1


async def test_a_crawl_whose_time_is_over_keeps_what_helpers_have_under_way(
    house: House, stack: AsyncExitStack
) -> None:
    """Expected: every page that anybody asked for is stored, before the crawl is published; nothing else is asked for."""
    client = await house.start(stack)
    async with gated_ring(MANY) as site:
        crawl_id = str((await client.start(site.start))["task_id"])
        await house.until_shared(3)
        reply = await client.call("PATCH", f"{API}/knowledge/crawls/{crawl_id}", json={"max_minutes": 0.001})
        assert reply.status == 200
        await site.let(MANY)
        crawl = await client.ended(crawl_id)
        asked = set(asked_for(site))
    assert crawl.status == "completed"
    urls = await client.urls(crawl_id, site.site.url)
    ends = {path: row["reason"] or row["state"] for path, row in urls.items()}
    assert ends == {path: "stored" if path in asked | {"/index.html"} else "time_limit" for path in urls}
    assert len(ends) == MANY + 1
    assert 2 < crawl.task["result"]["pages"] == len(asked) + 1 < MANY
    types = [event["type"] for event in crawl.events]
    assert types.index("source_published") > max(place for place, name in enumerate(types) if name == "page_stored")
    generations = await client.every(f"/sources/{crawl.source_id}/generations")
    assert [one["state"] for one in generations] == ["complete"]
    parts = [await client.ended(one["task_id"]) for one in await helpers(client, crawl_id)]
    assert sum(part.task["result"]["pages"] for part in parts) > 0
    assert house.held() == {}


async def test_helpers_keep_to_a_depth_that_is_lowered_meanwhile(house: House, stack: AsyncExitStack) -> None:
    client = await house.start(stack)
    gate = asyncio.Event()
    answers: Answers = {"/": html("Start", tuple(f"/p{n}" for n in range(PAGES)))}
    for n in range(PAGES):
        answers[f"/p{n}"] = Answer(html(f"Page {n}", (f"/below{n}",)), gate=gate)
        answers[f"/below{n}"] = html(f"Below {n}")
    async with written_site(answers) as site:
        crawl_id = str((await client.start(f"{site.url}/"))["task_id"])
        await house.until_shared(3)
        reply = await client.call("PATCH", f"{API}/knowledge/crawls/{crawl_id}", json={"max_depth": 1})
        assert reply.status == 200
        gate.set()
        crawl = await client.ended(crawl_id)
        assert crawl.status == "completed"
        assert not [path for path in site.counts if path.startswith("/below")]
        ends = {path: row["reason"] or row["state"] for path, row in (await client.urls(crawl_id, site.url)).items()}
    assert ends == {path: "too_deep" if path.startswith("/below") else "stored" for path in answers}


async def test_help_is_asked_for_once_it_is_stored_where_the_start_led(house: House, stack: AsyncExitStack) -> None:
    """The start redirects to another host, and its Markdown is long in coming, so that much waits before the start is stored.
    Expected: who comes meanwhile has nothing to do; helpers come later, and take the links of that host."""
    client = await house.start(stack)
    gate = asyncio.Event()
    answers: Answers = {
        "/robots.txt": "User-agent: *\nCrawl-delay: 0.1\n",
        "/docs/": html(
            "Start", tuple(f"p{n}" for n in range(PAGES)), head=rel("alternate", "start.md", type="text/markdown")
        ),
        "/docs/start.md": Answer(markdown("Start"), "text/markdown", gate=gate),
    }
    for n in range(PAGES):
        answers[f"/docs/p{n}"] = html(f"Page {n}", (f"below{n}",))
        answers[f"/docs/below{n}"] = html(f"Below {n}")
    async with written_site(answers) as site, written_site({"/": moved(f"{site.url}/docs/")}) as before:
        crawl_id = str((await client.start(f"{before.url}/"))["task_id"])
        while site.counts.get("/docs/p9", 0) == 0:  # others are asked for though the start is not stored
            await client.one(f"/tasks/{crawl_id}")
        assert await told_to_helper(client, crawl_id) == "Nothing to help with yet: the start page is not stored"
        assert await helpers(client, crawl_id) == []
        gate.set()
        crawl = await client.ended(crawl_id)
        assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 2 * PAGES + 1)
    assert crawl.task["result"]["reasons"] == {"markdown_twin": 1}
    parts = [await client.ended(one["task_id"]) for one in await helpers(client, crawl_id)]
    assert sum(part.task["result"]["pages"] for part in parts) > 0
