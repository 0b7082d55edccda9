"""Phrases as PostgreSQL's full-text search looks for them and counts them, in some columns of a shelf. Pure.

Columns that share a label are told apart by the signed words of the second, which stand beside the plain ones (see words.py):

both columns     'zebra':D                      what most queries want: one word to look up
the second       '+zebra'
the first        'zebra':D <0> !'+zebra'        at a place where the signed one is not
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gleanery.store.search_store import Shelf
from gleanery.store.supabase.words import ZONES, lexeme
from gleanery.store.words import EVERY_ROW


@dataclass(frozen=True)
class Phrase:
    """Words that follow each other, in one of these columns. Without words it is nowhere; EVERY_ROW is everywhere."""

    words: tuple[str, ...]
    columns: tuple[str, ...]


def phrase_query(shelf: Shelf, phrase: Phrase) -> str | bool:
    """As a tsquery; True where each row has it, False where none has."""
    if not phrase.words:
        return False
    if phrase.words == (EVERY_ROW,):
        return True
    whole, first, signs = _labels(shelf, phrase.columns)
    queries = [_in_labels(phrase.words, whole)] if whole else []
    queries += [_in_labels(phrase.words, label, but_not=sign) for label, sign in first]
    queries += [_signed(phrase.words, sign) for sign in signs]
    return queries[0] if len(queries) == 1 else f"({' | '.join(queries)})"


def counted(shelf: Shelf, phrase: Phrase, weights: Sequence[float]) -> list[dict[str, Any]]:
    """How to count a phrase in a row, each place by the weight of its column: queries with the weights of the labels D, C, B
    and A, and a factor. Where two columns of a label don't weigh alike, the signed words make up for it."""
    by_column = dict(zip(ZONES[shelf], weights, strict=True))
    labels: dict[str, float] = {}
    by_sign: dict[str, float] = {}
    for column, zone in ZONES[shelf].items():
        weight = by_column[column] if column in phrase.columns else 0.0
        if not zone.sign:
            labels[zone.label] = weight
        elif weight != labels[zone.label]:
            by_sign[zone.sign] = weight - labels[zone.label]
    parts = [_part(_in_labels(phrase.words, "ABCD"), labels, 1)] if any(labels.values()) else []
    for sign, more in by_sign.items():
        parts.append(_part(_signed(phrase.words, sign), dict.fromkeys("DCBA", abs(more)), 1 if more > 0 else -1))
    return parts


def _part(query: str, weights: Mapping[str, float], factor: int) -> dict[str, Any]:
    return {"query": query, "weights": [weights.get(label, 0.0) for label in "DCBA"], "factor": factor}


def _labels(shelf: Shelf, columns: Sequence[str]) -> tuple[str, list[tuple[str, str]], list[str]]:
    """Of the columns: labels all of whose columns they are, labels without the sign of the second, signs without the first."""
    whole, first, signs = "", [], []
    for column, zone in ZONES[shelf].items():
        second = [
            (name, other.sign) for name, other in ZONES[shelf].items() if other.sign and other.label == zone.label
        ]
        if zone.sign or not second:
            whole += zone.label if not zone.sign and column in columns else ""
            continue
        [(name, sign)] = second
        if column in columns and name in columns:
            whole += zone.label
        elif column in columns:
            first.append((zone.label, sign))
        elif name in columns:
            signs.append(sign)
    return whole, first, signs


def _in_labels(words: Sequence[str], labels: str, but_not: str = "") -> str:
    where = "" if len(labels) == 4 else f":{labels}"
    found = [f"'{lexeme(word)}'{where}" for word in words]
    if but_not:  # no phrase goes from one column into the next, so its first word says where it is
        found[0] = f"({found[0]} <0> !'{but_not}{lexeme(words[0])}')"
    return _in_a_row(found)


def _signed(words: Sequence[str], sign: str) -> str:
    return _in_a_row([f"'{sign}{lexeme(word)}'" for word in words])


def _in_a_row(found: Sequence[str]) -> str:
    return found[0] if len(found) == 1 else f"({' <-> '.join(found)})"
