"""The database's time, as a process knows it that asked for it now and then: no machine's wall clock is looked at.

All processes on a store reckon by this clock, so that what one wrote means the same to every other, however wrong the clocks of
their machines are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from gleanery import log

_log = log.get(__name__)

DRIFT = 2e-4
"""Seconds by which two clocks may come apart in one: four times what ntpd thinks a bad crystal does."""


class DatabaseClock:
    """Told of answers that have the database's time in them, it knows that time between two bounds, and says their middle.

    An answer was made between the moments when it was asked for and got: that bounds what the database's clock is ahead of
    ours (which never jumps). Bounds of several answers narrow each other down (Marzullo 1984); an answer that fits none
    says that the database's clock was set, and counts alone from then on.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._least = self._most = time.time() - monotonic()  # until the first answer
        self._heard_at: float | None = None

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._monotonic() + (self._least + self._most) / 2, UTC)

    def hear(self, database_seconds: float, asked_at: float, got_at: float) -> None:
        """An answer has the database's time (since 1970); when it was asked for and got is by our own clock."""
        least, most = database_seconds - got_at, database_seconds - asked_at
        if self._heard_at is None:
            self._least, self._most = least, most
        else:
            slack = DRIFT * max(0.0, got_at - self._heard_at)
            known_least, known_most = self._least - slack, self._most + slack
            if least > known_most or most < known_least:
                _log.warning("the database's clock was set", extra={"seconds": round(least - known_least, 1)})
                self._least, self._most = least, most
            else:
                self._least, self._most = max(least, known_least), min(most, known_most)
        self._heard_at = got_at
