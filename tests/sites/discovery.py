"""A site that offers sitemaps, llms.txt and feeds: each path answers what a test gave for it, everything else 404."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sites import Site, run

XML = "application/xml"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What a path answers. `{url}` in a text stands for the site's own address; `is_silent` never answers at all."""

    body: str | bytes = ""
    content_type: str = XML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False


def urlset(*urls: str, lastmod: str = "") -> str:
    """A sitemap of these URLs."""
    dated = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    entries = "".join(f"<url><loc>{url}</loc>{dated}</url>" for url in urls)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'


def index(*urls: str) -> str:
    """An index of these sitemaps."""
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>'


@asynccontextmanager
async def offering_site(answers: Mapping[str, Answer | str], host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """The site on a free port. A plain text answers as XML, or as text where the path ends in `.txt`."""
    site, closing = Site(""), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        site.record(request)
        answer = answers.get(request.path)
        if answer is None:
            return web.Response(status=404, text="Not Found")
        if isinstance(answer, str):
            answer = Answer(answer, TEXT if request.path.endswith(".txt") else XML)
        if answer.is_silent:
            await closing.wait()
        body = answer.body if isinstance(answer.body, bytes) else answer.body.replace("{url}", site.url).encode()
        headers = {"Content-Type": answer.content_type, **answer.headers}
        return web.Response(status=answer.status, body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with run(app, host) as url:
        site.url = url
        try:
            yield site
        finally:
            closing.set()
