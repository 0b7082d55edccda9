"""Which templates are one: the same with a part left out at times, or with one value of a slot taken for constant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gleanery.knowledge.grouping.template import Template
from gleanery.knowledge.grouping.tokens import is_word, tokens_of

HEAD = 4
MOST_ALIKE = 60
"""Templates with one beginning that are compared with each other."""
LEAST_TEXTS = 3
"""Texts of each, for a part that comes at times."""
LEAST_PART = 3
"""Words of a part that is left out at times."""
VALUE_WORDS = range(4, 61)
"""A constant of so many words in the place of a slot is a template's own, unless it comes in other values too."""
MOST_ASKED = 30

Symbols = tuple[str | None, ...]


def kin(templates: Sequence[Template], texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """Sets of templates that are one; `texts` are some of each. Those that have no kin are left out."""
    leaders = list(range(len(templates)))
    symbols = [symbols_of(template) for template in templates]
    buckets = defaultdict[Symbols, list[int]](list)
    for number, some in enumerate(symbols):
        if templates[number].slots:
            buckets[some[:HEAD]].append(number)
    for bucket in buckets.values():
        ordered = sorted(bucket, key=lambda number: -len(texts[number]))[:MOST_ALIKE]
        for at, one in enumerate(ordered):
            for other in ordered[at + 1 :]:
                if _leader(leaders, one) != _leader(leaders, other) and (
                    _has_part_more(symbols[one], symbols[other], texts[one], texts[other])
                    or _is_case_of(templates[other], templates[one], texts[other], texts[one])
                    or _is_case_of(templates[one], templates[other], texts[one], texts[other])
                ):
                    leaders[_leader(leaders, other)] = _leader(leaders, one)
    families = defaultdict[int, list[int]](list)
    for number in range(len(templates)):
        families[_leader(leaders, number)].append(number)
    return [family for family in families.values() if len(family) > 1]


def _leader(leaders: list[int], number: int) -> int:
    while leaders[number] != number:
        number = leaders[number]
    return number


def symbols_of(template: Template) -> Symbols:
    """Its tokens without white space, None for a slot."""
    found = list[str | None]()
    for number, constant in enumerate(template.constants):
        found += [None] * (number > 0)
        found += [token for token in tokens_of(constant) if not token.isspace()]
    return tuple(found)


def is_document(one: Symbols, other: Symbols) -> bool:
    """Whether two templates are one with a long document each in the place of a slot: all before and after is the same."""
    head, tail = _same(one, other), _same(one[::-1], other[::-1])
    return _words(one[head : len(one) - tail]) > VALUE_WORDS[-1] and _words(one[len(one) - tail :]) > 0


def _has_part_more(one: Symbols, other: Symbols, texts: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the longer one is the shorter one with words put in at one place, and nothing else."""
    if min(len(texts), len(others)) < LEAST_TEXTS:
        return False
    short, long = sorted((one, other), key=len)
    head = _same(short, long)
    tail = _same(short[head:][::-1], long[head:][::-1])
    left = short[head : len(short) - tail]
    # Full stops that all values of one side end with don't count.
    if len(left) > 1 or _words(left):
        return False
    return _words(long[head : len(long) - tail]) >= LEAST_PART and _words(short[len(short) - tail :]) > 0


def _words(symbols: Symbols) -> int:
    return sum(symbol is not None and is_word(symbol) for symbol in symbols)


def _same(one: Symbols, other: Symbols) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (own, its) in enumerate(pairs) if own != its), min(len(one), len(other)))


def _is_case_of(special: Template, general: Template, texts: Sequence[str], general_texts: Sequence[str]) -> bool:
    """Whether all texts of one fit the other, and what it has more is a value by its length, or comes in other values."""
    if general.characters > special.characters or any(general.match(text) is None for text in texts):
        return False
    more = _more(special, general)
    if not any(map(is_word, more)):
        return True
    if sum(map(is_word, more)) not in VALUE_WORDS:
        return True
    run = "".join(more).strip()
    values = [general.match(text) or () for text in general_texts[:MOST_ASKED]]
    return bool(run) and any(run in value for row in values for value in row)


def _more(special: Template, general: Template) -> list[str]:
    """The longest constant text that the special one has where the general one has a slot, as tokens."""
    filled = general.match("\0".join(special.constants))
    runs = [run for value in filled or () for run in value.split("\0")]
    return tokens_of(max(runs, key=len, default=""))
