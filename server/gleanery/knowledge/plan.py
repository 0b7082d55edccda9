"""How a query is put to the full-text index so that it answers in time: which terms must be there, which only count. Pure.

BM25 of a row costs a few microseconds, so a row that has one common word of many must not be ranked at all. Of 100,000 chunks
a fifth has "function"; "how to use a function to get the value of an object" matches half of them, 140 ms of work. So only
rows are ranked that have one of the rarer terms, or two of the others; what else is looked for adds to the score of those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gleanery.knowledge.query import ParsedQuery, Role, Term
from gleanery.store.search_store import Match, Shelf
from gleanery.store.words import EVERY_ROW, light_stem

ANCHOR_ROWS = 1_000
"""So many rows may have one of the terms that are enough for a hit."""
PAIRED_ROWS = 1_500
"""So many rows may have two of those that aren't."""
REST_ROWS = 60_000
"""So many entries of the index may be passed over for the terms that only count."""
WIDE_SHARE = 1 / 40
"""Where more rows than this share must be ranked, to rank some of them twice costs more than a word that every row has."""
TOGETHER = 1.5
"""Words of a query are together in so many times more rows than if they had nothing to do with each other."""
# What was written counts in every column; a stem stands for other forms of prose, and would find parts of names.
_STEM_COLUMNS = {Shelf.CHUNKS: "title headings body names context", Shelf.CODE: "title headings context names summary"}
_CODE_COLUMNS = "code names"
_NOTHING = '""'  # an empty phrase finds nothing


@dataclass(frozen=True)
class Plan:
    """A row must have one of `anchors`, or one of the first and one of the second of `groups`; `rest` adds to its score, and
    `left_out` is what would cost too much. `is_wide` where many rows have what they must have."""

    anchors: tuple[Term, ...] = ()
    groups: tuple[tuple[Term, ...], tuple[Term, ...]] = ((), ())
    rest: tuple[Term, ...] = ()
    left_out: tuple[Term, ...] = ()
    is_wide: bool = False


@dataclass(frozen=True)
class Counts:
    """How many rows have a (folded) word, 0 where that isn't known: then any term will do. `size` is the number of rows."""

    of: Callable[[str], int]
    size: int

    def rows(self, term: Term) -> int:
        """At most: a phrase is in no more rows than its rarest word."""
        return min(map(self.of, term.key.split()), default=0)

    def entries(self, term: Term) -> int:
        return sum(map(self.of, term.key.split()))


def planned(parsed: ParsedQuery, terms: Sequence[Term], counts: Counts) -> Plan:
    """For these terms of a query."""
    if parsed.can_be_relaxed:  # what must be there is anchor enough, and counts already
        rest, left_out = _affordable([term for term in terms if term not in parsed.required], counts)
        rows = min(map(counts.rows, (*parsed.required, *parsed.in_code)))
        return Plan(rest=rest, left_out=left_out, is_wide=rows > WIDE_SHARE * counts.size)
    by_rarity = sorted((term for term in terms if term.role is not Role.PAIR), key=counts.rows)
    anchors: list[Term] = []
    total = 0
    for term in by_rarity:
        total += counts.rows(term)
        if total > ANCHOR_ROWS:
            break
        anchors.append(term)
    groups = _groups(by_rarity[len(anchors) :], counts, must_be=not anchors)
    if not anchors and not all(groups):
        anchors = by_rarity[:1]
    chosen = {*anchors, *groups[0], *groups[1]}
    rest, left_out = _affordable([term for term in terms if term not in chosen], counts)
    estimated = sum(map(counts.rows, anchors)) + (_both(groups, counts) if all(groups) else 0.0)
    return Plan(tuple(anchors), groups, rest, left_out, is_wide=estimated > WIDE_SHARE * counts.size)


def _groups(by_rarity: Sequence[Term], counts: Counts, *, must_be: bool) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Terms in turns, with their other forms, as long as not too many rows have one of each group; two if they `must_be`."""
    groups: tuple[list[Term], list[Term]] = ([], [])
    forms: dict[str, int] = {}
    for term in by_rarity:
        form = light_stem(term.key)
        at = forms.setdefault(form, len(forms) % 2)
        tried = ([*groups[0], term], groups[1]) if at == 0 else (groups[0], [*groups[1], term])
        is_wanted = must_be and not all(groups)
        if all(tried) and not is_wanted and _both(tried, counts) > PAIRED_ROWS:
            break
        groups = tried
    return (tuple(groups[0]), tuple(groups[1])) if all(groups) else ((), ())


def _both(groups: Iterable[Iterable[Term]], counts: Counts) -> float:
    """How many rows have one of each group, by estimate."""
    shares = [1 - math.prod(1 - counts.rows(term) / counts.size for term in group) for group in groups]
    return TOGETHER * counts.size * math.prod(shares)


def _affordable(terms: Iterable[Term], counts: Counts) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The cheapest of them, and those that are left out."""
    taken: list[Term] = []
    left_out: list[Term] = []
    total = 0
    for term in sorted(terms, key=counts.entries):
        total += counts.entries(term)
        (taken if total <= REST_ROWS else left_out).append(term)
    return tuple(taken), tuple(left_out)


def match_of(shelf: Shelf, parsed: ParsedQuery, plan: Plan) -> Match:
    """What to ask of the words of a shelf, with what the query says must and must not be there."""
    must = [_phrase(term) for term in parsed.required]
    must += [f"{{{_CODE_COLUMNS}}} : {_phrase(term)}" for term in parsed.in_code]
    columns = {Role.STEM: _STEM_COLUMNS[shelf]}
    alternatives = [_in(columns, term) for term in plan.anchors]
    if all(plan.groups):
        alternatives.append(" AND ".join(f"({_any_of(_in(columns, term) for term in group)})" for group in plan.groups))
    ranked = _any_of(alternatives) if alternatives or not must else ""
    must_not = _any_of(map(_phrase, parsed.excluded)) if parsed.excluded else ""
    also = _any_of(_in(columns, term) for term in plan.rest) if plan.rest and (ranked != _NOTHING) else ""
    if also and plan.is_wide:
        optional = f"({also} OR names : {EVERY_ROW})"
        ranked, also = f"({ranked}) AND {optional}" if ranked else optional, ""
    return Match(ranked, " AND ".join(must), must_not, also)


def _any_of(expressions: Iterable[str]) -> str:
    return " OR ".join(expressions) or _NOTHING


def _in(columns: Mapping[Role, str], term: Term) -> str:
    return f"{{{columns[term.role]}}} : {_phrase(term)}" if term.role in columns else _phrase(term)


def _phrase(term: Term) -> str:
    # Within quotes nothing has a meaning to FTS5, and a word holds no quote.
    return f'"{" ".join(term.words)}"'
