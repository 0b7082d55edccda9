"""Pages that are opened by Playwright alone, read by the inspector, and met again in a context that knows nothing of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from playwright.async_api import Browser, FloatRect, FrameLocator, Locator, Page, async_playwright

from gleanery.model import parses
from gleanery.web.browser.binary import find_browser, flags
from gleanery.web.browser.inspect.inspector import InspectLimits, Inspector
from gleanery.web.browser.inspect.screenshot import screenshot
from gleanery.web.egress import EgressProxy
from tests.web.conftest import LOCAL

WIDTH, HEIGHT = 1280, 720


class Eyes:
    """A browser to look at pages with."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @asynccontextmanager
    async def page(self, url: str, width: int = WIDTH, height: int = HEIGHT) -> AsyncIterator[Page]:
        """The page at `url`, in a context of its own."""
        context = await self._browser.new_context(viewport={"width": width, "height": height})
        try:
            page = await context.new_page()
            await page.goto(url)
            yield page
        finally:
            await context.close()

    async def read(
        self, url: str, limits: InspectLimits | None = None, *, include_tree: bool = False
    ) -> parses.Inspected:
        async with self.page(url) as page:
            return await inspected(page, limits, include_tree=include_tree)


@asynccontextmanager
async def open_eyes(*more_flags: str, tells_roles: bool = True) -> AsyncIterator[Eyes]:
    executable = find_browser(None, os.environ)
    async with EgressProxy(LOCAL) as egress, async_playwright() as driver:
        wanted = flags(egress.port, loads_media=True, tells_roles=tells_roles)
        args = [*wanted, *more_flags, "--no-sandbox"]
        browser = await driver.chromium.launch(executable_path=executable, args=args)
        try:
            yield Eyes(browser)
        finally:
            await browser.close()


async def inspected(page: Page, limits: InspectLimits | None = None, *, include_tree: bool = False) -> parses.Inspected:
    inspector = Inspector(page, limits or InspectLimits())
    await inspector.dom(include_tree)
    return await inspector.elements()


async def pictured(page: Page, *, is_full_page: bool) -> tuple[bytes, parses.Screenshot]:
    """Its picture, however long a busy machine takes to paint it."""
    return await screenshot(page, is_full_page=is_full_page, seconds=100)


def found(page: Page, locator: parses.Locator) -> Locator:
    """The element again, as an agent with Playwright would look for it."""
    within: Page | FrameLocator = page
    for frame in locator.frames:
        within = within.frame_locator(frame)
    return within.locator(locator.selector)


async def differences(page: Page, elements: Iterable[parses.InteractiveElement]) -> list[str]:
    """What the locators of `elements` find on `page`, where that is not exactly what they were made for."""
    told: list[str] = []
    scroll = await page.evaluate("[scrollX, scrollY]")
    for element in elements:
        locator = found(page, element.locator)
        count = await locator.count()
        box = await locator.bounding_box() if count == 1 else None
        where = f"{element.tag} {element.name!r} by {element.locator.selector!r}"
        if count != 1:
            told.append(f"{where}: {count} of them")
        elif not _is_same(box, element.box, scroll):
            told.append(f"{where}: at {box}, not {element.box}")
    return told


def _is_same(box: FloatRect | None, expected: parses.Box | None, scroll: list[float]) -> bool:
    if box is None or expected is None:
        return expected is None
    is_there = abs(box["x"] + scroll[0] - expected.x) <= 1 and abs(box["y"] + scroll[1] - expected.y) <= 1
    return is_there and abs(box["width"] - expected.width) <= 1 and abs(box["height"] - expected.height) <= 1


def by_name(page: parses.Inspected) -> dict[str, parses.InteractiveElement]:
    """The elements of a page by their names, which must all differ."""
    names = {element.name: element for element in page.elements}
    assert len(names) == len(page.elements), [element.name for element in page.elements]
    return names
