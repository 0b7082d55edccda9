"""The words of chunks and code examples as PostgreSQL's full-text search keeps them: columns as labels and prefixes. Pure.

A tsvector knows four labels and a shelf has six columns. So two columns have the label of another one, and their words are
there twice, at the same place: plain, and with a sign before them that no word can have: those of names `+`, those that a chat
model added `^`. Most queries don't tell the two columns apart and look up the plain word alone; see phrases.py for the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gleanery.store.search_store import Shelf
from gleanery.store.words import EVERY_ROW, WORD, folded

MAX_WORD_CHARACTERS = 400
"""A lexeme may have 2,046 bytes; what is longer is no word, but must be found as it was stored."""
MAX_POSITION = 16_383
"""PostgreSQL counts no further."""
MAX_BYTES = 800_000
"""A tsvector may have 1 MB."""
GAP = 8
"""Between two columns: no phrase goes from one into the next."""


@dataclass(frozen=True)
class Zone:
    """Where the words of a column are: their label, and the sign of those that are there once more."""

    label: str
    sign: str = ""


ZONES: Mapping[Shelf, Mapping[str, Zone]] = {
    Shelf.CHUNKS: {
        "title": Zone("A"),
        "headings": Zone("B"),
        "body": Zone("C"),
        "code": Zone("D"),
        "names": Zone("D", "+"),
        "context": Zone("C", "^"),
    },
    Shelf.CODE: {
        "title": Zone("A"),
        "headings": Zone("B"),
        "context": Zone("C"),
        "code": Zone("D"),
        "names": Zone("D", "+"),
        "summary": Zone("C", "^"),
    },
}
"""By shelf and column; the columns are in the order of the weights of `find_words`."""


def vector_of(shelf: Shelf, texts: Sequence[str]) -> str:
    """The texts of a row's columns, as they go into the embedded store's index, in the form that a tsvector is read from."""
    places: dict[str, list[str]] = {}
    position, room = 0, MAX_BYTES
    for zone, text in zip(ZONES[shelf].values(), texts, strict=True):
        for word in WORD.findall(text):
            if word == EVERY_ROW:
                continue
            position += 1
            plain = lexeme(word)
            for known in (plain, zone.sign + plain) if zone.sign else (plain,):
                if known not in places:
                    room -= len(known.encode()) + 8
                    places[known] = []
                places[known].append(f"{min(position, MAX_POSITION)}{zone.label}")
            if room < 0:
                break
        position += GAP
    return " ".join(f"'{word}':{','.join(at)}" for word, at in places.items())


def lexeme(word: str) -> str:
    """A word as the index has it."""
    return folded(word)[:MAX_WORD_CHARACTERS]
