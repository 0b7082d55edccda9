"""Two rankings made one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.knowledge.fusion import RRF_WEIGHTS, Fused, Part, Ranking, fuse

EVEN = {"keyword": 1.0, "vector": 1.0}


def test_ranks_and_nearness_make_the_score() -> None:
    fused = fuse(
        {"keyword": Ranking([("a", 8.0), ("b", 4.0)], zero=0.0), "vector": Ranking([("b", 0.9), ("c", 0.5)])}, EVEN
    )
    assert fused == [
        Fused(
            "b", 0.5 * 0.5 * 61 / 62 + 0.5, {"keyword": Part(0.5 * 0.5 * 61 / 62, 2, 4.0), "vector": Part(0.5, 1, 0.9)}
        ),
        Fused("a", 0.5, {"keyword": Part(0.5, 1, 8.0)}),
        Fused("c", 0.0, {"vector": Part(0.0, 2, 0.5)}),
    ]


def test_weights_and_k_are_taken_as_given() -> None:
    rankings = {"x": Ranking([(1, 1.0)]), "y": Ranking([(2, 1.0), (3, 0.5)], zero=0.0)}
    fused = fuse(rankings, weights={"x": 1.0, "y": 3.0}, k=1)
    assert [(hit.id, hit.score) for hit in fused] == [(2, 0.75), (1, 0.25), (3, 0.75 * 0.5 * 2 / 3)]


def test_a_ranking_without_hits_leaves_its_weight_to_the_others() -> None:
    fused = fuse({"keyword": Ranking([("a", 3.0)], zero=0.0), "vector": Ranking([])})
    assert [(hit.id, hit.score) for hit in fused] == [("a", 1.0)]


def test_equal_scores_keep_the_order_they_came_in() -> None:
    fused = fuse({"keyword": Ranking([("z", 1.0)]), "vector": Ranking([("a", 1.0)])}, EVEN)
    assert [hit.id for hit in fused] == ["z", "a"]


def test_hits_that_are_all_alike_are_all_near() -> None:
    assert [hit.score for hit in fuse({"vector": Ranking([("a", 0.5), ("b", 0.5)])}, k=1)] == [1.0, 2 / 3]


def test_nothing_found_is_nothing_fused() -> None:
    assert fuse({"keyword": Ranking([]), "vector": Ranking([])}) == []


def test_a_ranking_without_a_weight_is_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        fuse({"colour": Ranking([("a", 1.0)])})


SCORES = st.lists(st.floats(-1e6, 1e6), max_size=20).map(lambda scores: sorted(scores, reverse=True))


@given(SCORES, SCORES)
def test_scores_are_sums_of_their_parts_and_never_above_one(keyword: list[float], vector: list[float]) -> None:
    rankings = {
        "keyword": Ranking(list(enumerate(keyword)), zero=0.0),
        "vector": Ranking(list(enumerate(vector, start=5))),
    }
    fused = fuse(rankings)
    assert {hit.id for hit in fused} == {*range(len(keyword)), *range(5, 5 + len(vector))}
    assert all(hit.score == sum(part.added for part in hit.parts.values()) for hit in fused)
    assert all(-1e-9 <= hit.score <= 1 + 1e-9 for hit in fused)
    assert sum(RRF_WEIGHTS.values()) == pytest.approx(1.0)
