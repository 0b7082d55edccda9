"""What a process knows of the database's time: never more than half an answer's time off, whatever its own clock says."""

from __future__ import annotations

import pytest

from gleanery.store.supabase.database_clock import DRIFT, DatabaseClock

DATABASE = 1_900_000_000.0
"""The database's time when our own clock says 0."""


class Own:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def own() -> Own:
    return Own()


@pytest.fixture
def clock(own: Own) -> DatabaseClock:
    return DatabaseClock(own)


def off(clock: DatabaseClock, own: Own) -> float:
    return clock().timestamp() - DATABASE - own.now


def hear(clock: DatabaseClock, own: Own, there: float, back: float, *, set_by: float = 0.0) -> None:
    """An answer that took `there` seconds to be made and `back` to come."""
    asked_at = own.now
    own.now += there + back
    clock.hear(DATABASE + set_by + asked_at + there, asked_at, own.now)


def test_one_answer_tells_the_time_to_half_of_what_it_took(clock: DatabaseClock, own: Own) -> None:
    hear(clock, own, 0.0, 4.0)
    assert off(clock, own) == pytest.approx(-2.0, abs=1e-6)


def test_a_slow_answer_does_not_spoil_what_quick_ones_told(clock: DatabaseClock, own: Own) -> None:
    hear(clock, own, 0.01, 0.01)
    hear(clock, own, 0.0, 10.0)
    hear(clock, own, 10.0, 0.0)
    assert abs(off(clock, own)) <= 0.01 + 20 * DRIFT


def test_answers_that_are_slow_in_different_ways_narrow_each_other_down(clock: DatabaseClock, own: Own) -> None:
    hear(clock, own, 3.0, 0.01)
    hear(clock, own, 0.01, 3.0)
    assert abs(off(clock, own)) <= 0.02


@pytest.mark.parametrize("seconds", [600.0, -600.0])
def test_a_database_whose_clock_is_set_is_believed_at_its_next_answer(
    clock: DatabaseClock, own: Own, seconds: float
) -> None:
    hear(clock, own, 0.01, 0.01)
    own.now += 5
    hear(clock, own, 0.01, 0.01, set_by=seconds)
    assert off(clock, own) == pytest.approx(seconds, abs=0.01)


def test_between_answers_it_goes_with_time_itself(clock: DatabaseClock, own: Own) -> None:
    hear(clock, own, 0.0, 0.0)
    first = clock()
    own.now += 90
    assert (clock() - first).total_seconds() == pytest.approx(90)
