"""How long to wait before a server is asked again: by its own word, and with some chance so that not all come at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

BACKOFF_BASE_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 60.0


def retry_delay(attempt: int, retry_after: float | None, chance: float) -> float:
    """Seconds to wait after try number `attempt` (from 0) failed; `chance` is in [0, 1).

    Backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015). A server's Retry-After is the least to
    wait; the jitter comes on top, so that many requests don't return in the same moment.
    """
    jitter = chance * min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0 ** min(attempt, 30))
    return jitter if retry_after is None else retry_after + chance * min(1.0, retry_after)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What `retry-after-ms` (OpenAI's) or `Retry-After` (RFC 9110: seconds or a date) asks for; None for neither."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
