"""A documentation site whose pages can be held back, so that a test can look at a crawl in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sites import Site, run


@dataclass(slots=True)
class Gate:
    """Lets pages through by number: page n is answered once n ≤ `open_to`."""

    open_to: int
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def open(self, number: int) -> None:
        """Answer the pages up to `number`, also those that wait already."""
        async with self.changed:
            self.open_to = number
            self.changed.notify_all()

    async def passed(self, number: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: number <= self.open_to)


def _page(number: int, pages: int, body: str) -> str:
    links = (
        "".join(f'<li><a href="/guide/{n}.html">Chapter {n}</a></li>' for n in range(1, pages + 1))
        if number == 0
        else ""
    )
    return (
        f'<!doctype html><html lang="en"><head><title>Chapter {number}</title></head><body><nav><a href="/guide/">Top</a></nav><main>'
        f"<h1>Chapter {number}</h1><p>This chapter explains wombat number{number} and how to feed it in the morning.</p>"
        f'<pre><code class="language-python">def feed_{number}():\n    return "grass {number}"\n</code></pre>'
        f"{body}<ul>{links}</ul></main></body></html>"
    )


@asynccontextmanager
async def gated_site(pages: int, *, open_to: int, body: str = "") -> AsyncIterator[tuple[Site, Gate]]:
    """`/guide/` links to chapters 1 to `pages`; a chapter beyond the gate is answered when it opens. `body` is raw HTML
    that every page holds."""
    site, gate = Site(""), Gate(open_to)

    async def handle(request: web.Request) -> web.Response:
        site.record(request)
        name = request.match_info["name"].removesuffix(".html") or "0"
        if not name.isdigit() or int(name) > pages:
            raise web.HTTPNotFound
        await gate.passed(int(name))
        return web.Response(text=_page(int(name), pages, body), content_type="text/html")

    app = web.Application()
    app.router.add_get("/guide/{name:.*}", handle)
    async with run(app, "127.0.0.1") as url:
        site.url = url
        yield site, gate
