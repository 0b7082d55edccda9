"""One tab of the browser: opens a page, does what is asked for there, waits until it has come to rest, and takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from playwright.async_api import BrowserContext, Frame, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from gleanery import errors
from gleanery.web.browser import scripts, snapshot
from gleanery.web.browser.answers import Judge, judge_document, not_html, refused, usable
from gleanery.web.browser.failures import (
    ReasonOf,
    egress_error,
    is_aborted,
    is_download,
    is_moving,
    is_of_script,
    is_tunnel_error,
    not_shown,
    page_error,
    shown_error,
)
from gleanery.web.browser.request import BrowserLimits, RenderRequest, WaitUntil
from gleanery.web.browser.visit import Answer, Visit
from gleanery.web.fetch import HTML_TYPES, Document, MayFollow
from gleanery.web.urls import resolve

T = TypeVar("T")

# How long nothing may be on the way, and nothing be added, before a page counts as settled.
_MOVE_SECONDS = 1.0
_QUIET_SECONDS = 0.15
_DOM_QUIET_MS = 80
_DOM_MOST_MS = 800
_WAIT_SHARE = 0.8

Act = Callable[[Page, RenderRequest], Awaitable[None]]
"""Does the actions of a request on an open page."""


class Tab:
    """A page in a context of its own, so that nothing it keeps (cookies, storage) is seen by another task.

    May be reused for one page after another; `is_spent` once it should not be. `pids` are the processes that are known to
    show it; `claim` asks whether a page was just ended for its memory that none of them belongs to.
    """

    def __init__(
        self,
        context: BrowserContext,
        page: Page,
        limits: BrowserLimits,
        reason_of: ReasonOf,
        claim: Callable[[], bool],
    ) -> None:
        self.context = context
        self.page = page
        self.pids: set[int] = set()
        self.peak_memory_mb = 0.0
        self.is_broken = False
        self.opens_windows = False
        self._limits = limits
        self._reason_of = reason_of
        self._claim = claim
        self._visit: Visit | None = None
        self._pages = 0
        self._popups = 0
        self._is_at_rest = False
        self._listeners = {
            "request": self._on_request,
            "requestfinished": self._on_request_ended,
            "requestfailed": self._on_request_failed,
            "response": self._on_response,
            "framenavigated": self._on_navigated,
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)  # type: ignore[call-overload]
        page.on("crash", self._on_crash)
        page.on("close", lambda _page: self.lost())
        context.on("page", self._on_popup)

    @property
    def is_spent(self) -> bool:
        return self.is_broken or self._pages >= self._limits.pages_per_tab or self.page.is_closed()

    async def load(
        self, url: str, request: RenderRequest, may_follow: MayFollow | None, act: Act | None = None
    ) -> Document:
        """The page at `url` as it is shown. Raises a FetchError; `is_broken` then says whether the tab is of no more use."""
        async with self.visiting(url, request, may_follow) as visit:
            taken = await self.arrive(visit, request, act, judge_document, lambda: self._snapshot(url))
            answer = self.answer_shown(visit, judge_document, taken.url)
            document = snapshot.document(visit, answer, taken, self._limits.max_bytes)
        self.is_broken = False
        return document

    def leave(self) -> None:
        """Nothing that happens there concerns anybody any more."""
        self._visit = None

    async def rest(self) -> None:
        """Leaves the page, so that nothing of it goes on while nobody looks."""
        if not self._is_at_rest:
            await self.page.goto("about:blank")
            self._is_at_rest = True

    @asynccontextmanager
    async def visiting(
        self, url: str, request: RenderRequest, may_follow: MayFollow | None = None
    ) -> AsyncIterator[Visit]:
        """The time that a page is looked at, the request's at most. Whatever goes wrong with the page within leaves as a
        FetchError."""
        visit = self._visit = Visit(url, may_follow, self._limits)
        self._pages += 1
        self._popups = 0
        self._is_at_rest = False
        self.is_broken = True  # until it has ended well
        seconds = min(request.timeout_seconds, self._limits.page_seconds)
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                visit.begin(scope)
                yield visit
        except TimeoutError:
            if not scope.expired():
                raise
            raise visit.failure or _timed_out(visit, seconds) from None
        except PlaywrightError as error:
            raise visit.failure or self.page_error(visit, error.message) from error
        finally:
            self.opens_windows = visit.opens_windows
            self._visit = None
        if visit.failure is not None:
            raise visit.failure

    async def arrive(
        self,
        visit: Visit,
        request: RenderRequest,
        act: Act | None,
        judge: Judge,
        look: Callable[[], Awaitable[T]],
    ) -> T:
        """What `look` sees of the page of `visit` once it has come to rest, after all that is asked for was done."""
        await self._open(visit, request, judge)
        if act is not None:
            await self._settle(visit, request)  # what is there at once may not be alive yet
            await act(self.page, request)
        if request.wait_for is not None:
            await self._wait_for(visit, request, request.wait_for)
        return await self.at_rest(visit, request, look)

    async def at_rest(self, visit: Visit, request: RenderRequest, look: Callable[[], Awaitable[T]]) -> T:
        """What `look` sees of a settled page, of the last one when it goes on to others meanwhile."""
        for is_last in (False, False, False, True):
            await self._settle(visit, request)
            try:
                return await look()
            except PlaywrightError as error:
                if is_last or self.page.is_closed() or not is_moving(error.message):
                    raise
            await visit.reaches(self.page.wait_for_load_state("domcontentloaded", timeout=0))
        raise AssertionError("the last try returns or raises")

    def answer_shown(self, visit: Visit, judge: Judge, shown_url: str) -> Answer:
        """The answer of the document that is shown at `shown_url`. Raises a FetchError for one that is of no use."""
        answer = usable(visit, judge)
        if visit.navigation_failure is not None and resolve(visit.url, shown_url) is None:
            raise self.page_error(visit, visit.navigation_failure)  # where a script went there was nothing
        return answer

    def page_error(self, visit: Visit, message: str) -> errors.FetchError:
        """The error for what Playwright said of the page of `visit`."""
        # Where a script went, a tunnel that failed is now and then told as a load that was given up.
        may_be_tunnel = is_tunnel_error(message) or is_aborted(message)
        reason = self._reason_of(visit.target) if may_be_tunnel else None
        if reason is not None:
            return egress_error(visit.url, visit.target, reason)
        found = page_error(visit.url, message, visit.target)
        has_crashed = found.details.get("reason") == "crashed"
        return self._memory_error(visit) if has_crashed and self._claim() else found

    def holds(self, memory_mb: float) -> bool:
        """Takes note of what its processes hold; false when that is too much, which has ended its visit."""
        self.peak_memory_mb = max(self.peak_memory_mb, memory_mb)
        if memory_mb <= self._limits.page_memory_mb:
            return True
        self.too_heavy()
        return False

    def too_heavy(self) -> None:
        """Ends its visit for what its processes hold."""
        if self._visit is not None:
            self._visit.fail(self._memory_error(self._visit))

    def lost(self) -> None:
        """Ends its visit: the page has gone, and with it perhaps the browser."""
        if self._visit is not None:
            message = "The page was closed before it was rendered."
            self._visit.fail(errors.RenderFailed(self._visit.url, message, reason="closed"))

    def _memory_error(self, visit: Visit) -> errors.PageTooHeavy:
        most = self._limits.page_memory_mb
        message = f"It took more than {most:.4g} MB of memory, the most that one page may."
        return errors.PageTooHeavy(visit.url, message, limit="memory_mb", max=most)

    async def _open(self, visit: Visit, request: RenderRequest, judge: Judge) -> None:
        state = "domcontentloaded" if request.wait_until is WaitUntil.SETTLED else request.wait_until.value
        try:
            await visit.reaches(self.page.goto(visit.url, wait_until=state, timeout=0))  # type: ignore[arg-type]
        except PlaywrightError as error:
            answer = visit.answer
            if answer is not None and answer.status >= 400:  # an answer without a body is an error to Chromium
                self.is_broken = False
                judge(visit.url, answer)
                raise refused(visit.url, answer) from None
            if answer is not None and answer.status in (204, 205):
                raise errors.EmptyPage(visit.url, "The page is empty.") from None
            # A script that goes elsewhere ends the first load; which may be told before it is told where it goes.
            may_move_on = is_aborted(error.message) and not is_download(error.message)
            if not may_move_on or not await visit.moves_on(_MOVE_SECONDS if answer is not None else 0.0):
                raise self._open_error(visit, error) from error
            await visit.reaches(self.page.wait_for_load_state(state, timeout=0))  # type: ignore[arg-type]
        self.is_broken = False
        usable(visit, judge)
        self.is_broken = True

    def _open_error(self, visit: Visit, error: PlaywrightError) -> errors.FetchError:
        answer = visit.answer
        if answer is None or not is_aborted(error.message):
            return self.page_error(visit, error.message)
        if answer.content_type not in HTML_TYPES:
            return not_html(visit.url, answer.content_type)
        if is_download(error.message) or "attachment" in answer.headers.get("content-disposition", "").lower():
            return errors.NotHtml(visit.url, "It is a file to download, not an HTML page.", content_type="")
        return self.page_error(visit, error.message)

    async def _settle(self, visit: Visit, request: RenderRequest) -> None:
        """Waits for the page to come to rest, for some time; what never does is taken as it is."""
        if request.wait_until is not WaitUntil.SETTLED:
            return
        try:
            async with asyncio.timeout(min(request.settle_seconds, request.timeout_seconds / 3)):
                while not await self._has_settled(visit):
                    await self.page.wait_for_load_state("domcontentloaded", timeout=0)
        except TimeoutError:
            pass

    async def _has_settled(self, visit: Visit) -> bool:
        """True once nothing happens any more, False when the page has gone on to another document."""
        try:
            await visit.quiet(_QUIET_SECONDS)
            if visit.answer is None or visit.answer.runs_scripts:  # where none may run, no clock runs either
                await self.page.evaluate(scripts.DOM_QUIET, [_DOM_QUIET_MS, _DOM_MOST_MS])
            await visit.quiet(_QUIET_SECONDS)
        except PlaywrightError as error:
            if self.page.is_closed() or not (is_moving(error.message) or is_of_script(error.message)):
                raise
            return not is_moving(error.message)
        return True

    async def _wait_for(self, visit: Visit, request: RenderRequest, selector: str) -> None:
        seconds = request.timeout_seconds * _WAIT_SHARE
        shown = self.page.locator(f"css={selector}").filter(visible=True).first
        visit.waits_for = selector
        try:
            await shown.wait_for(state="attached", timeout=seconds * 1000)
        except PlaywrightError as error:
            raise visit.failure or shown_error(visit.url, error.message, selector, seconds) from error
        visit.waits_for = None

    async def _snapshot(self, url: str) -> snapshot.Snapshot:
        return await snapshot.take(self.page, url, self._limits.max_bytes, keeps_page=False)

    def _is_main_document(self, request: Request) -> bool:
        if not request.is_navigation_request():
            return False
        try:
            return request.frame.parent_frame is None
        except PlaywrightError:  # a frame that is gone already
            return False

    def _on_request(self, request: Request) -> None:
        if (visit := self._visit) is None:
            return
        if self._is_main_document(request):
            visit.navigated(request.url)
        visit.requested(request, request.resource_type)
        if visit.failure is not None:
            self._stop_listening()

    def _stop_listening(self) -> None:
        """A page that asks for too much must not keep us busy while it is closed."""
        self.is_broken = True
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)
        self._listeners.clear()

    def _on_request_ended(self, request: Request) -> None:
        if self._visit is not None:
            self._visit.ended(request)

    def _on_request_failed(self, request: Request) -> None:
        if (visit := self._visit) is None:
            return
        visit.ended(request)
        if self._is_main_document(request):
            visit.given_up(request.url, request.failure or "")

    def _on_response(self, response: Response) -> None:
        if self._visit is not None and self._is_main_document(response.request):
            self._visit.answer = Answer(response.url, response.status, response.headers)

    def _on_navigated(self, frame: Frame) -> None:
        if self._visit is not None and frame == self.page.main_frame:
            self._visit.committed(frame.url)

    def _on_crash(self, _page: Page) -> None:
        self.is_broken = True
        if self._visit is None:
            return
        if self._claim():
            self.too_heavy()
        else:
            message = "The page crashed in the browser."
            self._visit.fail(errors.RenderFailed(self._visit.url, message, reason="crashed"))

    async def _on_popup(self, page: Page) -> None:
        if page is self.page:
            return
        if self._visit is not None:
            self._popups += 1
            self._visit.popped_up(self._popups)
        try:
            await page.close()
        except PlaywrightError:
            pass  # it went by itself, or the browser did


def _timed_out(visit: Visit, seconds: float) -> errors.TimedOut:
    if visit.waits_for is not None:  # the page took so long to come that the wait was not given all of its time
        return not_shown(visit.url, visit.waits_for, seconds)
    message, has_come = f"The page was not rendered within {seconds:.3g} seconds", visit.has_come
    if has_come:
        message += ": all of it had come, and the browser was still busy with its scripts or its layout"
    return errors.TimedOut(visit.url, f"{message}.", seconds=seconds, has_come=has_come)
