"""A clock that a test sets."""

from __future__ import annotations

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
