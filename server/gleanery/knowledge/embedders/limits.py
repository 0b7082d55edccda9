"""How fast a server may be asked: requests and tokens a minute and what its headers tell."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gleanery.errors import EmbedRateLimited

LONGEST_WAIT_SECONDS = 120.0
"""Told to wait longer than this, the task gives its place to others and comes back."""
LONGEST_PAUSE_SECONDS = 3600.0
"""Whatever a server says, after this it is asked again."""

ROUNDING = 1e-6
"""Less than this of a token is none: a clock that sums up may never come to it."""

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?", re.ASCII)


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
    """The one gate of all requests to a server. Seconds are those of `clock`; `sleep` waits them."""

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

    async def turn(self, tokens: int, *, is_urgent: bool = False) -> None:
        """Wait until a request of so many tokens may be sent, and count it. In order; an urgent one doesn't stand in line,
        and the one at its head leaves it the next place. Raises EmbedRateLimited where that would take too long."""
        if is_urgent:
            self._urgent += 1
            try:
                await self._wait(tokens)
            finally:
                self._urgent -= 1
        else:
            async with self._line:
                await self._wait(tokens, yields=True)

    async def _wait(self, tokens: int, *, yields: bool = False) -> None:
        while (seconds := self.wait_seconds(tokens, 1 + (self._urgent if yields else 0))) > 0:
            if seconds > LONGEST_WAIT_SECONDS:
                raise EmbedRateLimited(
                    "The embedding server's limit leaves no room for a while: it goes on by itself.",
                    retry_after=seconds,
                )
            await self._sleep(seconds)
        now = self._clock()
        for bucket in self._request_buckets():
            bucket.take(1, now)
        for bucket in self._token_buckets():
            bucket.take(tokens, now)

    def wait_seconds(self, tokens: int, requests: int = 1) -> float:
        """How long until that may be sent, as things stand."""
        now = self._clock()
        waits = [self._paused_until - now]
        waits += [bucket.wait(requests, now) for bucket in self._request_buckets()]
        waits += [bucket.wait(tokens, now) for bucket in self._token_buckets()]
        return max(0.0, *waits)

    def pause(self, seconds: float) -> None:
        """The server wants nothing for so long, from nobody."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, LONGEST_PAUSE_SECONDS))

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells of the server's own limits."""
        for kind in ("requests", "tokens"):
            if (bucket := told_limit(headers, kind, self._clock())) is not None:
                self._told[kind] = bucket

    def _request_buckets(self) -> list[Bucket]:
        return self._requests + [bucket for kind, bucket in self._told.items() if kind == "requests"]

    def _token_buckets(self) -> list[Bucket]:
        return self._tokens + [bucket for kind, bucket in self._told.items() if kind == "tokens"]


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
