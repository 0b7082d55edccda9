"""What tests of several screens do in the browser: start a crawl, read its log and its counters."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.e2e.server_process import ServerProcess

Frames = list[str | bytes]


def received(page: Page) -> Frames:
    """Grows by every message that comes to the page over its sockets."""
    frames: Frames = []

    def note(frame: str | bytes) -> None:
        frames.append(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    return frames


STAGES = ("discovered", "fetched", "extracted", "chunked", "stored")


async def start_crawl(page: Page, server: ServerProcess, url: str) -> str:
    """From the first-run page to the page of the task; the task's id."""
    await page.goto(server.url)
    await page.get_by_test_id("url-input").fill(url)
    await page.get_by_test_id("start-crawl").click()
    await page.wait_for_url("**/activity/*")
    return page.url.rsplit("/", 1)[1].partition("?")[0]


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
