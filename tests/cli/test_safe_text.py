"""Text from the web can't command the terminal."""

from __future__ import annotations

import pytest

from gleanery.cli.safe_text import block, one_line


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("a\x7fb\x9b31m", "a␡b<U+009B>31m"),
        ("user\u202etxt.exe", "user<U+202E>txt.exe"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("pass\u200bword\ufeff", "password"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("lone\ud800", "lone<U+D800>"),
        ("over\rwritten", "over␍written"),
        ("क्\u200dष 👩\u200d💻", "क्\u200dष 👩\u200d💻"),
        ("one\r\n\ttwo", "one\n\ttwo"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
    ],
)
def test_a_block_keeps_lines_and_tabs_and_shows_the_rest(given: str, shown: str) -> None:
    assert block(given) == shown


def test_one_line_is_one_line() -> None:
    assert one_line("  a\n\tb \u2028 c\x1b ") == "a b c␛"
