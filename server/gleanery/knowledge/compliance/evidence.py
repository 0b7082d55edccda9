"""Evidence for a control: what to search for, and which of the passages found are taken. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gleanery.knowledge.hits import Hit
from gleanery.model.compliance import Control, Why

MAX_QUERIES = 6
MAX_PASSAGES = 6
MAX_OF_A_PAGE = 2
"""So that one long page does not stand for all."""
HITS_A_QUERY = 12
_RANK_CONSTANT = 60  # of reciprocal rank fusion, after Cormack, Clarke and Büttcher, 2009
_QUERY_CHARACTERS = 200
_NO_WORD = re.compile(r"[^\w\s.-]+")


@dataclass(frozen=True)
class Taken:
    """A passage with the queries that found it, best rank first."""

    hit: Hit
    why: tuple[Why, ...]


def queries_of(control: Control) -> list[str]:
    """The control's own queries; where it has none its title, the evidence wanted and the beginning of its text. All of it as
    plain words: a framework writes no filters and no operators."""
    said = control.queries or [control.title, *control.evidence, control.text]
    plain = [" ".join(_NO_WORD.sub(" ", text).replace(" -", " ").split())[:_QUERY_CHARACTERS] for text in said]
    return list(dict.fromkeys(text for text in plain if text))[:MAX_QUERIES]


def taken_of(found: Sequence[tuple[str, Sequence[Hit]]]) -> list[Taken]:
    """The best passages over all queries, by reciprocal rank: what several queries find comes before what one finds."""
    hits: dict[str, Hit] = {}
    why: dict[str, list[Why]] = {}
    for query, ranked in found:
        for rank, hit in enumerate(ranked, 1):
            chunk_id = hit.found.chunk.chunk_id
            hits.setdefault(chunk_id, hit)
            why.setdefault(chunk_id, []).append(Why(query=query, rank=rank, score=round(hit.score, 6)))
    scores = {chunk_id: sum(1 / (_RANK_CONSTANT + each.rank) for each in said) for chunk_id, said in why.items()}
    of_page: Counter[str] = Counter()
    best: list[Taken] = []
    for chunk_id in sorted(hits, key=lambda each: (-scores[each], each)):
        page_id = hits[chunk_id].found.chunk.page_id
        if of_page[page_id] < MAX_OF_A_PAGE and len(best) < MAX_PASSAGES:
            of_page[page_id] += 1
            best.append(Taken(hits[chunk_id], tuple(sorted(why[chunk_id], key=lambda each: each.rank))))
    return best
