"""robots.txt (RFC 9309): what a site lets us fetch, how fast, and where its sitemaps are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jwm.robotstxt.googlebot import (
    ParseRobotsTxt,
    RobotsMatcher,
    RobotsParseHandler,
)

from gleanery import errors
from gleanery.web.fetch import Fetcher
from gleanery.web.urls import normalize_escapes, origin_of, resolve, target_of

AGENT = "gleanery"
MAX_ROBOTS_BYTES = 500 * 1024
MAX_SITEMAPS = 500

# Longer ones are taken apart in a thread: here they would hold the loop for more than a few milliseconds.
_INLINE_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Robots:
    """One origin's rules for one agent. `sitemaps` are absolute hrefs, `crawl_delay_seconds` is None if not named.

    `rules` holds the lines of the agent's group by what a path must begin with to be concerned at all. Google's
    matcher, which reads its whole text for every URL, is given those few lines instead of up to 500 KiB.
    """

    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sitemaps: tuple[str, ...] = ()
    crawl_delay_seconds: float | None = None

    def allows(self, url: str) -> bool:
        """Whether the href `url` may be fetched: the longest matching rule decides, and Allow wins a tie."""
        if not self.rules:
            return True
        url = normalize_escapes(url)
        target = target_of(url)
        lengths = {len(start) for start in self.rules}
        lines = [line for length in lengths for line in self.rules.get(target[:length], ())]
        return not lines or bool(RobotsMatcher().OneAgentAllowedByRobots(_group(lines), AGENT, url))


def _group(lines: Iterable[str]) -> str:
    return "User-agent: *\n" + "\n".join(lines)


def parse(body: bytes, origin: str, agent: str = AGENT) -> Robots:
    """What a robots.txt of `origin` (`https://docs.example.org`) says to `agent`. What can't be read allows."""
    text = body[:MAX_ROBOTS_BYTES].decode("utf-8-sig", errors="replace").replace("\0", "")
    reader = _Reader(agent)
    ParseRobotsTxt(text, reader)
    group = reader.named if reader.is_named else reader.default
    rules: dict[str, list[str]] = {}
    for verb, pattern in group.rules:
        for start in _starts(pattern):
            rules.setdefault(start, []).append(f"{verb}: {pattern}")
    links = (resolve(f"{origin}/", link) for link in reader.sitemaps[:MAX_SITEMAPS])
    return Robots(
        rules={start: tuple(dict.fromkeys(lines)) for start, lines in rules.items()},
        sitemaps=tuple(dict.fromkeys(link for link in links if link)),
        crawl_delay_seconds=group.delay_seconds,
    )


def _starts(pattern: str) -> set[str]:
    """What a path must begin with for `pattern` to concern it."""
    start = pattern.partition("*")[0].rstrip("$")
    # The matcher takes `Allow: /a/index.html` for `/a/` as well.
    return {start, start[: start.rindex("/") + 1]} if "/index.htm" in start else {start}


@dataclass(slots=True)
class _Group:
    rules: list[tuple[str, str]] = field(default_factory=list)
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
        self._add("Allow", value)

    def HandleDisallow(self, line_num: int, value: str) -> None:  # noqa: ARG002
        self._add("Disallow", value)

    def HandleSitemap(self, line_num: int, value: str) -> None:  # noqa: ARG002
        self.sitemaps.append(value)

    def HandleUnknownAction(self, line_num: int, action: str, value: str) -> None:  # noqa: ARG002
        if action.lower() == "crawl-delay" and (delay := _positive(value)):
            for group in self._groups():
                group.delay_seconds = delay

    def HandleRobotsStart(self) -> None:
        pass

    def HandleRobotsEnd(self) -> None:
        pass

    def ReportLineMetadata(self, line_num: int, metadata: object) -> None:
        pass

    def _add(self, verb: str, pattern: str) -> None:
        self._is_in_rules = True
        if pattern:
            for group in self._groups():
                group.rules.append((verb, pattern))

    def _groups(self) -> list[_Group]:
        named = [self.named] if self._is_for_agent else []
        return [*named, self.default] if self._is_for_all else named


def _positive(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    robots: Robots | None = None
    expires_at_seconds: float = 0.0
    failure: errors.FetchError | None = None
    asked: int = 0


class RobotsCache:
    """robots.txt by origin, asked once per `ttl_seconds` however many ask at the same time.

    The first one in fetches under the origin's lock, so that no task outlives its caller; when it is cancelled the
    next one in line takes over, when it fails those who were waiting share its failure.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        ttl_seconds: float = 3600.0,
        max_origins: int = 2048,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = fetcher
        self._ttl_seconds = ttl_seconds
        self._max_origins = max_origins
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    async def get(self, origin_url: str) -> Robots:
        """The rules of the origin of an href.

        Raises RobotsUnreachable when robots.txt answers 5xx or 429, or not at all (a full stop by the RFC), and
        HostNotFound, AddressForbidden or TlsFailed where the site itself can't be fetched for that reason.
        """
        origin = origin_of(origin_url)
        entry = self._entry(origin)
        asked_before = entry.asked
        entry.waiting += 1
        try:
            async with entry.lock:
                if entry.robots is not None and self._clock() < entry.expires_at_seconds:
                    return entry.robots
                if entry.failure is not None and entry.asked != asked_before:
                    raise _copy(entry.failure)
                return await self._refresh(origin, entry)
        finally:
            entry.waiting -= 1

    async def _refresh(self, origin: str, entry: _Entry) -> Robots:
        entry.robots = entry.failure = None
        try:
            robots = await self._load(origin)
        except errors.FetchError as error:
            entry.failure = error
            entry.asked += 1
            raise
        entry.robots = robots
        entry.expires_at_seconds = self._clock() + self._ttl_seconds
        return robots

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
        if len(document.body) <= _INLINE_BYTES:
            return parse(document.body, origin)
        return await asyncio.to_thread(parse, document.body, origin)


def _unreachable(url: str, what: str, cause: errors.FetchError) -> errors.RobotsUnreachable:
    message = f"{url} {what}, so nothing of this site may be fetched now: {cause.message}"
    return errors.RobotsUnreachable(url, message, cause=cause.code, retry_after=cause.details.get("retry_after"))


def _copy(error: errors.FetchError) -> errors.FetchError:
    """The same failure for another caller: an exception that is raised twice grows a traceback of both."""
    details = {key: value for key, value in error.details.items() if key != "url"}
    twin = error.__class__(error.url, error.message, **details)
    twin.can_retry = error.can_retry
    return twin
