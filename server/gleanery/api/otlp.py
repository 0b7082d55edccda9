"""OTLP/HTTP JSON → traces: the spans that say what a model was asked, by OpenTelemetry's conventions for generative AI.

The body is an ExportTraceServiceRequest (opentelemetry-proto, JSON mapping). Of the conventions the attributes of spans are
read (`gen_ai.input.messages`, `gen_ai.system_instructions`), the events that older versions had (`gen_ai.user.message`, …),
and `gen_ai.prompt…` of the instrumentations before them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gleanery import errors

MOST_SPANS = 500
MOST_DEPTH = 8
ERROR_STATUS = (2, "2", "STATUS_CODE_ERROR")
_ID = re.compile(r"[0-9a-fA-F]{1,64}")
_PROMPT = re.compile(r"gen_ai\.prompt\.(\d+)\.(role|content)")
_MODEL = ("gen_ai.response.model", "gen_ai.request.model")
_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_PATH = ("gleanery.path", "gen_ai.agent.name", "http.route", "gen_ai.prompt.name", "gen_ai.operation.name")
_PROJECT = ("gleanery.project_id", "service.name")
_SETTING = "gen_ai.request."
_NO_SETTINGS = {"model", "messages"}

Message = tuple[str, str]
"""A role and a text."""


@dataclass(frozen=True)
class Spans:
    """What a request's spans came to: fields of a TraceRequest for each that asked a model something, with its name in the
    request for errors; and how many others there were."""

    traces: Sequence[tuple[str, dict[str, Any]]]
    ignored: int


def traces_of(body: Mapping[str, Any]) -> Spans:
    """Raises InvalidInput naming the part that is not as OTLP has it."""
    found, ignored = list[tuple[str, dict[str, Any]]](), 0
    for count, (where, resource, span) in enumerate(_spans(body), 1):
        if count > MOST_SPANS:
            raise errors.InvalidInput("resourceSpans", f"must have at most {MOST_SPANS} spans")
        attributes = _attributes(span, where)
        messages = _messages(attributes, span, where)
        if not messages:
            ignored += 1
            continue
        found.append((where, _trace(where, resource, span, attributes, messages)))
    return Spans(found, ignored)


def _spans(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for i, resource_spans in enumerate(_list(body, "resourceSpans", "")):
        where = f"resourceSpans.{i}"
        resource = _object(_object(resource_spans, where).get("resource", {}), f"{where}.resource")
        known = _attributes(resource, f"{where}.resource")
        for j, scope_spans in enumerate(_list(resource_spans, "scopeSpans", f"{where}.")):
            inner = f"{where}.scopeSpans.{j}"
            for k, span in enumerate(_list(_object(scope_spans, inner), "spans", f"{inner}.")):
                yield f"{inner}.spans.{k}", known, _object(span, f"{inner}.spans.{k}")


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise errors.InvalidInput(where, "must be an object")
    return value


def _list(parent: Mapping[str, Any], name: str, where: str) -> Sequence[Any]:
    value = parent.get(name) or []
    if not isinstance(value, list):
        raise errors.InvalidInput(f"{where}{name}", "must be a list")
    return value


def _attributes(parent: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = {}
    for n, pair in enumerate(_list(parent, "attributes", f"{where}.")):
        at = f"{where}.attributes.{n}"
        key = _object(pair, at).get("key")
        if not isinstance(key, str):
            raise errors.InvalidInput(f"{at}.key", "must be a string")
        found[key] = _value(_object(pair.get("value", {}), f"{at}.value"), f"{at}.value", 0)
    return found


def _value(value: Mapping[str, Any], where: str, depth: int) -> Any:
    """An AnyValue as JSON. 64-bit whole numbers may be strings."""
    if depth > MOST_DEPTH:
        raise errors.InvalidInput(where, f"must not be nested more than {MOST_DEPTH} deep")
    if "intValue" in value:
        try:
            return int(value["intValue"])
        except (TypeError, ValueError):
            raise errors.InvalidInput(f"{where}.intValue", "must be a whole number") from None
    if "arrayValue" in value:
        values = _list(_object(value["arrayValue"], f"{where}.arrayValue"), "values", f"{where}.arrayValue.")
        return [_value(_object(one, where), where, depth + 1) for one in values]
    if "kvlistValue" in value:
        pairs = _list(_object(value["kvlistValue"], f"{where}.kvlistValue"), "values", f"{where}.kvlistValue.")
        objects = [_object(pair, where) for pair in pairs]
        return {
            str(pair.get("key")): _value(_object(pair.get("value", {}), where), where, depth + 1) for pair in objects
        }
    return next((value[kind] for kind in ("stringValue", "boolValue", "doubleValue") if kind in value), None)


def _messages(attributes: Mapping[str, Any], span: Mapping[str, Any], where: str) -> list[Message]:
    """What the model was told, in order."""
    found = _from_attributes(attributes)
    for n, event in enumerate(_list(span, "events", f"{where}.")):
        at = f"{where}.events.{n}"
        inner = _attributes(_object(event, at), at)
        name = str(event.get("name", ""))
        if name.startswith("gen_ai.") and name.endswith(".message"):
            found += _said(name.split(".")[1], inner.get("content"))
        elif not found:
            found += _from_attributes(inner)
    return found


def _from_attributes(attributes: Mapping[str, Any]) -> list[Message]:
    found = _said("system", _loaded(attributes.get("gen_ai.system_instructions")))
    listed = _loaded(attributes.get("gen_ai.input.messages"))
    for message in listed if isinstance(listed, list) else []:
        if isinstance(message, dict):
            found += _said(str(message.get("role", "")), message.get("parts", message.get("content")))
    if not any(role != "system" for role, _ in found):
        numbered: dict[int, dict[str, Any]] = {}
        for key, value in attributes.items():
            if (match := _PROMPT.fullmatch(key)) is not None:
                numbered.setdefault(int(match[1]), {})[match[2]] = value
        for _, message in sorted(numbered.items()):
            found += _said(str(message.get("role", "user")), message.get("content"))
        if not numbered:
            found += _said("user", attributes.get("gen_ai.prompt"))
    return found


def _loaded(value: Any) -> Any:
    """Messages come as objects, or as JSON in a string."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _said(role: str, content: Any) -> list[Message]:
    """The texts of a message: a string, or parts of which those of type text count."""
    parts = content if isinstance(content, list) else [content]
    texts = [part if isinstance(part, str) else _part(part) for part in parts]
    text = "\n".join(text for text in texts if text)
    return [(role, text)] if text else []


