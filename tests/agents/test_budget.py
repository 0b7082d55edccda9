"""Bounds on tokens over requests side by side, and waits between tries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gleanery.agents.budget import TokenBudget, Usage, estimated_tokens, retry_after_seconds, retry_delay

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_reserved_counts_until_it_is_known() -> None:
    budget = TokenBudget(100)
    assert budget.reserve(60)
    assert not budget.reserve(60), "the first is still under way"
    budget.release(60)
    budget.count(Usage(10, 5))
    assert budget.spent == 15
    assert budget.reserve(85)
    assert not budget.reserve(1)


def test_what_was_spent_before_counts() -> None:
    budget = TokenBudget(100, spent_before=90)
    assert not budget.reserve(11)
    assert budget.reserve(10)
    assert budget.usage == Usage()


def test_without_a_limit_there_is_always_room() -> None:
    budget = TokenBudget(None)
    assert budget.reserve(10**12)


def test_tokens_are_estimated_by_bytes() -> None:
    assert [estimated_tokens(text) for text in ("", "a", "abcd", "abcde", "数字", "\ud800")] == [0, 1, 1, 2, 2, 1]


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
