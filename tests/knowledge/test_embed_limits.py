"""Rates, waits and refusals as pure decisions."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.errors import EmbedRateLimited
from gleanery.knowledge.embedders.limits import (
    Bucket,
    Throttle,
    duration_seconds,
    told_limit,
)
from gleanery.knowledge.embedders.refusals import Refusal, error_of
from tests.knowledge.test_embed_openai import Naps


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("20ms", 0.02),
        ("1m20ms", 60.02),
        ("12", 12.0),
        ("", None),
        ("soon", None),
        ("1s1h", None),
        ("-1s", None),
        ("9" * 400 + "s", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration_seconds(text) == seconds


@given(st.text(max_size=60))
def test_headers_never_raise(text: str) -> None:
    headers = {f"x-ratelimit-{part}-tokens": text for part in ("limit", "remaining", "reset")}
    assert told_limit(headers, "tokens", 0.0) is None
    told = told_limit({**headers, "x-ratelimit-limit-tokens": "9", "x-ratelimit-remaining-tokens": "3"}, "tokens", 0.0)
    assert told is None or told.wait(9, 0.0) <= 3600


@given(st.integers(1, 5000), st.lists(st.floats(0, 30), min_size=1, max_size=300))
def test_no_minute_has_more_requests_than_allowed(per_minute: int, gaps: list[float]) -> None:
    now = 0.0
    bucket, taken = Bucket.of_requests(per_minute, now), list[float]()
    for gap in gaps:
        now += gap
        now += bucket.wait(1, now)
        bucket.take(1, now)
        taken.append(now)
    for start in taken:
        assert sum(start <= at < start + 60 - 1e-6 for at in taken) <= per_minute


@given(st.integers(8, 10_000), st.lists(st.floats(0.01, 1), min_size=1, max_size=100))
def test_no_minute_has_more_tokens_than_allowed(per_minute: int, shares: list[float]) -> None:
    now = 0.0
    bucket, taken = Bucket.of_tokens(per_minute, now), list[tuple[float, float]]()
    for share in shares:
        need = share * per_minute / 4  # what a request may have at most
        now += bucket.wait(need, now)
        bucket.take(need, now)
        taken.append((now, need))
    for start, _ in taken:
        assert sum(need for at, need in taken if start <= at < start + 60) <= per_minute * 1.0001


async def test_an_urgent_turn_passes_those_in_line() -> None:
    naps, order = Naps(), list[str]()
    throttle = Throttle(requests_per_minute=1, clock=naps.clock, sleep=naps)

    async def take(name: str, *, is_urgent: bool = False) -> None:
        await throttle.turn(1, is_urgent=is_urgent)
        order.append(name)

    await take("first")
    async with asyncio.TaskGroup() as group:
        for name in ("bulk 1", "bulk 2"):
            group.create_task(take(name))
        group.create_task(take("urgent", is_urgent=True))
    assert order.index("urgent") < order.index("bulk 2")
    assert len(order) == 4


async def test_too_long_a_wait_is_an_error_with_its_seconds() -> None:
    naps = Naps()
    throttle = Throttle(clock=naps.clock, sleep=naps)
    throttle.pause(500)
    with pytest.raises(EmbedRateLimited) as caught:
        await throttle.turn(1)
    assert (caught.value.details["retry_after"], naps.seconds) == (500, [])
    throttle.pause(1e9)
    assert throttle.wait_seconds(1) == 3600


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (401, "invalid_api_key", "Incorrect API key provided: sk-secret", "embed_key_refused"),
        (403, "", "sk-secret", "embed_key_refused"),
        (403, "insufficient_quota", "", "embed_quota_spent"),
        (402, "", "", "embed_quota_spent"),
        (429, "insufficient_quota", "", "embed_quota_spent"),
        (429, "rate_limit_exceeded", "", "embed_rate_limited"),
        (404, "", "", "embed_model_unknown"),
        (400, "model_not_found", "", "embed_model_unknown"),
        (400, "", "dimensions must be <= 1536", "embed_wrong_dimensions"),
        (400, "", "too many tokens", "embed_text_refused"),
        (422, "", "no", "embed_text_refused"),
        (408, "", "", "embed_unavailable"),
        (500, "", "", "embed_unavailable"),
        (503, "", "", "embed_unavailable"),
    ],
)
def test_each_refusal_has_its_code(status: int, code: str, message: str, expected: str) -> None:
    error = error_of(Refusal("host", "m", status, code, "", message))
    assert error.code == expected
    assert "sk-secret" not in error.message + repr(error.details)
    assert error.can_retry == (expected in ("embed_rate_limited", "embed_unavailable"))
