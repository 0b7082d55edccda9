"""Schemas of OpenAPI documents: references followed, a schema's type in words, its fields as rows. Bounded and pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

MAX_DEPTH = 3
MAX_ROWS = 100
MAX_REFS = 20
MAX_PARTS = 50
MAX_CELL_CHARS = 600
MAX_TYPE_DEPTH = 5
_HTML = re.compile(r"</(?:p|a|li|ul|ol|b|i|em|strong|code|div|span|h\d|br|table)\s*>|<(?:p|br)\s*/?>", re.I)
_LINK_TAG = re.compile(r"<a\b[^>]*?href\s*=\s*[\"']([^\"'>]+)[\"'][^>]*>([^<]*)</a\s*>", re.I)
_CODE_TAG = re.compile(r"</?(?:code|tt)\s*>", re.I)
_PRE_TAG = re.compile(r"<pre[^>]*>(.*?)</pre\s*>", re.I | re.S)
_BREAK_TAG = re.compile(r"<(?:p|br|div|h\d|ul|ol|table|tr)\b[^>]*>|</(?:h\d|p)\s*>", re.I)
_ITEM_TAG = re.compile(r"<li\b[^>]*>\s*", re.I)
_TAG = re.compile(r"</?[a-z][a-z0-9]*\b[^<>]*>", re.I)
_LIMITS = {
    "minimum": "At least",
    "exclusiveMinimum": "More than",
    "maximum": "At most",
    "exclusiveMaximum": "Less than",
    "minLength": "Shortest length",
    "maxLength": "Longest length",
    "minItems": "Fewest items",
    "maxItems": "Most items",
    "pattern": "Pattern",
    "default": "Default",
    "const": "Always",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A field of a schema; `name` is its path (`address.street`, `items[].id`)."""

    name: str
    type: str
    is_required: bool
    about: str


class Resolver:
    """Follows references within one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def follow(self, value: Any) -> Mapping[str, Any]:
        """What `value` is, behind its references; empty for what leads nowhere, out of the document, or in a circle."""
        for _ in range(MAX_REFS):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        """The value that a JSON pointer in a fragment points at (RFC 6901, section 6)."""
        if not reference.startswith("#/"):
            return None
        value: Any = self._document
        for step in reference[2:].split("/"):
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and step.isdecimal() and int(step[:9]) < len(value):
                value = value[int(step[:9])]
            elif isinstance(value, dict):
                value = value.get(step, value.get(int(step[:9])) if step.isdecimal() else None)
            else:
                return None
        return value

    def merged(self, schema: Any) -> Mapping[str, Any]:
        """The schema with what its `allOf` brings: properties and required fields of all of them."""
        followed = self.follow(schema)
        if not isinstance(followed.get("allOf"), list):
            return followed
        properties: dict[str, Any] = {}
        required: list[Any] = []
        rest: dict[str, Any] = {}
        stack: list[tuple[Any, int]] = [(followed, 0)]
        seen = 0
        while stack and seen < MAX_PARTS:
            seen += 1
            part, depth = stack.pop()
            part = self.follow(part)
            rest = {
                **{key: value for key, value in part.items() if key not in ("allOf", "properties", "required")},
                **rest,
            }
            properties = {**mapping(part.get("properties")), **properties}
            required += part["required"] if isinstance(part.get("required"), list) else []
            if isinstance(part.get("allOf"), list) and depth < MAX_DEPTH:
                stack += [(inner, depth + 1) for inner in reversed(part["allOf"][:MAX_PARTS])]
        return {**rest, "properties": properties, "required": required}

    def item_of(self, schema: Any) -> Mapping[str, Any]:
        """The schema itself, or what the lists that it stands for hold."""
        for _ in range(MAX_DEPTH):
            followed = self.merged(schema)
            if "items" not in followed or followed.get("properties"):
                return followed
            schema = followed["items"]
        return {}

    def limits(self, schema: Mapping[str, Any]) -> str:
        """Allowed values, default, bounds: in a few words."""
        words = []
        values = schema.get("enum")
        if isinstance(values, list) and values:
            shown = ", ".join(f"`{cell(_json(value), 80)}`" for value in values[:40])
            words.append(f"One of {shown}{' …' if len(values) > 40 else ''}.")
        for name, meaning in _LIMITS.items():
            value = schema.get(name)
            if (
                value is not None
                and not isinstance(value, dict | list)
                and not (isinstance(value, bool) and "Min" in name)
            ):
                words.append(f"{meaning} `{cell(_json(value), 120)}`.")
        return " ".join(words)


def type_of(resolver: Resolver, schema: Any, depth: int = 0) -> str:
    """A schema's type in words: `string (date-time)`, `array of Pet`, `Cat or Dog`."""
    name = _ref_name(schema)
    if name or depth >= MAX_TYPE_DEPTH:
        return name or "…"
    value = mapping(schema)
    for key, word in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
        parts = value.get(key)
        if isinstance(parts, list) and parts:
            names = dict.fromkeys(type_of(resolver, part, depth + 1) for part in parts[:MAX_PARTS])
            return word.join(name for name in list(names)[:12] if name != "any") or "object"
    kinds = value.get("type")
    kind = " or ".join(str(k) for k in kinds[:8]) if isinstance(kinds, list) else text_of(kinds)
    if kind == "array" or (not kind and "items" in value):
        return f"array of {type_of(resolver, value.get('items', {}), depth + 1)}"
    if not kind:
        kind = "object" if "properties" in value or "additionalProperties" in value else "any"
    extra = mapping(value.get("additionalProperties"))
    if kind == "object" and extra and not value.get("properties"):
        kind = f"map of {type_of(resolver, extra, depth + 1)}"
    if value.get("format"):
        kind += f" ({cell(value['format'], 60)})"
    return f"{kind} or null" if value.get("nullable") is True else cell(kind, 200)


