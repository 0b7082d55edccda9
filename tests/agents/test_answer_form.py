"""JSON Schema as servers take it, and answers read back from whatever stands around them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from gleanery.agents.answer_form import AnswerForm, read_answer, response_format, strict_schema, told_in_words
from gleanery.agents.messages import read_reply
from gleanery.errors import ChatMismatch


class Leaf(BaseModel):
    title: str = Field("none", max_length=10)  # also the name of a keyword
    n: int = Field(ge=1)


class Tree(BaseModel):
    leaves: list[Leaf] = Field(min_length=1)
    note: str | None = None


def test_a_strict_schema_is_closed_and_asks_for_every_field() -> None:
    leaf = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["title", "n"],
        "additionalProperties": False,
    }
    assert strict_schema(Tree) == {
        "$defs": {"Leaf": leaf},
        "type": "object",
        "properties": {
            "leaves": {"type": "array", "items": {"$ref": "#/$defs/Leaf"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["leaves", "note"],
        "additionalProperties": False,
    }
    assert json.dumps(strict_schema(Tree), separators=(",", ":")) in told_in_words(Tree)


def test_forms_get_weaker_in_order() -> None:
    assert [form.weaker for form in AnswerForm] == [AnswerForm.OBJECT, AnswerForm.TEXT, None]
    assert response_format(AnswerForm.OBJECT, Tree) == {"type": "json_object"}
    assert response_format(AnswerForm.TEXT, Tree) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"title": "a", "n": 1}',
        '\n```json\n{"title": "a", "n": 1}\n```\n',
        'Here it is: {"title": "a", "n": 1}. Is that all right?',
        '<think>Perhaps {"title": "b"}?</think>{"title": "a", "n": 1}',
    ],
)
def test_json_is_found_in_what_stands_around_it(text: str) -> None:
    assert read_answer(text, Leaf) == Leaf(title="a", n=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "{",
        "[]",
        '"{}"',
        "{}",
        '{"n": 0}',
        '{"n": 1, "title": "' + "x" * 11 + '"}',
        "{" * 100_000 + "}" * 100_000,
    ],
)
def test_what_does_not_fit_is_a_mismatch(text: str) -> None:
    with pytest.raises(ChatMismatch):
        read_answer(text, Leaf)


@given(st.text() | st.builds(lambda a, b: f"{{{a}}}{b}", st.text(), st.text()))
def test_any_text_is_an_answer_or_a_mismatch(text: str) -> None:
    try:
        read_answer(text, Leaf)
    except ChatMismatch:
        pass


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda kids: (
            st.lists(kids)
            | st.dictionaries(st.sampled_from(["choices", "message", "usage", "content", "prompt_tokens"]), kids)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_a_reply_or_a_mismatch(body: bytes) -> None:
    try:
        read_reply(body)
    except ChatMismatch:
        pass


@pytest.mark.parametrize("usage", ["[]", '{"prompt_tokens": 1e999}', '{"prompt_tokens": "x"}', '{"prompt_tokens": -5}'])
def test_a_usage_that_is_none_does_no_harm(usage: str) -> None:
    body = f'{{"choices": [{{"message": {{"content": "abcd"}}}}], "usage": {usage}}}'.encode()
    try:
        assert read_reply(body, 8).usage.total_tokens in (0, 3)
    except ChatMismatch:
        pass
