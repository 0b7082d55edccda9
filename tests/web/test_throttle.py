"""How a host is pressed by what its answers take."""

from __future__ import annotations

import pytest

from gleanery.web.throttle import Throttle


class Host:
    """A host behind a throttle: answers take what the test says, and the clock goes on by as much."""

    def __init__(self, most: int = 8) -> None:
        self.throttle = Throttle(most)
        self.now = 0.0

    def answers(self, count: int, seconds: float) -> None:
        for _ in range(count):
            self.now += seconds
            self.throttle.answered(self.now - seconds, self.now)

    def fails(self, count: int = 1, seconds: float = 1.0) -> None:
        for _ in range(count):
            self.now += seconds
            self.throttle.failed(self.now - seconds, self.now)

    @property
    def state(self) -> tuple[float, float]:
        return round(self.throttle.places, 2), round(self.throttle.delay_seconds, 3)


@pytest.mark.parametrize("seconds", [[0.001], [0.05], [0.001, 0.19], [1.0], [30.0], [0.5, 1.0]])
def test_who_answers_as_usual_is_left_alone(seconds: list[float]) -> None:
    host = Host()
    for n in range(500):
        host.answers(1, seconds[n % len(seconds)])
        assert host.state == (8, 0)


def test_one_large_page_is_no_strain() -> None:
    host = Host()
    host.answers(50, 0.15)
    host.answers(1, 20.0)
    assert host.state == (8, 0)


def test_slower_answers_take_places_and_only_then_spread_the_starts() -> None:
    host, seen = Host(), []
    host.answers(50, 0.1)
    for _ in range(15):
        host.answers(1, 2.0)
        seen.append(host.state)
    places = [place for place, _ in seen]
    assert places == sorted(places, reverse=True)
    assert (places[0], places[-1]) == (8, 1)
    assert [delay for place, delay in seen if place > 1] == [0] * (places.index(1))
    assert 0.5 < seen[-1][1] <= 2.0


def test_what_was_on_its_way_counts_once() -> None:
    throttle = Throttle(8)
    for at in (10.0, 10.5, 11.0):  # all began before the first of them failed
        throttle.failed(9.0, at)
    assert (throttle.places, throttle.delay_seconds) == (4.0, 0.25)
    throttle.failed(10.0, 12.0)
    assert (throttle.places, throttle.delay_seconds) == (2.0, 0.5)


def test_failures_halve_the_places_and_double_the_delay_within_bounds() -> None:
    host, seen = Host(), []
    for _ in range(7):
        host.fails()
        seen.append(host.state)
    assert seen == [(4, 0.25), (2, 0.5), (1, 1), (1, 2), (1, 4), (1, 5), (1, 5)]


def test_it_recovers_slowly_and_wholly() -> None:
    host = Host()
    host.fails(3)
    host.answers(10, 0.05)
    assert (3 < host.state[0] < 4, 0 < host.state[1] < 0.2) == (True, True)
    host.answers(40, 0.05)
    assert host.state[1] == 0
    assert 6 < host.state[0] < 8
    host.answers(60, 0.05)
    assert host.state == (8, 0)


def test_a_site_that_stays_slow_gets_its_places_back() -> None:
    host = Host()
    host.answers(50, 0.1)
    host.answers(40, 1.0)
    assert host.state[0] == 1
    host.answers(1000, 1.0)
    assert host.state == (8, 0)


def test_one_place_is_the_least() -> None:
    host = Host(most=1)
    host.fails(2)
    assert host.state == (1, 0.5)