def rows_of(resolver: Resolver, schema: Any) -> list[Row]:
    """The fields of an object (or of the objects in a list), and of those in it, to a depth of three; at most 100."""
    rows: list[Row] = []
    inner, _, reference = _inner(resolver, schema)
    for row in _rows(resolver, inner, "", 1, (reference,)):
        if len(rows) == MAX_ROWS:
            rows.append(Row("…", "", False, "and more"))
            break
        rows.append(row)
    return rows


def _rows(resolver: Resolver, schema: Any, prefix: str, depth: int, within: tuple[str, ...]) -> Iterator[Row]:
    value = resolver.merged(schema)
    required = value.get("required")
    names = required if isinstance(required, list) else []
    for name, field in mapping(value.get("properties")).items():
        followed = resolver.merged(field)
        own = mapping(field).get("description") or followed.get("description")
        about = " ".join(filter(None, (cell(own), resolver.limits(followed))))
        marks = [
            word
            for key, word in (("readOnly", "Read-only."), ("deprecated", "Deprecated."))
            if followed.get(key) is True
        ]
        path = f"{prefix}{cell(name, 120)}"
        yield Row(path, type_of(resolver, field), name in names, " ".join([*marks, about]).strip())
        inner, suffix, reference = _inner(resolver, field)
        if depth < MAX_DEPTH and inner and reference not in within:
            yield from _rows(
                resolver, inner, f"{path}{suffix}.", depth + 1, (*within, reference) if reference else within
            )


def _inner(resolver: Resolver, field: Any) -> tuple[Mapping[str, Any], str, str]:
    """The object in a field or in the lists in it, how its fields are reached, and by what name it is known."""
    suffix, reference = "", _ref_name(field)
    value = resolver.merged(field)
    for _ in range(MAX_DEPTH):
        if value.get("properties") or "items" not in value:
            break
        reference = _ref_name(value["items"]) or reference
        value, suffix = resolver.merged(value["items"]), f"{suffix}[]"
    return (value, suffix, reference) if value.get("properties") else ({}, "", "")


def _ref_name(schema: Any) -> str:
    reference = mapping(schema).get("$ref")
    return cell(unquote(reference).rpartition("/")[2], 120) if isinstance(reference, str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str:
    """Text, or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def prose(value: Any) -> str:
    """A description: Markdown as it is written; what some generators write as HTML, in Markdown's words."""
    text = text_of(value).strip()
    if "<" not in text or not _HTML.search(text):
        return text
    text = _PRE_TAG.sub(lambda found: f"\n\n```\n{_TAG.sub('', found[1]).strip()}\n```\n\n", text)
    text = _LINK_TAG.sub(r"[\2](\1)", text)
    text = _ITEM_TAG.sub("\n- ", _BREAK_TAG.sub("\n\n", _CODE_TAG.sub("`", text)))
    text = html.unescape(_TAG.sub("", text))
    return re.sub(r"\n\s*\n\s*", "\n\n", text).strip()


def cell(value: Any, most: int = MAX_CELL_CHARS) -> str:
    """A text on one line, fit for a table."""
    text = " ".join(prose(value).split())
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("|", "\\|")


def _json(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
