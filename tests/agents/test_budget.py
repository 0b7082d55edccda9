"""Bounds on tokens over requests side by side, and waits between tries."""

from __future__ import annotations

from datetime import UTC, datetime

from gleanery.agents.budget import TokenBudget, Usage, estimated_tokens

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
