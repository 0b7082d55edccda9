"""Whether texts of one alignment are several templates that say nearly the same.

An `enum` slot has few values too. What tells two templates apart is that they differ in several places at once, always in
the same way (the bijection of IPLoM: Makanju et al., "Clustering event logs using iterative partitioning", KDD 2009), or
in a whole sentence that comes again and again.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from gleanery.knowledge.grouping.tokens import is_word, tokens_of

MOST_VARIANTS = 4
LEAST_TEXTS = 8
"""From how many texts on two places that agree are believed; three are from half as many."""
LEAST_OF_EACH = 2
SENTENCE_WORDS = range(5, 41)
MOST_SENTENCES = 6
EDGE = 80
"""Characters in which a value's first or last word is looked for."""
_WORD = re.compile(r"\w+")
LEAST_OF_SENTENCE = 3

Column = tuple[str, ...]


def variants_of(values: Sequence[Sequence[str]], weights: Sequence[int]) -> list[list[int]]:
    """The rows (values of one text each) by template, where they are several; else empty. A weight counts equal texts."""
    if len(values) < 2 or not values[0]:
        return []
    columns: list[Column] = list(zip(*values, strict=True))
    return _by_places(columns, len(values)) or _by_sentence(columns, weights)


def _by_places(columns: Sequence[Column], rows: int) -> list[list[int]]:
    agreeing: Counter[tuple[int, ...]] = Counter()
    for column in columns:
        if "" in column:
            continue  # a part that may be left out
        agreeing.update({split for split in map(_classes, _faces(column)) if split is not None})
    for split, places in agreeing.most_common():
        least_of_each = min(Counter(split).values())
        if places >= 3 and rows >= LEAST_TEXTS // 2:
            return _rows(split)
        if places == 2 and rows >= LEAST_TEXTS and least_of_each >= LEAST_OF_EACH:
            return _rows(split)
    return []


def _faces(column: Column) -> Sequence[Column]:
    """What of a slot may be of the template: its values, or how they begin or end, where a value stands beside it."""
    if len(set(column)) <= MOST_VARIANTS:
        return (column,)
    return _edge(column, _first_word), _edge(column, _last_word)


def _edge(column: Column, word: Callable[[str], str]) -> Column:
    return tuple(map(word, column))


def _first_word(value: str) -> str:
    found = _WORD.search(value[:EDGE])
    return found[0] if found is not None else ""


def _last_word(value: str) -> str:
    return next(reversed(_WORD.findall(value[-EDGE:])), "")


def _classes(column: Column) -> tuple[int, ...] | None:
    """Which of its few values each row has, by first appearance; None for a column that tells no templates apart."""
    counts = Counter(column)
    if not 2 <= len(counts) <= min(MOST_VARIANTS, len(column) // 2):
        return None
    if any(not any(map(str.isalpha, value)) or any(map(str.isdigit, value)) for value in counts):
        return None
    numbers: dict[str, int] = {}
    return tuple(numbers.setdefault(value, len(numbers)) for value in column)


def _by_sentence(columns: Sequence[Column], weights: Sequence[int]) -> list[list[int]]:
    for column in columns:
        distinct = set(column)
        if not 2 <= len(distinct) <= MOST_SENTENCES or any(map(str.isdigit, "".join(distinct))):
            continue
        if any(sum(map(is_word, tokens_of(value))) not in SENTENCE_WORDS for value in distinct):
            continue
        totals: Counter[str] = Counter()
        for value, weight in zip(column, weights, strict=True):
            totals[value] += weight
        if min(totals.values()) >= LEAST_OF_SENTENCE:
            numbers = {value: number for number, value in enumerate(totals)}
            return _rows([numbers[value] for value in column])
    return []


def _rows(split: Sequence[int]) -> list[list[int]]:
    found = defaultdict[int, list[int]](list)
    for row, number in enumerate(split):
        found[number].append(row)
    return list(found.values())
