"""Politeness: how many requests a host gets at once, how far apart they start, and when it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gleanery import errors
from gleanery.web.host_share import ALONE, HostShare, Need, Others
from gleanery.web.throttle import Throttle
from gleanery.web.urls import host_key

MAX_DELAY_SECONDS = 30.0
MAX_PAUSE_SECONDS = 600.0
FIRST_PENALTY_SECONDS = 1.0
MAX_PENALTY_SECONDS = 60.0

_TOO_MANY = frozenset({429, 503})
_STRAINED = frozenset({502, 504})


class _Line:
    """Those who wait for a place: each of those who ask in turn, whoever has more requests; within one first come first."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def join(self, who: str) -> asyncio.Future[None]:
        place = asyncio.get_running_loop().create_future()
        self._queues.setdefault(who, deque()).append(place)
        return place

    def next(self) -> asyncio.Future[None] | None:
        """The next one who still waits."""
        while self._queues:
            who = next(iter(self._queues))
            queue = self._queues.pop(who)
            while queue:
                place = queue.popleft()
                if not place.done():  # not cancelled
                    if queue:
                        self._queues[who] = queue  # now the last in turn
                    return place
        return None


@dataclass(slots=True)
class _Host:
    """`told_until` is the end of the pause that the site asked of this process, `paused_until` of that which is kept."""

    key: str
    throttle: Throttle
    line: _Line = field(default_factory=_Line)
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    active: int = 0
    crawl_delay_seconds: float = 0.0
    penalty_seconds: float = 0.0
    pauses: int = 0
    last_pause_at: float = float("-inf")
    told_until: float = 0.0
    paused_until: float = 0.0
    next_start_at: float = 0.0
    idle_since: float = 0.0


