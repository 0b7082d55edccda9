"""Ids, hashes and the clock."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Where the present comes from: `utc_now`, or a clock that a test sets."""


def utc_now() -> datetime:
    """The present as an aware UTC time."""
    return datetime.now(UTC)


def after(start: datetime, seconds: float | None) -> datetime | None:
    """The time `seconds` after `start`; None when that isn't known."""
    return None if seconds is None else start + timedelta(seconds=seconds)


def new_id(prefix: str) -> str:
    """A fresh id: the prefix, the milliseconds since 1970 and 48 random bits, in 24 hexadecimal digits.

    Those made one after the other are near each other, so that a database touches few pages for them.
    """
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


def content_id(prefix: str, *parts: str) -> str:
    """The id of something that is what its parts say: the same parts always give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{prefix}_{digest[:24]}"


def text_hash(title: str, heading_path: Sequence[str], context: str, content: str) -> bytes:
    """What tells one text to embed from another: 16 bytes. Equal texts have one vector, wherever they stand."""
    said = "\x1f".join((title, "\x1e".join(heading_path), context, content))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:16]
