"""What parses of single pages work with: a browser of their own, which shows pictures and has a place for each of them."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

from gleanery import __version__
from gleanery.agents.page_meaning import PageSharpener
from gleanery.app.ground import Ground
from gleanery.config import Settings, user_agent
from gleanery.engine.webhooks import load_secret
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.parse.estimates import Estimates
from gleanery.handlers.parse.handler import ParseParts
from gleanery.handlers.parse.loading import Loader
from gleanery.handlers.parse.recovery import LONGEST_SECONDS
from gleanery.handlers.parse.understanding import Understanding
from gleanery.model import utc_now
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
        key=_cache_secret(settings),
        cache_seconds=settings.parse_cache_seconds,
        cache_bytes=settings.parse_cache_mb * 1024**2,
        pool_size=settings.browser_pool_size,
        clock=utc_now,
    )
    return Parsing(browser, parts)


def _cache_secret(settings: Settings) -> bytes:
    """A key of its own made of the installation's secret: all processes on the folder have the same one."""
    set_to = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    return hashlib.sha256(b"parse cache" + load_secret(settings.data_dir, set_to).key).digest()
