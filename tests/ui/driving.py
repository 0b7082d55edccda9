"""What tests of several screens do in the browser: start a crawl, read its log and its counters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Page, Route
from playwright.async_api import TimeoutError as NotInTime

from tests.e2e.server_process import ServerProcess

Frames = list[str | bytes]


def received(page: Page) -> Frames:
    """Grows by every message that comes to the page over its sockets."""
    frames: Frames = []

    def note(frame: str | bytes) -> None:
        frames.append(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    return frames


@asynccontextmanager
async def held_commands(page: Page) -> AsyncIterator[None]:
    """Commands reach the server only once this is left: so long they are pending."""
    gate = asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method != "GET":
            await gate.wait()
        await route.continue_()

    await page.route("**/api/v1/**", hold)
    try:
        yield
    finally:
        gate.set()
        await page.unroute_all(behavior="wait")


async def go_by_keys(page: Page, letter: str, path: str) -> None:
    """Presses "g" and a letter, until the page is there: on a busy machine more time may pass between the two than counts as
    one sequence."""
    async with asyncio.timeout(60):
        while urlsplit(page.url).path != path:
            await page.keyboard.press("g")
            await page.keyboard.press(letter)
            with suppress(NotInTime):
                await page.wait_for_url(f"**{path}", timeout=5_000)


STAGES = ("discovered", "fetched", "extracted", "chunked", "stored")


async def start_crawl(page: Page, server: ServerProcess, url: str) -> str:
    """From the first-run page to the page of the task; the task's id."""
    await page.goto(server.url)
    await page.get_by_test_id("url-input").fill(url)
    await page.get_by_test_id("start-crawl").click()
    await page.wait_for_url("**/activity/*")
    return page.url.rsplit("/", 1)[1].partition("?")[0]


# Collects what live regions say, also what is gone soon.
HEAR = """() => {
    window.__said = [];
    const heard = new Map();
    new MutationObserver(() => {
        for (const live of document.querySelectorAll('[aria-live]:not([aria-live=off]), [role=status], [role=alert]')) {
            const text = live.textContent.trim();
            if (text !== '' && heard.get(live) !== text) window.__said.push(text);
            heard.set(live, text);
        }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


async def is_said(page: Page, text: str) -> None:
    """Until that was said, since the page evaluated HEAR."""
    await page.wait_for_function("text => window.__said.includes(text)", arg=text)


async def log_reaches(page: Page, seq: int) -> None:
    """Until a line of at least that number is drawn."""
    await page.wait_for_function(
        "seq => [...document.querySelectorAll('[data-testid=log-line]')].some(line => Number(line.dataset.seq) >= seq)",
        arg=seq,
    )


READ_LOG = """async box => {
    const seqs = new Set();
    for (let top = 0; ; top += 100) {
        box.scrollTop = top;
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        for (const line of box.querySelectorAll('[data-testid=log-line]')) seqs.add(Number(line.dataset.seq));
        if (top >= box.scrollHeight) return [...seqs];
    }
}"""


async def log_seqs(page: Page) -> list[int]:
    """The numbers of all lines of the log, which draws only those in view: read by scrolling through it."""
    seqs: list[int] = await page.get_by_role("log").evaluate(READ_LOG)
    return sorted(seqs)


READ_DIVIDERS = READ_LOG.replace("[data-testid=log-line]", "[data-testid=log-divider]").replace(
    "Number(line.dataset.seq)", "line.textContent"
)


async def divider_texts(page: Page) -> list[str]:
    """What the log says of the times when the line was down."""
    texts: list[str] = await page.get_by_role("log").evaluate(READ_DIVIDERS)
    return texts


async def stored_seqs(server: ServerProcess, task_id: str) -> list[int]:
    events: Any = (await server.get(f"/api/v1/tasks/{task_id}/events?limit=500"))["items"]
    return [event["seq"] for event in events]


async def counts(page: Page) -> dict[str, int]:
    found = {}
    for stage in STAGES:
        text = await page.get_by_test_id(f"stage-{stage}").inner_text()
        found[stage] = int("".join(filter(str.isdigit, text)) or 0)
    return found
