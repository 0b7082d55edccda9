"""What parses of single pages work with: a browser of their own, which shows pictures and has a place for each of them."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

from gleanery import __version__
from gleanery.agents.page_meaning import PageSharpener
from gleanery.app.ground import Ground
from gleanery.app.secret import installation_secret
from gleanery.config import Settings, user_agent
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.parse.estimates import Estimates
from gleanery.handlers.parse.handler import ParseParts
from gleanery.handlers.parse.loading import Loader
from gleanery.handlers.parse.recovery import LONGEST_SECONDS
from gleanery.handlers.parse.understanding import Understanding
from gleanery.store.base import Store
from gleanery.web.browser.supervisor import Browser, BrowserLimits
from gleanery.web.egress import EgressLimits, EgressProxy
from gleanery.web.guard import AddressPolicy

PAGE_MEMORY_MB = 512.0
MEMORY_MB = 3072.0
EXAMPLE_PATH = "/example/"
"""The bundled example can be parsed, as it can be crawled; nothing else of this server."""


@dataclass(frozen=True)
class Parsing:
    """The browser of parses, and what their handler takes."""

    browser: Browser
    parts: ParseParts

    def has_browser(self) -> bool:
        """Asked for each parse that is started; one that runs need not be looked for on the disk."""
        return self.browser.is_running or self.browser.find() is not None


async def parsing(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    ground: Ground,
    crawl: CrawlParts,
    policy: AddressPolicy,
) -> Parsing:
    """`policy` is that of crawls. Nothing is started before the first parse."""
    # How long a silent server is waited for is said by each request.
    limits = EgressLimits(idle_seconds=LONGEST_SECONDS)
    egress = await stack.enter_async_context(EgressProxy(policy, own_path=EXAMPLE_PATH, limits=limits))
    browser = await stack.enter_async_context(
        Browser(
            settings.browser,
            egress=egress,
            user_agent=user_agent(__version__),
            data_dir=settings.data_dir,
            loads_media=True,
            tells_roles=True,
            limits=BrowserLimits(
                max_pages=settings.browser_pool_size,
                max_bytes=settings.max_page_bytes,
                memory_mb=MEMORY_MB,
                page_memory_mb=PAGE_MEMORY_MB,
            ),
        )
    )
    parses = ground.store.parses
    sharpen = None if ground.chat is None else PageSharpener(ground.chat)
    parts = ParseParts(
        parses=parses,
        loader=Loader(browser, Understanding(crawl.extract_pool, ground.executor, sharpen)),
        estimates=Estimates(parses, settings.browser_pool_size),
        executor=ground.executor,
        key=await _cache_secret(settings, ground.store),
        cache_seconds=settings.parse_cache_seconds,
        cache_bytes=settings.parse_cache_mb * 1024**2,
        pool_size=settings.browser_pool_size,
        clock=ground.store.clock,
    )
    return Parsing(browser, parts)


async def _cache_secret(settings: Settings, store: Store) -> bytes:
    """A key of its own made of the installation's secret: all processes on the store have the same one."""
    return hashlib.sha256(b"parse cache" + (await installation_secret(settings, store)).key).digest()
