"""`RetryPolicy`: pure decisions, for every policy and every error."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery import errors
from gleanery.engine.retry import RetryPolicy, may_pass

SECONDS = st.floats(min_value=0, max_value=10_000)
POLICIES = st.builds(
    RetryPolicy,
    max_retries=st.integers(0, 5_000),
    base_seconds=SECONDS,
    factor=st.floats(min_value=1, max_value=10),
    cap_seconds=SECONDS,
)


class AlwaysMost(random.Random):
    """Draws the upper end: what is left is the bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


@given(POLICIES, st.integers(0, 10_000), st.integers())
def test_a_wait_is_never_negative_and_never_above_the_cap(policy: RetryPolicy, retries: int, seed: int) -> None:
    assert 0 <= policy.delay_seconds(retries, random.Random(seed)) <= policy.cap_seconds


@given(POLICIES, st.integers(0, 10_000), SECONDS, st.integers())
def test_a_retry_after_is_honoured(policy: RetryPolicy, retries: int, at_least: float, seed: int) -> None:
    assert policy.delay_seconds(retries, random.Random(seed), at_least) >= at_least


@given(POLICIES, st.integers(0, 10_000))
def test_the_bound_never_shrinks(policy: RetryPolicy, retries: int) -> None:
    assert policy.delay_seconds(retries, AlwaysMost()) <= policy.delay_seconds(retries + 1, AlwaysMost())


def test_the_bounds_double_from_one_second_to_a_minute() -> None:
    policy = RetryPolicy()
    assert [policy.delay_seconds(n, AlwaysMost()) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_jitter_is_full() -> None:
    rng = random.Random(7)
    waits = [RetryPolicy(cap_seconds=10).delay_seconds(9, rng) for _ in range(2_000)]
    assert min(waits) < 0.1
    assert max(waits) > 9.9
    assert abs(sum(waits) / len(waits) - 5) < 0.3


@given(POLICIES, st.integers(0, 10_000), st.booleans(), st.integers())
def test_a_try_follows_only_while_retries_are_left_and_it_can_help(
    policy: RetryPolicy, retries: int, can_retry: bool, seed: int
) -> None:
    error = errors.StorageError("x")
    error.can_retry = can_retry
    decided = policy.decide(error, retries, random.Random(seed))
    assert (decided is not None) == (retries < policy.max_retries and can_retry)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (errors.ConnectFailed("u", "m"), True),
        (errors.TimedOut("u", "m"), True),
        (errors.RobotsUnreachable("u", "m"), True),
        (errors.EmbedUnavailable("m"), True),
        (errors.HttpStatus("u", 503, "Busy"), True),
        (errors.HttpStatus("u", 429, "Slow down"), True),
        (errors.HttpStatus("u", 404, "Not Found"), False),
        (errors.HttpStatus("u", 501, "Not Implemented"), False),
        (errors.NotHtml("u", "m"), False),
        (errors.EmbedKeyRefused("m"), False),
        (errors.InvalidInput("f", "r"), False),
        (errors.StorageFull("m"), False),
        (RuntimeError("a bug, or bad luck"), True),
        (TimeoutError(), True),
    ],
    ids=lambda value: getattr(value, "code", type(value).__name__) if isinstance(value, Exception) else "",
)
def test_errors_say_themselves_whether_they_may_pass(error: Exception, passes: bool) -> None:
    assert may_pass(error) is passes
