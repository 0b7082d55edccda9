"""Politeness: how many requests a host gets at once, how far apart they start, and when it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gleanery.web.urls import host_key

MAX_DELAY_SECONDS = 30.0
MAX_PAUSE_SECONDS = 600.0
FIRST_PENALTY_SECONDS = 1.0
MAX_PENALTY_SECONDS = 60.0


@dataclass(slots=True)
class _Host:
    slots: asyncio.Semaphore
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    delay_seconds: float = 0.0
    penalty_seconds: float = 0.0
    slowed: int = 0
    next_start_at: float = 0.0
    idle_since: float = 0.0


class HostLimiter:
    """One for the whole process, shared by all crawls. Loopback gets no better treatment than any other host.

    A host that nobody has used for `idle_seconds` is forgotten with its delay, so a crawl that goes on says `set_delay`
    again whenever it looks at robots.txt. `clock` (seconds, monotonic) and `sleep` are there for tests.
    """

    def __init__(
        self,
        max_per_host: int = 8,
        *,
        idle_seconds: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._max_per_host = max_per_host
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}

    def __len__(self) -> int:
        """How many hosts are remembered."""
        return len(self._hosts)

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Waits for a free place at the host of the href `url` and for its delay; first come, first served.

        A caller that is cancelled while waiting takes nothing with it: no place and no start time are spent.
        """
        host = self._host(url)
        host.users += 1
        try:
            async with host.slots:
                await self._wait_for_start(host)
                slowed_before = host.slowed
                yield
                if host.slowed == slowed_before:
                    host.penalty_seconds = 0.0
        finally:
            host.users -= 1
            host.idle_since = self._clock()

    async def _wait_for_start(self, host: _Host) -> None:
        async with host.gate:
            # Asked again after each sleep: `slow_down` may have moved the start meanwhile.
            while (wait := host.next_start_at - self._clock()) > 0:
                await self._sleep(wait)
            host.next_start_at = self._clock() + host.delay_seconds

    def set_delay(self, url: str, seconds: float) -> None:
        """The least time between two starts at a host (robots.txt's crawl-delay), capped at 30 s; 0 takes it away."""
        host = self._host(url)
        previous, host.delay_seconds = host.delay_seconds, min(max(seconds, 0.0), MAX_DELAY_SECONDS)
        # The request for robots.txt itself counts: the next start is one delay away, not at once.
        if host.delay_seconds > previous:
            host.next_start_at = max(host.next_start_at, self._clock() + host.delay_seconds)

    def slow_down(self, url: str, seconds: float | None = None) -> None:
        """After a 429 or 503 nobody starts at the host for `seconds` (its Retry-After, capped at 600 s).

        Without `seconds` the pause doubles from 1 s to 60 s with each call, until a turn ends without one.
        """
        host = self._host(url)
        if seconds is None:
            doubled = max(host.penalty_seconds * 2, FIRST_PENALTY_SECONDS)
            seconds = host.penalty_seconds = min(doubled, MAX_PENALTY_SECONDS)
        host.slowed += 1
        host.next_start_at = max(host.next_start_at, self._clock() + min(max(seconds, 0.0), MAX_PAUSE_SECONDS))

    def _host(self, url: str) -> _Host:
        key = host_key(url)
        host = self._hosts.pop(key, None)
        if host is None:
            self._forget_idle()
            host = _Host(asyncio.Semaphore(self._max_per_host))
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
