"""Frameworks read from YAML or JSON: everything is text, nothing is run, and what is wrong is named by its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from pydantic import ValidationError

from gleanery.errors import InvalidInput
from gleanery.model.compliance import Framework

MAX_BYTES = 512 * 1024
_MAX_DEPTH = 8
_MAX_NODES = 20_000


def read_framework(raw: bytes, *, is_json: bool = False) -> Framework:
    """Takes up to a second for the largest one: call it in a thread.

    Raises InvalidInput: for syntax naming line and column, else naming the field, such as `controls.3.title`.
    """
    if len(raw) > MAX_BYTES:
        raise InvalidInput("framework", f"is larger than {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("framework", f"is not UTF-8 at byte {error.start}") from None
    data = _json(text) if is_json else _yaml(text)
    if not isinstance(data, dict):
        raise InvalidInput("framework", "must be a mapping with id, version, title and controls")
    try:
        made = Framework.model_validate(data)
        made.model_dump_json()  # what has no UTF-8 form can't be kept
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise InvalidInput(".".join(map(str, first["loc"])), reason) from None
    except (UnicodeEncodeError, ValueError):
        raise InvalidInput("framework", "has characters that are none (lone surrogates)") from None
    return made


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput("framework", f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise InvalidInput("framework", "is nested too deeply, or has a number too long to be read") from None


def _yaml(text: str) -> Any:
    """YAML whose scalars are all text. Anchors, aliases and tags are refused before anything is built of them: so there is
    nothing that grows, and nothing that makes objects."""
    import yaml  # type: ignore[import-untyped]

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader), yaml)
        return yaml.load(text, Loader=loader)  # noqa: S506 - it makes text, lists and mappings, and nothing else
    except yaml.MarkedYAMLError as error:
        reason = error.problem or "is not valid YAML"
        raise InvalidInput("framework", f"{_place(error.problem_mark)}: {reason}") from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput("framework", f"is not valid YAML: {str(error).splitlines()[0][:200]}") from None


def _check_events(events: Iterator[Any], yaml: Any) -> None:
    depth = documents = 0
    for count, event in enumerate(events):
        where = _place(event.start_mark)
        if count > _MAX_NODES:
            raise InvalidInput("framework", f"{where}: has more than {_MAX_NODES} values")
        if getattr(event, "anchor", None) is not None:
            raise InvalidInput("framework", f"{where}: anchors and aliases are not read")
        if getattr(event, "tag", None) is not None:
            raise InvalidInput("framework", f"{where}: tags are not read")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise InvalidInput("framework", f"{where}: is a second document")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise InvalidInput("framework", f"{where}: is nested more than {_MAX_DEPTH} deep")


def _place(mark: Any) -> str:
    return "the document" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"


def bundled() -> list[Framework]:
    """Those that come with gleanery, by name of their file."""
    folder = resources.files("gleanery.knowledge.compliance") / "frameworks"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return [read_framework(file.read_bytes()) for file in files]
