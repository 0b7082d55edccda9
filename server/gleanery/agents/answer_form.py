"""The form in which a model is told to answer: JSON Schema, and answers read back, whatever stands around the JSON."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gleanery.errors import ChatMismatch

T = TypeVar("T", bound=BaseModel)

_UNKNOWN_TO_STRICT = frozenset(
    {
        "default",
        "title",
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
    }
)
_THOUGHT_END = "</think>"
_JSON_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class AnswerForm(StrEnum):
    """How a server is made to answer in JSON, best first: it holds the model to the schema, it holds it to JSON, it
    is only asked to. Not every server that speaks this API knows the first two."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    TEXT = "text"

    @property
    def weaker(self) -> AnswerForm | None:
        order = list(AnswerForm)
        at = order.index(self) + 1
        return order[at] if at < len(order) else None

    @property
    def is_told_in_words(self) -> bool:
        """Whether the schema must stand in the prompt."""
        return self is not AnswerForm.SCHEMA


@functools.lru_cache(64)  # a schema takes a millisecond to make, and is asked for with every question
def response_format(form: AnswerForm, model: type[BaseModel]) -> Mapping[str, Any] | None:
    """The request's `response_format`; None for none."""
    match form:
        case AnswerForm.SCHEMA:
            named = {"name": model.__name__, "strict": True, "schema": strict_schema(model)}
            return {"type": "json_schema", "json_schema": named}
        case AnswerForm.OBJECT:
            return {"type": "json_object"}
        case AnswerForm.TEXT:
            return None


@functools.lru_cache(64)
def told_in_words(model: type[BaseModel]) -> str:
    schema = json.dumps(strict_schema(model), ensure_ascii=False, separators=(",", ":"))
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema: {schema}"


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON Schema as strict structured output takes it (OpenAI's guide): every object closed, every field
    required, no keyword that is refused. What those keywords say is checked when the answer is read."""
    closed = _closed(model.model_json_schema())
    assert isinstance(closed, dict)
    return closed


def _closed(node: Any, *, is_schema: bool = True) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if not is_schema:  # names of fields or definitions, which may be any word
        return {name: _closed(value) for name, value in node.items()}
    kept = {
        key: _closed(value, is_schema=key not in ("properties", "$defs"))
        for key, value in node.items()
        if key not in _UNKNOWN_TO_STRICT
    }
    if "properties" in kept:
        kept |= {"additionalProperties": False, "required": list(kept["properties"])}
    return kept


def read_answer(text: str, model: type[T]) -> T:
    """The answer as its model. Raises ChatMismatch.

    A model may think aloud first, or put its JSON into a fence or between words: the outermost braces are what counts.
    """
    found = _JSON_OBJECT.search(text.rpartition(_THOUGHT_END)[2])
    if found is None:
        raise ChatMismatch("The chat model answered without the JSON that was asked for.")
    try:
        return model.model_validate_json(found[0])
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ChatMismatch(
            "The chat model answered JSON of another form than was asked for.", reason=f"{where}: {first['msg']}"[:200]
        ) from None
