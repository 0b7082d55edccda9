"""Whether texts of one alignment are several templates that say nearly the same.

An `enum` slot has few values too. What tells two templates apart is that they differ in several places at once, always in
the same way (the bijection of IPLoM: Makanju et al., "Clustering event logs using iterative partitioning", KDD 2009), or
in a whole sentence that comes again and again.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from gleanery.knowledge.grouping.branches import Part, parts_of
from gleanery.knowledge.grouping.tokens import is_word, kind_of, tokens_of

MOST_VARIANTS = 4
LEAST_TEXTS = 8
"""From how many texts on two places that agree are believed; three are from half as many."""
LEAST_OF_EACH = 2
SENTENCE_WORDS = range(5, 41)
MOST_SENTENCES = 6
OPENING_WORDS = 6
LEAST_OPENED = 0.8
"""Share of a slot's values that must begin so."""
LEAST_DISTINCT = 0.5
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
    return _by_places(columns, len(values)) or _by_sentence(columns, weights) or _by_opening(columns)


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
    """A place that has one of a few sentences; or two of them, each of many, where these come again and again."""
    found = [column for column in columns if _is_of_sentences(column)]
    for column in found:
        totals: Counter[str] = Counter()
        for value, weight in zip(column, weights, strict=True):
            totals[value] += weight
        is_several = len(found) > 1 and LEAST_OF_SENTENCE * len(totals) <= len(column)
        if is_several or (len(totals) <= MOST_SENTENCES and min(totals.values()) >= LEAST_OF_SENTENCE):
            numbers = {value: number for number, value in enumerate(totals)}
            return _rows([numbers[value] for value in column])
    return []


def _is_of_sentences(column: Column) -> bool:
    distinct = set(column)
    return (
        2 <= len(distinct) <= max(MOST_SENTENCES, len(column) // LEAST_OF_SENTENCE)
        and not any(map(str.isdigit, "".join(distinct)))
        and all(sum(map(is_word, tokens_of(value))) in SENTENCE_WORDS for value in distinct)
    )


def _by_opening(columns: Sequence[Column]) -> list[list[int]]:
    """A slot whose values begin in a few ways, each for long, holds the rest of several templates."""
    for column in columns:
        distinct = list(dict.fromkeys(column))
        if len(distinct) < LEAST_TEXTS or len(distinct) < LEAST_DISTINCT * len(column):
            continue
        words = [[kind_of(token) for token in tokens_of(value) if not token.isspace()] for value in distinct]
        if sum(map(len, words)) < OPENING_WORDS * len(words):
            continue
        parts = [part for part in parts_of(words, range(len(words))) if len(part.texts) > 1 and _opens(words, part)]
        if len(parts) < 2 or sum(len(part.texts) for part in parts) < LEAST_OPENED * len(distinct):
            continue
        part_of = {distinct[text]: number for number, part in enumerate(parts) for text in part.texts}
        return _rows([part_of.get(value, -1) for value in column])
    return []


def _opens(words: Sequence[list[str]], part: Part) -> bool:
    return sum(map(is_word, words[part.texts[0]][: part.words])) >= OPENING_WORDS


def _rows(split: Sequence[int]) -> list[list[int]]:
    found = defaultdict[int, list[int]](list)
    for row, number in enumerate(split):
        found[number].append(row)
    return list(found.values())
