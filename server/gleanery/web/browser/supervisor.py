"""The browser as the rest of gleanery sees it: one supervised Chromium, started on first use, that shows pages."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from gleanery import errors, log
from gleanery.web.browser.life import BrowserLife, Make
from gleanery.web.browser.line import Line
from gleanery.web.browser.open_page import Guise, OnContext, OnPlace, OpenPage, PoolFigures
from gleanery.web.browser.request import BrowserLimits, RenderRequest, WaitUntil
from gleanery.web.egress import EgressProxy
from gleanery.web.fetch import Document, MayFollow

if TYPE_CHECKING:
    from gleanery.web.browser.page import Act
    from gleanery.web.browser.process import Chromium

__all__ = ["Browser", "BrowserLimits", "RenderRequest", "WaitUntil"]

T = TypeVar("T")

_LOG = log.get(__name__)


class Browser:
    """Shows pages in one Chromium. Use as an async context manager, within that of `egress`; shared by all tasks.

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
        tells_roles: bool = False,
        limits: BrowserLimits | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._home = data_dir / "browser"
        self._limits = limits or BrowserLimits()
        self._life = BrowserLife(
            Make(executable, egress, user_agent, self._home, loads_media, tells_roles), self._limits
        )
        self._line = Line(self._limits.max_pages)
        self.pages_rendered = 0
        self.pages_opened = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.close()

    @property
    def is_running(self) -> bool:
        return self._life.is_running

    @property
    def last_failure(self) -> str:
        """Why the browser could last not be started; empty if that never happened."""
        return self._life.last_failure

    @property
    def figures(self) -> PoolFigures:
        """How it stands at this moment."""
        return PoolFigures(
            size=self._line.places,
            in_use=self._line.taken,
            waiting=self._line.waiting,
            idle=self._line.places - self._line.taken,
            launches=self._life.launches,
            crashes=self._life.crashes,
            memory_mb=self._life.memory_mb,
            cpu_percent=self._life.cpu_percent,
            pages_opened=self.pages_opened,
        )

    @property
    def pages_open(self) -> int:
        return self._line.taken

    @property
    def pages_waiting(self) -> int:
        return self._line.waiting

    @property
    def launches(self) -> int:
        return self._life.launches

    @property
    def crashes(self) -> int:
        return self._life.crashes

    @property
    def memory_mb(self) -> float:
        return self._life.memory_mb

    def find(self) -> Path | None:
        """The program that is or would be started, None when there is none. Looks at the disk."""
        return self._life.find()

    async def render(
        self, url: str, request: RenderRequest | None = None, *, session: str = "", may_follow: MayFollow | None = None
    ) -> Document:
        """The page at the href `url` as a browser shows it: UTF-8, without the scripts that ran, shadow trees in place.

        Pages of one `session` (a task) may share cookies and storage, those of two never do. `may_follow(target)` may
        veto a redirect, also by script, by returning a reason code; what was asked by then is thrown away.
        At most `max_pages` are open, the rest wait in order. Raises a FetchError: those of `Fetcher.fetch`,
        errors.BrowserUnavailable, errors.RenderFailed, errors.PageTooHeavy; InvalidUrl for what is not http or https.
        """
        _check_scheme(url)
        asked = request or RenderRequest()
        try:
            return await self._rendered(url, asked, session, may_follow)
        except _TabLost:
            _LOG.info("The browser went away under a page, which is tried again", extra={"url": url})
        try:
            return await self._rendered(url, asked, session, may_follow)
        except _TabLost:
            raise errors.RenderFailed(url, "The browser broke twice under this page.", reason="browser_lost") from None

    @asynccontextmanager
    async def open(
        self,
        url: str,
        request: RenderRequest,
        guise: Guise,
        *,
        on_place: OnPlace = lambda _place: None,
        on_context: OnContext | None = None,
    ) -> AsyncIterator[OpenPage]:
        """The page at the href `url`, settled, to be looked into; see `PageBrowser.open`."""
        _check_scheme(url)
        opened = await asyncio.to_thread(importlib.import_module, "gleanery.web.browser.opened")
        asked = opened.Asked(url, request, guise, guise.user_agent or self._user_agent, self._limits)
        act = await self._act() if request.has_actions else None

        async def explained(error: errors.FetchError) -> errors.FetchError:
            is_told = error.details.get("reason") == "browser_lost"
            may_be_lost = isinstance(error, errors.RenderFailed) and error.can_retry and not is_told
            return _browser_lost(url) if may_be_lost and not await self._life.is_alive(place.chromium) else error

        try:
            async with self._place(
                url,
                on_place,
                take=lambda chromium: chromium.open_watched(url, guise),
                away=lambda chromium, watched: chromium.put_away(watched),
            ) as place:
                page = opened.Opened(asked, place.taken, explained, place.chromium.sample, place.waited)
                if on_context is not None:
                    await on_context(page.session_id)
                async with page.visit(act):
                    self.pages_opened += 1
                    self._life.worked()
                    yield page
        except _TabLost as error:
            raise _browser_lost(url) from error

    async def print_pdf(self, html: str) -> bytes:
        """HTML of our own as PDF; nothing in it is run or fetched. Raises BrowserUnavailable and RenderFailed."""
        printing = await asyncio.to_thread(importlib.import_module, "gleanery.web.browser.printing")
        try:
            async with self._place(
                printing.NAME,
                lambda _place: None,
                take=lambda chromium: chromium.open_sheet(),
                away=lambda chromium, sheet: chromium.put_sheet_away(sheet),
            ) as place:
                pdf: bytes = await printing.printed(place.taken, html)
                self._life.worked()
                return pdf
        except _TabLost as error:
            raise _browser_lost(printing.NAME) from error

    async def _rendered(self, url: str, request: RenderRequest, session: str, may_follow: MayFollow | None) -> Document:
        act = await self._act() if request.has_actions else None
        async with self._place(
            url,
            lambda _place: None,
            take=lambda chromium: chromium.take(session),
            away=lambda chromium, tab: chromium.put_back(session, tab),
        ) as place:
            try:
                document = await place.taken.load(url, request, may_follow, act)
            except errors.RenderFailed as error:
                # Pages hear of the browser's death before the browser's own event comes, if that comes at all.
                if error.can_retry and not await self._life.is_alive(place.chromium):
                    raise _TabLost from error
                raise
        self.pages_rendered += 1
        self._life.worked()
        return document

    @asynccontextmanager
    async def _place(
        self,
        url: str,
        on_place: OnPlace,
        *,
        take: Callable[[Chromium], Awaitable[T]],
        away: Callable[[Chromium, T], Awaitable[None]],
    ) -> AsyncIterator[_Place[T]]:
        """One of the places, in its turn, with what `take` gives there. Raises errors.BrowserUnavailable, _TabLost."""
        started = time.monotonic()
        await self._line.enter(on_place)
        entered = time.monotonic()
        chromium: Chromium | None = None
        taking: asyncio.Task[T] | None = None
        try:
            chromium = await self._life.ready(url)
            chromium.active += 1
            taking = asyncio.create_task(self._take(chromium, take))
            # Shielded: a tab that opens while its page is cancelled has to be closed all the same.
            taken = await asyncio.shield(taking)
            waited = {"waiting": entered - started, "browser": time.monotonic() - entered}
            yield _Place(chromium, taken, waited)
        finally:
            # The page is put away behind the answer's back, and its place is free only then: a cancelled page is closed
            # too, and never more than `max_pages` are there.
            self._life.start(self._put_away(chromium, taking, away))

    async def _take(self, chromium: Chromium, take: Callable[[Chromium], Awaitable[T]]) -> T:
        from playwright.async_api import Error as PlaywrightError

        try:
            async with asyncio.timeout(self._limits.silence_seconds):
                return await take(chromium)
        except (PlaywrightError, TimeoutError) as error:
            await self._life.is_alive(chromium)
            raise _TabLost from error

    async def _put_away(
        self,
        chromium: Chromium | None,
        taking: asyncio.Task[T] | None,
        away: Callable[[Chromium, T], Awaitable[None]],
    ) -> None:
        try:
            if chromium is not None and taking is not None:
                await away(chromium, await taking)
        except (_TabLost, errors.InvalidInput):
            pass  # told to who waited for the tab
        finally:
            self._line.leave()
            if chromium is not None:
                chromium.active -= 1
            self._life.used(chromium)

    async def _act(self) -> Act:
        """crawl4ai makes its folder where this variable points when it is imported, else in the home folder."""
        os.environ["CRAWL4_AI_BASE_DIRECTORY"] = str(self._home)
        await asyncio.to_thread(self._home.mkdir, parents=True, exist_ok=True)
        actions = await asyncio.to_thread(importlib.import_module, "gleanery.web.browser.actions")
        act: Act = actions.act
        return act


@dataclass(frozen=True, slots=True)
class _Place(Generic[T]):
    """What has a place, and how many seconds it took to get there: `waiting` in the line, `browser` for the tab."""

    chromium: Chromium
    taken: T
    waited: Mapping[str, float]


class _TabLost(Exception):
    """The browser went away under a page, or gave it no tab: through no fault of the page that is known."""


def _browser_lost(url: str) -> errors.RenderFailed:
    return errors.RenderFailed(url, "The browser broke under this page.", reason="browser_lost")


def _check_scheme(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise errors.InvalidUrl("is not a web address, and nothing else is rendered", kind="unsupported_scheme")
