"""What goes into the columns of the index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.store.words import EVERY_ROW, fts_body, fts_code, fts_names, fts_text, light_stem

FENCED = "Before `x.y`.\n\n```python\ncode_here()\n```\n\nAfter."


def test_prose_and_code_go_apart() -> None:
    assert fts_body(FENCED) == "Before `x.y`.\n\n\n\n\nAfter."
    assert fts_code(FENCED) == "code_here()\n\nx.y"
    assert fts_body("no code") == "no code"
    assert fts_code("no code") == ""


def test_a_fence_that_is_cut_off_is_code_to_the_end() -> None:
    assert fts_code("Text\n\n~~~\nall\nof it") == "all\nof it"
    assert fts_body("Text\n\n~~~\nall\nof it") == "Text\n\n\n"


def test_targets_of_links_are_no_words_and_cjk_stands_alone() -> None:
    assert fts_text("see [here](https://a.test/x_y) 全文🚀") == "see [here]   全  文  🚀 "
    assert "xy" not in fts_names("see [here](https://a.test/x_y)")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("asyncio.create_task", "asynciocreatetask createtask creat"),
        ("createTask", "create Task creat"),
        ("XMLHttpRequest.openNow", "XMLHttpRequestopenNow XML Http Request open Now"),
        ("built-in 3.11 plain Word API", "builtin"),
        ("C++ and C#, .NET", "cplusplus csharp dotnet"),
        ("configured rates", "configur rat"),
        ("create_task create_task", "createtask creat"),
        ("a_" + "b" * 300, ""),
    ],
)
def test_names(content: str, names: str) -> None:
    assert fts_names(content).split() == [*names.split(), EVERY_ROW]


@pytest.mark.parametrize(
    ("stem", "words"),
    [
        ("limit", "limit limits limited limiting"),
        ("configur", "configure configures configured configuring"),
        ("query", "query queries queried querying"),
        ("run", "running runs"),
        ("call", "call calls called calling"),
        ("use", "use uses used using"),
        ("typ", "type types typed typing"),
        ("box", "box boxes"),
        ("string", "string strings"),
        ("class", "class classes"),
        ("status", "status statuses"),
        ("need", "need needs needed"),
        ("naïves", "naïves"),
        ("utf8s", "utf8s"),
    ],
)
def test_forms_of_a_word_have_one_stem(stem: str, words: str) -> None:
    assert {light_stem(word) for word in words.split()} == {stem}


@given(st.text(max_size=200) | st.text(alphabet="aB_.-:`~\n#+[]() 検", max_size=80))
def test_any_text_has_its_columns(text: str) -> None:
    """And the same ones each time: FTS5 is told what goes by what is derived again."""
    for column in (fts_text, fts_body, fts_code, fts_names):
        assert column(text) == column(text)
