"""Hits that say nearly the same."""

from __future__ import annotations

import random

from gleanery.knowledge.twins import folded_into

WORDS = [f"word{number}" for number in range(200)]


def test_another_version_of_a_text_is_folded_into_the_first() -> None:
    text = " ".join(WORDS)
    assert folded_into([text, "something else altogether", text.replace("word7 ", "word8 "), text.upper()]) == [
        0,
        1,
        0,
        0,
    ]


def test_texts_that_share_a_paragraph_stay_apart() -> None:
    shared = " ".join(WORDS[:80])
    assert folded_into([f"{shared} {' '.join(WORDS[80:140])}", f"{shared} {' '.join(WORDS[140:])}"]) == [0, 1]


def test_short_texts_must_be_equal() -> None:
    assert folded_into(["See also", "See Also!", "See", "", ""]) == [0, 0, 2, 3, 3]


def test_the_most_alike_is_taken_and_order_decides_between_equals() -> None:
    first, second = " ".join(WORDS), " ".join([*WORDS[:160], *(word.upper() + "s" for word in WORDS[160:])])
    between = " ".join([*WORDS[:180], *(word.upper() + "s" for word in WORDS[180:])])
    assert folded_into([first, second]) == [0, 1]
    assert folded_into([first, second, between]) == [0, 1, 0]
    assert folded_into([second, first, between]) == [0, 1, 1]


def test_a_hundred_texts_are_compared_by_what_they_share() -> None:
    chance = random.Random(3)
    texts = [" ".join(chance.sample(WORDS, 150)) for _ in range(100)]
    assert folded_into(texts * 2) == [*range(100), *range(100)]
