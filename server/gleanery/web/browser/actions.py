"""Actions on an open page (clicks, scripts, scrolling) through crawl4ai. Imported on first use: it takes 1.3 s.

crawl4ai drives a page of ours: navigation, waiting, limits and the taking of the HTML stay where they are for plain pages.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from crawl4ai.async_configs import BrowserConfig, CacheMode, CrawlerRunConfig, VirtualScrollConfig
from crawl4ai.async_crawler_strategy import AsyncPlaywrightCrawlerStrategy
from crawl4ai.async_logger import AsyncLoggerBase
from crawl4ai.browser_adapter import PlaywrightAdapter
from crawl4ai.browser_manager import BrowserManager
from playwright.async_api import BrowserContext, Page
from playwright.async_api import Error as PlaywrightError

from gleanery import log
from gleanery.web.browser import scripts
from gleanery.web.browser.failures import page_error, quoted
from gleanery.web.browser.request import RenderRequest, render_refused

_LOG = log.get(__name__)

# crawl4ai takes the HTML through its adapter when it is asked for a part of the page. It gets none: taking it is ours.
_NOTHING = "gleanery-takes-it"
_MAX_SCROLL_STEPS = 40
_SCROLL_DELAY_SECONDS = 0.1
# Longest that a page may take to be painted after it was scrolled.
_PAINT_SECONDS = 5.0
# How crawl4ai waits after it has scrolled in a part of a page, and how it waits for the page to be painted before that.
_FIXED_WAIT = "setTimeout(resolve, config.wait_after_scroll * 1000)"
_PAINTED_WAIT = f"""(() => {{
  const then = () => {_FIXED_WAIT};
  const late = setTimeout(then, {_PAINT_SECONDS * 1000:g});
  requestAnimationFrame(() => requestAnimationFrame(() => {{ clearTimeout(late); then(); }}));
}})()"""

# These two take 20 to 40 ms to make, most of it for things that are not used here.
_BROWSER = BrowserConfig(headless=True, verbose=False, text_mode=True, accept_downloads=False)
_RUN = CrawlerRunConfig(
    cache_mode=CacheMode.BYPASS,
    prefetch=True,
    js_only=True,
    css_selector=_NOTHING,
    verbose=False,
    delay_before_return_html=0.0,
    body_visibility_timeout=300,
    max_scroll_steps=_MAX_SCROLL_STEPS,
    scroll_delay=_SCROLL_DELAY_SECONDS,
)


async def act(page: Page, request: RenderRequest) -> None:
    """Scrolls, clicks and runs the scripts that `request` asks for on the open `page`.

    Raises errors.RenderFailed for a script or a click that fails.
    """
    journal = _Journal()
    adapter = _Adapter(journal)
    strategy = AsyncPlaywrightCrawlerStrategy(browser_config=_BROWSER, logger=journal, browser_adapter=adapter)
    strategy.browser_manager = _Borrowed(page, journal)
    seconds = request.timeout_seconds * 0.8
    try:
        await strategy.crawl(page.url, config=await _config(page, request, seconds))
    except (RuntimeError, ValueError) as error:
        raise page_error(page.url, str(error)) from error
    if journal.failures:
        raise render_refused(page.url, f"An action failed: {quoted(journal.failures[0])}.", reason="action_failed")


async def _config(page: Page, request: RenderRequest, seconds: float) -> Any:
    config = copy.copy(_RUN)
    config.page_timeout = config.wait_for_timeout = int(seconds * 1000)
    wanted = [*map(scripts.click, request.clicks), *request.scripts]
    config.js_code_before_wait = [scripts.reporting(script) for script in wanted] or None
    if request.scroll:
        config.scan_full_page = True
        scroller = await page.evaluate(scripts.SCROLLER)
        if isinstance(scroller, str):
            config.virtual_scroll_config = VirtualScrollConfig(
                container_selector=scroller,
                scroll_count=_MAX_SCROLL_STEPS,
                wait_after_scroll=_SCROLL_DELAY_SECONDS,
            )
    return config


class _Borrowed(BrowserManager):  # type: ignore[misc]
    """Lends crawl4ai one page of ours in place of a browser of its own."""

    def __init__(self, page: Page, journal: _Journal) -> None:
        super().__init__(_BROWSER, logger=journal)
        self._page = page

    async def get_page(self, crawlerRunConfig: object) -> tuple[_Lent, BrowserContext]:  # noqa: ARG002
        return _Lent(self._page), self._page.context

    async def release_page_with_context(self, page: Page) -> None:
        """Ours to close."""


class _Lent:
    """The page as crawl4ai gets it: all of it, but for its end."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._is_painted = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)

    async def wait_for_timeout(self, milliseconds: float) -> None:
        """crawl4ai waits so long after it has scrolled; a busy machine takes longer to tell the page of it."""
        if self._is_painted:
            try:
                async with asyncio.timeout(_PAINT_SECONDS):
                    await self._page.evaluate(scripts.PAINTED)
            except (PlaywrightError, TimeoutError):
                self._is_painted = False  # it has gone on, or runs no scripts: nothing there is told
        await self._page.wait_for_timeout(milliseconds)

    async def close(self) -> None:
        """Ours to close, and to use again."""


class _Adapter(PlaywrightAdapter):  # type: ignore[misc]
    """Runs crawl4ai's scripts and hears which of ours failed."""

    def __init__(self, journal: _Journal) -> None:
        super().__init__()
        self._journal = journal

    async def evaluate(self, page: Page, expression: str, arg: object = None) -> Any:
        if arg == _NOTHING:
            return ""
        result = await super().evaluate(page, expression.replace(_FIXED_WAIT, _PAINTED_WAIT), arg)
        if isinstance(result, dict) and isinstance(result.get("failed"), str):
            self._journal.failures.append(result["failed"])
        return result


class _Journal(AsyncLoggerBase):  # type: ignore[misc]
    """crawl4ai's words in our log, for debugging; scripts that could not be run are remembered."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def _note(self, message: str, tag: str = "", **kwargs: Any) -> None:
        params = kwargs.get("params") or {}
        _LOG.debug(
            "crawl4ai said", extra={"said": message, "tag": tag, "params": {k: str(v) for k, v in params.items()}}
        )

    debug = info = success = warning = _note

    def error(self, message: str, tag: str = "ERROR", **kwargs: Any) -> None:
        self._note(message, tag, **kwargs)
        if tag in ("JS_EXEC", "VSCROLL"):
            self.failures.append(str((kwargs.get("params") or {}).get("error", message)))

    def url_status(self, url: str, success: bool, timing: float, tag: str = "FETCH", url_length: int = 100) -> None:
        """Told by the crawl."""

    def error_status(self, url: str, error: str, tag: str = "ERROR", url_length: int = 100) -> None:
        self._note(error, tag, params={"url": url[:url_length]})
