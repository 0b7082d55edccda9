"""What the values of a slot are, and what the slot is called."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gleanery.knowledge.grouping.template import Template

MOST_SAMPLES = 5
MOST_SAMPLE_CHARACTERS = 300
MOST_NAME = 40
MOST_CHOICES = 8
LEAST_FOR_CHOICES = 8
LEAST_EACH = 3
LEAST_ALIKE = 0.9
"""Share of the values that must be of a type."""
PROSE_WORDS = 6


class ValueType(StrEnum):
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    URL = "url"
    UUID = "uuid"
    PATH = "path"
    JSON = "json"
    ENUM = "enum"
    CODE = "code"
    LIST = "list"
    PROSE = "prose"
    TEXT = "text"


@dataclass(frozen=True)
class Variable:
    """A slot of a template. With `is_optional` some values are empty; `choices` are all values of an enum."""

    name: str
    type: ValueType
    is_optional: bool
    samples: tuple[str, ...]
    choices: tuple[str, ...] = ()


def variables_of(template: Template, texts: Sequence[str]) -> tuple[Variable, ...]:
    """The slots in order, as the texts that fit the template tell of them."""
    rows = [values for values in map(template.match, texts) if values is not None]
    columns: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * template.slots
    names = _unique([_name(template, slot) for slot in range(template.slots)], list(map(type_of, columns)))
    return tuple(_variable(name, column) for name, column in zip(names, columns, strict=True))


def _variable(name: str, column: Sequence[str]) -> Variable:
    given = [value for value in column if value.strip()]
    kind = type_of(column)
    distinct = dict.fromkeys(value[:MOST_SAMPLE_CHARACTERS] for value in given)
    choices = tuple(value for value, _ in Counter(given).most_common()) if kind is ValueType.ENUM else ()
    return Variable(name, kind, len(given) < len(column), tuple(distinct)[:MOST_SAMPLES], choices)


_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
_URL = re.compile(r"https?://\S+")
_PATH = re.compile(r"(?:[~.]{0,2}/|[A-Za-z]:\\)[^\s,;]*|[\w.-]+(?:/[\w.-]+)+")
_INTEGER = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+|[-+]?\d+")
_NUMBER = re.compile(r"[-+]?[$€£]?\d[\d,]*(?:\.\d+)?\s?%?")
_BOOLEAN = re.compile(r"true|false|yes|no", re.IGNORECASE)
_ITEM = re.compile(r"(?m)^[ \t]*(?:[-*•+]|\d+[.)])[ \t]+\S")
_CODE = re.compile(
    r"(?m)^\s*(?:def |class |import |from \w+ import|return\b|function |const |let |var |public |private |#include|SELECT |"
    r"INSERT |UPDATE |@\w+|for .*:$|if .*:$|\}|[\w.]+\(.*\);?$|[\w.\[\]]+ = )"
)


def _is_datetime(text: str) -> bool:
    if len(text) < 12 or not text[:1].isdigit():
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_json(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_list(text: str) -> bool:
    if len(_ITEM.findall(text)) >= 2:
        return True
    items = re.split(r"[,;] ?|\n", text)
    return len(items) >= 2 and all(0 < len(item.split()) <= 4 for item in items)


def _is_code(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and len(_CODE.findall(text)) * 3 >= len(lines)


_TESTS: Sequence[tuple[ValueType, Callable[[str], object]]] = (
    (ValueType.INTEGER, _INTEGER.fullmatch),
    (ValueType.NUMBER, _NUMBER.fullmatch),
    (ValueType.BOOLEAN, _BOOLEAN.fullmatch),
    (ValueType.UUID, _UUID.fullmatch),
    (ValueType.DATE, _DATE.fullmatch),
    (ValueType.DATETIME, _is_datetime),
    (ValueType.EMAIL, _EMAIL.fullmatch),
    (ValueType.URL, _URL.fullmatch),
    (ValueType.JSON, _is_json),
)
_LATER: Sequence[tuple[ValueType, Callable[[str], object]]] = (
    (ValueType.PATH, _PATH.fullmatch),
    (ValueType.CODE, _is_code),
    (ValueType.LIST, _is_list),
    (ValueType.PROSE, lambda text: len(text.split()) >= PROSE_WORDS or (len(text) >= 20 and " " not in text)),
)


def type_of(column: Sequence[str]) -> ValueType:
    """The narrowest type that nearly all values have; empty ones don't count."""
    values = [value.strip() for value in column if value.strip()]
    if not values:
        return ValueType.TEXT
    for kind, test in _TESTS:
        if _nearly_all(values, test):
            return kind
    if _is_enum(values):
        return ValueType.ENUM
    return next((kind for kind, test in _LATER if _nearly_all(values, test)), ValueType.TEXT)