class HostLimiter:
    """One for the whole process, shared by all crawls. Loopback gets no better treatment than any other host.

    A host has up to `max_per_host` places and no delay; it gets fewer places and a delay when its answers show strain (see
    Throttle), and a pause when it asks for one. With `share` all processes together keep to that. A host that nobody has
    used for `idle_seconds` is forgotten with its delay, so a crawl that goes on says `set_delay` again whenever it looks at
    robots.txt. `clock` (seconds, monotonic) and `sleep` are there for tests.
    """

    def __init__(
        self,
        max_per_host: int = 8,
        *,
        share: HostShare | None = None,
        idle_seconds: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._max_per_host = max_per_host
        self._share = share
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        if share is not None:
            share.attach(self)

    def __len__(self) -> int:
        """How many hosts are remembered."""
        return len(self._hosts)

    @asynccontextmanager
    async def turn(
        self, url: str, who: str = "", *, is_timed: bool = True, is_again: bool = False
    ) -> AsyncIterator[None]:
        """Waits for a free place at the host of the href `url` and for its delay; the block is one request.

        Callers with different `who` (crawls) get places in turn. What the block raises is looked at: 429 and 503 pause the
        host for their Retry-After, as `slow_down` does; time-outs, broken lines, 502 and 504 slow it down. So does a block
        that takes longer than usual, unless it isn't `is_timed` (a rendered page takes as long as its scripts). A URL that
        failed before and `is_again` asked for tells of itself when it fails once more, not of its host. A caller
        that is cancelled while waiting takes nothing with it: no place and no start time are spent.
        """
        host = self._host(url)
        host.users += 1
        if self._share is not None:
            self._share.enter(host.key)
        try:
            if self._share is not None:
                await self._share.join(host.key)
            await self._take_place(host, who)
            try:
                await self._wait_for_start(host)
                async with self._watched(host, is_timed=is_timed, is_again=is_again):
                    yield
            finally:
                host.active -= 1
                self._grant(host)
        finally:
            host.users -= 1
            host.idle_since = self._clock()
            if self._share is not None:
                self._share.leave(host.key)

    def set_delay(self, url: str, seconds: float) -> float:
        """The least time between two starts at a host (robots.txt's crawl-delay), capped at 30 s; 0 takes it away.

        Returns what is kept of it.
        """
        host = self._host(url)
        previous, host.crawl_delay_seconds = host.crawl_delay_seconds, min(max(seconds, 0.0), MAX_DELAY_SECONDS)
        # The request for robots.txt itself counts: the next start is one delay away, not at once.
        if host.crawl_delay_seconds > previous:
            host.next_start_at = max(host.next_start_at, self._clock() + host.crawl_delay_seconds)
        return host.crawl_delay_seconds

    def slow_down(self, url: str, seconds: float | None = None) -> float:
        """After a 429 or 503 nobody starts at the host for `seconds` (its Retry-After, capped at 600 s).

        Without `seconds` the pause doubles from 1 s to 60 s with each call, until a turn ends without one; what was under
        way when it began doesn't count. Returns how many seconds the host is left alone now.
        """
        host = self._host(url)
        self._pause(host, seconds, self._clock())
        return self.paused_seconds(url)

    def paused_seconds(self, url: str) -> float:
        """For how long the host of the href `url` is still left alone; 0 when it isn't."""
        host = self._hosts.get(host_key(url))
        return max(host.paused_until - self._clock(), 0.0) if host else 0.0

    def need(self, host: str) -> Need:
        """What the other processes should know of a host (`host` or `host:port`)."""
        known = self._hosts.get(host)
        if known is None:
            return Need(0.0, 0.0)
        delay = max(known.crawl_delay_seconds, known.throttle.delay_seconds)
        return Need(max(known.told_until - self._clock(), 0.0), delay)

    def hear(self, host: str) -> None:
        """Take up what the other processes know of a host."""
        known = self._hosts.get(host)
        if known is not None:
            self._hold_back(known, self._others(known).pause_seconds)
            self._grant(known)

    async def _take_place(self, host: _Host, who: str) -> None:
        if not host.line and host.active < self._places(host):
            host.active += 1
            return
        place = host.line.join(who)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # given in the very moment of the cancellation
                host.active -= 1
                self._grant(host)
            raise

    def _grant(self, host: _Host) -> None:
        while host.active < self._places(host) and (place := host.line.next()) is not None:
            host.active += 1
            place.set_result(None)

    def _places(self, host: _Host) -> int:
        places = self._others(host).places(self._max_per_host)
        pressed = int(places * host.throttle.places / self._max_per_host + 1e-9)
        return max(pressed, 1) if places else 0

    def _others(self, host: _Host) -> Others:
        return self._share.others(host.key) if self._share is not None else ALONE

    async def _wait_for_start(self, host: _Host) -> None:
        async with host.gate:
            # Asked again after each sleep: a pause may have moved the start meanwhile.
            while (wait := self._start_in(host)) > 0:
                await self._sleep(wait)
            host.next_start_at = self._clock() + self._others(host).rest(self._delay(host))

    def _start_in(self, host: _Host) -> float:
        seconds = max(0.0, host.next_start_at - self._clock())
        return seconds if self._share is None else self._share.turn_in(host.key, seconds, self._delay(host))

    def _delay(self, host: _Host) -> float:
        return max(host.crawl_delay_seconds, host.throttle.delay_seconds, self._others(host).delay_seconds)

    @asynccontextmanager
    async def _watched(self, host: _Host, *, is_timed: bool, is_again: bool) -> AsyncIterator[None]:
        """Learns from how a request ends."""
        started_at, pauses_before = self._clock(), host.pauses
        try:
            yield
        except errors.HttpStatus as error:
            if error.status in _TOO_MANY and host.pauses == pauses_before:
                self._pause(host, error.retry_after, started_at)
            elif error.status in _STRAINED:
                self._went_wrong(host, started_at, is_again=is_again)
            elif error.status not in _TOO_MANY:
                self._went_well(host, started_at, is_timed=is_timed)
            raise
        except (errors.TimedOut, errors.ConnectFailed):
            self._went_wrong(host, started_at, is_again=is_again)
            raise
        if host.pauses == pauses_before:
            host.penalty_seconds = 0.0
            self._went_well(host, started_at, is_timed=is_timed)

    def _went_wrong(self, host: _Host, started_at: float, *, is_again: bool) -> None:
        if not is_again:
            host.throttle.failed(started_at, self._clock())

    def _went_well(self, host: _Host, started_at: float, *, is_timed: bool) -> None:
        if is_timed:
            host.throttle.answered(started_at, self._clock())
        else:
            host.throttle.recover()

    def _pause(self, host: _Host, seconds: float | None, started_at: float) -> None:
        now = self._clock()
        # What was under way when the last pause began is the same burst: it tells nothing new, unless it names a time.
        is_news = started_at >= host.last_pause_at and now >= host.paused_until
        if is_news:
            host.last_pause_at = now
            host.throttle.failed(started_at, now)
            if seconds is None:
                doubled = max(host.penalty_seconds * 2, FIRST_PENALTY_SECONDS)
                seconds = host.penalty_seconds = min(doubled, MAX_PENALTY_SECONDS)
        host.pauses += 1
        self._hold_back(host, seconds or 0.0)
        if seconds:
            host.told_until = max(host.told_until, now + min(seconds, MAX_PAUSE_SECONDS))
            if self._share is not None:
                self._share.urge()

    def _hold_back(self, host: _Host, seconds: float) -> None:
        if seconds > 0:
            host.paused_until = max(host.paused_until, self._clock() + min(seconds, MAX_PAUSE_SECONDS))
            host.next_start_at = max(host.next_start_at, host.paused_until)

    def _host(self, url: str) -> _Host:
        key = host_key(url)
        host = self._hosts.pop(key, None)
        if host is None:
            self._forget_idle()
            host = _Host(key, Throttle(self._max_per_host))
        host.idle_since = self._clock()
        self._hosts[key] = host  # the dict stays sorted by last use, so that forgetting looks at the oldest only
        return host

    def _forget_idle(self) -> None:
        now = self._clock()
        while self._hosts:
            key, oldest = next(iter(self._hosts.items()))
            if oldest.users:
                self._hosts[key] = self._hosts.pop(key)
                return
            if now - oldest.idle_since < self._idle_seconds or oldest.next_start_at > now:
                return
            del self._hosts[key]
