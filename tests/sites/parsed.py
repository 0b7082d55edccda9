"""A site whose pages are met in each of the ways that a parse knows: shown, turned away, slow, broken, no page at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sites import run

FORM = """<!doctype html><html lang="en"><head><title>Sign in</title></head><body><main><h1>Sign in</h1>
<p>Members of the wombat society sign in here to read the minutes of the last meeting.</p>
<form action="/in" method="post"><label>E-mail <input type="email" name="email" required></label>
<label>Password <input type="password" name="password" required></label><button>Sign in</button></form></main></body></html>"""

PAGES = {"/login": FORM, "/waits": FORM.replace("</main>", '<img src="/held/picture" alt=""></main>')}


@dataclass
class ParsedSite:
    """`requests` has the headers of each request by its path; a page under /held/ waits for `gate`."""

    url: str = ""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, path: str) -> list[dict[str, str]]:
        return [headers for asked, headers in self.requests if asked == path]

    async def asked(self, path: str, times: int = 1) -> None:
        """Until it was asked for that so many times."""
        while len(self.of(path)) < times:
            self.news.clear()
            await self.news.wait()


def _html(text: str, status: int = 200, **headers: str) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


@asynccontextmanager
async def parsed_site() -> AsyncIterator[ParsedSite]:
    site = ParsedSite()

    async def handle(request: web.Request) -> web.StreamResponse:
        site.requests.append((request.path, dict(request.headers)))
        site.news.set()
        before = len(site.of(request.path)) - 1
        match request.path:
            case path if path in PAGES:
                return _html(PAGES[path])
            case "/moved":
                raise web.HTTPFound("/login")
            case "/gone":
                return _html("<title>Not here</title><h1>Page not found</h1><p>There is no such page.</p>", 404)
            case "/blocked":
                return _html("<h1>Forbidden</h1>", 403)
            case "/blocked-once":
                return _html("<h1>Slow down</h1>", 429, **{"Retry-After": "1"}) if before == 0 else _html(FORM)
            case "/broken-once":
                return web.Response(status=503) if before == 0 else _html(FORM)
            case "/slow-once":
                if before == 0:
                    await asyncio.sleep(3600)
                return _html(FORM)
            case "/file":
                return web.Response(body=b"PK\x03\x04", content_type="application/zip")
            case path if path.startswith("/held/"):
                await site.gate.wait()
                return _html(FORM)
            case _:
                raise web.HTTPNotFound

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with run(app, "127.0.0.1") as url:
        site.url = url
        try:
            yield site
        finally:
            site.gate.set()
