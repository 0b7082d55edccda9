"""How a query is put to the full-text index so that it answers in time: which terms must be there, which only count. Pure.

BM25 of a row costs a few microseconds, so a row that has one common word of many must not be ranked at all. Of 100,000 chunks
a fifth has "function"; "how to use a function to get the value of an object" matches half of them, 140 ms of work. So only
rows are ranked that have one of the rarer terms; the others add to the score of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gleanery.knowledge.query import ParsedQuery, Role, Term
from gleanery.store.search_store import Match, Shelf
from gleanery.store.words import EVERY_ROW

ANCHOR_ROWS = 4_000
"""So many rows may have one of the terms that a hit must have."""
REST_ROWS = 120_000
"""So many entries of the index may be passed over for the terms that only count."""
# What was written counts in every column; a stem stands for other forms of prose, and would find parts of names.
_STEM_COLUMNS = {Shelf.CHUNKS: "title headings body names context", Shelf.CODE: "title headings context names summary"}
_CODE_COLUMNS = "code names"
_NOTHING = '""'  # an empty phrase finds nothing

Count = Callable[[str], int]


@dataclass(frozen=True)
class Plan:
    """A row must have all of one of `anchors`; `rest` adds to its score, and `left_out` is what would cost too much."""

    anchors: tuple[tuple[Term, ...], ...]
    rest: tuple[Term, ...] = ()
    left_out: tuple[Term, ...] = ()


def planned(parsed: ParsedQuery, terms: Sequence[Term], count: Count) -> Plan:
    """For these terms of a query. `count` gives the number of rows that have a (folded) word, 0 where that isn't known: then
    any term will do."""
    if parsed.can_be_relaxed:  # what must be there is anchor enough, and counts already
        return Plan((), *_affordable([term for term in terms if term not in parsed.required], count))
    rows = {term: _rows(term, count) for term in terms}
    by_rarity = sorted((term for term in terms if term.role is not Role.PAIR), key=lambda term: rows[term])
    anchors: list[Term] = []
    total = 0
    for term in by_rarity:
        if anchors and total + rows[term] > ANCHOR_ROWS:
            break
        anchors.append(term)
        total += rows[term]
    chosen: tuple[tuple[Term, ...], ...] = tuple((term,) for term in anchors)
    if total > ANCHOR_ROWS and (second := _second(anchors[0], by_rarity)):
        chosen, anchors = ((anchors[0], second),), [anchors[0], second]
    rest, left_out = _affordable([term for term in terms if term not in anchors], count)
    return Plan(chosen, rest, left_out)


def _rows(term: Term, count: Count) -> int:
    """At most: a phrase is in no more rows than its rarest word."""
    return min(map(count, term.key.split()), default=0)


def _second(first: Term, by_rarity: Sequence[Term]) -> Term | None:
    """The rarest other word: too many rows have the first one alone."""
    known = set(first.key.split())
    others = (term for term in by_rarity if term.role is not Role.STEM and known.isdisjoint(term.key.split()))
    return next(others, None)


def _affordable(terms: Iterable[Term], count: Count) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The cheapest of them, and those that are left out."""
    taken: list[Term] = []
    left_out: list[Term] = []
    total = 0
    for term in sorted(terms, key=lambda term: _entries(term, count)):
        total += _entries(term, count)
        (taken if total <= REST_ROWS else left_out).append(term)
    return tuple(taken), tuple(left_out)


def _entries(term: Term, count: Count) -> int:
    return sum(map(count, term.key.split()))


def match_of(shelf: Shelf, parsed: ParsedQuery, plan: Plan) -> Match:
    """What to ask of the words of a shelf, with what the query says must and must not be there."""
    must = [_phrase(term) for term in parsed.required]
    must += [f"{{{_CODE_COLUMNS}}} : {_phrase(term)}" for term in parsed.in_code]
    columns = {Role.STEM: _STEM_COLUMNS[shelf]}
    ranked = _any_of(" AND ".join(_in(columns, term) for term in every) for every in plan.anchors)
    if plan.rest and plan.anchors:
        ranked = f"({ranked}) AND ({_optional(plan.rest, columns)})"
    elif must:
        ranked = _optional(plan.rest, columns)
    must_not = _any_of(map(_phrase, parsed.excluded)) if parsed.excluded else ""
    return Match(ranked, " AND ".join(must), must_not)


def _optional(terms: Iterable[Term], columns: Mapping[Role, str]) -> str:
    return _any_of((*(_in(columns, term) for term in terms), f"names : {EVERY_ROW}"))


def _any_of(expressions: Iterable[str]) -> str:
    return " OR ".join(expressions) or _NOTHING


def _in(columns: Mapping[Role, str], term: Term) -> str:
    return f"{{{columns[term.role]}}} : {_phrase(term)}" if term.role in columns else _phrase(term)


def _phrase(term: Term) -> str:
    # Within quotes nothing has a meaning to FTS5, and a word holds no quote.
    return f'"{" ".join(term.words)}"'
