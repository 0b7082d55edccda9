"""Expressions of FTS5, as `Match` has them, as queries of PostgreSQL's full-text search. Pure.

"a b" OR c          phrases and words                    {code names} : "a b"     in some columns only
a AND (b OR c)      NOT binds before AND, AND before OR   ""                       finds nothing
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gleanery.errors import InvalidInput
from gleanery.store.search_store import Match, Shelf
from gleanery.store.supabase.phrases import Phrase, counted, phrase_query
from gleanery.store.supabase.words import ZONES, lexeme
from gleanery.store.words import EVERY_ROW, WORD

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|([(){}:])|([^\s"(){}:]+)')
_KEYWORDS = ("AND", "OR", "NOT")


@dataclass(frozen=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Without:
    wanted: Node
    unwanted: Node


Node = Phrase | All | AnyOf | Without


def parsed(shelf: Shelf, expression: str) -> Node:
    """Raises InvalidInput for what FTS5 would not take."""
    return _Parser(expression, tuple(ZONES[shelf])).whole()


def needed(shelf: Shelf, match: Match) -> Node | None:
    """What a row must have to be ranked, without what it must not have; None where nothing can be found."""
    parts = [parsed(shelf, part) for part in (match.must, match.ranked) if part]
    return All(tuple(parts)) if parts else None


def query_of(shelf: Shelf, node: Node) -> str | bool:
    """As a tsquery; True where each row has it, False where none has."""
    match node:
        case Phrase():
            return phrase_query(shelf, node)
        case All(parts):
            return _joined([query_of(shelf, part) for part in parts], "&", neutral=True)
        case AnyOf(parts):
            return _joined([query_of(shelf, part) for part in parts], "|", neutral=False)
        case Without(wanted, unwanted):
            return _joined([query_of(shelf, wanted), _negated(query_of(shelf, unwanted))], "&", neutral=True)


def phrases(node: Node) -> Iterator[Phrase]:
    """Those that add to a rank."""
    match node:
        case Phrase(words):
            if words and words != (EVERY_ROW,):
                yield node
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from phrases(part)
        case Without(wanted):
            yield from phrases(wanted)


def _joined(parts: Sequence[str | bool], sign: str, *, neutral: bool) -> str | bool:
    if (not neutral) in parts:
        return not neutral
    texts = [part for part in parts if isinstance(part, str)]
    if not texts:
        return neutral
    return texts[0] if len(texts) == 1 else f"({f' {sign} '.join(texts)})"


def _negated(query: str | bool) -> str | bool:
    return f"!{query}" if isinstance(query, str) else not query


class _Parser:
    """By recursive descent: or → and → not → one."""

    def __init__(self, expression: str, columns: tuple[str, ...]) -> None:
        self._expression = expression
        self._tokens = [
            ("quoted", found[1]) if found[1] is not None else ("sign" if found[2] else "word", found[2] or found[3])
            for found in _TOKEN.finditer(expression)
        ]
        self._at = 0
        self._columns = columns

    def whole(self) -> Node:
        node = self._or()
        if self._at < len(self._tokens):
            raise self._error()
        return node

    def _or(self) -> Node:
        parts = [self._and()]
        while self._takes("word", "OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _and(self) -> Node:
        parts = [self._not()]
        while self._takes("word", "AND") or self._begins_one():
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self) -> Node:
        node = self._one()
        while self._takes("word", "NOT"):
            node = Without(node, self._one())
        return node

    def _one(self) -> Node:
        if self._takes("sign", "("):
            node = self._or()
            self._expect("sign", ")")
            return node
        if self._takes("sign", "{"):
            columns = []
            while not self._takes("sign", "}"):
                columns.append(self._next("word"))
            self._expect("sign", ":")
            return self._within(columns)
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "quoted":
            return self._phrase(self._next("quoted"))
        word = self._next("word")
        if word in _KEYWORDS:
            raise self._error()
        return self._within([word]) if self._takes("sign", ":") else self._phrase(word)

    def _within(self, columns: Sequence[str]) -> Node:
        outer = self._columns
        if not set(columns) <= set(outer):
            raise self._error()
        self._columns = tuple(column for column in outer if column in columns)
        node = self._one()
        self._columns = outer
        return node

    def _phrase(self, text: str) -> Phrase:
        return Phrase(tuple(WORD.findall(text)), self._columns)

    def _begins_one(self) -> bool:
        if self._at >= len(self._tokens):
            return False
        kind, text = self._tokens[self._at]
        return kind == "quoted" or text in ("(", "{") or (kind == "word" and text not in _KEYWORDS)

    def _takes(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _expect(self, kind: str, text: str) -> None:
        if not self._takes(kind, text):
            raise self._error()

    def _next(self, kind: str) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != kind:
            raise self._error()
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _error(self) -> InvalidInput:
        return InvalidInput("query", f"this is no expression of words: {self._expression}")


def conditions(match: Match | None) -> str | bool:
    """What must be in a chunk and what must not, as a tsquery; True where every chunk has it, False where none has."""
    if match is None:
        return True
    must = query_of(Shelf.CHUNKS, parsed(Shelf.CHUNKS, match.must)) if match.must else True
    unwanted = query_of(Shelf.CHUNKS, parsed(Shelf.CHUNKS, match.must_not)) if match.must_not else False
    return _joined([must, _negated(unwanted)], "&", neutral=True)


def word_query(shelf: Shelf, word: str) -> str:
    """For one word in any column."""
    return str(phrase_query(shelf, Phrase((word,), tuple(ZONES[shelf]))))


def asked_of(shelf: Shelf, match: Match, weights: Sequence[float]) -> Mapping[str, Any] | None:
    """What `search_find_words` takes of a match: the query (None for every row), and each phrase with how it is counted;
    None where nothing can be found."""
    node = needed(shelf, match)
    if node is None:
        return None
    whole = Without(node, parsed(shelf, match.must_not)) if match.must_not else node
    query = query_of(shelf, whole)
    if query is False:
        return None
    also = parsed(shelf, match.also) if match.also else None
    ranked = [*phrases(node), *(phrases(also) if also else ())]
    scale = max(*weights, 1.0)
    shares = [weight / scale for weight in weights]  # PostgreSQL takes none above 1
    return {
        "query": query if isinstance(query, str) else None,
        "phrases": [
            {"words": [lexeme(word) for word in phrase.words], "parts": counted(shelf, phrase, shares)}
            for phrase in ranked
        ],
        "scale": scale,
    }
