"""partition: groups in order and light enough, cut at the best borders."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.partition import NEVER, Unit, partition


def units(weights: list[int], ranks: list[int] | None = None) -> tuple[str, list[Unit]]:
    names = [f"unit {number} " for number in range(len(weights))]
    ends = list(accumulate(map(len, names)))
    ranks = ranks or [0] * len(weights)
    return "".join(names), [
        Unit(end - len(name), end, weight, rank)
        for name, end, weight, rank in zip(names, ends, weights, ranks, strict=True)
    ]


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 1, 4, NEVER])), max_size=60), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_groups_are_all_units_in_order_and_light_unless_they_cannot_be(
    entries: list[tuple[int, int]], most: int
) -> None:
    text, given_units = units([weight for weight, _ in entries], [rank for _, rank in entries])
    groups = partition(text, given_units, most, most // 5)
    assert [unit for group in groups for unit in group] == given_units
    for group in groups:
        assert sum(unit.weight for unit in group) <= most or all(unit.rank == NEVER for unit in group[1:])
        assert group[0].rank != NEVER or group[0] == given_units[0]


def test_a_border_of_a_better_rank_wins_and_a_tiny_group_is_avoided() -> None:
    text, given_units = units([30, 30, 30, 30], [0, 4, 4, 1])
    assert [len(group) for group in partition(text, given_units, 100, 10)] == [3, 1]
    text, given_units = units([2, 60, 60], [0, 0, 4])
    assert [len(group) for group in partition(text, given_units, 100, 10)] == [2, 1]


def test_most_groups_are_well_filled() -> None:
    text, given_units = units([7] * 2_000)
    groups = partition(text, given_units, 100, 15)
    weights = [sum(unit.weight for unit in group) for group in groups]
    assert min(weights) >= 30
    assert sum(weights) / len(weights) >= 55


def test_ten_thousands_of_units_take_no_time_that_grows_with_the_square() -> None:
    text, given_units = units([1] * 50_000)
    groups = partition(text, given_units, 100, 15)
    assert 500 < len(groups) < 1_600
