"""One page on its way into the browser: where it went, what is still loading, and what put an end to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Hashable
from dataclasses import dataclass

from gleanery import errors
from gleanery.web.browser.failures import is_aborted
from gleanery.web.browser.request import BrowserLimits
from gleanery.web.fetch import MayFollow
from gleanery.web.urls import resolve

# What can still change the text of a page. A stream or a picture that never ends must not keep it waiting.
AWAITED = frozenset({"document", "script", "fetch", "xhr", "stylesheet"})
_PATIENCE_SECONDS = 2.5
_MAX_REQUESTS = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a document of the main frame was answered with."""

    url: str
    status: int
    headers: dict[str, str]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def runs_scripts(self) -> bool:
        """False where the document's own policy forbids them all (https://www.w3.org/TR/CSP3/#directive-sandbox)."""
        policies = self.headers.get("content-security-policy", "").lower().replace("\n", ",").split(",")
        rules = [rule.split() for policy in policies for rule in policy.split(";")]
        return not any(rule[:1] == ["sandbox"] and "allow-scripts" not in rule for rule in rules)


class Visit:
    """The state of one page while it is rendered; the tab tells it what happens.

    `failure` is the first thing that made going on useless; setting it ends the scope that `begin` was given. `opens_windows` is
    whether it had more of them than a page may, `waits_for` the CSS selector of what is not shown yet.
    """

    def __init__(self, url: str, may_follow: MayFollow | None, limits: BrowserLimits) -> None:
        self.url = url
        self.answer: Answer | None = None
        self.navigations: list[str] = []
        self.navigation_failure: str | None = None
        self.failure: errors.FetchError | None = None
        self.opens_windows = False
        self.waits_for: str | None = None
        self.started = time.monotonic()
        self._may_follow = may_follow
        self._limits = limits
        self._scope: asyncio.Timeout | None = None
        self._loading: dict[Hashable, float] = {}
        self._changed = asyncio.Event()
        self._has_moved_on = asyncio.Event()
        self._stays = asyncio.Event()
        self._shown: Answer | None = None
        self._is_shown = False
        self._changed_at = self.started
        self._requests = 0

    @property
    def target(self) -> str:
        """Where it last went."""
        return self.navigations[-1] if self.navigations else self.url

    @property
    def has_come(self) -> bool:
        """Whether its document and all that can still change its text is there."""
        return self.answer is not None and not self._loading

    def begin(self, scope: asyncio.Timeout) -> None:
        self._scope = scope

    def fail(self, error: errors.FetchError) -> None:
        """Ends the visit with `error`, unless something else has ended it already."""
        if self.failure is None:
            self.failure = error
            if self._scope is not None and not self._scope.expired():
                self._scope.reschedule(asyncio.get_running_loop().time())

    def requested(self, request: Hashable, kind: str) -> None:
        """A request of the page went out."""
        self._requests += 1
        if self._requests > _MAX_REQUESTS:
            self.fail(errors.TooLarge(self.url, f"It asks for more than {_MAX_REQUESTS} things.", max=_MAX_REQUESTS))
        if kind in AWAITED:
            self._loading[request] = self._mark()

    def ended(self, request: Hashable) -> None:
        """A request was answered in full, or failed."""
        if self._loading.pop(request, None) is not None:
            self._mark()

    def _mark(self) -> float:
        self._changed_at = time.monotonic()
        self._changed.set()
        return self._changed_at

    def navigated(self, target: str) -> None:
        """The main frame asked for a document: the first one, a redirect, or where a script went."""
        self.navigation_failure = None
        self._stays.clear()
        if self.navigations and self.navigations[-1] == target and self.answer is None:
            return
        self.navigations.append(target)
        self._is_shown = False
        if len(self.navigations) > 1:
            self._has_moved_on.set()
        if len(self.navigations) > self._limits.max_redirects + 1:
            message = f"It leads on to other pages more than {self._limits.max_redirects} times."
            self.fail(errors.RedirectLoop(self.url, message, redirects=self.navigations[1:]))
        elif len(self.navigations) > 1:
            self.check_target(target)

    def committed(self, url: str) -> None:
        """What was answered last is shown now; the main frame is at `url`."""
        self._shown = self.answer
        plain = resolve(self.url, url)
        if plain is not None and plain == resolve(self.url, self.target):
            self._is_shown = True

    def given_up(self, target: str, reason: str) -> None:
        """The main frame's way to `target` ended without a document, or with a part of it."""
        if self._is_shown and is_aborted(reason):
            return  # it was left before all of it had come
        self.navigation_failure = reason
        # A download, or an answer without content: the page that wanted to go there stays, though it may load no further.
        if self._shown is not None and is_aborted(reason) and len(self.navigations) > 1 and target == self.target:
            self.navigations.pop()
            self.answer = self._shown
            self._stays.set()

    async def reaches(self, state: Awaitable[object]) -> None:
        """Waits for `state`, or until the page is known to stay where it is."""
        waits = [asyncio.ensure_future(state), asyncio.ensure_future(self._stays.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if waits[0].done():
                waits[0].result()
        finally:
            for wait in waits:
                wait.cancel()

    async def moves_on(self, seconds: float) -> bool:
        """Whether the page has gone, or goes within so long, to another document than the first."""
        try:
            async with asyncio.timeout(seconds):
                await self._has_moved_on.wait()
        except TimeoutError:
            return False
        return True

    def check_target(self, target: str) -> None:
        """Ends the visit when `target` is nothing that may be followed."""
        plain = resolve(self.url, target)
        if plain is None:
            message = "It leads to something that is not a web address that can be fetched."
            self.fail(errors.RedirectRefused(self.url, message, location=target[:200], reason="not_a_web_address"))
            return
        reason = self._may_follow(plain) if self._may_follow and plain != self.url else None
        if reason is not None:
            message = f"It leads to {plain}, which is not part of this crawl ({reason})."
            self.fail(errors.RedirectRefused(self.url, message, location=plain, reason=str(reason)))

    def popped_up(self, windows: int) -> None:
        """The page has opened so many windows beside itself."""
        most = self._limits.max_windows
        if windows >= most:
            self.opens_windows = True
            message = f"It has more than {most} windows, itself among them."
            self.fail(errors.PageTooHeavy(self.url, message, limit="pages", max=most))

    async def quiet(self, seconds: float) -> None:
        """Returns once nothing awaited has begun or ended for so long, nor is under way (but for what takes too long)."""
        while (wait := self._wait_seconds(time.monotonic(), seconds)) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _wait_seconds(self, now: float, quiet_seconds: float) -> float:
        ends = [since + _PATIENCE_SECONDS for since in self._loading.values() if since + _PATIENCE_SECONDS > now]
        return max([self._changed_at + quiet_seconds, *ends]) - now

    def redirects(self, final: str) -> tuple[str, ...]:
        """Where it went after the URL that was asked for, in order, ending with `final` if that is another one."""
        path = [plain for target in self.navigations[1:] if (plain := resolve(self.url, target)) is not None]
        hops = [self.url]
        for target in (*path, final):
            if target != hops[-1]:
                hops.append(target)
        return tuple(hops[1:])
