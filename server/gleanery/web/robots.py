"""robots.txt (RFC 9309): what a site lets us fetch, how fast, and where its sitemaps are."""

from __future__ import annotations

import asyncio
import codecs
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from jwm.robotstxt.googlebot import (
    ParseRobotsTxt,
    RobotsMatcher,
    RobotsParseHandler,
)

from gleanery import errors
from gleanery.web.fetch import Document, Fetcher
from gleanery.web.robots_rules import Rules
from gleanery.web.urls import origin_of, resolve, target_of

AGENT = "gleanery"
MAX_ROBOTS_BYTES = 500 * 1024
MAX_SITEMAPS = 500
FRESH_SECONDS = 3600.0
LAST_GOOD_SECONDS = 24 * 3600.0
"""So long a copy serves while the site can't tell (RFC 9309, 2.4 allows no longer where it can)."""
FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 60.0
MAX_ASKED_WAIT_SECONDS = 600.0
"""Whatever the Retry-After of a robots.txt says, it is asked again after so long."""
PATIENCE_SECONDS = 600.0

# Longer ones are taken apart in a thread: here they would hold the loop for more than a few milliseconds.
_INLINE_BYTES = 8 * 1024
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_RATE = re.compile(r"(\d{1,6})\s*/\s*(\d{1,6})\s*([smh]?)\b", re.IGNORECASE)
_UNIT_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Robots:
    """One origin's rules for one agent. `sitemaps` are absolute hrefs, `crawl_delay_seconds` is None if not named."""

    rules: Rules = field(default_factory=Rules)
    sitemaps: tuple[str, ...] = ()
    crawl_delay_seconds: float | None = None

    def allows(self, url: str) -> bool:
        """Whether the href `url` may be fetched: the longest matching rule decides, and Allow wins a tie."""
        return not self.rules or self.rules.allow(target_of(url))


def parse(body: bytes, origin: str, agent: str = AGENT) -> Robots:
    """What a robots.txt of `origin` (`https://docs.example.org`) says to `agent`. What can't be read allows.

    The delay is that of `Crawl-delay`, or what `Request-rate` (pages/seconds) comes to, whichever is longer. Neither is
    in the RFC; `Visit-time` isn't obeyed.
    """
    reader = _Reader(agent)
    ParseRobotsTxt(_text(body[:MAX_ROBOTS_BYTES]), reader)
    group = reader.named if reader.is_named else reader.default
    links = (resolve(f"{origin}/", link) for link in reader.sitemaps)
    return Robots(
        rules=Rules.of(group.lines),
        sitemaps=tuple(dict.fromkeys(link for link in links if link)),
        crawl_delay_seconds=group.delay_seconds,
    )


def _text(body: bytes) -> str:
    """UTF-8 is the rule; the mark of another Unicode form is believed, since whoever wrote that file meant what it says."""
    encoding = next((name for mark, name in _ENCODINGS if body.startswith(mark)), None)
    if encoding is None:
        encoding = "utf-8"
        # Half a mark is dropped too, as Google does; left in, it would spoil the first line.
        size = next((n for n in (3, 2, 1) if body[:n] == codecs.BOM_UTF8[:n]), 0)
        body = body[size:]
    return body.decode(encoding, errors="replace").replace("\0", "")


@dataclass(slots=True)
class _Group:
    lines: list[tuple[bool, str]] = field(default_factory=list)
    delay_seconds: float | None = None