def _nearly_all(values: Sequence[str], test: Callable[[str], object]) -> bool:
    return sum(bool(test(value)) for value in values) >= LEAST_ALIKE * len(values)


def _is_enum(values: Sequence[str]) -> bool:
    """A few short values that come again and again."""
    distinct = set(values)
    return (
        len(values) >= LEAST_FOR_CHOICES
        and len(distinct) <= min(MOST_CHOICES, len(values) // LEAST_EACH)
        and max(len(value.split()) for value in distinct) <= PROSE_WORDS
    )


_TAG = re.compile(r"<([A-Za-z][\w-]*)[^<>]*>\s*$")
_FENCE = re.compile(r"```(\w*)\s*$")
_LABEL = re.compile(r"([^\W\d_][\w' -]*)[\"'`*]*\s*[:=：]\s*[\"'`*]*\s*$")
_HEADING = re.compile(r"(?:^|\n)#+\s*([^\n]+?)\s*\n+\s*$")
_AFTER = re.compile(r"^\s+([^\W\d_]{3,})")
_BEFORE = re.compile(r"([^\W\d_]{2,})\s+[\"'`*]*$")
_COMMON = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "that",
        "this",
        "into",
        "about",
        "are",
        "was",
        "you",
        "your",
        "not",
        "all",
        "any",
        "but",
        "its",
        "their",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "as",
        "is",
        "an",
        "or",
        "be",
        "a",
    ]
)


def _name(template: Template, slot: int) -> str:
    """What its neighbourhood calls a slot; empty where that says nothing."""
    before, after = template.constants[slot][-120:], template.constants[slot + 1][:60]
    for pattern in (_TAG, _HEADING):
        if (found := pattern.search(before)) is not None:
            return _identifier(found[1])
    if (fence := _FENCE.search(before)) is not None:
        return _identifier(f"{fence[1]}_code" if fence[1] else "code")
    if (
        label := _LABEL.search(before.rpartition("\n\n")[2] if before.rstrip(" ")[-1:] != "\n" else before)
    ) is not None:
        return _identifier(" ".join(re.split(r"\s+", label[1])[-3:]))
    for pattern, text in ((_AFTER, after), (_BEFORE, before)):
        if (found := pattern.search(text)) is not None and found[1].lower() not in _COMMON:
            return _identifier(found[1])
    return ""


def _identifier(text: str) -> str:
    return re.sub(r"\W+", "_", text.strip().lower()).strip("_")[:MOST_NAME]


def _unique(names: Sequence[str], types: Sequence[ValueType]) -> list[str]:
    """Each name once; a slot without one is called by its type."""
    told = [
        name or ("choice" if kind is ValueType.ENUM else str(kind)) for name, kind in zip(names, types, strict=True)
    ]
    seen: Counter[str] = Counter()
    found = list[str]()
    for name in told:
        seen[name] += 1
        candidate = name if seen[name] == 1 else f"{name}_{seen[name]}"
        while candidate in found:
            seen[name] += 1
            candidate = f"{name}_{seen[name]}"
        found.append(candidate)
    return found
