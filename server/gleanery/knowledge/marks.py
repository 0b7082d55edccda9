"""Which characters of a text are marked for a query: what matched, as ranges in code points. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gleanery.knowledge.query import Role, Term
from gleanery.store.words import (
    CASE_BORDER,
    CJK,
    LINK_TARGET,
    OUTER_JOINT,
    WORD,
    folded,
    light_stem,
    unsigned,
)

Range = tuple[int, int]
_ASCII_WORD = re.compile("[A-Za-z0-9]+")
# Letters, digits and accents for which ASCII is not enough; other signs, such as quotes and dashes, stand between words.
_BEYOND_ASCII = re.compile(rf"[^\W\x00-\x7f]|[\u0300-\u0331{CJK}]")
_ASCII_MIXED = re.compile("(?<![A-Za-z0-9])[A-Za-z0-9][a-z0-9]*+[A-Z][A-Za-z0-9]*+")
# What NAME matches with a sign in it: without one it is a word like any other, also in camel case.
_JOINED_NAME = re.compile(rf"(?<!\w)(?:\w++(?:(?:{OUTER_JOINT.pattern}|-)\w++)++|[^\W_]*+_\w*+)")
_ASCII_SIGNS = str.maketrans("", "", "_.:->")
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

    def has(self, word: str) -> bool:
        return word in self.words or (bool(self.stems) and light_stem(word) in self.stems)


def mark(content: str, terms: Iterable[Term]) -> list[Range]:
    """Where `content` has one of `terms`: (start, end) in code points, ascending, none empty, none overlapping.

    A term matches as in the index: words and parts of names (`create_task` and `createTask` for each other), whatever their
    case and accents; other forms of a word where the query gave its stem. Nothing is marked in the targets of links: those
    are not searched, and not shown.
    """
    return marker(terms)(content)


def marker(terms: Iterable[Term]) -> Callable[[str], list[Range]]:
    """`mark` for many texts."""
    wanted = _wanted(terms)
    return lambda content: [] if wanted.is_empty else _marked(content[:MAX_CHARS], wanted)


def _marked(content: str, wanted: _Wanted) -> list[Range]:
    is_plain = content.isascii() or not _BEYOND_ASCII.search(content)
    words = _plain_words(content, wanted) if is_plain else _words(content)
    split = [word for word in _mixed(content, is_plain) if CASE_BORDER.search(content, *word)]
    parts = [part for word in split for part in _parts(content, word)]
    found = [*_single(words, wanted), *_single(parts, wanted)]
    if wanted.runs:
        found += _runs(words, wanted)
        if parts:
            whole = [word for word in words if word[1:] not in split]
            found += _runs(sorted((*whole, *parts), key=lambda atom: atom[1]), wanted)
    if wanted.words and (not is_plain or _may_have_names(content, wanted.words)):
        found += _names(content, wanted.words, is_plain)
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


def _plain_words(content: str, wanted: _Wanted) -> list[Atom]:
    """Those that are asked for, or all where they may be part of a run. A hit has some hundred words, and most texts are
    plain: to take each as an atom costs more than all the rest."""
    lowered = content.lower()
    different = set(_ASCII_WORD.findall(lowered))
    if not wanted.runs.keys().isdisjoint(different):
        return [(match[0], match.start(), match.end()) for match in _ASCII_WORD.finditer(lowered)]
    return [atom for word in different if wanted.has(word) for atom in _occurrences(word, lowered)]


def _occurrences(word: str, lowered: str) -> Iterator[Atom]:
    end = 0
    while (start := lowered.find(word, end)) >= 0:
        end = start + len(word)
        if not (_is_ascii_word(lowered[start - 1 : start]) or _is_ascii_word(lowered[end : end + 1])):
            yield word, start, end


def _is_ascii_word(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


def _words(content: str) -> list[Atom]:
    return [(folded(match[0]), *match.span()) for match in WORD.finditer(content)]


def _mixed(content: str, is_plain: bool) -> list[Range]:
    """Words with a letter in upper case beyond the first: one in camel case has that."""
    if is_plain:
        return [match.span() for match in _ASCII_MIXED.finditer(content)]
    return [match.span() for match in WORD.finditer(content) if not match[0][1:].islower()]


def _parts(content: str, word: Range) -> Iterator[Atom]:
    """The parts of a word in camel case."""
    start = word[0]
    for part in CASE_BORDER.split(content[start : word[1]]):
        yield folded(part), start, start + len(part)
        start += len(part)


def _single(atoms: Sequence[Atom], wanted: _Wanted) -> list[Range]:
    asked = {text for text in {atom[0] for atom in atoms} if wanted.has(text)}
    return [(start, end) for text, start, end in atoms if text in asked] if asked else []


def _runs(atoms: Sequence[Atom], wanted: _Wanted) -> Iterator[Range]:
    if wanted.runs.keys().isdisjoint([atom[0] for atom in atoms]):
        return
    for position, (text, start, _) in enumerate(atoms):
        for run in wanted.runs.get(text, ()):
            if [other[0] for other in atoms[position : position + len(run)]] == run:
                yield start, atoms[position + len(run) - 1][2]


def _names(content: str, words: set[str], is_plain: bool) -> Iterator[Range]:
    """Joined names, or their joined pieces, that are asked for as one word: `createtask` for `asyncio.create_task`."""
    for match in _JOINED_NAME.finditer(content):
        if _as_one_word(match[0], is_plain) in words:
            yield match.span()
            continue
        start = match.start()
        pieces = OUTER_JOINT.split(match[0])
        for piece in pieces if len(pieces) > 1 else ():
            start = content.index(piece, start)
            if _as_one_word(piece, is_plain) in words:
                yield start, start + len(piece)
            start += len(piece)


def _may_have_names(content: str, words: set[str]) -> bool:
    """Whether a plain text has one of these more often without its joints than with them, or beside an underscore."""
    lowered = content.lower()
    joined = lowered.translate(_ASCII_SIGNS)
    return any(
        joined.count(word) > lowered.count(word) or f"_{word}" in lowered or f"{word}_" in lowered for word in words
    )


def _as_one_word(name: str, is_plain: bool) -> str:
    return name.lower().translate(_ASCII_SIGNS) if is_plain else folded(unsigned(name))


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
