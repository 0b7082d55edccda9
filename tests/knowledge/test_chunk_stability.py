"""What is not edited stays in the same slices, with the same headings: their ids and vectors stay as well."""

from __future__ import annotations

import random
import statistics

from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.chunk import chunk_markdown
from tests.knowledge.chunk_texts import budget, outline_of, words

_BUDGET = budget(60, 10)
_Slices = set[tuple[tuple[str, ...], str]]


def slices_of(markdown: str) -> _Slices:
    chunks = chunk_markdown(markdown, outline_of(markdown), "Title", budget=_BUDGET)
    return {(chunk.heading_path, markdown[chunk.start : chunk.end]) for chunk in chunks}


def paragraph(number: int, size: int) -> str:
    return words(size, f"p{number}w")


_SIZES = st.lists(st.integers(1, 50), min_size=20, max_size=60)


def test_an_edit_in_a_long_section_moves_only_the_borders_beside_it() -> None:
    chance = random.Random(1)
    changes = []
    for _ in range(300):
        paragraphs = [paragraph(number, chance.randint(1, 50)) for number in range(chance.choice((10, 40, 120)))]
        number = chance.randrange(len(paragraphs))
        edited = [
            [f"{paragraphs[number]} {words(9, 'more')}"],
            [paragraphs[number].split(" ")[0]],
            [],
            [paragraphs[number], words(30, "new")],
            [words(20, "other")],
        ][chance.randrange(5)]
        before = slices_of("\n\n".join(paragraphs))
        after = slices_of("\n\n".join([*paragraphs[:number], *edited, *paragraphs[number + 1 :]]))
        changes.append(len(after - before))
    assert statistics.mean(changes) <= 1.7
    assert max(changes) <= 5


@given(_SIZES, st.integers(0, 59), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_an_edit_in_one_of_many_small_sections_leaves_those_further_on(
    sizes: list[int], number: int, size: int
) -> None:
    def page(sizes: list[int]) -> str:
        return "# Page\n\n" + "\n\n".join(f"## Section {n}\n\n{paragraph(n, size)}" for n, size in enumerate(sizes))

    number %= len(sizes)
    before = slices_of(page(sizes))
    after = slices_of(page([*sizes[:number], size, *sizes[number + 1 :]]))
    assert len(after - before) <= 5


@given(_SIZES, _SIZES)
@settings(max_examples=100, deadline=None)
def test_a_section_does_not_know_what_is_in_another(first: list[int], second: list[int]) -> None:
    def page(sizes: list[int]) -> str:
        body = "\n\n".join(paragraph(number, size) for number, size in enumerate(sizes))
        return f"# Changing\n\n{words(20)}\n\n{body}\n\n# Staying\n\n{words(20)}\n\n{words(150, 'same')}"

    def staying(slices: _Slices) -> _Slices:
        return {(path, text) for path, text in slices if path == ("Staying",)}

    assert staying(slices_of(page(first))) == staying(slices_of(page(second))) != set()


def test_rows_and_lines_of_code_move_no_borders_further_on() -> None:
    rows = [f"| {words(4, f'r{n}c')} | x |" for n in range(200)]
    table = "| Name | x |\n| --- | --- |\n"
    lines = [f"{'    ' * (n % 3)}call{n}({words(3, f'a{n}')})" for n in range(200)]
    for head, parts, tail in ((table, rows, ""), ("```python\n", lines, "\n```")):
        before = slices_of(head + "\n".join(parts) + tail)
        assert len(before) > 14
        for edited in (
            [*parts[:50], parts[50] + " more and more", *parts[51:]],
            [*parts[:120], *parts[123:]],
            [*parts[:70], parts[3], parts[4], parts[5], *parts[70:]],
        ):
            assert len(slices_of(head + "\n".join(edited) + tail) - before) <= 5
