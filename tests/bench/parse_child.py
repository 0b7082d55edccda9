"""A contender of the parse benchmark in a process of its own: `python -m tests.bench.parse_child gleanery|plain FOLDER POOL`.

It says its `url` (gleanery: the whole server) or that it is ready (plain Playwright), then answers lines: `mark` forgets what was
measured so far, `take` tells it, and to plain an object asks for pages. The end of its input ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Error as PlaywrightError

from gleanery import log
from gleanery.app import running, settle_process
from gleanery.config import load
from gleanery.web.browser.binary import browser_environment, find_browser, flags
from gleanery.web.browser.process import NICENESS
from gleanery.web.browser.tree import BrowserTree, drivers
from gleanery.web.egress import EgressProxy
from gleanery.web.guard import AddressPolicy
from tests.bench.crawl_lag import Ticker, say

SAMPLE_SECONDS = 0.25
PAGE_SECONDS = 60.0


class Meter:
    """CPU time by kind of process, the most memory that all of them held for themselves, and how late the loop was."""

    def __init__(self) -> None:
        self._ticker = Ticker()
        self._peak_mb = 0.0
        self._cpu = self._cpu_now()

    async def run(self) -> None:
        ticking = asyncio.create_task(self._ticker.run())
        try:
            while True:
                self._peak_mb = max(self._peak_mb, await asyncio.to_thread(_own_mb))
                await asyncio.sleep(SAMPLE_SECONDS)
        finally:
            ticking.cancel()

    def take(self) -> Mapping[str, Any]:
        """Since the last time it was asked."""
        before, self._cpu = self._cpu, self._cpu_now()
        peak, self._peak_mb = self._peak_mb, 0.0
        cpu = {kind: seconds - before[kind] for kind, seconds in self._cpu.items()}
        return {"cpu": cpu, "peak_mb": peak, "lag": self._ticker.take()}

    def _cpu_now(self) -> Mapping[str, float]:
        """Of those that have ended too: their time is their parent's."""
        me = psutil.Process()
        own = me.cpu_times()
        spent = {"python": own.user + own.system, "extract": own.children_user + own.children_system}
        spent |= {"driver": 0.0, "chromium": 0.0}
        for process in me.children(recursive=True):
            with suppress(psutil.Error):
                kind, times = _kind(process), process.cpu_times()
                spent[kind] += times.user + times.system
                spent["chromium" if kind == "driver" else kind] += times.children_user + times.children_system
        return spent


def _kind(process: psutil.Process) -> str:
    words = process.cmdline()
    if "run-driver" in words:
        return "driver"
    return "extract" if Path(words[0] if words else "python").name.startswith("python") else "chromium"


def _own_mb() -> float:
    """Without what a process shares with others: counted for each one, Chromium's own code would be most of it."""
    total = 0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):
            memory = process.memory_info()
            total += memory.rss - memory.shared
    return total / 2**20


async def gleanery(folder: Path, pool: int) -> None:
    settings = load(
        port=0,
        data_dir=folder,
        allow_addresses="127.0.0.1",
        embedder="none",
        worker_concurrency=pool,
        browser_pool_size=pool,
    )
    async with running(settings) as url:
        settle_process()
        async with _commands() as commands:
            say(url=url)
            async for _ in commands:
                pass


async def plain(folder: Path, pool: int) -> None:
    """A context and a page for each URL, `goto`, `aria_snapshot`; in the same program, flags and proxy as gleanery's, which
    steps back before others as much: what else runs on the machine weighs on both alike."""
    executable = find_browser(None, os.environ)
    assert executable is not None, "there is no Chromium on this machine"
    async with (
        EgressProxy(AddressPolicy.parse(["127.0.0.1"])) as egress,
        async_playwright() as driver,
        await driver.chromium.launch(
            executable_path=executable,
            args=flags(egress.port, loads_media=True, tells_roles=True),
            chromium_sandbox=os.geteuid() != 0,
            env=dict(browser_environment(os.environ, folder)),
        ) as browser,
        _commands() as commands,
    ):
        await asyncio.to_thread(BrowserTree(drivers()).step_back, NICENESS)
        say(ready=True)
        async for asked in commands:
            say(pages=await _shown(browser, pool, **asked))


async def _shown(
    browser: Browser, pool: int, urls: Sequence[str], wait_until: Any, screenshot: bool
) -> list[Mapping[str, Any]]:
    """Each of them: its `seconds`, and whether it has `failed`."""
    places = asyncio.Semaphore(pool)

    async def one(url: str) -> Mapping[str, Any]:
        async with places:
            began = time.perf_counter()
            try:
                size = await _one(browser, url, wait_until, screenshot=screenshot)
            except PlaywrightError as error:
                return {"failed": error.message, "seconds": time.perf_counter() - began}
            return {"failed": None, "seconds": time.perf_counter() - began, "characters": size}

    return await asyncio.gather(*map(one, urls))


async def _one(browser: Browser, url: str, wait_until: Any, *, screenshot: bool) -> int:
    page = await browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce", locale="en-US")
    try:
        await page.goto(url, wait_until=wait_until, timeout=PAGE_SECONDS * 1000)
        snapshot = await page.locator("body").aria_snapshot(timeout=PAGE_SECONDS * 1000)
        if screenshot:
            await page.screenshot(full_page=True, timeout=PAGE_SECONDS * 1000)
        return len(snapshot)
    finally:
        await page.close()


@asynccontextmanager
async def _commands() -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The objects that it is told; `mark` and `take` are answered here."""
    meter = Meter()
    measuring = asyncio.create_task(meter.run())
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def heard() -> AsyncIterator[dict[str, Any]]:
        while line := (await reader.readline()).decode().strip():
            if line in ("mark", "take"):
                taken = meter.take()
                say(**(taken if line == "take" else {"marked": True}))
            else:
                yield json.loads(line)

    try:
        yield heard()
    finally:
        measuring.cancel()


if __name__ == "__main__":
    log.set_up("warning")
    contender = {"gleanery": gleanery, "plain": plain}[sys.argv[1]]
    asyncio.run(contender(Path(sys.argv[2]), int(sys.argv[3])))
