"""How fast a server may be asked: requests and tokens a minute and what its headers tell."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from gleanery.errors import EmbedRateLimited

LONGEST_WAIT_SECONDS = 120.0
"""Told to wait longer than this, the task gives its place to others and comes back."""
LONGEST_PAUSE_SECONDS = 3600.0
"""Whatever a server says, after this it is asked again."""

ROUNDING = 1e-6
"""Less than this of a token is none: a clock that sums up may never come to it."""

Share = Callable[[str], AbstractAsyncContextManager[int]]
"""Around a request to what is named so: how many processes ask it now, this one among them."""

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?", re.ASCII)


@asynccontextmanager
async def alone(_: str) -> AsyncIterator[int]:
    """`Share` of a process that has its limits for itself."""
    yield 1


@dataclass
class Bucket:
    """A token bucket (https://en.wikipedia.org/wiki/Token_bucket): it holds `capacity` at most, and `rate` comes in a second.

    Who needs more than it can ever hold takes it full, and leaves it with a debt.
    """

    capacity: float
    rate: float
    level: float
    at: float

    @classmethod
    def of_requests(cls, per_minute: int, now: float) -> Bucket:
        """So many in any 60 seconds: a quarter of them at once, the rest spread."""
        burst = max(1, per_minute // 4)
        return cls(burst, (per_minute - burst + 1) / 60, burst, now)

    @classmethod
    def of_tokens(cls, per_minute: int, now: float) -> Bucket:
        """The same of tokens, which need not be whole."""
        burst = per_minute / 4
        return cls(burst, (per_minute - burst) / 60, burst, now)

    def wait(self, need: float, now: float) -> float:
        """Seconds until `need` may be taken."""
        lacking = min(need, self.capacity) - self.level_at(now)
        return lacking / self.rate if lacking > ROUNDING else 0.0

    def take(self, need: float, now: float) -> None:
        self.level, self.at = self.level_at(now) - need, now

    def level_at(self, now: float) -> float:
        return min(self.capacity, self.level + self.rate * (now - self.at))


class Throttle:
    """The one gate of all requests to a server. Seconds are those of `clock`; `sleep` waits them.

    Where several processes share the limits, each has an equal part: what one of them sends counts once for each.
    """

    def __init__(
        self,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        now = clock()
        self._clock = clock
        self._sleep = sleep
        self._requests = [] if requests_per_minute is None else [Bucket.of_requests(requests_per_minute, now)]
        self._tokens = [] if tokens_per_minute is None else [Bucket.of_tokens(tokens_per_minute, now)]
        self._told: dict[str, Bucket] = {}
        self._paused_until = 0.0
        self._line = asyncio.Lock()
        self._urgent = 0

    async def turn(self, tokens: int, *, is_urgent: bool = False, processes: int = 1) -> None:
        """Wait until a request of so many tokens may be sent, and count it. In order; an urgent one doesn't stand in line,
        and the one at its head leaves it the next place. Raises EmbedRateLimited where that would take too long."""
        if is_urgent:
            self._urgent += 1
            try:
                await self._wait(tokens, processes)
            finally:
                self._urgent -= 1
        else:
            async with self._line:
                await self._wait(tokens, processes, yields=True)

    async def _wait(self, tokens: int, processes: int, *, yields: bool = False) -> None:
        while (seconds := self.wait_seconds(tokens, 1 + (self._urgent if yields else 0), processes)) > 0:
            if seconds > LONGEST_WAIT_SECONDS:
                raise EmbedRateLimited(
                    "The embedding server's limit leaves no room for a while: it goes on by itself.",
                    retry_after=seconds,
                )
            await self._sleep(seconds)
        now = self._clock()
        for bucket, need in self._needs(tokens, 1, processes):
            bucket.take(need, now)

    def wait_seconds(self, tokens: int, requests: int = 1, processes: int = 1) -> float:
        """How long until that may be sent, as things stand."""
        now = self._clock()
        waits = [bucket.wait(need, now) for bucket, need in self._needs(tokens, requests, processes)]
        return max(0.0, self._paused_until - now, *waits)

    def pause(self, seconds: float) -> None:
        """The server wants nothing for so long, from nobody."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, LONGEST_PAUSE_SECONDS))

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells of the server's own limits."""
        for kind in ("requests", "tokens"):
            if (bucket := told_limit(headers, kind, self._clock())) is not None:
                self._told[kind] = bucket

    def _needs(self, tokens: int, requests: int, processes: int) -> list[tuple[Bucket, int]]:
        """What that takes of each bucket. What the server tells of its own is what all processes have left it."""
        own = [(bucket, requests * processes) for bucket in self._requests]
        own += [(bucket, tokens * processes) for bucket in self._tokens]
        return own + [(bucket, requests if kind == "requests" else tokens) for kind, bucket in self._told.items()]


def told_limit(headers: Mapping[str, str], kind: str, now: float) -> Bucket | None:
    """The bucket that `x-ratelimit-{limit,remaining,reset}-{kind}` describe; None where they don't.

    `reset` is how long until it is full again (https://platform.openai.com/docs/guides/rate-limits).
    """
    limit, remaining = (_number(headers.get(f"x-ratelimit-{part}-{kind}")) for part in ("limit", "remaining"))
    reset = duration_seconds(headers.get(f"x-ratelimit-reset-{kind}", ""))
    if limit is None or remaining is None or reset is None or not limit > remaining or reset <= 0:
        return None
    return Bucket(limit, (limit - remaining) / min(reset, LONGEST_PAUSE_SECONDS), remaining, now)


def duration_seconds(text: str) -> float | None:
    """Seconds of `1h2m3.5s`, `20ms` or a plain number; None for anything else."""
    if (number := _number(text)) is not None:
        return number
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
