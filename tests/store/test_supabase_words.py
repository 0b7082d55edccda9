"""Expressions of words on their way to PostgreSQL, and texts: pure functions. What they find is the contract of `SearchStore`."""

from __future__ import annotations

import numpy as np
import pytest

from gleanery.errors import InvalidInput
from gleanery.store.search_store import Match, Shelf
from gleanery.store.supabase.half_floats import as_texts, from_bytes
from gleanery.store.supabase.match import asked_of, conditions, parsed, query_of
from gleanery.store.supabase.words import MAX_POSITION, MAX_WORD_CHARACTERS, vector_of

ZEBRA = "'zebra'"
LION = "'lion'"
WEIGHTS = (2.0, 3.0, 1.0, 0.5, 0.5, 1.0)


def query(expression: str, shelf: Shelf = Shelf.CHUNKS) -> str | bool:
    return query_of(shelf, parsed(shelf, expression))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("zebra", ZEBRA),
        ('"Zebra"', ZEBRA),
        ("zebra OR lion", f"({ZEBRA} | {LION})"),
        ("zebra lion", f"({ZEBRA} & {LION})"),
        ("zebra OR lion AND zebra", f"({ZEBRA} | ({LION} & {ZEBRA}))"),
        ("(zebra OR lion) AND zebra", f"(({ZEBRA} | {LION}) & {ZEBRA})"),
        ("zebra NOT lion AND zebra", f"(({ZEBRA} & !{LION}) & {ZEBRA})"),
        ('"a zebra"', "('a' <-> 'zebra')"),
        ("{code names} : zebra", "'zebra':D"),
        ("{title headings body names context} : zebra", "('zebra':ABC | '+zebra')"),
        ("body : zebra", "('zebra':C <0> !'^zebra')"),
        ('body : "a zebra"', "(('a':C <0> !'^a') <-> 'zebra':C)"),
        ("context : zebra", "'^zebra'"),
        ("{title body} : zebra", "('zebra':A | ('zebra':C <0> !'^zebra'))"),
        ("{title headings} : (zebra OR {headings} : lion)", "('zebra':AB | 'lion':B)"),
        ('""', False),
        ('"" OR zebra', ZEBRA),
        ('"" AND zebra', False),
        ("zebra AND (lion OR names : everyrowhasthis)", ZEBRA),
        ("names : everyrowhasthis", True),
        ('zebra NOT ""', ZEBRA),
    ],
)
def test_expressions_become_queries(expression: str, expected: str | bool) -> None:
    assert query(expression) == expected


@pytest.mark.parametrize("expression", ["(zebra", "zebra)", "nowhere : zebra", "AND", "{title zebra", "zebra NOT"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInput):
        query(expression)


def test_a_word_is_counted_at_once_in_columns_that_weigh_alike() -> None:
    asked = asked_of(Shelf.CHUNKS, Match("zebra"), WEIGHTS)
    assert asked is not None
    [phrase] = asked["phrases"]
    assert (asked["query"], asked["scale"], phrase["words"]) == (ZEBRA, 3.0, ["zebra"])
    [part] = phrase["parts"]
    assert (part["query"], part["factor"]) == ("'zebra'", 1)
    assert part["weights"] == pytest.approx([0.5 / 3, 1 / 3, 1.0, 2 / 3])  # of D, C, B and A


def test_and_apart_where_they_do_not() -> None:
    asked = asked_of(Shelf.CHUNKS, Match("zebra"), (1.0, 1.0, 0.25, 0.5, 0.25, 0.75))
    assert asked is not None
    parts = [(part["query"], part["weights"], part["factor"]) for part in asked["phrases"][0]["parts"]]
    assert parts == [
        ("'zebra'", [0.5, 0.25, 1.0, 1.0], 1),
        ("'+zebra'", [0.25] * 4, -1),
        ("'^zebra'", [0.5] * 4, 1),
    ]


def test_what_must_not_be_there_adds_nothing_to_a_rank() -> None:
    asked = asked_of(Shelf.CHUNKS, Match("zebra", must='"a lion"', must_not="tiger", also="big"), WEIGHTS)
    assert asked is not None
    assert [phrase["words"] for phrase in asked["phrases"]] == [["a", "lion"], ["zebra"], ["big"]]
    assert asked["query"].endswith("!'tiger')")
    assert "big" not in asked["query"]
    assert asked_of(Shelf.CHUNKS, Match("", also="big"), WEIGHTS) is None
    assert asked_of(Shelf.CHUNKS, Match('""'), WEIGHTS) is None


def test_conditions_of_a_chunk() -> None:
    assert conditions(None) is True
    assert conditions(Match("zebra")) is True
    assert conditions(Match("zebra", must="lion")) == LION
    assert conditions(Match("", must_not="lion")) == f"!{LION}"
    assert conditions(Match("", must="lion", must_not="zebra")) == f"({LION} & !{ZEBRA})"
    assert conditions(Match("", must='""')) is False


def test_words_are_told_apart_by_column() -> None:
    texts = ("A Title", "Größe", "the 漢 字 title", "run()", "createtask everyrowhasthis", "said")
    assert vector_of(Shelf.CHUNKS, texts) == (
        "'a':1A 'title':2A,23C 'große':11B 'the':20C '漢':21C '字':22C 'run':32D 'createtask':41D '+createtask':41D 'said':50C"
        " '^said':50C"
    )


def test_what_is_too_long_is_cut() -> None:
    vector = vector_of(Shelf.CODE, ("", "", "", "x" * 5_000, "", ""))
    assert vector == f"'{'x' * MAX_WORD_CHARACTERS}':25D"
    far = vector_of(Shelf.CODE, ("", "", "", "x " * 20_000 + "end", "", ""))
    assert far.endswith(f"'end':{MAX_POSITION}D")
    many = " ".join(f"word{number}" for number in range(200_000))
    assert len(vector_of(Shelf.CODE, ("", "", "", many, "", "")).encode()) < 2_000_000


def test_half_floats_go_there_as_text_in_few_digits() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    [text] = as_texts(finite[np.newaxis, :])
    assert np.array_equal(np.array(text.strip("[]").split(","), np.float32).astype(np.float16), finite)
    assert as_texts(np.array([[0.1, -1.5]], np.float32)) == ["[0.1,-1.5]"]


def test_and_come_back_as_bytes() -> None:
    assert from_bytes("AAIAADwAwAA=").tolist() == [1.0, -2.0]  # two of them, a zero, 3C00, C000
