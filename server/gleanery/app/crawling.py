"""What crawls work with: the way to the sites, the browser, the processes that take documents apart; and the door's check."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gleanery import __version__
from gleanery.announcement import announced_address
from gleanery.app.ground import Ground
from gleanery.config import Settings, user_agent
from gleanery.handlers.crawl.run import CrawlParts, Evaluate, PublishPolicy
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.gate import GatePolicy
from gleanery.web.browser.supervisor import Browser, BrowserLimits
from gleanery.web.egress import EgressProxy
from gleanery.web.fetch import Fetcher, FetchLimits
from gleanery.web.guard import AddressPolicy, check_host_literal
from gleanery.web.politeness import HostLimiter
from gleanery.web.robots import RobotsCache


@dataclass(frozen=True)
class BesideServer(AddressPolicy):
    """The policy of a process beside the server, whose own address is the one that it has announced by now."""

    data_dir: Path = Path()

    def permits(self, address: str, port: int | None = None) -> bool:
        if AddressPolicy.permits(self, address, port):
            return True
        return port is not None and announced_address(self.data_dir) == (address, port)


async def crawl_parts(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    ground: Ground,
    policy: AddressPolicy,
    *,
    evaluate: Evaluate,
    is_warm: bool = True,
) -> CrawlParts:
    limits = FetchLimits(total_seconds=settings.fetch_timeout_seconds, max_bytes=settings.max_page_bytes)
    fetcher = await stack.enter_async_context(Fetcher(policy, user_agent(__version__), limits=limits))
    egress = await stack.enter_async_context(EgressProxy(policy))
    browser = await stack.enter_async_context(
        Browser(
            settings.browser,
            egress=egress,
            user_agent=user_agent(__version__),
            data_dir=settings.data_dir,
            limits=BrowserLimits(max_bytes=settings.max_page_bytes),
        )
    )
    pool = ExtractPool(settings.extract_processes, settings.extract_timeout_seconds, is_warm=is_warm)
    await stack.enter_async_context(pool)
    return CrawlParts(
        store=ground.store,
        fetcher=fetcher,
        limiter=HostLimiter(settings.fetch_concurrency, share=ground.share),
        robots=RobotsCache(fetcher),
        browser=browser if browser.find() is not None else None,
        extract_pool=pool,
        executor=ground.executor,
        vectors=ground.vectors,
        budgets=ground.budgets,
        right_of_way=ground.right_of_way,
        fetch_concurrency=settings.fetch_concurrency,
        robots_patience_seconds=settings.robots_patience_seconds,
        evaluate=evaluate,
        publish=PublishPolicy(GatePolicy(), timedelta(days=settings.vanished_grace_days)),
    )


def door(own_url: Callable[[], str | None], policy: AddressPolicy) -> Callable[[str], None]:
    """The check of a URL before a task exists: no private host, but the bundled example."""

    def check(asked: str) -> None:
        url = own_url()
        if url is None or not asked.startswith(f"{url}/example/"):
            check_host_literal(asked, policy)

    return check


def has_browser(parts: CrawlParts) -> bool:
    return parts.browser is not None and parts.browser.find() is not None
