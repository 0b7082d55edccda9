"""How hard a host may be pressed, by how it answers: fewer requests at once and further apart when it strains. Pure.

Additive increase, multiplicative decrease, as TCP does it (Jacobson, "Congestion Avoidance and Control", 1988): failures and
answers that get slower take places away at once, good answers give them back one by one. Where one request at a time is
still too many, they are spaced by the time an answer takes, as Scrapy's AutoThrottle does.
"""

from __future__ import annotations

from dataclasses import dataclass

EASY_SECONDS = 0.2
"""A host that answers faster than this is never slowed down for its answers' times."""
STRAINED_TIMES = 2.5
"""Answers that take so many times as long as usual mean strain."""
FIRST_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 5.0

# One page of many megabytes is no strain: an answer counts for no more than so many times the recent ones.
_OUTLIER_TIMES = 4.0
_SMOOTHING = 0.1
_USUAL_DRIFT = 0.003
_DELAY_DECAY = 0.8
_NO_DELAY_SECONDS = 0.01


@dataclass(slots=True)
class Throttle:
    """Of one host: `places` are requests at once (from 1 to `most`), `delay_seconds` the least time between two starts.

    `usual_seconds` is what an answer takes when all is well: the least that was seen for a while. It follows slowly when
    answers stay slow, so that a site that is merely slow gets its places back. Times are of any one monotonic clock.
    """

    most: int
    places: float = 0.0
    delay_seconds: float = 0.0
    recent_seconds: float | None = None
    usual_seconds: float = 0.0
    cut_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.places = float(self.most)

    def answered(self, started_at: float, now: float) -> None:
        """An answer came to a request that began at `started_at`."""
        recent = self._smoothed(now - started_at)
        if recent > max(EASY_SECONDS, STRAINED_TIMES * self.usual_seconds):
            self._cut(started_at, now, keep=0.75, is_failure=False)
        else:
            self.recover()

    def recover(self) -> None:
        """All is well, by an answer whose time says nothing."""
        self.places = min(self.places + 0.5 / self.places, float(self.most))
        self.delay_seconds *= _DELAY_DECAY
        if self.delay_seconds < _NO_DELAY_SECONDS:
            self.delay_seconds = 0.0

    def failed(self, started_at: float, now: float) -> None:
        """A request that began at `started_at` was refused for there being too many, timed out, or the line broke."""
        self._cut(started_at, now, keep=0.5, is_failure=True)

    def _smoothed(self, seconds: float) -> float:
        if self.recent_seconds is None:
            self.recent_seconds = self.usual_seconds = seconds
        seconds = min(seconds, max(_OUTLIER_TIMES * self.recent_seconds, EASY_SECONDS))
        self.recent_seconds += _SMOOTHING * (seconds - self.recent_seconds)
        drifted = self.usual_seconds + _USUAL_DRIFT * (self.recent_seconds - self.usual_seconds)
        self.usual_seconds = min(drifted, self.recent_seconds)
        return self.recent_seconds

    def _cut(self, started_at: float, now: float, *, keep: float, is_failure: bool) -> None:
        if started_at < self.cut_at:
            return  # it was on its way when the last cut was made: what it tells is known
        self.cut_at = now
        recent = self.recent_seconds or 0.0
        if is_failure:
            self.delay_seconds = min(max(2 * self.delay_seconds, FIRST_DELAY_SECONDS), MAX_DELAY_SECONDS)
        elif self.places == 1.0:
            self.delay_seconds = min(max(self.delay_seconds, recent), MAX_DELAY_SECONDS)
        self.places = max(self.places * keep, 1.0)
