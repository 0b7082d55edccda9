"""One contender of the rendering benchmark, in a process of its own: `python -m tests.bench.render_child NAME URL…`.

Prints a JSON line: pages that were complete, seconds, and CPU seconds of Python, of the driver and of Chromium.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from gleanery.web.browser.binary import find_browser
from gleanery.web.browser.supervisor import Browser, RenderRequest
from gleanery.web.egress import EgressProxy
from gleanery.web.guard import AddressPolicy
from tests.bench.crawl_lag import Ticker
from tests.sites.apps import SECTIONS

CONCURRENCY = 4
Render = Callable[[Sequence[str]], Awaitable[int]]


def cpu_seconds() -> dict[str, float]:
    """CPU time of this process and of all below it, with that of those which have ended there."""
    me = psutil.Process()
    spent = {"python": sum(me.cpu_times()[:2]), "driver": 0.0, "chromium": 0.0}
    for process in me.children(recursive=True):
        try:
            kind = "driver" if "run-driver" in process.cmdline() else "chromium"
            times = process.cpu_times()
        except psutil.Error:
            continue
        # What a driver's ended children took is Chromium's, and counted with those that live.
        spent[kind] += sum(times[:2] if kind == "driver" else times[:4])
    return spent


def is_complete(html: str) -> bool:
    return html.count("<section>") == SECTIONS


async def measured(render: Render, urls: Sequence[str]) -> dict[str, Any]:
    """Renders a few pages to warm up, then the rest under the clock."""
    await render(urls[:CONCURRENCY])
    before, started = cpu_seconds(), time.monotonic()
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    complete = await render(urls[CONCURRENCY:])
    seconds, after = time.monotonic() - started, cpu_seconds()
    ticking.cancel()
    cpu = {name: after[name] - before[name] for name in after}
    return {
        "pages": len(urls) - CONCURRENCY,
        "complete": complete,
        "seconds": seconds,
        "cpu": cpu,
        "lag": ticker.take(),
    }


async def gleanery(urls: Sequence[str], request: RenderRequest) -> dict[str, Any]:
    policy = AddressPolicy.parse(["127.0.0.1"])
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EgressProxy(policy) as egress,
            Browser(None, egress=egress, user_agent="bench", data_dir=Path(folder)) as browser,
        ):

            async def one(url: str) -> bool:
                return is_complete((await browser.render(url, request)).body.decode())

            async def render(some: Sequence[str]) -> int:
                return sum(await asyncio.gather(*map(one, some)))

            return await measured(render, urls)


async def crawl4ai(urls: Sequence[str], *, html_only: bool) -> dict[str, Any]:
    """crawl4ai's own `arun_many` with its own browser manager, told what to wait for, on the same program."""
    os.environ["CRAWL4_AI_BASE_DIRECTORY"] = tempfile.mkdtemp()
    from crawl4ai import AsyncWebCrawler, BrowserConfig, CacheMode, CrawlerRunConfig
    from crawl4ai.async_crawler_strategy import AsyncPlaywrightCrawlerStrategy
    from crawl4ai.async_dispatcher import MemoryAdaptiveDispatcher
    from crawl4ai.browser_manager import BrowserManager

    class SameProgram(BrowserManager):  # type: ignore[misc]
        def _build_browser_args(self) -> dict[str, Any]:
            return {**super()._build_browser_args(), "executable_path": find_browser(None, os.environ)}

    browser = BrowserConfig(headless=True, verbose=False)
    strategy = AsyncPlaywrightCrawlerStrategy(browser_config=browser)
    strategy.browser_manager = SameProgram(browser, logger=strategy.logger)
    config = CrawlerRunConfig(
        cache_mode=CacheMode.BYPASS,
        wait_for=f"css:section:nth-of-type({SECTIONS})",
        verbose=False,
        stream=True,
        prefetch=html_only,
    )
    async with AsyncWebCrawler(crawler_strategy=strategy, config=browser) as crawler:

        async def render(some: Sequence[str]) -> int:
            dispatcher = MemoryAdaptiveDispatcher(max_session_permit=CONCURRENCY, rate_limiter=None)
            results = await crawler.arun_many(list(some), config=config, dispatcher=dispatcher)
            return sum([is_complete(result.html) async for result in results])

        return await measured(render, urls)


async def main(name: str, urls: Sequence[str]) -> dict[str, Any]:
    match name:
        case "gleanery":
            return await gleanery(urls, RenderRequest())
        case "gleanery-wait":
            return await gleanery(urls, RenderRequest(wait_for=f"section:nth-of-type({SECTIONS})"))
        case "crawl4ai":
            return await crawl4ai(urls, html_only=False)
        case "crawl4ai-html":
            return await crawl4ai(urls, html_only=True)
    raise SystemExit(f"There is no contender {name!r}.")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2:]))))
