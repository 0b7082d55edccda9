"""One tab of the browser: opens a page, waits until it has come to rest, and takes its HTML."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from gleanery import errors
from gleanery.web.browser import scripts
from gleanery.web.browser.failures import (
    ReasonOf,
    egress_error,
    is_aborted,
    is_download,
    is_moving,
    is_tunnel_error,
    page_error,
    status_error,
)
from gleanery.web.browser.request import BrowserLimits, RenderRequest, WaitUntil, render_refused
from gleanery.web.browser.visit import Answer, Visit
from gleanery.web.egress_message import REASON_HEADER, EgressReason
from gleanery.web.fetch import HTML_TYPES, Document, MayFollow
from gleanery.web.urls import resolve

# How long nothing may be on the way, and nothing be added, before a page counts as settled.
_MOVE_SECONDS = 1.0
_QUIET_SECONDS = 0.15
_DOM_QUIET_MS = 80
_DOM_MOST_MS = 800

# What one message of the browser may hold, in characters: reading a longer one would hold the loop.
_SLICE = 256 * 1024

Act = Callable[[Page, RenderRequest, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Does the actions of a request on an open page, and calls the function at the end, which takes the page."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A page as it stood: `html` without the scripts that ran."""

    url: str
    content_type: str
    html: str
    is_blank: bool


