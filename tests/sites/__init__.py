"""Real web servers for tests: a folder of documents, and a site that misbehaves in every way we know."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

OFFERS = frozenset({"robots.txt", "sitemap.xml", "sitemap_index.xml", "sitemap.xml.gz", "llms.txt", "llms-full.txt"})
"""What sites may offer to crawlers."""


@dataclass(slots=True)
class Site:
    """A running server: where it is, and what it was asked for (path and query, in order)."""

    url: str
    requests: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pages(self) -> Counter[str]:
        """`counts` without what a crawl asks every site for: robots.txt, sitemaps, llms.txt."""
        return Counter({path: count for path, count in self.counts.items() if path.rsplit("/", 1)[-1] not in OFFERS})

    def record(self, request: web.BaseRequest) -> None:
        """Notes one request: `counts` by path alone, `headers` in step with `requests`; `asked` is set by the first."""
        self.requests.append(request.path_qs)
        self.counts[request.path] += 1
        self.headers.append(dict(request.headers))
        self.asked.set()


@asynccontextmanager
async def run(app: web.Application, host: str, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serves `app` on a free port of `host`; yields `http://host:port`."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, ssl_context=ssl_context)
        await site.start()
        port = runner.addresses[0][1]
        name = f"[{host}]" if ":" in host else host
        yield f"{'https' if ssl_context else 'http'}://{name}:{port}"
    finally:
        await runner.cleanup()
