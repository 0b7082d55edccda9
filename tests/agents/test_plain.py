"""A model's words made harmless: one plain line, bounded, whatever came."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.agents.plain import plain_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Explains vector<int> and `a < b`.", "Explains vector<int> and `a < b`."),
        ("  Two\n\nlines\tand  blanks ", "Two lines and blanks"),
        ("# Heading\n- one\n> two", "Heading one two"),
        ("See [the guide](https://evil.test/x_(y)) and ![pic](data:image/png;base64,xx).", "See the guide and pic."),
        ("Go to https://evil.test/?q=1 now", "Go to now"),
        ("JavaScript:alert(1) runs", "runs"),
        ("a<script src=x>alert(1)</script>b <img src=x onerror=y>", "a alert(1) b"),
        ("<script src=x", ""),
        ("**Bold** and ```fence```", "Bold and fence"),
        ("left\u202eright\u200b\x00\x1b[31m\ue000\ud800", "leftright[31m"),
        ("Zoe\u0308 \U0001f600 数字", "Zo\u00eb \U0001f600 数字"),
        ("", ""),
    ],
)
def test_what_goes_and_what_stays(text: str, line: str) -> None:
    assert plain_line(text, 100) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("One sentence here. Another that is too long to stay.", "One sentence here."),
        ("No sentence end in these many words at all", "No sentence end in these many…"),
        ("x" * 60, "x" * 31 + "…"),
        ("一句话。" * 20, "一句话。" * 8),
        ("Version 3.11 of a very long thing that goes on", "Version 3.11 of a very long…"),
    ],
)
def test_a_cut_is_at_a_sentence_or_a_word(text: str, line: str) -> None:
    assert plain_line(text, 32) == line


@given(st.text(), st.integers(1, 50))
def test_any_text_is_a_bounded_line_without_what_can_not_be_seen(text: str, limit: int) -> None:
    line = plain_line(text, limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs") for character in line)
    assert "](" not in line or "[" not in line.partition("](")[0]
    line.encode("utf-8")


@pytest.mark.parametrize(
    "part", ["[", "[](", "[a](b(", "<a ", "<script", "# ", "**", "http://", "a. ", "\u200b", "(" * 7, "- > # "]
)
def test_hostile_text_costs_no_time(part: str) -> None:
    text = part * (2_000_000 // len(part))
    started = time.thread_time()
    plain_line(text, 900)
    assert time.thread_time() - started < 1.0
