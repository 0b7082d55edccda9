"""Whole parses of pages that do harm, in the real browser of a real server: each ends, says how, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gleanery import errors
from gleanery.web.browser.supervisor import Browser
from gleanery.web.egress import EgressProxy
from gleanery.web.guard import AddressPolicy
from tests.api.client import Client
from tests.conftest import StartServer
from tests.sites import Site
from tests.sites.canary import TOKEN, Canary, canary, hunting_site
from tests.sites.lures import STATUSES, luring_site, moved_site
from tests.sites.parse_traps import ELEMENTS, trapping_site
from tests.web.browsers import browser_processes
from tests.web.openings import PLAIN, POOL, QUICKLY
from tests.web.test_egress import Names

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_BYTES = 4 * 2**20
LONGER, RESTART, ROTATE, CLEAN_UP, FINAL = (
    "retry_with_longer_timeout",
    "restart_browser_and_retry",
    "rotate_user_agent_and_retry",
    "cleanup_and_retry",
    "fail_permanently",
)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with trapping_site() as it:
        yield it


async def parsed(client: Client, url: str, **options: Any) -> dict[str, Any]:
    """A parse at its end."""
    reply = await client.post("/web-pages/parse", {"url": url, "timeout_seconds": 60, **options})
    assert reply.status == 202, reply
    await client.ended(reply.body["task_id"])
    return await client.one(f"/web-pages/{reply.body['task_id']}")


async def check_nothing_is_left(client: Client) -> None:
    """No task that runs, no context that is taken, no process that shows a page. Pages are closed behind the answer."""
    assert await client.every("/tasks?status=queued,running") == []
    async with asyncio.timeout(20):
        while True:
            pool = (await client.call("GET", "/health/background-tasks")).body["page_pool"]
            shown = [kind for kind in browser_processes().values() if kind == "renderer"]
            if (pool["in_use"], pool["waiting"], shown) == (0, 0, []):
                return
            await asyncio.sleep(0.05)


def actions(parse: dict[str, Any]) -> list[str]:
    return [attempt["action"] for attempt in parse["attempts"]]


FAILS: tuple[tuple[str, str, str | None, list[str]], ...] = (
    ("never", "timed_out", None, [LONGER, FINAL]),
    ("drips", "timed_out", None, [LONGER, FINAL]),
    ("spins", "timed_out", None, [LONGER, FINAL]),
    ("spins-later", "timed_out", None, [LONGER, FINAL]),
    ("asks-in-a-loop", "timed_out", None, [LONGER, FINAL]),
    ("wanders", "redirect_loop", None, [FINAL]),
    ("reloads", "redirect_loop", None, [FINAL]),
    ("in-circles", "redirect_loop", None, [FINAL]),
    ("opens-windows", "page_too_heavy", None, [FINAL]),
    ("asks-for-much", "too_large", None, [FINAL]),
    ("fills-memory", "page_too_heavy", None, [CLEAN_UP, FINAL]),
    ("file", "not_html", None, [FINAL]),
    ("to-a-file", "not_html", None, [FINAL]),
    ("challenge", "page_blocked", "challenge_cloudflare", [ROTATE, ROTATE, FINAL]),
    ("old-challenge", "page_blocked", "challenge_cloudflare", [ROTATE, ROTATE, FINAL]),
    ("too-many", "page_blocked", "too_many_requests", [ROTATE, ROTATE, FINAL]),
)


@pytest.mark.parametrize(("name", "code", "reason", "done"), FAILS, ids=[name for name, *_ in FAILS])
async def test_a_page_that_can_not_be_parsed_fails_with_its_reason(
    client: Client, site: Site, name: str, code: str, reason: str | None, done: list[str]
) -> None:
    limit = {"timeout_seconds": 2} if code == "timed_out" else {}
    parse = await parsed(client, f"{site.url}/{name}", **limit)
    assert parse["status"] == "failed"
    assert (parse["error"]["code"], actions(parse)) == (code, done), parse["error"]
    assert parse["error"]["details"].get("reason") == reason or reason is None
    assert [attempt["attempt"] for attempt in parse["attempts"]] == list(range(1, len(done) + 1))
    task = await client.one(f"/tasks/{parse['task_id']}")
    assert task["retry_attempts"] == len(done) - 1
    assert (parse["page"], parse["is_kept"]) == (None, False)
    await check_nothing_is_left(client)


PASSES = (
    "asks-for-ever",
    "keeps-its-reader",
    "pushes-history",
    "downloads",
    "goes-to-a-script",
    "grows",
    "works-aside",
    "breaks-everything",
    "deep",
    "tall",
    "wide",
    "frames",
    "names",
    "options",
    "waits-for-a-picture",
)


@pytest.mark.parametrize("name", PASSES)
async def test_a_page_that_is_odd_is_parsed_within_bounds(client: Client, site: Site, name: str) -> None:
    parse = await parsed(client, f"{site.url}/{name}", include_dom=True)
    assert (parse["status"], parse["error"], parse["attempts"]) == ("completed", None, [])
    assert len(json.dumps(parse)) < MOST_BYTES
    page = parse["page"]
    assert page["screenshot"]["width"] <= 4096
    assert page["screenshot"]["height"] <= 16384
    if name not in ("goes-to-a-script", "keeps-its-reader"):
        assert "Go" in [element["name"] for element in page["elements"]]
    await check_nothing_is_left(client)


async def test_a_hundred_thousand_elements_are_bounded_and_said_so(client: Client, site: Site) -> None:
    parse = await parsed(client, f"{site.url}/elements", timeout_seconds=120, include_dom=True)
    assert parse["status"] == "completed", parse["error"]
    page = parse["page"]
    assert page["dom"]["element_count"] > ELEMENTS
    assert page["element_count"] == ELEMENTS // 2 + 1
    assert page["screenshot"]["is_cut"]
    assert len(page["elements"]) == 2000
    assert page["dom"]["is_cut"]
    assert any("2,000" in note or "2000" in note for note in page["notes"]), page["notes"]
    assert len(json.dumps(parse)) < MOST_BYTES
    await check_nothing_is_left(client)


async def test_a_challenge_is_named_also_to_who_waits_for_something(client: Client, site: Site) -> None:
    parse = await parsed(client, f"{site.url}/challenge", wait_for="#never", timeout_seconds=4)
    assert (parse["error"]["code"], actions(parse)) == ("page_blocked", [ROTATE, ROTATE, FINAL])


async def test_dialogs_without_end_are_told_to_some_extent(client: Client, site: Site) -> None:
    parse = await parsed(client, f"{site.url}/asks-for-ever")
    dialogs = parse["page"]["incidents"]["dialogs"]
    assert 1 <= len(dialogs) <= 40
    assert {dialog["kind"] for dialog in dialogs} == {"alert", "confirm", "prompt", "print"}


async def test_other_pages_are_parsed_while_one_does_harm(client: Client, site: Site) -> None:
    limits = {"spins": 4, "fills-memory": 60}
    bad = [asyncio.create_task(parsed(client, f"{site.url}/{name}", timeout_seconds=s)) for name, s in limits.items()]
    good = [await parsed(client, f"{site.url}/other?{n}", screenshot=False) for n in range(3)]
    assert [parse["status"] for parse in good] == ["completed"] * 3
    assert [parse["status"] for parse in await asyncio.gather(*bad)] == ["failed"] * 2
    await check_nothing_is_left(client)


# What leads to where nobody may go

SITE = "127.0.0.2"


def check_silent(bird: Canary, data: Path) -> None:
    assert (bird.paths, bird.connections, bird.datagrams) == (set(), 0, 0)
    for file in data.glob("gleanery.db*"):
        assert TOKEN.encode() not in file.read_bytes()


async def test_no_way_leads_a_parse_to_a_private_address(start_server: StartServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(TOKEN)
    client = await start_server(allow_addresses=SITE)
    async with canary() as bird, hunting_site(bird, secret, SITE) as url:
        parse = await parsed(client, f"{url}/", include_dom=True)
        assert parse["status"] == "completed", parse["error"]
        refused = {one["reason"] for one in parse["page"]["incidents"]["failed_requests"]}
        assert "address_forbidden" in refused
        assert TOKEN not in json.dumps(parse)
        check_silent(bird, tmp_path / "data")
    await check_nothing_is_left(client)


@pytest.mark.parametrize("status", [302, 307])
async def test_a_page_that_moved_to_a_private_address_fails(
    start_server: StartServer, tmp_path: Path, status: int
) -> None:
    client = await start_server(allow_addresses=SITE)
    assert status in STATUSES
    async with canary() as bird, luring_site(f"http://127.0.0.1:{bird.port}", SITE) as site:
        parse = await parsed(client, f"{site.url}/redirect/{status}.html")
        assert (parse["status"], parse["error"]["code"], actions(parse)) == ("failed", "address_forbidden", [FINAL])
        check_silent(bird, tmp_path / "data")


@pytest.mark.parametrize("host", ["localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_other_names_of_a_private_address_are_none(start_server: StartServer, tmp_path: Path, host: str) -> None:
    client = await start_server(allow_addresses=SITE)
    async with canary() as bird, moved_site(f"http://{host}:{bird.port}", SITE) as site:
        parse = await parsed(client, f"{site.url}/")
        assert (parse["status"], parse["error"]["code"]) == ("failed", "address_forbidden")
        check_silent(bird, tmp_path / "data")


@pytest.mark.parametrize("name", ["goes-to-data", "goes-to-a-file"])
async def test_where_a_script_goes_is_no_page_or_stays(client: Client, site: Site, name: str) -> None:
    """Chromium itself refuses both to a page of the web: it stays where it is."""
    parse = await parsed(client, f"{site.url}/{name}")
    assert parse["status"] == "completed", parse["error"]
    assert parse["final_url"] == f"{site.url}/{name}"


async def test_a_name_that_is_bound_anew_leads_nowhere_private(tmp_path: Path) -> None:
    """The page comes from an address that may be asked; by the time that its script asks, the name leads to another."""
    names = Names(rebind=[SITE, "127.0.0.1"])
    async with canary() as bird, trapping_site(SITE) as there:
        port = there.url.rpartition(":")[2]
        async with (
            EgressProxy(AddressPolicy.parse([SITE]), resolver=names) as egress,
            Browser(None, egress=egress, user_agent="tests", data_dir=tmp_path, limits=POOL) as browser,
        ):
            async with browser.open(f"http://rebind.test:{port}/other", QUICKLY, PLAIN) as shown:
                assert shown.navigation.status == 200
            with pytest.raises(errors.AddressForbidden):
                async with browser.open(f"http://rebind.test:{bird.port}/", QUICKLY, PLAIN):
                    raise AssertionError("it was shown")
        assert (bird.connections, bird.paths) == (0, set())
