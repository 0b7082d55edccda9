"""The page that `Browser.open` lends: what its reader asks goes to the browser, what goes wrong comes back as ours."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error as PlaywrightError

from gleanery import errors
from gleanery.model import new_id
from gleanery.model.parses import Incidents, Inspected, Navigation, Screenshot
from gleanery.web.browser import scripts, snapshot
from gleanery.web.browser.answers import judge_shown, no_answer, refused
from gleanery.web.browser.blocked import PageSigns, blocked, challenge
from gleanery.web.browser.failures import bad_selector, is_moving, is_of_script, still_laid_out
from gleanery.web.browser.inspect.inspector import Inspector
from gleanery.web.browser.inspect.screenshot import screenshot
from gleanery.web.browser.open_page import Guise
from gleanery.web.browser.page import Act
from gleanery.web.browser.request import BrowserLimits, RenderRequest
from gleanery.web.browser.visit import Answer, Visit
from gleanery.web.browser.watched import Watched
from gleanery.web.urls import resolve

Explained = Callable[[errors.FetchError], Awaitable[errors.FetchError]]
"""The error as it is, or that of the browser, if that has gone."""
Sample = Callable[[], Awaitable[None]]
"""Reads what the page holds in memory."""

_SECRET_HEADERS = frozenset({"set-cookie", "set-cookie2"})
_MAX_HEADERS = 100
_MAX_HEADER = 2000
_MOVES = 4
# To be shown as a whole a page is laid out anew: one with 100,000 elements takes twice the memory then. One that holds more
# than this share of what it may is shown by its viewport.
_PICTURE_SHARE = 0.5
# Of a page that has broken what scripts call: no interstitial does that. Those that read it run in a world of their own.
_NO_SIGNS = {"isBlank": False, "title": "", "text": "", "length": 1_000_000, "fields": 0, "markup": ""}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown, and how."""

    url: str
    request: RenderRequest
    guise: Guise
    user_agent: str
    limits: BrowserLimits


