"""Whether leases may be judged by the store's clock: not soon after it was set, nor after a time without the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from gleanery import log
from gleanery.model import Clock

_log = log.get(__name__)

AWAY_SECONDS = 3.0
"""Without a look for so long at least, the store was away."""


class JumpWatch:
    """Notices when the store's clock goes another way than time itself, or when nobody could be asked for long: then no lease
    could be prolonged by the clock that judges it, and each has one more to do it.

    `look` at it after each answer of the store. A jump is a quarter of `lease_seconds` or more.
    """

    def __init__(self, clock: Clock, lease_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic
        self._wall: datetime = clock()
        self._time = monotonic()
        self._jumped_at = float("-inf")

    def look(self) -> None:
        wall, now = self._clock(), self._monotonic()
        jump = (wall - self._wall).total_seconds() - (now - self._time)
        if now - self._time > max(self._lease_seconds / 4, AWAY_SECONDS):
            self._jumped_at = now
        if abs(jump) >= self._lease_seconds / 4:
            _log.warning("the clock jumped", extra={"seconds": round(jump, 1)})
            self._jumped_at = now
        self._wall, self._time = wall, now

    @property
    def is_recent(self) -> bool:
        """Whether a jump was seen within the last lease."""
        return self._monotonic() - self._jumped_at < self._lease_seconds
