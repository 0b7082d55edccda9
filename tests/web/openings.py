"""A browser for parses, for tests: 127.0.0.1 and 127.0.0.2 stand for two sites of the public web."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from gleanery.web.browser.open_page import Guise, OpenPage
from gleanery.web.browser.supervisor import Browser, BrowserLimits, RenderRequest
from gleanery.web.egress import EgressProxy
from gleanery.web.guard import AddressPolicy
from tests.web.browsers import QUICK
from tests.web.conftest import AGENT
from tests.web.test_egress import Names

POOL = replace(QUICK, max_pages=3, page_memory_mb=512)
QUICKLY = RenderRequest(timeout_seconds=60, settle_seconds=3)
PLAIN = Guise()


@asynccontextmanager
async def a_pool(folder: Path, limits: BrowserLimits = POOL, executable: Path | None = None) -> AsyncIterator[Browser]:
    async with (
        EgressProxy(AddressPolicy.parse(["127.0.0.1", "127.0.0.2"]), resolver=Names()) as egress,
        Browser(
            executable,
            egress=egress,
            user_agent=AGENT,
            data_dir=folder,
            loads_media=True,
            tells_roles=True,
            limits=limits,
        ) as browser,
    ):
        yield browser


def inside(page: OpenPage) -> Page:
    """The browser's own page behind it, for tests that ask it something of their own."""
    found: Any = page
    shown: Page = found._tab.page
    return shown
