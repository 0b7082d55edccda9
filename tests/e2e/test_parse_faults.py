"""A server that runs parses, and what is done to it: its browser and pages are killed, it is killed itself, parses are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.sites.parsed import ParsedSite, parsed_site
from tests.web.browsers import browser_processes

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.browser]

GONE_SECONDS = 60.0


@pytest.fixture
async def site() -> AsyncIterator[ParsedSite]:
    async with parsed_site() as it:
        yield it


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, Client]]:
    process = ServerProcess(tmp_path / "data", GLEANERY_BROWSER_POOL_SIZE="2")
    await process.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield process, Client(process.url, session)
    finally:
        await process.kill()


async def start(client: Client, url: str, **options: Any) -> str:
    reply = await client.post("/web-pages/parse", {"url": url, **options})
    assert reply.status == 202, reply
    return str(reply.body["task_id"])


async def asked(site: ParsedSite, path: str, times: int = 1) -> None:
    async with asyncio.timeout(GONE_SECONDS):
        await site.asked(path, times)


async def check_nothing_is_left(process: ServerProcess, client: Client) -> None:
    """No task that runs, no context that is taken, no process that shows a page."""
    assert await client.every("/tasks?status=queued,running") == []
    async with asyncio.timeout(GONE_SECONDS):
        while True:
            pool = (await client.call("GET", "/health/background-tasks")).body["page_pool"]
            kinds = list(browser_processes(process.pid).values())
            if (pool["in_use"], pool["waiting"], kinds.count("renderer")) == (0, 0, 0):
                return
            await asyncio.sleep(0.05)


def check_log(events: list[dict[str, Any]], last_seq: int, end: str) -> None:
    """Whole, and with one end."""
    assert [event["seq"] for event in events] == list(range(1, last_seq + 1))
    ends = ("task_completed", "task_failed", "task_cancelled")
    assert [event["type"] for event in events if event["type"] in ends] == [end]


@pytest.mark.parametrize(
    ("kind", "reason", "times"),
    [("renderer", "crashed", 4), ("browser", "browser_lost", 2), ("driver", "browser_lost", 2)],
)
async def test_what_is_killed_again_and_again_has_its_attempts(
    server: tuple[ServerProcess, Client], site: ParsedSite, kind: str, reason: str, times: int
) -> None:
    """A page four times, which fails for good; a browser twice: after three that died at once none is started for a minute."""
    process, client = server
    task_id = await start(client, f"{site.url}/waits", wait_until="load", timeout_seconds=60)
    for attempt in range(1, times + 1):
        await asked(site, "/held/picture", attempt)
        for one, of in browser_processes(process.pid).items():
            if of == kind:
                with suppress(psutil.NoSuchProcess):  # the browser starts and ends some by itself
                    one.kill()
    if times < 4:
        await asked(site, "/held/picture", times + 1)
        site.gate.set()
    ended = await client.ended(task_id)
    parse = await client.one(f"/web-pages/{task_id}")
    actions = [*["restart_browser_and_retry"] * 3, "fail_permanently"][:times]
    assert [attempt["action"] for attempt in parse["attempts"]] == actions
    assert [attempt["error"]["details"]["reason"] for attempt in parse["attempts"]] == [reason] * times
    assert [attempt["attempt"] for attempt in parse["attempts"]] == list(range(1, times + 1))
    assert (ended.status, ended.task["retry_attempts"]) == ("failed" if times == 4 else "completed", min(3, times))
    assert ended.task["error_details"]["code"] == "render_failed"
    check_log(ended.events, ended.task["last_seq"], f"task_{ended.status}")
    await check_nothing_is_left(process, client)
    site.gate.set()
    again = await start(client, f"{site.url}/login", screenshot=False)
    assert (await client.ended(again)).status == "completed"


async def test_a_killed_server_leaves_no_process_and_every_task_ends_once(
    server: tuple[ServerProcess, Client], site: ParsedSite
) -> None:
    process, client = server
    running = [await start(client, f"{site.url}/held/{n}") for n in range(2)]
    waiting = [await start(client, f"{site.url}/held/{n}") for n in range(2, 5)]
    await asked(site, "/held/0")
    await asked(site, "/held/1")
    below = psutil.Process(process.pid).children(recursive=True)
    await process.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, below, timeout=GONE_SECONDS)
    assert [one.name() for one in alive] == []
    await process.start()
    await asked(site, "/held/0", 2)
    site.gate.set()
    for task_id in (*running, *waiting):
        ended = await client.ended(task_id)
        assert (ended.status, ended.task["error"]) == ("completed", None)
        check_log(ended.events, ended.task["last_seq"], "task_completed")
    assert [len(site.of(f"/held/{n}")) for n in range(5)] == [2, 2, 1, 1, 1]
    await check_nothing_is_left(process, client)


async def test_a_server_that_is_told_to_end_puts_its_parses_back(
    server: tuple[ServerProcess, Client], site: ParsedSite
) -> None:
    process, client = server
    task_id = await start(client, f"{site.url}/held/0", timeout_seconds=120)
    await asked(site, "/held/0")
    below = psutil.Process(process.pid).children(recursive=True)
    assert await process.stop() == 0
    _, alive = await asyncio.to_thread(psutil.wait_procs, below, timeout=GONE_SECONDS)
    assert [one.name() for one in alive] == []
    await process.start()
    await asked(site, "/held/0", 2)
    site.gate.set()
    ended = await client.ended(task_id)
    assert (ended.status, ended.task["retry_attempts"]) == ("completed", 0)
    check_log(ended.events, ended.task["last_seq"], "task_completed")


# Cancelled where it stands

HEAVY = "<table>{}</table>".format("<tr><td><a href='/x'>c</a></td></tr>" * 20_000)
STEPS = (
    "checking_cache",
    "acquiring_browser",
    "navigating_to_page",
    "extracting_dom",
    "identifying_elements",
    "semantic_analysis",
    "capturing_screenshot",
)


@pytest.mark.parametrize("step", STEPS)
async def test_a_parse_is_cancelled_in_each_step(
    server: tuple[ServerProcess, Client], site: ParsedSite, step: str
) -> None:
    """The steps of a large page take their time, but nothing waits for the test: where the parse has ended, the reply says so."""
    process, client = server
    site.pages["/heavy"] = HEAVY
    task_id = await start(client, f"{site.url}/heavy", timeout_seconds=120)
    await client.until(task_id, lambda event: _begins(event, step))
    reply = await client.put(f"/tasks/{task_id}/cancel")
    assert reply.status in (200, 202, 409), reply
    ended = await client.ended(task_id)
    parse = await client.one(f"/web-pages/{task_id}")
    if reply.status == 409:
        assert ended.status == "completed"
    elif ended.status == "cancelled":
        assert (parse["page"], parse["is_kept"], parse["web_page_id"]) == (None, False, None)
    else:
        assert (ended.status, step) in [("completed", late) for late in STEPS[-2:]]
    check_log(ended.events, ended.task["last_seq"], f"task_{ended.status}")
    await check_nothing_is_left(process, client)


def _begins(event: Mapping[str, Any], step: str) -> bool:
    return event["type"] == "stage_started" and event["data"]["stage"] == step


async def test_parses_are_cancelled_while_they_wait(server: tuple[ServerProcess, Client], site: ParsedSite) -> None:
    """In the queue, behind an equal one, and while its page does not come."""
    process, client = server
    held = [await start(client, f"{site.url}/held/{n}", timeout_seconds=120) for n in range(2)]
    equal = await start(client, f"{site.url}/held/0")
    queued = await start(client, f"{site.url}/login")
    await asked(site, "/held/0")
    await asked(site, "/held/1")
    assert (await client.one(f"/web-pages/{queued}"))["queue_position"] == 2
    for task_id in (queued, equal, held[0]):
        assert (await client.put(f"/tasks/{task_id}/cancel")).status in (200, 202)
        assert (await client.ended(task_id)).status == "cancelled"
    site.gate.set()
    assert (await client.ended(held[1])).status == "completed"
    assert (len(site.of("/held/0")), len(site.of("/login"))) == (1, 0)
    await check_nothing_is_left(process, client)