class _Reader(RobotsParseHandler):  # type: ignore[misc]
    """Collects one agent's group and the one for everybody, from the calls of Google's parser (hence the names)."""

    def __init__(self, agent: str) -> None:
        super().__init__()
        self._agent = agent.lower()
        self._is_for_agent = self._is_for_all = self._is_in_rules = False
        self.named, self.default = _Group(), _Group()
        self.is_named = False
        self.sitemaps: list[str] = []

    def HandleUserAgent(self, line_num: int, value: str) -> None:  # noqa: ARG002
        if self._is_in_rules:
            self._is_for_agent = self._is_for_all = self._is_in_rules = False
        if value.split(maxsplit=1)[:1] == ["*"]:
            self._is_for_all = True
        elif RobotsMatcher.ExtractUserAgent(value).lower() == self._agent:
            self._is_for_agent = self.is_named = True

    def HandleAllow(self, line_num: int, value: str) -> None:  # noqa: ARG002
        self._add(True, value)

    def HandleDisallow(self, line_num: int, value: str) -> None:  # noqa: ARG002
        self._add(False, value)

    def HandleSitemap(self, line_num: int, value: str) -> None:  # noqa: ARG002
        if len(self.sitemaps) < MAX_SITEMAPS:
            self.sitemaps.append(value)

    def HandleUnknownAction(self, line_num: int, action: str, value: str) -> None:  # noqa: ARG002
        delay = None
        if action.lower() == "crawl-delay":
            delay = _positive(value)
        elif action.lower() == "request-rate":
            delay = _delay_of_rate(value)
        if delay is not None:
            for group in self._groups():
                group.delay_seconds = max(delay, group.delay_seconds or 0.0)

    def HandleRobotsStart(self) -> None:
        pass

    def HandleRobotsEnd(self) -> None:
        pass

    def ReportLineMetadata(self, line_num: int, metadata: object) -> None:
        pass

    def _add(self, is_allow: bool, pattern: str) -> None:
        self._is_in_rules = True
        for group in self._groups():
            group.lines.append((is_allow, pattern))

    def _groups(self) -> list[_Group]:
        named = [self.named] if self._is_for_agent else []
        return [*named, self.default] if self._is_for_all else named


