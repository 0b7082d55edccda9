"""One running Chromium with its driver: its start, its tabs, and its end with all of its processes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import BrowserContext, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from gleanery import errors, log
from gleanery.web.browser import printing, scripts
from gleanery.web.browser.binary import browser_environment, flags
from gleanery.web.browser.failures import ReasonOf, quoted
from gleanery.web.browser.launch import LaunchFailed
from gleanery.web.browser.open_page import Guise
from gleanery.web.browser.page import Tab
from gleanery.web.browser.request import BrowserLimits
from gleanery.web.browser.tree import BrowserTree, TreeSample, drivers
from gleanery.web.browser.watched import Watched, context_options

_LOG = log.get(__name__)
_NEWS_SECONDS = 1.0
_CLAIM_SECONDS = 5.0
NICENESS = 5
# Wide enough for a site's full layout; every line more is painted for nobody.
_VIEWPORT_WIDTH, _VIEWPORT_HEIGHT = 1280, 720


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What a Chromium is started with; `home` is the folder that it may call its own."""

    executable: Path
    proxy_port: int
    user_agent: str
    home: Path
    loads_media: bool
    tells_roles: bool
    limits: BrowserLimits

    @property
    def artifacts(self) -> Path:
        """Where Playwright puts its files, which would stay in the system's folder when its driver is killed."""
        return self.home / "artifacts"


class Chromium:
    """A running browser. `active` counts the tabs that are in use; idle ones wait for the next page of their session.

    `watched` are the pages that somebody looks into: their memory is known one by one.
    """

    def __init__(
        self,
        options: LaunchOptions,
        reason_of: ReasonOf,
        driver: Playwright,
        browser: PlaywrightBrowser,
        tree: BrowserTree,
    ) -> None:
        self._options = options
        self._reason_of = reason_of
        self._driver = driver
        self._browser = browser
        self._tree = tree
        self._idle: list[tuple[str, Tab]] = []
        self._unclaimed_at: list[float] = []
        self.watched: set[Tab] = set()
        self.active = 0
        self.pages = 0
        self.is_retired = False
        self.is_closing = False
        self.is_lost = False
        self._gone = asyncio.Event()
        browser.on("disconnected", lambda _browser: self._gone.set())

    @classmethod
    async def launch(cls, options: LaunchOptions, reason_of: ReasonOf, on_end: Callable[[Chromium], None]) -> Self:
        """Starts a browser; `on_end` is called when it is gone, however that came. Raises LaunchFailed.

        Not to be cancelled: what has been started by then would be left over.
        """
        await asyncio.to_thread(options.artifacts.mkdir, parents=True, exist_ok=True)
        before = await asyncio.to_thread(drivers)
        try:
            driver = await async_playwright().start()
        except (PlaywrightError, OSError) as error:
            raise LaunchFailed(f"its driver does not start: {quoted(str(error))}") from error
        tree = await asyncio.to_thread(lambda: BrowserTree(drivers() - before))
        await asyncio.to_thread(tree.step_back, NICENESS)
        try:
            browser = await _start(driver, options)
        except PlaywrightError as error:
            await _end(driver, None, tree, options.limits.close_seconds)
            raise LaunchFailed(_launch_reason(error.message)) from error
        made = cls(options, reason_of, driver, browser, tree)
        browser.on("disconnected", lambda _browser: on_end(made))
        await asyncio.to_thread(tree.look)
        await asyncio.to_thread(tree.step_back, NICENESS)  # Chromium's session is its own
        return made

    @property
    def is_connected(self) -> bool:
        return self._browser.is_connected() and not self.is_closing and not self.is_lost

    @property
    def is_worn(self) -> bool:
        return self.pages >= self._options.limits.pages_per_browser

    async def take(self, session: str) -> Tab:
        """A tab that has seen no other session. Raises Playwright's Error, or TimeoutError, when none can be had."""
        for index, (owner, tab) in enumerate(self._idle):
            if owner == session and not tab.is_spent:
                del self._idle[index]
                return tab
        if self._idle and len(self._idle) + self.active > self._options.limits.max_pages:
            await self._close_tab(self._idle.pop(0)[1])
        return await self._open_tab()

    async def _open_tab(self) -> Tab:
        context = await self._browser.new_context(
            user_agent=self._options.user_agent,
            viewport={"width": _VIEWPORT_WIDTH, "height": _VIEWPORT_HEIGHT},
            accept_downloads=False,
            service_workers="block",
            reduced_motion="reduce",
            locale="en-US",
        )
        try:
            await context.add_init_script(scripts.PREPARE)
            return Tab(context, await context.new_page(), self._options.limits, self._reason_of, self._claim)
        except (PlaywrightError, asyncio.CancelledError):
            await self._close_context(context)
            raise

    async def open_watched(self, url: str, guise: Guise) -> Watched:
        """A page that nobody had before, in a context of its own. Raises as `take`, and InvalidInput for headers and cookies."""
        context = await self._browser.new_context(**context_options(guise, self._options.user_agent))
        try:
            made = await Watched.of(context, url, guise, self._options.limits, self._reason_of, self._claim)
        except (PlaywrightError, errors.InvalidInput, asyncio.CancelledError):
            await self._close_context(context)
            raise
        self.watched.add(made.tab)
        return made

    async def open_sheet(self) -> BrowserContext:
        """A context to print in. Raises as `take`."""
        return await printing.open_sheet(self._browser)

    async def put_sheet_away(self, sheet: BrowserContext) -> None:
        await self._close_context(sheet)

    async def put_away(self, made: Watched) -> None:
        """Ends it, with all that it kept."""
        self.pages += 1
        self.watched.discard(made.tab)
        made.end()
        made.tab.leave()
        if made.tab.is_broken and not made.tab.opens_windows:
            # Whatever it is busy with must not keep the others waiting until it has been asked to close. To end the process of a
            # page that opens windows ends its browser now and then: Chromium takes the new window's opener to be there.
            await self._end_processes(made.tab)
        await self._close_context(made.tab.context)

    async def put_back(self, session: str, tab: Tab) -> None:
        """Keeps the tab for the next page of the session, or closes it."""
        self.pages += 1
        if tab.is_spent or self.is_retired:
            await self._close_tab(tab)
        else:
            self._idle.append((session, tab))

    async def rest(self) -> None:
        """Lets the pages of idle tabs go. Not when they become idle: where the next page follows, it takes their place."""
        resting, self._idle = self._idle, []
        for session, tab in resting:
            try:
                async with asyncio.timeout(self._options.limits.close_seconds):
                    await tab.rest()
            except (PlaywrightError, TimeoutError):
                tab.is_broken = True
                await self._close_tab(tab)
            else:
                self._idle.append((session, tab))

    async def _close_tab(self, tab: Tab) -> None:
        tab.leave()
        await self._close_context(tab.context)

    async def _close_context(self, context: BrowserContext) -> None:
        try:
            async with asyncio.timeout(self._options.limits.close_seconds):
                await context.close()
        except PlaywrightError:
            pass  # gone already, or with its browser
        except TimeoutError:
            # A page that can't even be closed holds a whole process; its browser is not worth keeping.
            _LOG.warning("A page of the browser could not be closed")
            self.is_retired = True

    async def answers(self, seconds: float) -> bool:
        """Whether the browser answers a ping in time."""
        try:
            async with asyncio.timeout(seconds):
                session = await self._browser.new_browser_cdp_session()
                await session.send("Browser.getVersion")
                await session.detach()
        except (PlaywrightError, TimeoutError):
            return False
        return True

    async def look(self) -> TreeSample:
        """The memory of its processes."""
        return await asyncio.to_thread(self._tree.look)

    async def sample(self) -> None:
        """Reads what the watched pages hold, and ends those that hold too much."""
        tabs = [tab for tab in self.watched if tab.pids]
        held = await asyncio.to_thread(self._tree.held_mb, {pid for tab in tabs for pid in tab.pids}) if tabs else {}
        for tab in tabs:
            tab.pids -= {pid for pid in tab.pids if not held[pid]}  # gone; the number may come to be another's
            held_mb = sum(held[pid] for pid in tab.pids)
            if not tab.holds(held_mb):
                _LOG.warning("A page took too much memory", extra={"memory_mb": round(held_mb)})
                await self._end_processes(tab)

    async def _end_processes(self, tab: Tab) -> None:
        for pid in tab.pids:
            await asyncio.to_thread(self._tree.end_page, pid)

    async def end_page(self, pid: int) -> None:
        """Ends one renderer for its memory; its page crashes, the others go on."""
        owner = next((tab for tab in self.watched if pid in tab.pids), None)
        if owner is not None:
            owner.too_heavy()
        else:
            self._unclaimed_at.append(time.monotonic())
        await asyncio.to_thread(self._tree.end_page, pid)

    def _claim(self) -> bool:
        """Whether a renderer that is nobody's was ended a moment ago: the page that crashes now is taken to be its."""
        now = time.monotonic()
        self._unclaimed_at = [at for at in self._unclaimed_at if now - at < _CLAIM_SECONDS]
        return bool(self._unclaimed_at and self._unclaimed_at.pop())

    async def kill(self) -> None:
        """Ends it at once. Its pages hear of it from the driver, or, when that hangs too, from the driver's end."""
        await asyncio.to_thread(self._tree.end_browser)
        try:
            async with asyncio.timeout(_NEWS_SECONDS):
                await self._gone.wait()
        except TimeoutError:
            await asyncio.to_thread(self._tree.end)

    async def close(self) -> None:
        """Ends it in order if it can, at once if it can't; also cleans up after one that died."""
        self._idle.clear()
        if self.is_lost:
            await asyncio.to_thread(self._tree.end)
        await _end(self._driver, self._browser, self._tree, self._options.limits.close_seconds)