class Tab:
    """A page in a context of its own, so that nothing it keeps (cookies, storage) is seen by another task.

    Reused for one page after another; `is_spent` once it should not be.
    """

    def __init__(self, context: BrowserContext, page: Page, limits: BrowserLimits, reason_of: ReasonOf) -> None:
        self._context = context
        self._page = page
        self._limits = limits
        self._reason_of = reason_of
        self._visit: Visit | None = None
        self._pages = 0
        self._is_at_rest = False
        self.is_broken = False
        self._listeners = {
            "request": self._on_request,
            "requestfinished": self._on_request_ended,
            "requestfailed": self._on_request_failed,
            "response": self._on_response,
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)  # type: ignore[call-overload]
        page.on("crash", self._on_crash)
        context.on("page", self._on_popup)

    @property
    def is_spent(self) -> bool:
        return self.is_broken or self._pages >= self._limits.pages_per_tab or self._page.is_closed()

    async def load(
        self, url: str, request: RenderRequest, may_follow: MayFollow | None, act: Act | None = None
    ) -> Document:
        """The page at `url` as it is shown. Raises a FetchError; `is_broken` then says whether the tab is of no more use."""
        visit = self._visit = Visit(url, may_follow, self._limits)
        self._pages += 1
        self._is_at_rest = False
        self.is_broken = True  # until it has ended well
        try:
            async with asyncio.timeout(request.timeout_seconds) as scope:
                visit.begin(scope)
                document = await self._render(visit, request, act)
        except TimeoutError:
            raise visit.failure or _timed_out(url, request.timeout_seconds) from None
        except PlaywrightError as error:
            raise visit.failure or self._page_error(visit, error.message) from error
        finally:
            self._visit = None
        if visit.failure is not None:
            raise visit.failure
        self.is_broken = False
        return document

    async def close(self) -> None:
        """Closes the page and what it kept. Raises Playwright's Error when the browser is gone."""
        self._visit = None
        await self._context.close()

    async def rest(self) -> None:
        """Leaves the page, so that nothing of it goes on while nobody looks."""
        if not self._is_at_rest:
            await self._page.goto("about:blank")
            self._is_at_rest = True

    async def _render(self, visit: Visit, request: RenderRequest, act: Act | None) -> Document:
        await self._open(visit, request)
        if act is None:
            snapshot = await self._take(visit, request)
        else:
            if request.clicks or request.scripts or request.scroll:  # what is there at once may not be alive yet
                await self._settle(visit, request)
            snapshot = await self._take_after(visit, request, act)
        answer = _usable(visit)
        if visit.navigation_failure is not None and resolve(visit.url, snapshot.url) is None:
            raise self._page_error(visit, visit.navigation_failure)  # where a script went there was nothing
        return _document(visit, answer, snapshot, self._limits.max_bytes)

    async def _open(self, visit: Visit, request: RenderRequest) -> None:
        state = "domcontentloaded" if request.wait_until is WaitUntil.SETTLED else request.wait_until.value
        try:
            await self._page.goto(visit.url, wait_until=state, timeout=0)  # type: ignore[arg-type]
        except PlaywrightError as error:
            answer = visit.answer
            if answer is not None and answer.status >= 400:  # an answer without a body is an error to Chromium
                self.is_broken = False
                raise _refused(visit, answer) from None
            if answer is not None and answer.status in (204, 205):
                raise errors.EmptyPage(visit.url, "The page is empty.") from None
            # A script that goes elsewhere ends the first load; which may be told before it is told where it goes.
            may_move_on = is_aborted(error.message) and not is_download(error.message)
            if not may_move_on or not await visit.moves_on(_MOVE_SECONDS if answer is not None else 0.0):
                raise self._open_error(visit, error) from error
            await self._page.wait_for_load_state(state, timeout=0)  # type: ignore[arg-type]
        self.is_broken = False
        _usable(visit)
        self.is_broken = True

    def _open_error(self, visit: Visit, error: PlaywrightError) -> errors.FetchError:
        answer = visit.answer
        if answer is None or not is_aborted(error.message):
            return self._page_error(visit, error.message)
        if answer.content_type not in HTML_TYPES:
            return _not_html(visit.url, answer.content_type)
        if is_download(error.message) or "attachment" in answer.headers.get("content-disposition", "").lower():
            return errors.NotHtml(visit.url, "It is a file to download, not an HTML page.", content_type="")
        return self._page_error(visit, error.message)

    def _page_error(self, visit: Visit, message: str) -> errors.FetchError:
        # Where a script went, a tunnel that failed is now and then told as a load that was given up.
        may_be_tunnel = is_tunnel_error(message) or is_aborted(message)
        reason = self._reason_of(visit.target) if may_be_tunnel else None
        return egress_error(visit.url, visit.target, reason) if reason else page_error(visit.url, message, visit.target)

    async def _settle(self, visit: Visit, request: RenderRequest) -> None:
        """Waits for the page to come to rest, for some time; what never does is taken as it is."""
        if request.wait_until is not WaitUntil.SETTLED:
            return
        try:
            async with asyncio.timeout(min(request.settle_seconds, request.timeout_seconds / 3)):
                while not await self._has_settled(visit):
                    await self._page.wait_for_load_state("domcontentloaded", timeout=0)
        except TimeoutError:
            pass

    async def _has_settled(self, visit: Visit) -> bool:
        """True once nothing happens any more, False when the page has gone on to another document."""
        try:
            await visit.quiet(_QUIET_SECONDS)
            await self._page.evaluate(scripts.DOM_QUIET, [_DOM_QUIET_MS, _DOM_MOST_MS])
            await visit.quiet(_QUIET_SECONDS)
        except PlaywrightError as error:
            if self._page.is_closed() or not is_moving(error.message):
                raise
            return False
        return True

    async def _take(self, visit: Visit, request: RenderRequest) -> Snapshot:
        """The snapshot of a settled page, of the last one when it goes on to others meanwhile."""
        for is_last in (False, False, False, True):
            await self._settle(visit, request)
            try:
                return await self._snapshot(visit.url)
            except PlaywrightError as error:
                if is_last or self._page.is_closed() or not is_moving(error.message):
                    raise
            await self._page.wait_for_load_state("domcontentloaded", timeout=0)
        raise AssertionError("the last try returns or raises")

    async def _take_after(self, visit: Visit, request: RenderRequest, act: Act) -> Snapshot:
        taken: list[Snapshot] = []

        async def take() -> None:
            taken.append(await self._take(visit, request))

        await act(self._page, request, take)
        if not taken:
            raise render_refused(visit.url, "The page could not be taken after its actions.", reason="not_taken")
        return taken[-1]

    async def _snapshot(self, url: str) -> Snapshot:
        handle = await self._page.evaluate_handle(scripts.SNAPSHOT, self._limits.max_bytes)
        head = await handle.evaluate(scripts.HEAD)
        if head["size"] < 0:
            raise _too_large(url, self._limits.max_bytes)
        parts: list[str] = []
        end = 0
        while end < head["size"]:
            part, end = await handle.evaluate(scripts.SLICE, [end, _SLICE])
            parts.append(part)
        return Snapshot(head["url"], head["type"], "".join(parts), head["isBlank"])

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
            self._page.remove_listener(event, listener)
        self._listeners.clear()

    def _on_request_ended(self, request: Request) -> None:
        if self._visit is not None:
            self._visit.ended(request)

    def _on_request_failed(self, request: Request) -> None:
        if (visit := self._visit) is None:
            return
        visit.ended(request)
        if self._is_main_document(request):
            visit.navigation_failure = request.failure

    def _on_response(self, response: Response) -> None:
        if self._visit is not None and self._is_main_document(response.request):
            self._visit.answer = Answer(response.url, response.status, response.headers)

    def _on_crash(self, _page: Page) -> None:
        self.is_broken = True
        if self._visit is not None:
            message = "The page crashed in the browser."
            self._visit.fail(errors.RenderFailed(self._visit.url, message, reason="crashed"))

    async def _on_popup(self, page: Page) -> None:
        if page is self._page:
            return
        if self._visit is not None:
            self._visit.popped_up()
        try:
            await page.close()
        except PlaywrightError:
            pass  # it went by itself, or the browser did


