"""Counting tokens: exact with the tables that come with litellm, never over the network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.tokens import count_tokens, has_table, truncate_to_tokens


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("", "text-embedding-3-small", 0),
        ("hello world", "text-embedding-3-small", 2),
        ("tiktoken is great!", "text-embedding-3-small", 6),
        ("お誕生日おめでとう", "text-embedding-3-small", 9),  # this and the line above: OpenAI's cookbook
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("hello world", "some-model-of-tomorrow", 2),
        ("<|endoftext|>", "text-embedding-3-small", 7),  # plain text, no special token
    ],
)
def test_counts_as_openai_does(text: str, model: str, expected: int) -> None:
    assert count_tokens(text, model) == expected


def test_tables_are_there_for_both_generations_of_models() -> None:
    assert has_table("text-embedding-3-small")
    assert has_table("gpt-4o")


def test_a_model_with_a_table_nobody_ships_is_estimated() -> None:
    assert not has_table("davinci")
    assert count_tokens("abcde", "davinci") == 2
    assert truncate_to_tokens("añb", 2, "davinci") == "a"


def test_loading_leaves_the_environment_alone() -> None:
    count_tokens("x")
    assert "TIKTOKEN_CACHE_DIR" not in os.environ


def test_a_damaged_table_is_passed_over_and_nothing_is_fetched(tmp_path: Path) -> None:
    """In a fresh process whose cache folder holds a broken table and whose every connection fails."""
    damaged = tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    damaged.write_text("not a table")
    script = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'): raise SystemExit('went to the network')\n"
        "sys.addaudithook(refuse)\n"
        "from gleanery.knowledge.tokens import count_tokens\n"
        "print(count_tokens('hello world'))"
    )
    environment = {**os.environ, "TIKTOKEN_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
    assert damaged.read_text() == "not a table"


@pytest.mark.parametrize("text", ["x" * 300_000, " " * 300_000, "日本" * 30_000, "word " * 50_000, "🙂" * 20_000])
def test_long_texts_are_cut_to_a_beginning_within_the_limit(text: str) -> None:
    cut = truncate_to_tokens(text, 1000)
    assert text.startswith(cut)
    assert 990 <= count_tokens(cut) <= 1000


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.integers(0, 50))
def test_cutting_never_breaks_a_character(text: str, limit: int) -> None:
    assert text.startswith(truncate_to_tokens(text, limit))


def test_a_lone_surrogate_counts_as_a_question_mark() -> None:
    assert count_tokens("\ud800") == 1
