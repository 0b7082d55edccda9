"""A site whose pages are shells of an app beside pages as they are, and a count of how each of them was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sites import Site, run
from tests.sites.apps import html

_APP = """
fetch('/data' + location.pathname).then(answer => answer.json()).then(page => {
  document.title = page.title;
  document.getElementById('root').innerHTML = `<main><h1>${page.title}</h1>${page.text}</main>`;
});
"""
_SHELL = html('<div id="root"></div><script src="/app.js"></script>')
SENTENCES = 40


def text_of(path: str) -> str:
    """What the page at `path` says, shell or not."""
    return f"<p>{f'The page {path} tells of wombats and what they eat at night. ' * SENTENCES}</p>"


@dataclass(slots=True)
class ShellSite:
    """`rendered` and `fetched` count documents asked for by the browser and over HTTP. The data of the paths in `held`
    waits until `gate` is set."""

    site: Site
    rendered: Counter[str] = field(default_factory=Counter)
    fetched: Counter[str] = field(default_factory=Counter)
    held: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return self.site.url

    async def until_waiting(self, count: int) -> None:
        """Until so many pages wait for their data: no more and no fewer."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.waiting == count)

    async def hold(self) -> None:
        try:
            await self._tell(+1)
            await self.gate.wait()
        finally:
            await self._tell(-1)

    async def _tell(self, step: int) -> None:
        async with self.changed:
            self.waiting += step
            self.changed.notify_all()


@asynccontextmanager
async def shell_site(
    shells: int = 0, static: int = 0, others: Mapping[str, str] | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ShellSite]:
    """`/shell/N.html` and `/static/N.html` from 0 on, `others` as they are given, and `/index.html` that links to all."""
    site = ShellSite(Site(""))
    given = dict(others or {})
    paths = [*(f"/shell/{n}.html" for n in range(shells)), *(f"/static/{n}.html" for n in range(static)), *given]
    links = "".join(f'<li><a href="{path}">{path}</a></li>' for path in paths)
    given["/index.html"] = html(f"<main><h1>Index</h1>{text_of('/index.html')}<ul>{links}</ul></main>")

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path
        site.site.record(request)
        if path == "/app.js":
            return web.Response(text=_APP, content_type="text/javascript")
        if path.startswith("/data/"):
            path = path.removeprefix("/data")
            if path in site.held:
                await site.hold()
            return web.json_response({"title": path, "text": text_of(path)})
        if path not in paths and path not in given:
            raise web.HTTPNotFound
        # No client but a browser tells where the answer goes (Fetch Metadata).
        (site.rendered if "Sec-Fetch-Dest" in request.headers else site.fetched)[path] += 1
        text = _SHELL if path.startswith("/shell/") else given.get(path) or html(f"<h1>{path}</h1>{text_of(path)}")
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with run(app, host) as url:
        site.site.url = url
        try:
            yield site
        finally:
            site.gate.set()
