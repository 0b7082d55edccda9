"""The contender crawl4ai: its own HTTP strategy and Markdown over a list of URLs, without its cache and rate limit.

Takes a file of URLs, one a line; begins at a line on standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from crawl4ai import AsyncWebCrawler, CacheMode, CrawlerRunConfig, HTTPCrawlerConfig
from crawl4ai.async_crawler_strategy import AsyncHTTPCrawlerStrategy
from crawl4ai.async_dispatcher import MemoryAdaptiveDispatcher
from crawl4ai.markdown_generation_strategy import DefaultMarkdownGenerator

from tests.bench.crawl_lag import Ticker, say

CONCURRENCY = 8


async def main(urls: list[str]) -> None:
    config = CrawlerRunConfig(
        markdown_generator=DefaultMarkdownGenerator(), cache_mode=CacheMode.BYPASS, verbose=False, stream=True
    )
    strategy = AsyncHTTPCrawlerStrategy(HTTPCrawlerConfig())
    ticker = Ticker()
    pages = 0
    async with AsyncWebCrawler(crawler_strategy=strategy) as crawler:
        say(ready=True)
        await asyncio.to_thread(sys.stdin.readline)
        ticking = asyncio.create_task(ticker.run())
        dispatcher = MemoryAdaptiveDispatcher(max_session_permit=CONCURRENCY, rate_limiter=None)
        async for result in await crawler.arun_many(urls, config=config, dispatcher=dispatcher):
            pages += bool(result.success and result.markdown.raw_markdown)
        say(pages=pages, lag=ticker.take())
        ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text().split()))
