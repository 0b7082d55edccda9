"""The limits of a crawl, changed while it runs, waits or is paused: they hold at once, and what they left out is taken up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.api.client import API, Client, Crawl, Reply
from tests.api.sites import SMALL, GatedSite, gated_ring, page
from tests.conftest import ServePages, StartServer
from tests.sites import Site, run

STAGES = ("discovered", "fetched", "extracted", "chunked", "stored")
PATIENCE_SECONDS = 60.0


async def change(client: Client, task_id: str, **limits: Any) -> Reply:
    return await client.call("PATCH", f"{API}/knowledge/crawls/{task_id}", json=limits)


async def changed(client: Client, task_id: str, **limits: Any) -> dict[str, Any]:
    reply = await change(client, task_id, **limits)
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


def states(urls: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many URLs are in which state for which reason."""
    found: dict[str, int] = {}
    for row in urls.values():
        name = row["reason"] or row["state"]
        found[name] = found.get(name, 0) + 1
    return found


@dataclass
class Deep:
    """A chain of pages, each of which links to the next two levels; answers wait until the gate opens, one by one."""

    site: Site
    start: str = ""
    most_at_once: int = 0
    _under_way: int = 0
    _open_to: int = 0
    _opened: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def let(self, count: int) -> None:
        async with self._opened:
            self._open_to += count
            self._opened.notify_all()

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"].removesuffix(".html")
        self.site.record(request)
        if not name.startswith("d"):
            raise web.HTTPNotFound
        level = int(name[1:].partition("-")[0])
        if level > 0:
            await self._wait()
        links = tuple(f"d{level + 1}-{n}.html" for n in range(2)) if level < 5 else ()
        return web.Response(text=page(f"Level {name}", f"<p>word{name}</p>", links), content_type="text/html")

    async def wait_at(self, count: int) -> None:
        """Until so many pages wait for the gate at once."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._opened:
            await self._opened.wait_for(lambda: self._under_way >= count)

    async def _wait(self) -> None:
        async with self._opened:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            self._opened.notify_all()
            await self._opened.wait_for(lambda: self._open_to > 0)
            self._open_to -= 1
            self._under_way -= 1


@asynccontextmanager
async def deep_site() -> AsyncIterator[Deep]:
    deep = Deep(Site(""))
    app = web.Application()
    app.router.add_get("/{name}", deep.answer)
    async with run(app, "127.0.0.1") as url:
        deep.site.url, deep.start = url, f"{url}/d0.html"
        yield deep


@pytest.fixture
async def gated() -> AsyncIterator[GatedSite]:
    async with gated_ring(16) as site:
        yield site


@pytest.fixture
async def deep() -> AsyncIterator[Deep]:
    async with deep_site() as site:
        yield site


def only_grow(crawl: Crawl) -> bool:
    """Whether the counters of a crawl end where they should: all equal."""
    stages = crawl.task["progress"]["stages"]
    return {stages[name]["done"] for name in STAGES[1:]} == {crawl.task["result"]["pages"]}


async def test_more_pages_are_taken_when_the_limit_is_raised(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start, max_pages=4))["task_id"]
    await gated.let(2)
    await client.until_stored(task_id, 3)
    body = await changed(client, task_id, max_pages=9)
    assert body["payload"]["max_pages"] == 9
    await gated.let(14)
    crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 9)
    assert crawl.task["result"]["reasons"] == {"page_limit": 8}
    [event] = [event for event in crawl.events if event["type"] == "task_changed"]
    assert event["data"] == {"changed": {"max_pages": 9}, "was": {"max_pages": 4}}
    assert event["message"] == "Limits changed: max_pages 4 → 9"
    assert only_grow(crawl)


@pytest.mark.parametrize(("most", "stored"), [(5, 5), (2, 4), (4, 4)])
async def test_a_lowered_limit_stops_there_or_where_it_is(
    client: Client, gated: GatedSite, most: int, stored: int
) -> None:
    """Eight pages are under way when it is lowered: those beyond the limit are not stored."""
    task_id = (await client.start(gated.start))["task_id"]
    await gated.let(3)
    await client.until_stored(task_id, 4)
    await changed(client, task_id, max_pages=most)
    await gated.let(13)
    crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", stored)
    assert states(await client.urls(task_id, gated.site.url)) == {"stored": stored, "page_limit": 17 - stored}
    assert len(await client.every(f"/sources/{crawl.source_id}/pages")) == stored


async def test_deeper_pages_are_taken_when_the_depth_is_raised(client: Client, deep: Deep) -> None:
    task_id = (await client.start(deep.start, max_depth=1))["task_id"]
    await deep.let(1)
    await client.until_stored(task_id, 2)
    await changed(client, task_id, max_depth=3)
    await deep.let(20)
    crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 7)
    urls = await client.urls(task_id, deep.site.url)
    assert {path: row["depth"] for path, row in urls.items() if row["reason"] == "too_deep"} == {
        "/d4-0.html": 4,
        "/d4-1.html": 4,
    }
    assert only_grow(crawl)


async def test_a_lowered_depth_leaves_out_what_waits(client: Client, deep: Deep) -> None:
    task_id = (await client.start(deep.start, concurrency=1))["task_id"]
    await deep.let(1)
    await client.until_stored(task_id, 2)
    await changed(client, task_id, max_depth=1)
    await deep.let(20)
    crawl = await client.ended(task_id)
    urls = await client.urls(task_id, deep.site.url)
    assert {path for path, row in urls.items() if row["state"] == "stored"} == {"/d0.html", "/d1-0.html", "/d1-1.html"}
    assert states(urls) == {"stored": 3, "too_deep": 2}
    assert crawl.task["result"]["skipped"] == 2


async def test_concurrency_is_a_crawls_own(client: Client, deep: Deep) -> None:
    task_id = (await client.start(deep.start, concurrency=1))["task_id"]
    await client.until_stored(task_id, 1)
    await deep.let(3)
    await client.until_stored(task_id, 4)
    assert deep.most_at_once == 1
    await changed(client, task_id, concurrency=2)
    await deep.let(3)
    await client.until_stored(task_id, 7)
    await deep.wait_at(2)
    await deep.let(20)
    crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 11)
    assert deep.most_at_once == 2


async def test_what_a_paused_crawl_is_told_holds_when_it_goes_on(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start, max_depth=0))["task_id"]
    await client.ended(task_id)  # one page: nothing else is in its depth
    other = (await client.start(gated.start, max_pages=3))["task_id"]
    await gated.let(1)
    await client.until_stored(other, 2)
    await client.post(f"/tasks/{other}/pause", {})
    await client.until(other, lambda event: event["type"] == "task_paused")
    assert (await changed(client, other, max_pages=6, max_minutes=5))["status"] == "paused"
    await client.post(f"/tasks/{other}/resume", {})
    await gated.let(15)
    crawl = await client.ended(other)
    assert crawl.task["result"]["pages"] == 6
    source = await client.one(f"/sources/{crawl.source_id}")
    assert (source["options"]["max_pages"], source["options"]["max_minutes"]) == (6, 5)


async def test_a_retried_crawl_takes_up_what_its_limits_left_out(
    start_server: StartServer, serve_pages: ServePages, gated: GatedSite
) -> None:
    client, site = await start_server(worker_concurrency=1), await serve_pages(SMALL)
    first = await client.crawl(f"{site.url}/index.html", max_depth=1)
    assert states(await client.urls(first.task_id, site.url)) == {"stored": 4, "http_404": 1, "too_deep": 1}
    other = (await client.start(gated.start))["task_id"]
    assert (await client.post(f"/tasks/{first.task_id}/retry", {"only": "failed"})).status == 202
    assert (await changed(client, first.task_id, max_depth=2))["status"] == "queued"
    await gated.let(16)
    await client.ended(other)
    again = await client.ended(first.task_id, after=first.task["last_seq"])
    assert again.task["result"]["pages"] == 5


async def test_a_retried_crawl_takes_up_pages_beyond_the_old_limit(
    start_server: StartServer, serve_pages: ServePages, gated: GatedSite
) -> None:
    client = await start_server(worker_concurrency=1)
    site = await serve_pages(
        {"index.html": page("Top", links=("gone.html", *(f"p{n}.html" for n in range(6))))}
        | {f"p{n}.html": page(f"Page {n}", f"<p>word{n}</p>") for n in range(6)}
    )
    first = await client.crawl(f"{site.url}/index.html", max_pages=4, concurrency=1)
    assert states(await client.urls(first.task_id, site.url)) == {"stored": 4, "http_404": 1, "page_limit": 3}
    other = (await client.start(gated.start))["task_id"]
    await client.post(f"/tasks/{first.task_id}/retry", {"only": "failed"})
    await changed(client, first.task_id, max_pages=6)
    await gated.let(16)
    await client.ended(other)
    again = await client.ended(first.task_id, after=first.task["last_seq"])
    assert states(await client.urls(first.task_id, site.url)) == {"stored": 6, "http_404": 1, "page_limit": 1}
    assert again.task["result"]["pages"] == 6


async def test_a_crawl_goes_on_with_the_new_limits_after_a_restart(start_server: StartServer, gated: GatedSite) -> None:
    async with AsyncExitStack() as first:
        client = await start_server(until=first)
        task_id = (await client.start(gated.start, max_pages=3))["task_id"]
        await gated.let(1)
        await client.until_stored(task_id, 2)
        await changed(client, task_id, max_pages=7, concurrency=2)
    await gated.let(15)
    client = await start_server()
    crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["result"]["pages"]) == ("completed", 7)
    assert (crawl.task["payload"]["max_pages"], crawl.task["payload"]["concurrency"]) == (7, 2)


async def test_what_cant_be_changed_is_refused_by_its_name(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    for limits, name in (
        ({"max_pages": 0}, "max_pages"),
        ({"max_pages": None}, "max_pages"),
        ({"max_depth": 101}, "max_depth"),
        ({"max_minutes": 0}, "max_minutes"),
        ({"concurrency": 9}, "concurrency"),
        ({"url": "https://example.org/"}, "url"),
    ):
        reply = await change(client, task_id, **limits)
        assert (reply.status, reply.error["details"]["field"]) == (422, name)
    assert (await change(client, "tsk_none", max_pages=5)).status == 404
    before = (await client.one(f"/tasks/{task_id}"))["last_seq"]
    assert (await changed(client, task_id, max_pages=10_000))["last_seq"] >= before
    await gated.let(16)
    crawl = await client.ended(task_id)
    assert "task_changed" not in {event["type"] for event in crawl.events}
    reply = await change(client, task_id, max_pages=5)
    assert (reply.status, reply.error["code"]) == (409, "wrong_state")
    other = await client.post("/tasks", {"task_type": "test", "payload": {"steps": 1, "seconds": 0}})
    assert (await change(client, other.body["task_id"], max_pages=5)).status == 409