async def _start(driver: Playwright, options: LaunchOptions) -> PlaywrightBrowser:
    return await driver.chromium.launch(
        executable_path=options.executable,
        args=flags(options.proxy_port, loads_media=options.loads_media, tells_roles=options.tells_roles),
        headless=True,
        # Only root can't have it; for anybody else a browser without a sandbox is no browser.
        chromium_sandbox=os.geteuid() != 0,
        env=dict(browser_environment(os.environ, options.home)),
        artifacts_dir=options.artifacts,
        timeout=options.limits.launch_seconds * 1000,
        # The server ends the browser itself, after its tasks have come to their end.
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
    )


async def _end(driver: Playwright, browser: PlaywrightBrowser | None, tree: BrowserTree, seconds: float) -> None:
    await asyncio.to_thread(tree.look)
    try:
        async with asyncio.timeout(seconds):
            if browser is not None and browser.is_connected():
                await browser.close()
            await driver.stop()
    except (PlaywrightError, TimeoutError):
        _LOG.debug("The browser did not close by itself")
    await asyncio.to_thread(tree.end)


def _launch_reason(message: str) -> str:
    """What a person needs to know of Playwright's long account."""
    if "No usable sandbox" in message:
        return "this system gives it no sandbox (user namespaces are off)"
    if "Timeout" in message:
        return "it did not start in time"
    return quoted(message.removeprefix("BrowserType.launch:"))
