"""chunk_markdown: nothing lost, nothing twice, in budget, fences whole, headings with their text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.budget import DEFAULT_BUDGET
from gleanery.knowledge.chunk import ChunkSlice, chunk_markdown
from gleanery.knowledge.markdown import Heading
from tests.knowledge.chunk_texts import FENCE, MARKDOWN, budget, outline_of, texts, words


@given(MARKDOWN, st.integers(8, 60))
@settings(max_examples=400, deadline=None)
def test_every_character_is_in_exactly_one_chunk(markdown: str, most: int) -> None:
    chunks = chunk_markdown(markdown, outline_of(markdown), "T", budget=budget(most, most // 5, 2 * most))
    position = 0
    for number, chunk in enumerate(chunks):
        assert chunk.ordinal == number
        assert chunk.start >= position
        assert not markdown[position : chunk.start].strip()
        assert markdown[chunk.start : chunk.end].strip()
        position = chunk.end
    assert not markdown[position:].strip()
    assert chunks == chunk_markdown(markdown, outline_of(markdown), "T", budget=budget(most, most // 5, 2 * most))


@given(st.lists(st.one_of(FENCE, st.text(alphabet="ab c", min_size=1, max_size=200)), max_size=10))
@settings(max_examples=200, deadline=None)
def test_a_fence_that_fits_is_never_cut(blocks: list[str]) -> None:
    markdown = "\n\n".join(blocks)
    size = budget(20, 4, 60)
    contents = texts(markdown, chunk_markdown(markdown, [], "", budget=size))
    for block in blocks:
        if block.startswith("```") and size.weight(block + "\n", is_code=True) <= 60:
            assert any(block in content for content in contents)


@given(st.lists(st.integers(1, 90).map(words), max_size=12), st.integers(12, 60))
@settings(max_examples=200, deadline=None)
def test_prose_keeps_to_the_budget(paragraphs: list[str], most: int) -> None:
    markdown = "\n\n".join(paragraphs)
    size = budget(most, most // 5)
    chunks = chunk_markdown(markdown, [], "A title", budget=size)
    for chunk, text in zip(chunks, texts(markdown, chunks), strict=True):
        assert chunk.tokens == size.weight(text) + 2
        assert chunk.tokens <= most


def test_chunks_break_at_headings_and_carry_their_path() -> None:
    body = words(60)
    markdown = f"# Top\n\n{body}\n\n## One\n\n{body}\n\n### Deep\n\n{body}\n\n## Two\n\n{body}"
    chunks = chunk_markdown(markdown, outline_of(markdown), "Ignored", budget=budget(100, 20))
    assert [chunk.heading_path for chunk in chunks] == [
        ("Top",),
        ("Top", "One"),
        ("Top", "One", "Deep"),
        ("Top", "Two"),
    ]
    assert [text.split("\n")[0] for text in texts(markdown, chunks)] == ["# Top", "## One", "### Deep", "## Two"]


def test_the_title_leads_where_the_page_has_no_first_level_heading() -> None:
    chunks = chunk_markdown("Some text.", [], "The page", budget=budget(100))
    assert chunks == [ChunkSlice(0, 0, 10, ("The page",), "", 4)]
    assert chunk_markdown("", [], "The page") == []


def test_there_is_room_for_the_heading_path_up_to_half_of_the_budget() -> None:
    body = "\n\n".join([words(10)] * 20)
    for name, most in (("Short", 40), (words(15), 24), (words(400), 20)):
        markdown = f"# {name}\n\n{body}"
        outline = [Heading(1, name, "", 0)]
        sizes = [
            len(text.split()) for text in texts(markdown, chunk_markdown(markdown, outline, "", budget=budget(41)))
        ]
        assert max(sizes[1:]) <= most - most % 10
        assert len(sizes) >= 200 // most


def test_tiny_sections_under_one_parent_are_joined_and_not_with_their_uncles() -> None:
    markdown = "# Top\n\n## A\n\none\n\n## B\n\ntwo\n\n# Other\n\n" + words(60)
    chunks = chunk_markdown(markdown, outline_of(markdown), "", budget=budget(100, 20))
    assert texts(markdown, chunks)[0] == "# Top\n\n## A\n\none\n\n## B\n\ntwo"
    assert [chunk.heading_path for chunk in chunks] == [("Top",), ("Other",)]


def test_a_tiny_section_joins_the_one_before_it_else_the_one_behind_it_while_they_fit() -> None:
    def paths(*sections: tuple[str, int]) -> list[tuple[str, ...]]:
        markdown = "# Top\n\n" + words(60) + "".join(f"\n\n## {name}\n\n{words(n)}" for name, n in sections)
        chunks = chunk_markdown(markdown, outline_of(markdown), "", budget=budget(100, 20))
        return [chunk.heading_path[1:] for chunk in chunks]

    assert paths(("A", 60), ("B", 5), ("C", 60)) == [(), (), ("C",)]
    assert paths(("A", 92), ("B", 5), ("C", 60)) == [(), ("A",), ()]
    assert paths(("A", 92), ("B", 5), ("C", 92)) == [(), ("A",), ("B",), ("C",)]
    assert paths(("A", 60), ("B", 60)) == [(), ("A",), ("B",)]


def test_a_heading_stays_with_what_it_heads_and_a_hash_in_code_is_no_heading() -> None:
    fence = "```\n# comment\n" + "x\n" * 60 + "```"
    before = words(50)
    markdown = f"{before}\n\n## H\n\n{fence}"
    headings = [Heading(2, "H", "", len(before) + 2), Heading(1, "comment", "", markdown.index("# comment"))]
    chunks = chunk_markdown(markdown, headings, "", budget=budget(66, 10))
    assert texts(markdown, chunks) == [before, f"## H\n\n{fence}"]


def test_a_heading_without_text_goes_before_the_section_below_it() -> None:
    markdown = f"# A\n\n{words(90)}\n\n# B\n\n## C\n\n{words(90)}\n\n# D"
    chunks = chunk_markdown(markdown, outline_of(markdown), "", budget=budget(100, 10))
    assert [text.split("word0")[0] for text in texts(markdown, chunks)] == ["# A\n\n", "# B\n\n## C\n\n", "# D"]
    assert [chunk.heading_path for chunk in chunks] == [("A",), ("B", "C"), ("D",)]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("\n".join(f"| {n} | {words(6)} |" for n in range(40)), r"\|$"),
        ("A sentence of some words. " * 40, r"words\.$"),
        ("word " * 400, r"word$"),
        ("\n".join(f"- item {words(9)}" for _ in range(30)), r"word8$"),
        ("第一句话的内容。" * 60, r"。$"),
    ],
)
def test_what_is_too_long_is_cut_between_rows_items_sentences_and_words(text: str, pattern: str) -> None:
    contents = texts(text, chunk_markdown(text, [], "", budget=budget(60, 10)))
    assert len(contents) > 1 or "。" in text
    assert all(re.search(pattern, content) for content in contents)


def test_an_endless_word_is_cut_anyway() -> None:
    for text in ("x" * 100_000, "\U0001f600" * 20_000, " x" * 40_000):
        contents = texts(text, chunk_markdown(text, [], "", budget=DEFAULT_BUDGET))
        assert "".join(contents).replace(" ", "") == text.replace(" ", "")
        assert max(map(len, contents)) <= 24 * DEFAULT_BUDGET.max_tokens


def test_a_run_of_blanks_is_no_chunk_and_in_none() -> None:
    blanks = " " * 150_000
    for text in (
        f"before {blanks} behind\n\n{blanks}x",
        f"one\n{blanks}\ntwo",
        "```\n" + "\n" * 150_000 + "```",
        "# A\n\none\n" + "\n" * 150_000 + "# A\n\ntwo",
    ):
        contents = texts(text, chunk_markdown(text, outline_of(text), ""))
        assert "".join("".join(contents).split()) == "".join(text.split())
        assert all(content.strip() and len(content) < 20_000 for content in contents)


def test_a_link_is_not_cut() -> None:
    sentence = "See [this. And. That](https://example.org/a.b) for more"
    text = " ".join([sentence + "."] * 30)
    contents = texts(text, chunk_markdown(text, [], "", budget=budget(40, 5)))
    assert len(contents) > 3
    assert all(content.startswith("See [this") and content.endswith("for more.") for content in contents)


def test_a_long_fence_is_cut_at_blank_lines_and_at_the_least_indentation() -> None:
    functions = [f"def f{n}():\n    a = 1\n\n    if a:\n        return {{\n        }}\n    return b" for n in range(20)]
    markdown = "```python\n" + "\n\n".join(functions) + "\n```"
    contents = texts(markdown, chunk_markdown(markdown, [], "", budget=budget(40, 6)))
    assert len(contents) > 4
    assert all(content.startswith(("def", "```python\ndef")) for content in contents)
    assert "\n\n".join(contents) == markdown


def test_a_long_list_is_cut_between_its_outermost_items_and_a_long_item_between_its_inner_ones() -> None:
    item = "- outer\n" + "\n".join(f"  - inner {words(3)}" for _ in range(4))
    markdown = "\n".join([item] * 12)
    contents = texts(markdown, chunk_markdown(markdown, [], "", budget=budget(50, 8)))
    assert all(content.startswith("- outer") for content in contents)
    long_item = "- outer\n" + "\n".join(f"  - inner\n    - {words(6)}\n    - {words(6)}" for _ in range(9))
    contents = texts(long_item, chunk_markdown(long_item, [], "", budget=budget(50, 8)))
    assert len(contents) > 2
    assert all(content.lstrip().startswith(("- outer", "- inner")) for content in contents)


def test_what_introduces_a_block_stays_with_it() -> None:
    code = "```\n" + "\n".join([words(5)] * 6) + "\n```"
    parts = [f"{words(20)}.\n\nFor example:\n\n{code}" for _ in range(6)]
    markdown = "\n\n".join(parts)
    for content in texts(markdown, chunk_markdown(markdown, [], "", budget=budget(60, 10))):
        assert content.endswith("```")
    terms = "\n\n".join(f"**term{n}**\n\n{words(20)}" for n in range(20))
    for content in texts(terms, chunk_markdown(terms, [], "", budget=budget(50, 8))):
        assert content.startswith("**term")


def test_the_later_parts_of_a_table_and_of_a_list_know_what_they_go_on_with() -> None:
    table = "| Name | Type |\n| --- | --- |\n" + "\n".join(f"| n{n} | int |" for n in range(40))
    chunks = chunk_markdown(table, [], "", budget=budget(60, 8))
    assert [chunk.lead for chunk in chunks] == ["", *["Name | Type"] * (len(chunks) - 1)]
    assert len(chunks) > 2
    markdown = "The flags are:\n\n" + "\n".join(f"- flag {words(8)}" for n in range(20))
    chunks = chunk_markdown(markdown, [], "", budget=budget(60, 8))
    assert [chunk.lead for chunk in chunks] == ["", *["The flags are:"] * (len(chunks) - 1)]
    assert len(chunks) > 2
    assert all(chunk.tokens <= 60 for chunk in chunks)
