"""Markdown for tests of chunking: random pages, and their outlines."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from gleanery.knowledge.budget import ChunkBudget, WordCounter
from gleanery.knowledge.chunk import ChunkSlice
from gleanery.knowledge.markdown import Heading

_WORDS = st.text(alphabet="ab cd. ef\n`~|-#>*1é\u3002[](", min_size=1, max_size=300)
_CODE = st.text(alphabet="xy =\n\t(){}", min_size=1, max_size=600)
_HEADING = st.tuples(st.integers(1, 4), st.text(alphabet="abc", min_size=1, max_size=12))
FENCE = _CODE.map(lambda code: f"```\n{code}\n```")
_BLOCK = st.one_of(
    _WORDS,
    _HEADING.map(lambda heading: f"{'#' * heading[0]} {heading[1]}"),
    FENCE,
    st.lists(st.text(alphabet="ab ", min_size=1, max_size=80), max_size=6).map(
        lambda items: "\n".join(f"- {i}" for i in items)
    ),
    st.lists(st.text(alphabet="ab ", max_size=30), max_size=8).map(lambda rows: "\n".join(f"| {r} |" for r in rows)),
    st.lists(st.text(alphabet="ab", min_size=1, max_size=9), max_size=60).map(" ".join),
)
MARKDOWN = st.lists(_BLOCK, max_size=14).map("\n\n".join)


def one_a_word() -> WordCounter:
    """A counter that is easy to follow: a token a word."""
    return WordCounter(lambda: lambda word: 1)


def budget(most: int, least: int = 0, fence: int | None = None) -> ChunkBudget:
    """A budget in words."""
    return ChunkBudget(most, least, most if fence is None else fence, one_a_word())


def outline_of(markdown: str) -> list[Heading]:
    """Every line that looks like a heading of words."""
    return [Heading(len(m[1]), m[2], "", m.start()) for m in re.finditer(r"(?m)^(#{1,6}) (\w[\w ]*)$", markdown)]


def texts(markdown: str, chunks: list[ChunkSlice]) -> list[str]:
    return [markdown[chunk.start : chunk.end] for chunk in chunks]


def words(count: int, name: str = "word") -> str:
    return " ".join(f"{name}{number}" for number in range(count))