def _usable(visit: Visit) -> Answer:
    """The answer that is shown now. Raises HttpStatus or NotHtml by what it was, errors.RenderFailed when there was none."""
    if visit.failure is not None:
        raise visit.failure
    answer = visit.answer
    if answer is None:
        raise errors.RenderFailed(visit.url, "The browser showed no page.", reason="no_answer")
    if answer.status >= 400:
        raise _refused(visit, answer)
    if answer.content_type and answer.content_type not in HTML_TYPES:
        raise _not_html(visit.url, answer.content_type)
    return answer


def _refused(visit: Visit, answer: Answer) -> errors.FetchError:
    said = answer.headers.get(REASON_HEADER.lower())  # the proxy's own answer, which no site can give
    if said in set(EgressReason):
        return egress_error(visit.url, answer.url, EgressReason(said))
    return status_error(visit.url, answer.status, answer.headers.get("retry-after"))


def _document(visit: Visit, answer: Answer, snapshot: Snapshot, max_bytes: int) -> Document:
    final = resolve(visit.url, snapshot.url)
    visit.check_target(snapshot.url)
    if visit.failure is not None or final is None:
        raise visit.failure or errors.RenderFailed(visit.url, "The browser showed no page.", reason="no_answer")
    if snapshot.is_blank:
        raise errors.EmptyPage(visit.url, "The page shows nothing, also after its scripts have run.")
    body = snapshot.html.encode("utf-8", "replace")
    if len(body) > max_bytes:
        raise _too_large(visit.url, max_bytes)
    return Document(
        url=final,
        requested_url=visit.url,
        status=answer.status,
        content_type=snapshot.content_type if snapshot.content_type in HTML_TYPES else "text/html",
        charset="utf-8",
        body=body,
        etag=answer.headers.get("etag"),
        last_modified=answer.headers.get("last-modified"),
        elapsed_seconds=time.monotonic() - visit.started,
        redirects=visit.redirects(final),
        robots_tag=answer.headers.get("x-robots-tag", ""),
        link=answer.headers.get("link", ""),
    )


def _not_html(url: str, content_type: str) -> errors.NotHtml:
    kind = content_type[:100]
    return errors.NotHtml(url, f"It is {kind or 'a file to download'}, not an HTML page.", content_type=kind)


def _too_large(url: str, max_bytes: int) -> errors.TooLarge:
    message = f"It is larger than {max_bytes / 2**20:.4g} MiB when rendered, the most that is read."
    return errors.TooLarge(url, message, max_bytes=max_bytes)


def _timed_out(url: str, seconds: float) -> errors.TimedOut:
    return errors.TimedOut(url, f"The page was not rendered within {seconds:.3g} seconds.", seconds=seconds)
