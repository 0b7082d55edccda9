"""Whole crawls into traps without end: each ends by itself at a limit that has a name, with all the real pages stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.client import Client, Crawl
from tests.conftest import StartServer
from tests.handlers.vitals import watched
from tests.sites import Site
from tests.sites.traps import MANY_LINKS, REAL, TRAPS, trap_site

MOST_LAG_SECONDS = 0.1
MOST_MB = 80.0

ENDS: Mapping[str, tuple[str | None, int]] = {
    "calendar": ("calendar", 120),
    "calendar-query": ("calendar", 120),
    "session-path": ("session_id", 120),
    "session-query": (None, 40),
    "repeat": ("repeating_path", 150),
    "facets": ("endless_query", 120),
    "many": ("nothing_new", 120),
    "soft": ("nothing_new", 900),
    "same": ("nothing_new", 900),
    "mostly-same": ("nothing_new", 4_000),
    "fan": ("nothing_new", 900),
    "canonical": ("canonical", 40),
    "growing": ("endless_query", 250),
    "nested-query": ("nothing_new", 100),
    "numbers": ("nothing_new", 120),
}
"""The limit that ends each trap, and the requests that it may cost. A session's id in the query is no part of a URL's key."""


@pytest.fixture
async def client(start_server: StartServer) -> Client:
    """Of a server that has time for each page: one of a hundred thousand links takes seconds of a busy machine."""
    return await start_server(extract_timeout_seconds=120)


async def real_pages(client: Client, crawl: Crawl, base: str) -> frozenset[str]:
    """Those of the pages stored that are worth it."""
    rows = await client.every(f"/sources/{crawl.source_id}/pages")
    return REAL & {row["url"].removeprefix(base) for row in rows}


async def into(client: Client, site: Site, name: str, **options: Any) -> Crawl:
    """A crawl of the trap `name`, with all that holds for each of them."""
    base = f"{site.url}/{name}/"
    await client.crawl(f"{client.url}/example/", render="http", max_pages=3)  # what any first crawl takes is no trap's
    async with watched() as vitals:
        crawl = await client.crawl(f"{base}index.html", render="http", **options)
    assert crawl.status == "completed", crawl.task["error"]
    assert await real_pages(client, crawl, base) == REAL
    assert vitals.rss_mb < MOST_MB
    assert vitals.lag(0.99) < MOST_LAG_SECONDS
    return crawl


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
async def test_a_trap_ends_at_its_limit_however_deep_it_is(client: Client, name: str) -> None:
    limit, most = ENDS[name]
    async with trap_site() as site:
        crawl = await into(client, site, name, max_depth=100)
    reasons = crawl.task["result"]["reasons"]
    assert (limit in reasons) if limit else not reasons, reasons
    assert "too_deep" not in reasons
    assert len(site.requests) <= most, reasons
    urls = await client.urls(crawl.task_id, f"{site.url}/{name}/")
    assert all(row["state"] != "queued" and (row["reason"] or row["state"] == "stored") for row in urls.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TRAPS) - set(ENDS)))
async def test_made_up_pages_that_are_all_new_end_at_the_limit_of_pages(client: Client, name: str) -> None:
    """Nothing tells them from real ones: breadth first, the real pages are stored before the limit is reached."""
    async with trap_site() as site:
        crawl = await into(client, site, name, max_pages=300, max_depth=100)
    result = crawl.task["result"]
    assert result["pages"] == 300
    assert set(result["reasons"]) <= {"page_limit", "redirect_loop", "same_content"}
    assert result["reasons"]["page_limit"] > 0
    assert len(site.requests) <= 1_500


async def test_of_a_hundred_thousand_links_the_first_five_thousand_are_followed(client: Client) -> None:
    async with trap_site() as site:
        crawl = await client.crawl(f"{site.url}/many/index.html", render="http")
    warnings = [event["data"] for event in crawl.events if event["type"] == "warning_raised"]
    url = f"{site.url}/many/trap/all.html"
    assert {"code": "too_many_links", "url": url, "links": MANY_LINKS} in warnings
    reasons = crawl.task["result"]["reasons"]
    assert sum(reasons.values()) == 5_000
    assert set(reasons) == {"http_404", "nothing_new"}


async def test_links_of_pages_without_end_that_bring_nothing_are_said_to_be_left(client: Client) -> None:
    async with trap_site() as site:
        crawl = await client.crawl(f"{site.url}/soft/index.html", render="http", max_depth=100)
    told = [event["data"]["code"] for event in crawl.events if event["type"] == "warning_raised"]
    assert told == ["nothing_new"]
