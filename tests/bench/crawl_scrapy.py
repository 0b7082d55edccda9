"""The contender Scrapy: follows the links of a site, markdownify makes the Markdown, a feed keeps it.

Takes a start URL and a file for the feed; begins at a line on standard input. Runs in a Python that has Scrapy.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import scrapy
from markdownify import markdownify
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor

from tests.bench.crawl_lag import Ticker, say

SETTINGS = {
    "CONCURRENT_REQUESTS": 8,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "DOWNLOAD_DELAY": 0,
    "AUTOTHROTTLE_ENABLED": False,
    "ROBOTSTXT_OBEY": True,
    "COOKIES_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_LEVEL": "ERROR",
}


class Spider(scrapy.Spider):  # type: ignore[misc]
    name = "bench"
    pages = 0
    ticker = Ticker()

    async def start(self) -> AsyncIterator[Any]:
        self.ticking = asyncio.ensure_future(self.ticker.run())
        self.links = LinkExtractor(allow_domains=[urlsplit(self.start_url).netloc])
        yield scrapy.Request(self.start_url)

    def parse(self, response: Any) -> Iterator[Any]:
        if b"html" not in response.headers.get("Content-Type", b""):
            return
        self.pages += 1
        yield {
            "url": response.url,
            "title": response.css("title::text").get(),
            "markdown": markdownify(response.text, heading_style="ATX"),
        }
        for link in self.links.extract_links(response):
            yield response.follow(link.url.partition("#")[0])

    def closed(self, reason: str) -> None:
        say(pages=self.pages, lag=self.ticker.take())
        self.ticking.cancel()


def main(start_url: str, feed: str) -> None:
    process = CrawlerProcess({**SETTINGS, "FEEDS": {feed: {"format": "jsonlines"}}})
    process.crawl(Spider, start_url=start_url)
    say(ready=True)
    sys.stdin.readline()
    process.start()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