def _positive(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def _delay_of_rate(text: str) -> float | None:
    """Of `1/5`, `10/1m`; hours of the day that may follow are not looked at: the rate holds at any time."""
    rate = _RATE.match(text)
    pages = int(rate[1]) if rate else 0
    seconds = int(rate[2]) * _UNIT_SECONDS[rate[3].lower()] if rate else 0.0
    return seconds / pages if pages and seconds else None


@dataclass(slots=True)
class _Outage:
    """robots.txt answers 5xx or not at all: since when, how often it was asked, when it is asked again."""

    error: errors.RobotsUnreachable
    since: float
    times: int
    ask_again_at: float


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    robots: Robots | None = None
    read_at: float = 0.0
    outage: _Outage | None = None
    failure: errors.FetchError | None = None
    asked: int = 0


class RobotsCache:
    """robots.txt by origin, asked once per `fresh_seconds` however many ask at the same time.

    The first one in fetches under the origin's lock, so that no task outlives its caller; when it is cancelled the
    next one in line takes over, when it fails those who were waiting share its failure. One that can't be had is asked
    for again after its Retry-After (up to 600 s), else after 1 s, doubling up to 60 s; not before, whoever asks.
    `clock` (seconds, monotonic) and `sleep` are there for tests.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        max_origins: int = 2048,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._fetcher = fetcher
        self._fresh_seconds = fresh_seconds
        self._max_origins = max_origins
        self._clock = clock
        self._sleep = sleep
        self._entries: dict[str, _Entry] = {}

    async def get(self, origin_url: str) -> Robots:
        """The rules of the origin of an href; for up to a day the last ones that it had, while it can't tell them.

        Raises RobotsUnreachable when robots.txt answers 5xx or 429, or not at all (a full stop by the RFC), with the
        details `retry_in_seconds`, `unreachable_seconds` (for how long already) and `times` (how often in a row it was
        asked in vain); HostNotFound, AddressForbidden or TlsFailed where the site can't be fetched for that reason.
        """
        origin = origin_of(origin_url)
        entry = self._entry(origin)
        asked_before = entry.asked
        entry.waiting += 1
        try:
            async with entry.lock:
                now = self._clock()
                if entry.robots is not None and now < entry.read_at + self._fresh_seconds:
                    return entry.robots
                if entry.outage is not None and now < entry.outage.ask_again_at:
                    return self._last_good(entry, entry.outage)
                if entry.failure is not None and entry.asked != asked_before:
                    raise _copy(entry.failure)
                return await self._refresh(origin, entry)
        finally:
            entry.waiting -= 1

    async def get_patiently(
        self,
        origin_url: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        on_wait: Callable[[errors.RobotsUnreachable], Awaitable[None]] | None = None,
    ) -> Robots:
        """Like `get`, but waits while robots.txt can't be had, up to `patience_seconds` since it first couldn't.

        `on_wait` is told of each wait; `times` in the details of its error tells those who wait together that it is one.
        """
        while True:
            try:
                return await self.get(origin_url)
            except errors.RobotsUnreachable as error:
                wait: float = error.details["retry_in_seconds"]
                if error.details["unreachable_seconds"] + wait > patience_seconds:
                    raise
                if on_wait is not None:
                    await on_wait(error)
            await self._sleep(wait)

    async def _refresh(self, origin: str, entry: _Entry) -> Robots:
        entry.failure = None
        try:
            entry.robots = await self._load(origin)
        except errors.RobotsUnreachable as error:
            entry.outage = _outage(error, entry.outage, self._clock())
            return self._last_good(entry, entry.outage)
        except errors.FetchError as error:
            entry.failure = error
            entry.asked += 1
            raise
        entry.outage = None
        entry.read_at = self._clock()
        return entry.robots

    def _last_good(self, entry: _Entry, outage: _Outage) -> Robots:
        now = self._clock()
        if entry.robots is not None and now < entry.read_at + LAST_GOOD_SECONDS:
            return entry.robots
        raise _copy(
            outage.error,
            retry_in_seconds=max(outage.ask_again_at - now, 0.0),
            unreachable_seconds=now - outage.since,
            times=outage.times,
        )

    def _entry(self, origin: str) -> _Entry:
        entry = self._entries.pop(origin, None) or _Entry()
        self._entries[origin] = entry  # now the youngest
        if len(self._entries) > self._max_origins:
            stale = next((key for key, old in self._entries.items() if not old.waiting and old is not entry), None)
            if stale is not None:
                del self._entries[stale]
        return entry

    async def _load(self, origin: str) -> Robots:
        url = f"{origin}/robots.txt"
        try:
            document = await self._fetcher.fetch_prefix(url, MAX_ROBOTS_BYTES, accept="text/plain,*/*;q=0.5")
        except errors.HttpStatus as error:
            # 429 is the site asking for less, not a missing file: it stops us like a 5xx (as with Google's crawler).
            if error.status >= 500 or error.status == 429:
                raise _unreachable(url, f"answered {error.status}", error) from error
            return Robots()
        except (errors.RedirectLoop, errors.RedirectRefused):
            return Robots()  # RFC 9309, 2.3.1.2: more redirects than followed count as "unavailable", which allows
        except (errors.ConnectFailed, errors.TimedOut, errors.BrokenBody, errors.TooLarge) as error:
            raise _unreachable(url, "could not be read", error) from error
        return await _parsed(document, origin)


async def _parsed(document: Document, origin: str) -> Robots:
    if len(document.body) <= _INLINE_BYTES:
        return parse(document.body, origin)
    return await asyncio.to_thread(parse, document.body, origin)


def _unreachable(url: str, what: str, cause: errors.FetchError) -> errors.RobotsUnreachable:
    message = f"{url} {what}, so nothing of this site may be fetched now: {cause.message}"
    return errors.RobotsUnreachable(url, message, cause=cause.code, retry_after=cause.details.get("retry_after"))


def _outage(error: errors.RobotsUnreachable, before: _Outage | None, now: float) -> _Outage:
    """The outage that goes on or begins with this error."""
    times = before.times + 1 if before else 1
    asked: float | None = error.details["retry_after"]
    if asked is None:
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(times - 1, 10), MAX_WAIT_SECONDS)
    else:
        wait = min(max(asked, FIRST_WAIT_SECONDS), MAX_ASKED_WAIT_SECONDS)
    return _Outage(error, since=before.since if before else now, times=times, ask_again_at=now + wait)


def _copy(error: errors.FetchError, **facts: float) -> errors.FetchError:
    """The same failure for another caller: an exception that is raised twice grows a traceback of both."""
    details = {key: value for key, value in error.details.items() if key != "url"}
    twin = error.__class__(error.url, error.message, **details, **facts)
    twin.can_retry = error.can_retry
    return twin