class Opened:
    """`OpenPage`, within `visit`. `waited` is how long its place and its tab took."""

    def __init__(
        self, asked: Asked, watched: Watched, explained: Explained, sample: Sample, waited: Mapping[str, float]
    ) -> None:
        self.session_id = new_id("ctx")
        self.waited_seconds = waited
        self._asked = asked
        self._watched = watched
        self._tab = watched.tab
        self._visit = Visit(asked.url, None, asked.limits)
        self._explained = explained
        self._sample = sample
        self._answer: Answer | None = None
        self._navigation: Navigation | None = None
        self._inspector = Inspector(watched.tab.page)

    @property
    def navigation(self) -> Navigation:
        assert self._navigation is not None, "the page has not arrived yet"
        return self._navigation

    @property
    def peak_memory_mb(self) -> float:
        return self._tab.peak_memory_mb

    def incidents(self) -> Incidents:
        return self._watched.witness.incidents()

    @asynccontextmanager
    async def visit(self, act: Act | None) -> AsyncIterator[None]:
        """Goes there, and stays for as long as the request allows. Raises what `PageBrowser.open` raises."""
        began = time.monotonic()
        try:
            async with self._tab.visiting(self._asked.url, self._asked.request) as visit:
                self._visit = visit
                self._watched.witness.watch(visit)
                async with self._asking():
                    await self._arrive(act)
                self.waited_seconds = {**self.waited_seconds, "navigation": time.monotonic() - began}
                yield
            self._tab.is_broken = False
        except errors.RenderFailed as error:
            raise await self._explained(error) from error
        except errors.TimedOut as error:
            seconds = error.details.get("seconds")
            if seconds is None or self._visit.answer is None or not await self._watched.is_laid_out_for_ever():
                raise
            raise still_laid_out(self._asked.url, seconds) from error

    async def _arrive(self, act: Act | None) -> None:
        await self._check_selector(self._asked.request.wait_for)
        try:
            self._look_at(await self._tab.arrive(self._visit, self._asked.request, act, judge_shown, self._signs))
        except errors.TimedOut as error:
            if "wait_for" in error.details:
                self._look_at(await self._signs())  # the page that came may be why
            raise
        if len(self._visit.navigations) > 1 or "cross-origin-opener-policy" in self.navigation.headers:
            await self._watched.find_process()  # it may have another one by now

    async def _check_selector(self, selector: str | None) -> None:
        """By the browser's own parser, on the empty page that is there before the other: nothing is asked for in vain."""
        if selector is not None and not await self._tab.page.evaluate(scripts.IS_SELECTOR, selector):
            raise bad_selector(self._asked.url, selector)

    async def dom(self, *, include_tree: bool) -> None:
        async with self._asking():
            for _ in range(_MOVES):
                try:
                    if await self._is_read(include_tree):
                        return
                except PlaywrightError as error:
                    if self._tab.page.is_closed() or not is_moving(error.message):
                        raise
                self._look_at(await self._tab.at_rest(self._visit, self._asked.request, self._signs))
            raise _moved(self._asked.url)

    async def _is_read(self, include_tree: bool) -> bool:
        """Whether the document is read, and is the one that was looked at."""
        self._inspector = Inspector(self._tab.page)
        if self._visit.answer is self._answer:
            await self._inspector.dom(include_tree)
        return self._visit.answer is self._answer

    async def elements(self) -> Inspected:
        async with self._asking():
            return await self._inspector.elements()

    async def html(self) -> str:
        async with self._asking():
            page, limit = self._tab.page, self._asked.limits.max_bytes
            try:
                return (await snapshot.take(page, self._visit.url, limit, keeps_page=True)).html
            except PlaywrightError as error:
                if page.is_closed() or not is_of_script(error.message):
                    raise
            return await snapshot.plain(page, self._visit.url, limit)

    async def screenshot(self, *, is_full_page: bool) -> tuple[bytes, Screenshot]:
        async with self._asking():
            if not is_full_page or self._tab.peak_memory_mb <= self._asked.limits.page_memory_mb * _PICTURE_SHARE:
                return await screenshot(self._tab.page, is_full_page=is_full_page)
            png, shot = await screenshot(self._tab.page, is_full_page=False)
            return png, shot.model_copy(update={"is_cut": True})

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            yield
        except PlaywrightError as error:
            raise await self._explained(self._error(error)) from error
        except errors.RenderFailed as error:
            raise await self._explained(error) from error
        await self._sample()

    def _error(self, error: PlaywrightError) -> errors.FetchError:
        if self._visit.failure is not None:
            return self._visit.failure
        if is_moving(error.message) and not self._tab.page.is_closed():
            return _moved(self._asked.url)
        return self._tab.page_error(self._visit, error.message)

    async def _signs(self) -> dict[str, Any]:
        page = self._tab.page
        try:
            found: dict[str, Any] = await page.evaluate(scripts.SIGNS)
        except PlaywrightError as error:
            if page.is_closed() or not is_of_script(error.message):
                raise
            return _NO_SIGNS | {"url": page.url}
        return found

    def _look_at(self, signs: Mapping[str, Any]) -> None:
        """Takes note of where the page is. Raises for one that is nothing to be read."""
        answer = self._tab.answer_shown(self._visit, judge_shown, signs["url"])
        self._visit.check_target(signs["url"])
        final = resolve(self._visit.url, signs["url"], keep_route=True)
        if self._visit.failure is not None or final is None:
            raise self._visit.failure or no_answer(self._visit.url)
        if answer.status >= 400 and signs["isBlank"]:
            raise refused(self._visit.url, answer)
        whose = challenge(PageSigns.of(signs))
        if whose is not None:
            raise blocked(self._visit.url, answer.status, answer.headers, whose)
        if answer.status >= 500:
            raise refused(self._visit.url, answer)
        self._answer = answer
        self._navigation = self._navigated(answer, final)

    def _navigated(self, answer: Answer, final: str) -> Navigation:
        headers = [(name, value[:_MAX_HEADER]) for name, value in answer.headers.items() if name not in _SECRET_HEADERS]
        return Navigation(
            url=self._visit.url,
            final_url=final,
            status=answer.status,
            content_type=answer.content_type,
            redirects=self._redirects(final),
            headers=dict(headers[:_MAX_HEADERS]),
            user_agent=self._asked.user_agent,
        )

    def _redirects(self, final: str) -> tuple[str, ...]:
        """Ending with the document that is shown. A route that a script draws there is another page, but nothing that it was
        sent on to."""
        asked, shown = (url.partition("#")[0] for url in (self._visit.url, final))
        hops = self._visit.redirects(shown)
        return hops if hops != (asked,) else ()


def _moved(url: str) -> errors.RenderFailed:
    return errors.RenderFailed(url, "The page went on to another document while it was read.", reason="moved")
