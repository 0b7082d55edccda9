"""How long to wait: growing to a cap, and never less than a server asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gleanery.backoff import retry_after_seconds, retry_delay

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempt", "retry_after", "chance", "seconds"),
    [
        (0, None, 0.5, 0.5),
        (3, None, 0.5, 4.0),
        (20, None, 0.5, 30.0),
        (10_000, None, 0.0, 0.0),
        (0, 7.0, 0.5, 7.5),
        (5, 0.5, 0.5, 0.75),
    ],
)
def test_waits_grow_to_a_cap_and_keep_to_what_is_asked(
    attempt: int, retry_after: float | None, chance: float, seconds: float
) -> None:
    assert retry_delay(attempt, retry_after, chance) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60.0),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds
