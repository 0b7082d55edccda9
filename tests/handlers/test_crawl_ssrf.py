"""Whole crawls of sites that want their crawler to ask a private address: it is never asked, and nothing of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.client import Client
from tests.conftest import StartServer
from tests.sites.canary import TOKEN, Canary, canary, hunting_site
from tests.sites.lures import PAGES, STATUSES, luring_site, moved_site
from tests.web.browsers import browser_processes

SITE = "127.0.0.2"
"""The only private address that the server may ask: the site's. The canary sings at 127.0.0.1."""
STORED = ("stored", None)


async def guarded(start_server: StartServer) -> Client:
    return await start_server(allow_addresses=SITE, fetch_timeout_seconds=5)


def check_silent(bird: Canary, data: Path) -> None:
    assert (bird.paths, bird.connections, bird.datagrams) == (set(), 0, 0)
    files = list(data.glob("gleanery.db*"))
    assert files
    for file in files:
        assert TOKEN.encode() not in file.read_bytes()


async def test_nothing_that_a_crawl_reads_leads_it_to_a_private_address(
    start_server: StartServer, tmp_path: Path
) -> None:
    client = await guarded(start_server)
    async with canary() as bird, luring_site(f"http://127.0.0.1:{bird.port}", SITE) as site:
        preview = await client.post("/knowledge/preview", {"url": f"{site.url}/"})
        assert preview.status == 200
        crawl = await client.crawl(f"{site.url}/", render="http")
        urls = await client.urls(crawl.task_id, f"{site.url}/")
    check_silent(bird, tmp_path / "data")
    assert crawl.status == "completed"
    ends = {path: (row["state"], row["reason"]) for path, row in urls.items() if "#" not in path}
    redirects = {f"redirect/{status}.html": ("skipped", "redirect_refused") for status in STATUSES}
    failed = {"relative": ("failed", "http_404"), "entity.docx": ("failed", "extract_failed")}
    assert ends == {"": STORED, **dict.fromkeys(PAGES, STORED), **redirects, **failed}
    others = [row for row in await client.every(f"/tasks/{crawl.task_id}/pages") if not row["url"].startswith(site.url)]
    assert {(row["state"], row["reason"]) for row in others} == {("skipped", "other_host")}
    await check_survey(crawl.events, site.url, bird)


async def check_survey(events: list[dict[str, object]], base: str, bird: Canary) -> None:
    """What was looked for beside the pages, and where it ended."""
    [survey] = [event["data"] for event in events if event["type"] == "site_surveyed"]
    assert isinstance(survey, dict)
    there = f"http://127.0.0.1:{bird.port}"
    tried = {place["url"].replace(base, ""): (place["outcome"], place["reason"]) for place in survey["tried"]}
    assert tried == {
        f"{there}/robots-sitemap": ("refused", "address_forbidden"),
        f"{there}/sitemap-child": ("refused", "address_forbidden"),
        "/sitemap.xml": ("found", None),
        "/inner.xml": ("found", None),
        "/moved-sitemap.xml": ("refused", "address_forbidden"),
        "/feed.xml": ("refused", "address_forbidden"),
        "/llms.txt": ("found", None),
        "/llms-full.txt": ("refused", "address_forbidden"),
    }


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0"],
)
@pytest.mark.parametrize("is_robots", [False, True])
async def test_a_start_that_moves_to_a_private_address_fails(
    start_server: StartServer, tmp_path: Path, host: str, is_robots: bool
) -> None:
    client = await guarded(start_server)
    async with canary() as bird, moved_site(f"http://{host}:{bird.port}", SITE, robots=is_robots) as site:
        crawl = await client.crawl(f"{site.url}/", render="http")
    check_silent(bird, tmp_path / "data")
    assert (crawl.status, crawl.task["error"]["code"]) == ("failed", "address_forbidden")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"])
async def test_a_private_address_is_refused_at_the_door(start_server: StartServer, host: str) -> None:
    client = await guarded(start_server)
    for path in ("/knowledge/add", "/knowledge/preview"):
        reply = await client.post(path, {"url": f"http://{host}:1234/"})
        assert (reply.status, reply.error["code"], reply.error["details"]["field"]) == (422, "address_forbidden", "url")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("render", ["browser", "auto"])
async def test_nothing_that_a_page_asks_for_in_the_browser_gets_there(
    start_server: StartServer, tmp_path: Path, render: str
) -> None:
    client = await guarded(start_server)
    secret = tmp_path / "secret.txt"
    secret.write_text(TOKEN)
    async with canary() as bird, hunting_site(bird, secret, SITE) as url:
        options = {"scripts": ["setTimeout(() => { window.late = true; }, 3000)"], "timeout_seconds": 20}
        crawl = await client.crawl(
            f"{url}/", render=render, max_pages=3, **({"browser": options} if render == "browser" else {})
        )
    check_silent(bird, tmp_path / "data")
    assert crawl.status == "completed"
    [row] = [row for row in await client.every(f"/tasks/{crawl.task_id}/pages") if row["url"] == f"{url}/"]
    assert row["state"] == "stored"
    # Also in `auto` it was the browser that asked: a page with so little text and so much script is rendered.
    assert "browser" in browser_processes().values()


@pytest.mark.browser
@pytest.mark.slow
async def test_lures_are_refused_in_the_browser_as_over_http(start_server: StartServer, tmp_path: Path) -> None:
    client = await guarded(start_server)
    async with canary() as bird, luring_site(f"http://127.0.0.1:{bird.port}", SITE) as site:
        crawl = await client.crawl(f"{site.url}/", render="browser")
        urls = await client.urls(crawl.task_id, f"{site.url}/")
    check_silent(bird, tmp_path / "data")
    assert crawl.status == "completed"
    assert (urls[""]["state"], urls["plain.html"]["state"]) == ("stored", "stored")
    for status in STATUSES:
        row = urls[f"redirect/{status}.html"]
        assert (row["state"], row["reason"]) in {("skipped", "redirect_refused"), ("failed", "address_forbidden")}


@pytest.mark.browser
@pytest.mark.slow
async def test_the_hunt_would_succeed_where_the_address_is_allowed(start_server: StartServer, tmp_path: Path) -> None:
    """So the tests above can fail: the same page, the same browser, and the canary sings."""
    client = await start_server(allow_addresses="127.0.0.0/8", fetch_timeout_seconds=5)
    async with canary() as bird, hunting_site(bird, tmp_path / "none.txt", SITE) as url:
        await client.crawl(f"{url}/", render="browser", max_pages=1)
    assert {"script", "iframe", "fetch", "xhr", "stylesheet", "worker-fetch", "form", "websocket"} <= bird.paths
