"""A source over several crawls, put into a real store by hand, and a server of just the routes that are looked at."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import aiohttp
from aiohttp import web

from gleanery.api.http import error_middleware
from gleanery.api.route import Route
from gleanery.model import Generation, Heading, NewTask, PageBundle, StoredCode, TaskStatus, content_id
from gleanery.store.base import Store
from tests.api.client import Client
from tests.sites import run
from tests.store.samples import HALF_WAY, Crawl, bundle_of, start_crawl, started, told, url_of

_HEADING = re.compile(r"^(#{1,6}) (.*)$", re.M)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def page_of(crawl: Crawl, path: str, markdown: str) -> PageBundle:
    """A page whose headings are its `#` lines and whose code examples are its fences."""
    bundle = bundle_of(crawl.source.source_id, crawl.task.task_id, path, [markdown], title=path)
    outline = tuple(Heading(len(m[1]), m[2], m[2].lower(), m.start()) for m in _HEADING.finditer(markdown))
    codes = tuple(
        StoredCode(
            content_id("cx", bundle.page.page_id, m[2]),
            bundle.page.page_id,
            crawl.source.source_id,
            number,
            m[1] or None,
            m[2],
            (),
            "",
            m.start(2),
            m.end(2),
        )
        for number, m in enumerate(_FENCE.finditer(markdown))
    )
    page = replace(bundle.page, outline=outline, content_hash=content_id("h", markdown))
    return replace(bundle, page=page, code_examples=codes)


@dataclass(frozen=True)
class Refreshed:
    """A source with its store. Each `crawl` builds a generation of these pages (path: Markdown) and makes it visible."""

    store: Store
    first: Crawl

    @property
    def source_id(self) -> str:
        return self.first.source.source_id

    async def crawl(self, pages: Mapping[str, str], **fields: object) -> Generation:
        """Pages that aren't among them are gone at once."""
        building = await self.begun(**fields)
        await self.put(building, pages)
        return await self.complete(building)

    async def begun(self, **fields: object) -> Crawl:
        new = NewTask("crawl", {}, **fields)  # type: ignore[arg-type]
        task = await started(self.store, new, serial_key=self.source_id)
        crawl = Crawl(self.store, task, self.first.source)
        await self.store.generations.begin(crawl.fence, self.source_id)
        return crawl

    async def put(self, crawl: Crawl, pages: Mapping[str, str]) -> None:
        for path, markdown in pages.items():
            await crawl.add(url_of(path))
            await crawl.store_page(url_of(path), page_of(crawl, path, markdown))

    async def complete(self, crawl: Crawl) -> Generation:
        done = await self.store.generations.complete(
            crawl.fence, self.source_id, timedelta(), told("published"), HALF_WAY, {"pages_unchanged": 1}
        )
        await self.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
        return done


async def refreshed(store: Store, pages: Mapping[str, str], url: str = "https://a.test/") -> Refreshed:
    """A source whose first generation has these pages."""
    first = await start_crawl(store, url)
    source = Refreshed(store, first)
    await source.put(first, pages)
    await source.complete(first)
    return source


@asynccontextmanager
async def serving(routes: Sequence[Route]) -> AsyncIterator[Client]:
    """A server of these routes alone, and its client."""
    app = web.Application(middlewares=[error_middleware])
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    async with run(app, "127.0.0.1") as url, aiohttp.ClientSession() as session:
        yield Client(url, session)
