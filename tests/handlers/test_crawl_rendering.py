"""Whole crawls with a real browser: what is rendered and what isn't, what is said of it, and what a bad page costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.client import Client, Crawl
from tests.conftest import StartServer
from tests.sites.apps import PAGES, script
from tests.sites.shells import ShellSite, shell_site
from tests.web.browsers import browser_processes

browser = pytest.mark.browser
slow = pytest.mark.slow

SHELLS = 60
AFTER = 5
"""So many shells are read both ways before their host goes to the browser."""
AT_ONCE = 30
"""How many more may be under way by then: 8 are fetched, 16 wait to be read, 5 are."""


async def ends(client: Client, crawl: Crawl, site: ShellSite) -> dict[str, tuple[str, str | None]]:
    """Path → what became of it, and why."""
    urls = await client.urls(crawl.task_id, site.url)
    return {path: (row["state"], row["reason"]) for path, row in urls.items()}


async def ways(client: Client, crawl: Crawl, site: ShellSite) -> dict[str, str]:
    urls = await client.urls(crawl.task_id, site.url)
    return {path: row["fetched_by"] for path, row in urls.items() if row["state"] == "stored"}


async def texts(client: Client, crawl: Crawl) -> dict[str, str]:
    rows = await client.every(f"/sources/{crawl.source_id}/pages")
    return {row["url"]: (await client.one(f"/pages/{row['page_id']}"))["markdown"] for row in rows}


def told(crawl: Crawl, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in crawl.events if event["type"] == kind]


@browser
@slow
async def test_auto_learns_that_a_site_is_made_of_shells(client: Client) -> None:
    async with shell_site(shells=SHELLS) as site:
        crawl = await client.crawl(f"{site.url}/index.html")
    shells = {f"/shell/{number}.html" for number in range(SHELLS)}
    assert await ways(client, crawl, site) == {"/index.html": "http", **dict.fromkeys(shells, "browser")}
    assert crawl.task["result"]["reasons"] == {}
    assert told(crawl, "rendering_chosen") == [{"host": site.url.removeprefix("http://"), "by": "browser"}]
    assert site.rendered == dict.fromkeys(shells, 1)
    assert AFTER <= len(site.fetched) - 1 <= AFTER + AT_ONCE
    for url, markdown in (await texts(client, crawl)).items():
        assert f"The page {url.removeprefix(site.url)} tells of wombats" in markdown


@browser
@slow
async def test_auto_renders_of_a_site_that_needs_no_browser_only_samples(client: Client) -> None:
    async with shell_site(static=120) as site:
        crawl = await client.crawl(f"{site.url}/index.html")
    assert set((await ways(client, crawl, site)).values()) == {"http"}
    assert crawl.task["result"]["pages"] == 121
    assert told(crawl, "rendering_chosen") == []
    assert site.fetched.total() == 121
    assert site.rendered.total() == 2


@browser
@slow
async def test_of_a_mixed_site_the_shells_are_rendered(client: Client) -> None:
    async with shell_site(shells=4, static=20) as site:
        crawl = await client.crawl(f"{site.url}/index.html")
    shells = {f"/shell/{number}.html" for number in range(4)}
    assert {path for path, way in (await ways(client, crawl, site)).items() if way == "browser"} == shells
    assert crawl.task["result"]["pages"] == 25
    assert site.rendered == dict.fromkeys(shells, 1)


async def test_http_never_renders_and_says_what_that_costs(client: Client) -> None:
    async with shell_site(shells=3, static=2) as site:
        crawl = await client.crawl(f"{site.url}/index.html", render="http")
    assert site.rendered == {}
    assert crawl.task["result"]["reasons"] == {"empty_page": 3}
    [warning] = told(crawl, "warning_raised")
    assert warning["code"] == "needs_browser"
    assert browser_processes() == {}


@browser
@slow
async def test_browser_renders_everything(client: Client) -> None:
    async with shell_site(shells=3, static=3) as site:
        crawl = await client.crawl(f"{site.url}/index.html", render="browser")
    assert set((await ways(client, crawl, site)).values()) == {"browser"}
    assert (crawl.task["result"]["pages"], site.fetched, site.rendered.total()) == (7, {}, 7)


@browser
@slow
@pytest.mark.parametrize(
    ("path", "options", "text"),
    [
        ("/tabs", {"clicks": ["#b"], "wait_for": ".shown"}, "npm install"),
        ("/tabs", {"scripts": ["document.getElementById('b').click()"], "wait_for": ".shown"}, "npm install"),
        ("/scrolls", {"scroll": True}, "item 49"),
        ("/late", {"wait_until": "load", "wait_for": "h1"}, "# Late"),
    ],
)
async def test_what_a_page_is_asked_to_do_is_done(
    client: Client, path: str, options: dict[str, Any], text: str
) -> None:
    async with shell_site(others={path: PAGES[path]}) as site:
        crawl = await client.crawl(f"{site.url}{path}", render="browser", browser=options, max_pages=1)
    [markdown] = (await texts(client, crawl)).values()
    assert text in markdown


@browser
@slow
async def test_a_page_that_misbehaves_costs_only_itself(start_server: StartServer) -> None:
    client = await start_server(fetch_timeout_seconds=60)
    without_end, bad = (
        ("/endless", "/heap"),
        ("/alert", "/print", "/unload", "/popups", "/circle", "/goes-to-private", "/blank"),
    )
    async with shell_site(others={path: PAGES[path] for path in without_end}) as site:
        crawl = await client.crawl(f"{site.url}/index.html", render="browser", browser={"timeout_seconds": 6})
        found = await ends(client, crawl, site)
    # What fills its heap is ended by Chromium, or by its time where that is slow.
    assert found.pop("/heap") in {("failed", "render_failed"), ("failed", "timed_out")}
    assert found == {"/index.html": ("stored", None), "/endless": ("failed", "timed_out")}
    # The same browser goes on with others, which have time.
    async with shell_site(shells=4, others={path: PAGES[path] for path in bad}) as site:
        crawl = await client.crawl(f"{site.url}/index.html", render="browser", browser={"timeout_seconds": 60})
        found = await ends(client, crawl, site)
    shells = {f"/shell/{number}.html": ("stored", None) for number in range(4)}
    assert {path: end for path, end in found.items() if not path.startswith("/circle?")} == {
        "/index.html": ("stored", None),
        **shells,
        **dict.fromkeys(("/alert", "/print", "/unload", "/popups"), ("stored", None)),
        "/circle": ("failed", "redirect_loop"),
        "/goes-to-private": ("skipped", "redirect_refused"),
        "/blank": ("skipped", "empty_page"),
    }
    assert crawl.status == "completed"


async def without_browser(start_server: StartServer, tmp_path: Path) -> Client:
    return await start_server(browser=tmp_path / "there-is-none")


async def test_without_a_browser_what_needs_one_is_refused_at_the_door(
    start_server: StartServer, tmp_path: Path
) -> None:
    client = await without_browser(start_server, tmp_path)
    for path, body in (
        ("/knowledge/add", {"url": "https://docs.test/", "render": "browser"}),
        ("/tasks", {"task_type": "crawl", "payload": {"url": "https://docs.test/", "render": "browser"}}),
    ):
        reply = await client.post(path, body)
        assert (reply.status, reply.error["code"]) == (422, "invalid_field")
        assert reply.error["details"]["field"].removeprefix("payload.") == "render"
        assert "GLEANERY_BROWSER" in reply.error["message"]


async def test_without_a_browser_auto_goes_on_and_warns(start_server: StartServer, tmp_path: Path) -> None:
    client = await without_browser(start_server, tmp_path)
    async with shell_site(shells=3, static=3) as site:
        crawl = await client.crawl(f"{site.url}/index.html")
    assert crawl.status == "completed"
    assert (crawl.task["result"]["pages"], crawl.task["result"]["reasons"]) == (4, {"empty_page": 3})
    [warning] = told(crawl, "warning_raised")
    assert warning["code"] == "needs_browser"


@browser
@slow
async def test_a_browser_that_is_killed_in_the_middle_costs_no_page(client: Client) -> None:
    async with shell_site(shells=12) as site:
        site.held = {f"/shell/{number}.html" for number in range(4, 12)}
        task_id = (await client.start(f"{site.url}/index.html", render="browser"))["task_id"]
        await client.until_stored(task_id, 5)
        await site.until_waiting(4)
        [killed] = [process for process, kind in browser_processes().items() if kind == "browser"]
        killed.kill()
        await site.until_waiting(0)
        await site.until_waiting(4)
        site.gate.set()
        crawl = await client.ended(task_id)
    assert crawl.status == "completed"
    assert (crawl.task["result"]["pages"], crawl.task["result"]["reasons"]) == (13, {})
    assert max(site.rendered.values()) == 2


@browser
@slow
async def test_a_cancel_closes_the_pages_at_once(client: Client) -> None:
    async with shell_site(shells=12) as site:
        site.held = {f"/shell/{number}.html" for number in range(12)}
        task_id = (await client.start(f"{site.url}/index.html", render="browser"))["task_id"]
        await site.until_waiting(4)
        await client.put(f"/tasks/{task_id}/cancel")
        assert (await client.ended(task_id)).status == "cancelled"
        await site.until_waiting(0)
        # Their places are free again: another crawl is rendered by the same browser.
        [process] = [process for process, kind in browser_processes().items() if kind == "browser"]
        site.gate.set()
        crawl = await client.crawl(f"{site.url}/shell/0.html", render="browser", max_pages=1)
        assert crawl.task["result"]["pages"] == 1
        assert process.is_running()


@browser
@slow
async def test_what_a_page_says_is_not_believed_more_for_being_rendered(client: Client) -> None:
    """A meta refresh, a canonical and links that a script has written count as if they stood in the HTML."""
    head = "document.head.innerHTML += '<link rel=canonical href=/static/0.html><meta name=robots content=noindex>';"
    body = "document.body.innerHTML = '<h1>Made</h1><p>' + 'Words enough. '.repeat(60) + '</p><a href=/static/1.html>on</a>';"
    async with shell_site(static=2, others={"/made.html": script(head + body, "")}) as site:
        crawl = await client.crawl(f"{site.url}/index.html", render="browser")
    assert (await ends(client, crawl, site))["/made.html"] == ("skipped", "noindex")
