"""The site of the benchmark `large`: so many made-up pages on loopback, in a process of its own, until standard input ends.

Every page has prose, a code block and links to its children in a tree, its neighbours and the start. A line on standard
input asks how often each page was asked for: the answer has the pages, the requests and the pages asked for again.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter

from aiohttp import web

from tests.bench.crawl_lag import say
from tests.sites import run

FANOUT = 12
WORDS = [
    "queue",
    "worker",
    "lease",
    "retry",
    "event",
    "frontier",
    "crawl",
    "page",
    "chunk",
    "vector",
    "search",
    "index",
    "token",
    "thread",
    "loop",
    "socket",
    "stream",
    "bounded",
    "durable",
    "commit",
    "rollback",
    "cursor",
    "schema",
    "migration",
    "handler",
    "payload",
    "schedule",
    "webhook",
    "signature",
    "header",
    "redirect",
    "robots",
    "sitemap",
]


class LargeSite:
    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._asked: Counter[int] = Counter()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/docs/{number:[0-9]+}.html", self._page)
        return app

    def counts(self) -> dict[str, int]:
        return {
            "pages": len(self._asked),
            "requests": self._asked.total(),
            "again": sum(count - 1 for count in self._asked.values()),
        }

    async def _page(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if number >= self._pages:
            raise web.HTTPNotFound
        self._asked[number] += 1
        return web.Response(text=self._html(number), content_type="text/html")

    def _html(self, number: int) -> str:
        chance = random.Random(number)
        children = range(number * FANOUT + 1, min(number * FANOUT + 1 + FANOUT, self._pages))
        near = {(number + step) % self._pages for step in (1, 2, 3, -1)} | {0}
        links = "".join(f'<li><a href="{n}.html">Page {n}</a></li>' for n in (*children, *sorted(near)))
        prose = "".join(f"<p>{' '.join(chance.choices(WORDS, k=60)).capitalize()} {number}.</p>" for _ in range(6))
        code = f"def task_{number}(queue):\n    for item in queue:\n        yield item + {number}\n"
        return (
            f"<!doctype html><html lang=en><head><title>Page {number}</title></head><body><nav><ul>{links}</ul></nav>"
            f"<main><h1>Page {number}</h1>{prose}<h2>Example</h2>"
            f'<pre><code class="language-python">{code}</code></pre></main></body></html>'
        )


async def main(pages: int) -> None:
    site = LargeSite(pages)
    async with run(site.app(), "127.0.0.1", None) as url:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        say(url=f"{url}/docs/0.html")
        while await reader.readline():
            say(**site.counts())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