def _part(part: Any) -> str:
    if not isinstance(part, dict) or part.get("type", "text") != "text":
        return ""
    text = part.get("content", part.get("text"))
    return text if isinstance(text, str) else ""


def _trace(
    where: str,
    resource: Mapping[str, Any],
    span: Mapping[str, Any],
    attributes: Mapping[str, Any],
    messages: Sequence[Message],
) -> dict[str, Any]:
    began = _nanoseconds(span, "startTimeUnixNano", where)
    ended = _nanoseconds(span, "endTimeUnixNano", where)
    trace: dict[str, Any] = {
        "trace_id": f"{_id(span, 'traceId', where)}:{_id(span, 'spanId', where)}",
        "project_id": str(_first({**resource, **attributes}, _PROJECT) or "default"),
        "path": str(_first(attributes, _PATH) or span.get("name") or "/"),
        "instruction": _instruction(messages),
        "model": str(_first(attributes, _MODEL) or ""),
        "settings": _settings(attributes),
        "input_tokens": _first(attributes, _INPUT),
        "output_tokens": _first(attributes, _OUTPUT),
        "error": _error(attributes, _object(span.get("status") or {}, f"{where}.status")),
    }
    if began is not None:
        trace["started_at"] = _time(began, f"{where}.startTimeUnixNano")
        if ended is not None and ended >= began:
            trace["latency_ms"] = (ended - began) / 1e6
    return trace


def _instruction(messages: Sequence[Message]) -> str:
    """What was written once: the system's texts and the first of the user. What was said since is not part of it."""
    first = next((text for role, text in messages if role not in ("system", "developer")), None)
    texts = [text for role, text in messages if role in ("system", "developer")]
    return "\n\n".join([*texts, *([first] if first is not None else [])])


def _settings(attributes: Mapping[str, Any]) -> dict[str, Any]:
    named = {key.removeprefix(_SETTING): value for key, value in attributes.items() if key.startswith(_SETTING)}
    return {name: value for name, value in sorted(named.items()) if name not in _NO_SETTINGS and value is not None}


def _error(attributes: Mapping[str, Any], status: Mapping[str, Any]) -> str | None:
    kind = attributes.get("error.type")
    if status.get("code") not in ERROR_STATUS and kind is None:
        return None
    said = [str(part) for part in (kind, status.get("message")) if part]
    return ": ".join(said)[:2000] or "The call failed."


def _first(attributes: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)


def _id(span: Mapping[str, Any], name: str, where: str) -> str:
    value = span.get(name)
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise errors.InvalidInput(f"{where}.{name}", "must be hexadecimal digits, as OTLP's JSON has ids")
    return value.lower()


def _nanoseconds(span: Mapping[str, Any], name: str, where: str) -> int | None:
    value = span.get(name)
    if value in (None, "", 0, "0"):
        return None
    try:
        return int(str(value)[:30])
    except ValueError:
        raise errors.InvalidInput(f"{where}.{name}", "must be nanoseconds since 1970") from None


def _time(nanoseconds: int, where: str) -> datetime:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        raise errors.InvalidInput(where, "must be nanoseconds since 1970") from None
