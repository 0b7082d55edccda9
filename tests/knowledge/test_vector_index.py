"""Exact vector search: against the plain way to compute it, while rows come and go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gleanery.errors import EmbedMismatch
from gleanery.knowledge.vector_index import BLOCK_ROWS, VectorIndex

E, NE, N = 1, 2, 3


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def compass() -> VectorIndex:
    index = VectorIndex()
    index.add("east", [E, NE], np.stack([unit(1, 0), unit(1, 1)]))
    index.add("north", [N], np.array([[0, 2]], dtype=np.float16))
    return index


def rounded(hits: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(text_row, round(score, 4)) for text_row, score in hits]


def test_search_gives_cosines_nearest_first(compass: VectorIndex) -> None:
    assert rounded(compass.search(np.array([5.0, 0.0]), 10)) == [(E, 1.0), (NE, 0.7071), (N, 0.0)]
    assert rounded(compass.search(unit(1, 0), 2)) == [(E, 1.0), (NE, 0.7071)]


def test_search_within_sources_and_texts(compass: VectorIndex) -> None:
    assert rounded(compass.search(unit(1, 0), 10, ["north"])) == [(N, 0.0)]
    assert rounded(compass.search(unit(1, 0), 10, ["north", "east", "nowhere"]))[0] == (E, 1.0)
    assert rounded(compass.search(unit(1, 0), 10, None, np.array([N, NE]))) == [(NE, 0.7071), (N, 0.0)]
    assert compass.search(unit(1, 0), 10, ["east"], np.array([N])) == []
    assert compass.search(unit(1, 0), 10, []) == []
    assert compass.search(unit(1, 0), 0) == []


def test_an_empty_index_finds_nothing() -> None:
    assert VectorIndex().search(unit(1, 0), 10) == []
    assert VectorIndex(dimensions=3).search(unit(1, 0), 10) == []


def test_a_text_of_two_sources_is_found_once_and_goes_with_the_last(compass: VectorIndex) -> None:
    compass.add("north", [E], unit(1, 0)[np.newaxis])
    assert len(compass) == 4
    assert rounded(compass.search(unit(1, 0), 2)) == [(E, 1.0), (NE, 0.7071)]
    assert compass.remove([E], "east") == 1
    assert rounded(compass.search(unit(1, 0), 1)) == [(E, 1.0)]
    assert compass.remove([E]) == 1
    assert rounded(compass.search(unit(1, 0), 1)) == [(NE, 0.7071)]


def test_texts_of_many_sources_leave_room_for_others() -> None:
    index = VectorIndex()
    for number in range(40):
        index.add(f"s{number}", [1], unit(1, 0)[np.newaxis])
    index.add("other", [2, 3], np.stack([unit(1, 1), unit(0, 1)]))
    assert [text for text, _ in index.search(unit(1, 0), 3)] == [1, 2, 3]


def test_adding_again_replaces(compass: VectorIndex) -> None:
    compass.add("east", [E], unit(0, -1)[np.newaxis])
    assert len(compass) == 3
    assert rounded(compass.search(unit(0, -1), 1)) == [(E, 1.0)]


def test_the_same_text_twice_in_one_call_counts_once_with_its_last_vector() -> None:
    index = VectorIndex()
    index.add("s", [7, 7], np.stack([unit(1, 0), unit(0, 1)]))
    assert rounded(index.search(unit(0, 1), 10)) == [(7, 1.0)]


def test_removing_texts_and_sources(compass: VectorIndex) -> None:
    assert compass.remove([E, 99], "east") == 1
    assert compass.of_source("east") == {NE}
    assert [text for text, _ in compass.search(unit(1, 0), 10)] == [NE, N]
    assert compass.remove_source("east") == 1
    assert compass.remove_source("nowhere") == 0
    assert compass.remove([N], "nowhere") == 0
    assert [text for text, _ in compass.search(unit(1, 0), 10)] == [N]


@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 3)), np.ones((2, 2)), np.ones(2), np.zeros((1, 2)), np.array([[np.nan, 1.0]])],
    ids=["dimensions", "count", "not a matrix", "zeros", "nan"],
)
def test_wrong_vectors_are_refused_and_nothing_changes(compass: VectorIndex, vectors: np.ndarray) -> None:
    with pytest.raises(EmbedMismatch):
        compass.add("east", [9], vectors)
    assert compass.of_source("east") == {E, NE}
    with pytest.raises(EmbedMismatch):
        VectorIndex(dimensions=2).add("s", [9], vectors)


def test_a_query_of_another_model_is_refused(compass: VectorIndex) -> None:
    with pytest.raises(EmbedMismatch, match="holds vectors of 2 dimensions"):
        compass.search(np.ones(3), 10)


def test_a_first_wrong_call_does_not_set_the_dimensions() -> None:
    index = VectorIndex()
    with pytest.raises(EmbedMismatch):
        index.add("s", [1], np.zeros((1, 7)))
    index.add("s", [1], np.ones((1, 2)))
    assert index.dimensions == 2


def test_growth_and_reclaiming_keep_every_answer_exact() -> None:
    """Random additions, replacements and removals over several blocks, against the plain way to compute the same."""
    rng = np.random.default_rng(7)
    index, truth = VectorIndex(), dict[tuple[str, int], np.ndarray]()
    for step in range(30):
        texts = [int(number) for number in rng.integers(0, 40_000, 1500)]
        source = f"s{step % 3}"
        if step % 3 == 2:
            index.remove(texts * 2)
            truth = {key: vector for key, vector in truth.items() if key[1] not in set(texts)}
        else:
            vectors = rng.standard_normal((1500, 8)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors.astype(np.float16).astype(np.float32)  # as the store keeps them
            index.add(source, texts, vectors)
            truth |= {(source, text): vector for text, vector in zip(texts, vectors, strict=True)}
    assert len(index) == len(truth) > BLOCK_ROWS
    assert index.remove_source("s0") == sum(source == "s0" for source, _ in truth)
    left = {text: vector for (source, text), vector in truth.items() if source != "s0"}
    query = unit(*rng.standard_normal(8))
    expected = sorted(left, key=lambda text: -float(left[text] @ query))[:25]
    assert [text for text, _ in index.search(query, 25)] == expected
    some = np.array(sorted(left)[:50])
    nearest = sorted(some.tolist(), key=lambda text: -float(left[text] @ query))[:5]
    assert [text for text, _ in index.search(query, 5, ["s1"], some)] == nearest


@pytest.mark.parametrize("share", [1.0, 0.9, 0.3, 0.1, 0.001])
def test_among_many_texts_or_few_the_same_are_nearest(share: float) -> None:
    """Few rows are copied, many multiplied with what lies between them."""
    rng = np.random.default_rng(3)
    index = VectorIndex()
    vectors = rng.standard_normal((3 * BLOCK_ROWS, 8)).astype(np.float16).astype(np.float32)  # as the store keeps them
    index.add("s", range(len(vectors)), vectors)
    only = np.flatnonzero(rng.random(len(vectors)) < share)
    query = unit(*rng.standard_normal(8))
    cosines = vectors[only] @ query / np.linalg.norm(vectors[only], axis=1)
    expected = only[np.argsort(-cosines)][:20].tolist()
    assert [text for text, _ in index.search(query, 20, None, only)] == expected


@pytest.mark.parametrize("limit", [1, 7, 150, 400, 2_999])
def test_of_equal_scores_those_that_came_first_are_given(limit: int) -> None:
    rng = np.random.default_rng(11)
    angles = rng.integers(0, 60, 3_000) / 60  # so that each score is there some fifty times
    index = VectorIndex()
    index.add("s", range(3_000), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    expected = sorted(range(3_000), key=lambda text: (angles[text], text))[:limit]
    assert [text for text, _ in index.search(unit(1, 0), limit)] == expected


def test_a_source_that_is_asked_for_twice_is_one(compass: VectorIndex) -> None:
    assert rounded(compass.search(unit(1, 0), 10, ["north", "north"])) == [(N, 0.0)]


def test_searches_in_threads_see_whole_states_while_rows_come_and_go() -> None:
    index = VectorIndex()
    index.add("fixed", range(50), np.tile(unit(1, 0), (50, 1)))
    others = np.tile(unit(0, 1), (700, 1))

    def churn() -> None:
        for _ in range(30):
            index.add("moving", range(1000, 1700), others)
            index.remove_source("moving")

    def look() -> set[int]:
        return {len(index.search(unit(1, 0), 5000)) for _ in range(200)}

    with ThreadPoolExecutor(4) as pool:
        churning = pool.submit(churn)
        seen = set.union(*(looking.result() for looking in [pool.submit(look) for _ in range(3)]))
        churning.result()
    assert seen <= {50, 750}
    assert len(index) == 50
