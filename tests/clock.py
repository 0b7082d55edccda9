"""A clock that a test sets."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from gleanery.model import utc_now


class SetClock:
    """Goes with the real one, so many seconds ahead of it; `ahead` may be negative."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def jump(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class StandingClock(SetClock):
    """Goes on by a microsecond each time it is asked, so that what is later has a later time, and by what it jumps."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_at = utc_now()
        self._asked = itertools.count()

    def __call__(self) -> datetime:
        return self._begun_at + self.ahead + timedelta(microseconds=next(self._asked))
