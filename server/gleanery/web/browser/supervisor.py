"""The browser as the rest of gleanery sees it: one supervised Chromium, started on first use, that renders pages."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gleanery import errors, log
from gleanery.web.browser.binary import find_browser
from gleanery.web.browser.launch import LaunchFailed, LaunchGate
from gleanery.web.browser.request import BrowserLimits, RenderRequest, WaitUntil
from gleanery.web.browser.tree import Verdict, judge
from gleanery.web.egress import EgressProxy
from gleanery.web.fetch import Document, MayFollow

if TYPE_CHECKING:
    from gleanery.web.browser.page import Act, Tab
    from gleanery.web.browser.process import Chromium

__all__ = ["Browser", "BrowserLimits", "RenderRequest", "WaitUntil"]

_LOG = log.get(__name__)


class Browser:
    """Renders pages in one Chromium. Use as an async context manager, within that of `egress`; shared by all tasks.

    `executable` is the one to use, None looks for one. Playwright (0.16 CPU s) is imported with the first page, crawl4ai
    (1.3 CPU s, 110 MB) with the first one that asks for actions. `data_dir` is where both keep what they must keep.
    """

    def __init__(
        self,
        executable: Path | None,
        *,
        egress: EgressProxy,
        user_agent: str,
        data_dir: Path,
        loads_media: bool = False,
        limits: BrowserLimits | None = None,
    ) -> None:
        self._named = executable
        self._egress = egress
        self._user_agent = user_agent
        self._home = data_dir / "browser"
        self._loads_media = loads_media
        self._limits = limits or BrowserLimits()
        self._slots = asyncio.Semaphore(self._limits.max_pages)
        self._gate = LaunchGate()
        self._current: Chromium | None = None
        self._launching: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._watchers: set[asyncio.Task[None]] = set()
        self._last_used = 0.0
        self._is_closing = False
        self.pages_open = 0
        self.pages_waiting = 0
        self.pages_rendered = 0
        self.launches = 0
        self.crashes = 0
        self.memory_mb = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closing = True
        if self._launching is not None:
            await asyncio.wait([self._launching])
        if self._current is not None:
            self._retire(self._current, at_once=True)
        for watcher in self._watchers:
            watcher.cancel()
        while tasks := self._background | self._watchers:
            await asyncio.wait(tasks)

    @property
    def is_running(self) -> bool:
        return self._current is not None and self._current.is_connected

    @property
    def last_failure(self) -> str:
        """Why the browser could last not be started; empty if that never happened."""
        return self._gate.reason

    def find(self) -> Path | None:
        """The program that is or would be started, None when there is none. Looks at the disk."""
        return find_browser(self._named, os.environ)

    async def render(
        self, url: str, request: RenderRequest | None = None, *, session: str = "", may_follow: MayFollow | None = None
    ) -> Document:
        """The page at the href `url` as a browser shows it: UTF-8, without the scripts that ran, shadow trees in place.

        Pages of one `session` (a task) may share cookies and storage, those of two never do. `may_follow(target)` may
        veto a redirect, also by script, by returning a reason code; what was asked by then is thrown away.
        At most `max_pages` are open, the rest wait in order. Raises a FetchError: those of `Fetcher.fetch`,
        errors.BrowserUnavailable, errors.RenderFailed; InvalidUrl for what is not http or https.
        """
        if not url.startswith(("http://", "https://")):
            raise errors.InvalidUrl("is not a web address, and nothing else is rendered", kind="unsupported_scheme")
        asked = request or RenderRequest()
        try:
            return await self._in_turn(url, asked, session, may_follow)
        except _TabLost:
            _LOG.info("The browser went away under a page, which is tried again", extra={"url": url})
        try:
            return await self._in_turn(url, asked, session, may_follow)
        except _TabLost:
            raise errors.RenderFailed(url, "The browser broke twice under this page.", reason="browser_lost") from None

    async def _in_turn(self, url: str, request: RenderRequest, session: str, may_follow: MayFollow | None) -> Document:
        self.pages_waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.pages_waiting -= 1
        self.pages_open += 1
        chromium: Chromium | None = None
        taking: asyncio.Task[Tab] | None = None
        try:
            act = await self._act() if request.has_actions else None
            chromium = await self._ready(url)
            chromium.active += 1
            taking = asyncio.create_task(self._take(chromium, session))
            # Shielded: a tab that opens while its page is cancelled has to be closed all the same.
            tab = await asyncio.shield(taking)
            return await self._load(chromium, tab, url, request, may_follow, act)
        finally:
            # The page is put away behind the answer's back, and its place is free only then: a cancelled page is closed
            # too, and never more than `max_pages` are there.
            self._start(self._put_away(chromium, taking, session))

    async def _take(self, chromium: Chromium, session: str) -> Tab:
        from playwright.async_api import Error as PlaywrightError

        try:
            async with asyncio.timeout(self._limits.silence_seconds):
                return await chromium.take(session)
        except (PlaywrightError, TimeoutError) as error:
            await self._check_alive(chromium)
            raise _TabLost from error

    async def _load(
        self,
        chromium: Chromium,
        tab: Tab,
        url: str,
        request: RenderRequest,
        may_follow: MayFollow | None,
        act: Act | None,
    ) -> Document:
        try:
            document = await tab.load(url, request, may_follow, act)
        except errors.RenderFailed as error:
            # Pages hear of the browser's death before the browser's own event comes, if that comes at all.
            if error.can_retry and not await self._check_alive(chromium):
                raise _TabLost from error
            raise
        self.pages_rendered += 1
        self._gate.worked()
        return document

    async def _put_away(self, chromium: Chromium | None, taking: asyncio.Task[Tab] | None, session: str) -> None:
        try:
            if chromium is not None and taking is not None:
                await chromium.put_back(session, await taking)
        except _TabLost:
            pass  # told to who waited for the tab
        finally:
            self.pages_open -= 1
            self._last_used = time.monotonic()
            self._slots.release()
            if chromium is not None:
                chromium.active -= 1
                if chromium.is_worn or chromium.is_retired:
                    self._retire(chromium)

    # Life of the process

    async def _ready(self, url: str) -> Chromium:
        while (current := self._current) is None or not current.is_connected:
            if self._is_closing:
                raise errors.BrowserUnavailable(url, "The browser is being closed.", reason="closing")
            if self._launching is None:
                self._launching = asyncio.create_task(self._launch())
                self._launching.add_done_callback(self._launched)
            try:
                # Shielded: a start that is broken off would leave processes behind, and others wait for it too.
                await asyncio.shield(self._launching)
            except LaunchFailed as error:
                message = f"The page needs a browser, and the browser can't be started: {error.reason}."
                raise errors.BrowserUnavailable(url, message, reason=error.reason) from error
        return current

    def _launched(self, task: asyncio.Task[None]) -> None:
        self._launching = None
        if not task.cancelled():
            task.exception()  # told to those who wait; nobody may be left

    async def _launch(self) -> None:
        executable = await asyncio.to_thread(self.find)
        if executable is None:
            raise LaunchFailed(
                f"{self._named} is no program" if self._named else "there is no Chromium on this machine"
            )
        while True:
            if self._gate.is_shut(time.monotonic()):
                raise LaunchFailed(self._gate.reason)
            await asyncio.sleep(self._gate.pause_seconds())
            try:
                self._current = await self._start_chromium(executable)
            except LaunchFailed as error:
                _LOG.warning("The browser could not be started", extra={"reason": error.reason})
                self._gate.failed(error.reason, time.monotonic())
            else:
                return

    async def _start_chromium(self, executable: Path) -> Chromium:
        # In a thread: what is imported holds the loop for a tenth of a second, and reads the disk.
        process = await asyncio.to_thread(importlib.import_module, "gleanery.web.browser.process")
        options = process.LaunchOptions(
            executable, self._egress.port, self._user_agent, self._home, self._loads_media, self._limits
        )
        chromium: Chromium = await process.Chromium.launch(options, self._egress.reason, self._lost)
        self.launches += 1
        self._last_used = time.monotonic()
        self._start(self._watch(chromium), self._watchers)
        _LOG.info("Browser started", extra={"executable": str(executable), "launches": self.launches})
        return chromium

    async def _act(self) -> Act:
        """crawl4ai makes its folder where this variable points when it is imported, else in the home folder."""
        os.environ["CRAWL4_AI_BASE_DIRECTORY"] = str(self._home)
        await asyncio.to_thread(self._home.mkdir, parents=True, exist_ok=True)
        actions = await asyncio.to_thread(importlib.import_module, "gleanery.web.browser.actions")
        act: Act = actions.act
        return act

    async def _check_alive(self, chromium: Chromium) -> bool:
        """Whether the browser answers; one that doesn't is ended."""
        if await chromium.answers(self._limits.silence_seconds):
            return True
        if chromium.is_connected:
            await chromium.kill()
        self._lost(chromium)
        return False

    def _lost(self, chromium: Chromium) -> None:
        """The browser is dead, and not by our closing it. Told by its own event, or found out by its silence."""
        if chromium.is_lost or chromium.is_closing:
            return
        chromium.is_lost = True
        self.crashes += 1
        if chromium.pages == 0:
            self._gate.failed("it dies at once", time.monotonic())
        _LOG.warning("The browser died", extra={"pages": chromium.pages, "crashes": self.crashes})
        self._retire(chromium, at_once=True)

    def _retire(self, chromium: Chromium, *, at_once: bool = False) -> None:
        """Gives it no more pages, and closes it once it has none, or is dead."""
        chromium.is_retired = True
        if self._current is chromium:
            self._current = None
            self.memory_mb = 0.0
        if (at_once or not chromium.active) and not chromium.is_closing:
            chromium.is_closing = True
            self._start(chromium.close())

    async def _watch(self, chromium: Chromium) -> None:
        while chromium.is_connected and not chromium.is_retired and not self._is_closing:
            await asyncio.sleep(self._limits.watch_seconds)
            await self._check(chromium)
            await chromium.rest()

    async def _check(self, chromium: Chromium) -> None:
        sample = await chromium.look()
        self.memory_mb = sample.memory_mb
        verdict = judge(sample, self._limits)
        if verdict is Verdict.END_PAGE and sample.largest_pid is not None:
            _LOG.warning("A page took too much memory", extra={"memory_mb": round(sample.largest_mb)})
            await chromium.end_page(sample.largest_pid)
        elif verdict is Verdict.REPLACE:
            _LOG.info("The browser is replaced", extra={"memory_mb": round(sample.memory_mb)})
            self._retire(chromium)
        elif not chromium.active and time.monotonic() - self._last_used > self._limits.idle_seconds:
            self._retire(chromium)
        else:
            await self._check_alive(chromium)

    def _start(self, work: Coroutine[Any, Any, None], kept: set[asyncio.Task[None]] | None = None) -> None:
        tasks = self._background if kept is None else kept
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


class _TabLost(Exception):
    """The browser went away under a page, or gave it no tab: through no fault of the page that is known."""
