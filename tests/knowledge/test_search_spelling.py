"""Slips of the pen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.knowledge.spelling import Vocabulary, slips_between

COUNTED = [
    ("receive", 40),
    ("relieve", 2),
    ("function", 900),
    ("functions", 80),
    ("asynchronous", 30),
    ("createtask", 5),
    ("create", 50),
    ("größe", 3),
    ("groß", 9),
    ("検", 4),
    ("cast", 5),
    ("past", 9),
    ("a" * 40, 1),
]
VOCABULARY = Vocabulary.of(COUNTED, 1000)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("recieve", "receive"),
        ("fucntion", "function"),
        ("funtcion", "function"),
        ("functio", "function"),
        ("asynchornous", "asynchronous"),
        ("asinchronus", "asynchronous"),
        ("creattask", "createtask"),
        ("größee", "größe"),
        ("acst", "cast"),
        ("casst", "cast"),
        ("apst", "past"),
        ("cust", None),
        ("dast", None),
        ("xcast", None),
        ("gunction", None),
        ("ufnction", "function"),
        ("functiom", "function"),
        ("cas", None),
        ("xyzzy", None),
        ("fnctn", None),
        ("cast3", None),
        ("receive", None),
        ("b" * 40, None),
        ("", None),
    ],
)
def test_the_nearest_word(typed: str, meant: str | None) -> None:
    assert VOCABULARY.nearest(typed) == meant


def test_words_are_counted() -> None:
    counts = [VOCABULARY.count(word) for word in ("function", "größe", "検", "nothing", "a" * 40, "", "zzz")]
    assert counts == [900, 3, 4, 0, 0, 0, 0]
    assert (len(VOCABULARY), VOCABULARY.size) == (12, 1000)
    assert Vocabulary.of([]).nearest("anything") is None
    assert Vocabulary.of([]).count("anything") == 0


@pytest.mark.parametrize(
    ("left", "right", "slips"),
    [
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "abxc", 1),
        ("abc", "xbc", 1),
        ("abcd", "badc", 2),
        ("abc", "xyz", 3),
    ],
)
def test_slips(left: str, right: str, slips: int) -> None:
    assert slips_between(left, right, 5) == slips
    assert slips_between(left, right, 1) == min(slips, 2)


WORDS = st.text(alphabet="abcé検", min_size=5, max_size=12).map(lambda word: f"a{word}")


@given(st.lists(WORDS, min_size=1, max_size=30, unique=True), WORDS)
def test_nothing_that_is_near_is_missed(words: list[str], typed: str) -> None:
    """The filters by letters and pairs only pass over what is too far."""
    allowed = 2 if len(typed) >= 8 else 1
    nearest = Vocabulary.of([(word, 1) for word in words]).nearest(typed)
    best = min((slips_between(typed, word, 3) for word in words if word != typed), default=9)
    assert (nearest is None) == (best > allowed)
    if nearest is not None:
        assert slips_between(typed, nearest, 3) == best
