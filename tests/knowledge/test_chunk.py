"""chunk_markdown: nothing lost, nothing twice, fences whole, headings with their text."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.chunk import ChunkSlice, chunk_markdown
from gleanery.knowledge.markdown import Heading

_WORDS = st.text(alphabet="ab cd. ef\n`~|-#>*1é\u3002", min_size=1, max_size=300)
_CODE = st.text(alphabet="xy =\n\t(){}", min_size=1, max_size=600)
_BLOCK = st.one_of(
    _WORDS,
    st.tuples(st.integers(1, 4), st.text(alphabet="abc", min_size=1, max_size=12)).map(
        lambda h: f"{'#' * h[0]} {h[1]}"
    ),
    _CODE.map(lambda code: f"```\n{code}\n```"),
    st.lists(st.text(alphabet="ab ", min_size=1, max_size=80), max_size=6).map(
        lambda items: "\n".join(f"- {i}" for i in items)
    ),
    st.lists(st.text(alphabet="ab ", max_size=30), max_size=8).map(lambda rows: "\n".join(f"| {r} |" for r in rows)),
)


def outline_of(markdown: str) -> list[Heading]:
    return [Heading(len(m[1]), m[2], "", m.start()) for m in re.finditer(r"(?m)^(#{1,6}) ([abc]+)$", markdown)]


def texts(markdown: str, chunks: list[ChunkSlice]) -> list[str]:
    return [markdown[chunk.start : chunk.end] for chunk in chunks]


@given(st.lists(_BLOCK, max_size=14).map("\n\n".join), st.integers(40, 300))
@settings(max_examples=300, deadline=None)
def test_every_character_is_in_exactly_one_chunk(markdown: str, max_chars: int) -> None:
    chunks = chunk_markdown(markdown, outline_of(markdown), "T", max_chars=max_chars, min_chars=30)
    position = 0
    for number, chunk in enumerate(chunks):
        assert chunk.ordinal == number
        assert chunk.start >= position
        assert not markdown[position : chunk.start].strip()
        assert markdown[chunk.start : chunk.end].strip()
        position = chunk.end
    assert not markdown[position:].strip()


@given(st.lists(st.one_of(_CODE.map(lambda c: f"```\n{c}\n```"), st.text(alphabet="ab c", min_size=1)), max_size=10))
@settings(max_examples=200, deadline=None)
def test_fences_up_to_four_chunks_are_whole(blocks: list[str]) -> None:
    markdown = "\n\n".join(blocks)
    contents = texts(markdown, chunk_markdown(markdown, [], "", max_chars=160, min_chars=20))
    for block in blocks:
        if block.startswith("```") and len(block) <= 4 * 160:
            assert any(block in content for content in contents)


def test_chunks_break_at_headings_and_carry_their_path() -> None:
    body = "word " * 60
    markdown = f"# Top\n\n{body}\n\n## One\n\n{body}\n\n### Deep\n\n{body}\n\n## Two\n\n{body}"
    outline = [Heading(len(m[1]), m[2], "", m.start()) for m in re.finditer(r"(?m)^(#+) (\w+)$", markdown)]
    chunks = chunk_markdown(markdown, outline, "Ignored", max_chars=400, min_chars=100)
    assert [chunk.heading_path for chunk in chunks] == [
        ("Top",),
        ("Top", "One"),
        ("Top", "One", "Deep"),
        ("Top", "Two"),
    ]
    assert [text.split("\n")[0] for text in texts(markdown, chunks)] == ["# Top", "## One", "### Deep", "## Two"]


def test_the_title_leads_where_the_page_has_no_first_level_heading() -> None:
    assert chunk_markdown("Some text.", [], "The page") == [ChunkSlice(0, 0, 10, ("The page",))]
    assert chunk_markdown("", [], "The page") == []


def test_tiny_sections_under_one_parent_are_joined() -> None:
    markdown = "# Top\n\n## A\n\none\n\n## B\n\ntwo\n\n# Other\n\n" + "long " * 60
    outline = [Heading(len(m[1]), m[2], "", m.start()) for m in re.finditer(r"(?m)^(#+) (\w+)$", markdown)]
    chunks = chunk_markdown(markdown, outline, "", max_chars=310, min_chars=100)
    assert texts(markdown, chunks)[0] == "# Top\n\n## A\n\none\n\n## B\n\ntwo"
    assert [chunk.heading_path for chunk in chunks] == [("Top",), ("Other",)]


def test_a_heading_stays_with_what_it_heads_and_a_hash_in_code_is_no_heading() -> None:
    fence = "```\n# comment\n" + "x\n" * 150 + "```"
    markdown = f"{'a' * 150}\n\n## H\n\n{fence}"
    chunks = chunk_markdown(
        markdown, [Heading(2, "H", "", 152), Heading(1, "comment", "", 162)], "", max_chars=160, min_chars=20
    )
    assert texts(markdown, chunks) == ["a" * 150, f"## H\n\n{fence}"]


def test_what_is_too_long_is_cut_between_rows_sentences_and_words() -> None:
    rows = "\n".join(f"| {n} | {'x' * 20} |" for n in range(20))
    prose = "A sentence of some words. " * 20
    for text, pattern in ((rows, r"\|$"), (prose.strip(), r"\.$"), ("word " * 200, r"word$")):
        contents = texts(text, chunk_markdown(text, [], "", max_chars=200, min_chars=20))
        assert len(contents) > 1
        assert all(len(content) <= 200 and re.search(pattern, content) for content in contents)


def test_a_fence_over_four_chunks_is_cut_at_line_ends() -> None:
    fence = "```\n" + "\n".join(f"line {n}" for n in range(200)) + "\n```"
    contents = texts(fence, chunk_markdown(fence, [], "", max_chars=160, min_chars=20))
    assert len(contents) > 4
    assert "\n".join(contents) == fence
