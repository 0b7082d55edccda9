"""When a browser may be started: at once, after a pause, or not for a while because it can't be. No I/O."""

from __future__ import annotations

_FIRST_PAUSE_SECONDS = 0.5
_MOST_FAILURES = 3
_SHUT_SECONDS = 60.0


class LaunchFailed(Exception):
    """A browser did not start; `reason` ends the sentence "the browser can't be started: …". `retry_after` are the seconds
    until one may be started again, None when time alone won't help."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class LaunchGate:
    """Counts starts that came to nothing: those that failed, and browsers that died before they had shown a page.

    After three in a row it is shut for a minute, then lets a single one through. Times are seconds of any one clock.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._shut_until: float | None = None
        self.reason = ""

    def pause_seconds(self) -> float:
        """How long to wait before the next start: 0, 0.5, 1, 2…"""
        return _FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1) if self._failures else 0.0

    def is_shut(self, now: float) -> bool:
        if self._shut_until is not None and now >= self._shut_until:
            self._shut_until, self._failures = None, _MOST_FAILURES - 1
        return self._shut_until is not None

    def shut_seconds(self, now: float) -> float:
        """How much longer it stays shut; 0 when it isn't."""
        return 0.0 if self._shut_until is None else max(0.0, self._shut_until - now)

    def failed(self, reason: str, now: float) -> None:
        self._failures += 1
        self.reason = reason
        if self._failures >= _MOST_FAILURES:
            self._shut_until = now + _SHUT_SECONDS

    def worked(self) -> None:
        """A page was shown."""
        self._failures, self._shut_until = 0, None
