"""Small sites made by hand: files for the fixture `serve_pages`, and a site that waits for the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sites import Site, run


def page(title: str, body: str = "", links: tuple[str, ...] = ()) -> str:
    """A valid page with these links."""
    items = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body><main>'
        f"<h1>{title}</h1><p>This page is about {title}.</p>{body}<ul>{items}</ul></main></body></html>"
    )


SMALL: Mapping[str, str] = {
    "index.html": page("Start", links=("a.html", "b.html", "deep/c.html", "gone.html", "https://elsewhere.example/")),
    "a.html": page("Apples", "<p>Apples grow on trees in an orchard.</p>", links=("b.html", "a.html#top")),
    "b.html": page(
        "Bananas",
        '<p>Peel it first:</p><pre><code class="language-python">def peel(banana):\n    return banana[1:]\n</code></pre>',
        links=("index.html", "a.html?utm_source=x"),
    ),
    "deep/c.html": page("Cherries", "<p>Cherries have stones.</p>", links=("d.html",)),
    "deep/d.html": page("Dates", "<p>Dates are sweet and dry.</p>", links=("../picture.png",)),
}
"""Five pages, two levels deep; one link is broken, one leads elsewhere, one to a picture."""


def ring(count: int) -> Mapping[str, str]:
    """A site of `count` pages: the first links to all, each to the next."""
    pages = {
        f"p{n}.html": page(
            f"Page {n}",
            f"<p>The word of this page is word{n}.</p><pre><code>value = {n}\n</code></pre>",
            links=(f"p{(n + 1) % count}.html",),
        )
        for n in range(count)
    }
    return {"index.html": page("Ring", links=tuple(pages)), **pages}


@dataclass
class GatedSite:
    """A site whose pages wait at a gate until the test lets them go, in order; start page and robots.txt don't wait."""

    site: Site
    start: str = ""
    _open_to: int = 0
    _opened: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def let(self, count: int) -> None:
        """Let the next `count` pages go: first those from p0 on."""
        async with self._opened:
            self._open_to += count
            self._opened.notify_all()

    async def wait(self, number: int) -> None:
        async with self._opened:
            await self._opened.wait_for(lambda: number < self._open_to)


@asynccontextmanager
async def gated_ring(count: int) -> AsyncIterator[GatedSite]:
    """The pages of `ring(count)`, behind a gate."""
    pages = ring(count)
    gated = GatedSite(Site(""))

    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        gated.site.record(request)
        if name not in pages:
            raise web.HTTPNotFound
        if name != "index.html":
            await gated.wait(int(name[1:].removesuffix(".html")))
        return web.Response(text=pages[name], content_type="text/html")

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with run(app, "127.0.0.1") as url:
        gated.site.url, gated.start = url, f"{url}/index.html"
        yield gated
