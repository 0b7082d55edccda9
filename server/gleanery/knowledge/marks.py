"""Which characters of a text are marked for a query: what matched, as ranges in code points. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gleanery.knowledge.query import Role, Term
from gleanery.store.words import (
    CASE_BORDER,
    LINK_TARGET,
    NAME,
    OUTER_JOINT,
    WORD,
    folded,
    light_stem,
    unsigned,
)

Range = tuple[int, int]
_ASCII_WORD = re.compile("[A-Za-z0-9]+")
MAX_CHARS = 200_000
"""Nothing is marked beyond: a chunk is a few thousand characters long, a code example may be anything."""


Atom = tuple[str, int, int]
"""A word, or a part of one that is told by case: folded, with where it begins and ends."""


@dataclass
class _Wanted:
    words: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    runs: dict[str, list[list[str]]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.stems or self.runs)


def mark(content: str, terms: Iterable[Term]) -> list[Range]:
    """Where `content` has one of `terms`: (start, end) in code points, ascending, none empty, none overlapping.

    A term matches as in the index: words and parts of names (`create_task` and `createTask` for each other), whatever their
    case and accents; other forms of a word where the query gave its stem. Nothing is marked in the targets of links: those
    are not searched, and not shown.
    """
    content = content[:MAX_CHARS]
    wanted = _wanted(terms)
    if wanted.is_empty:
        return []
    words = _words(content)
    parts = [part for word in words for part in _parts(content, word)]
    found = [*_single(words, wanted), *_single(parts, wanted)]
    if wanted.runs:
        whole = [word for word in words if not _is_split(content, word)] if parts else words
        found += _runs(words, wanted)
        if parts:
            found += _runs(sorted((*whole, *parts), key=lambda atom: atom[1]), wanted)
    if wanted.words:
        found += _names(content, wanted.words)
    return _outside_targets(content, _merged(found))


def _wanted(terms: Iterable[Term]) -> _Wanted:
    wanted = _Wanted()
    for term in terms:
        if term.role is Role.PAIR:
            continue  # its words are terms themselves
        words = [folded(word) for word in term.words]
        if term.role is Role.STEM:
            wanted.stems.add(words[0])
        elif len(words) == 1:
            wanted.words.add(words[0])
        else:
            wanted.runs.setdefault(words[0], []).append(words)
    return wanted


def _words(content: str) -> list[Atom]:
    if content.isascii():  # a hit has some hundred words, and most texts are
        return [(match[0].lower(), match.start(), match.end()) for match in _ASCII_WORD.finditer(content)]
    return [(folded(match[0]), *match.span()) for match in WORD.finditer(content)]


def _is_split(content: str, word: Atom) -> bool:
    written = content[word[1] : word[2]]
    return not written[1:].islower() and CASE_BORDER.search(written) is not None


def _parts(content: str, word: Atom) -> Iterator[Atom]:
    """The parts of a word in camel case; none of any other."""
    if not _is_split(content, word):
        return
    start = word[1]
    for part in CASE_BORDER.split(content[start : word[2]]):
        yield folded(part), start, start + len(part)
        start += len(part)


def _single(atoms: Sequence[Atom], wanted: _Wanted) -> Iterator[Range]:
    for text, start, end in atoms:
        if text in wanted.words or (wanted.stems and light_stem(text) in wanted.stems):
            yield start, end


def _runs(atoms: Sequence[Atom], wanted: _Wanted) -> Iterator[Range]:
    for position, (text, start, _) in enumerate(atoms):
        for run in wanted.runs.get(text, ()):
            if [other[0] for other in atoms[position : position + len(run)]] == run:
                yield start, atoms[position + len(run) - 1][2]


def _names(content: str, words: set[str]) -> Iterator[Range]:
    """Joined names, or their joined pieces, that are asked for as one word: `createtask` for `asyncio.create_task`."""
    for match in NAME.finditer(content):
        if match[0].isalnum():
            continue  # a word like any other, also in camel case
        if folded(unsigned(match[0])) in words:
            yield match.span()
            continue
        start = match.start()
        for piece in OUTER_JOINT.split(match[0]):
            start = content.index(piece, start)
            if folded(unsigned(piece)) in words:
                yield start, start + len(piece)
            start += len(piece)


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _outside_targets(content: str, ranges: list[Range]) -> list[Range]:
    targets = [match.span() for match in LINK_TARGET.finditer(content)] if "](" in content else []
    if not targets:
        return ranges
    return [(start, end) for start, end in ranges if not any(first <= start < last for first, last in targets)]
