"""The language of unnamed code blocks: what a text shows, what the model may say, and how often it is asked."""

from __future__ import annotations

import pytest

from gleanery.knowledge.extract import extract_page
from gleanery.knowledge.guess import MOST_GUESSES, guess_languages, shown_language

SQL = """SELECT name, count(*) AS orders
FROM customer
JOIN purchase ON purchase.customer_id = customer.id
WHERE purchase.total > {}
GROUP BY name
ORDER BY orders DESC;
"""
PROSE = """The quick brown fox
jumps over the lazy dog, again
and again, until the evening comes,
and then it sleeps under the old tree.
"""


@pytest.mark.parametrize(
    ("code", "language"),
    [
        (">>> f(1)\n2\n", "python"),
        ("$ ls -l\ntotal 0", "console"),
        ("user@host:~/src$ make\n", "console"),
        ("C:\\Users\\me> dir", "console"),
        ("PS C:\\> Get-Item", "console"),
        ("...\\> py manage.py", "console"),
        ("#!/usr/bin/env bash\nexit", "bash"),
        ("#!/usr/bin/python3\n", "python"),
        ("<?php echo 1;", "php"),
        ('<?xml version="1.0"?>', "xml"),
        ("<!DOCTYPE html>\n<p>", "html"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "diff"),
        ("GET /x HTTP/1.1\nHost: a", "http"),
        ('{"a": [1, null]}', "json"),
        ("[1, 2, 3]", None),
        ("{'a': 1}", None),
        ('{"a": ' * 30_000, None),
        ("$x = 1;\n$y = 2;\n", None),
        ("some words", None),
        ("", None),
    ],
)
def test_what_a_text_shows(code: str, language: str | None) -> None:
    assert shown_language(code) == language


def test_the_model_is_asked_about_what_is_long_enough() -> None:
    assert guess_languages([SQL.format(1), "SELECT 1;", "$ ls"]) == ["sql", None, "console"]


def test_a_page_has_few_guesses_for_its_longest_blocks() -> None:
    codes = [SQL.format("1" + "0" * number) for number in range(MOST_GUESSES + 2)]
    assert guess_languages(codes) == [None, None, *["sql"] * MOST_GUESSES]


def test_no_more_is_asked_once_a_block_could_not_be_told() -> None:
    assert guess_languages([SQL.format(1), PROSE * 4]) == [None, None]


def test_a_guess_is_marked_and_is_not_written_into_the_fence() -> None:
    got = extract_page(
        f"<main><p>Ask:</p><pre>{SQL.format(1)}</pre><pre class='language-c'>{SQL.format(2)}</pre></main>",
        "https://example.org/",
    )
    assert [(e.language, e.is_guessed) for e in got.code_examples] == [("sql", True), ("c", False)]
    assert "```\nSELECT" in got.markdown
    assert "```c\nSELECT" in got.markdown
