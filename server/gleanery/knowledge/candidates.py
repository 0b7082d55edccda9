"""What becomes of hits on their way to the answer: lists of links further down, near-duplicates put together, words marked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gleanery.knowledge import twins
from gleanery.knowledge.fusion import LINKS_FACTOR, LINKS_SHARE, Fused
from gleanery.knowledge.hits import Hit, twin_of
from gleanery.knowledge.marks import marker
from gleanery.knowledge.query import Term
from gleanery.model import Chunk
from gleanery.store.values import FoundChunk

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Candidate:
    """A hit on its way; `twins` are those that were folded into it."""

    found: FoundChunk
    score: float
    scores: Mapping[str, float]
    twins: tuple[FoundChunk, ...] = ()


def candidates_of(fused: Sequence[Fused[int]], found: Mapping[int, FoundChunk], *, fold: bool) -> list[Candidate]:
    """Those that were found, the best first, with the others that say nearly the same folded into them if `fold`."""
    weighed = [_weighed(hit, found[hit.id]) for hit in fused if hit.id in found]
    weighed.sort(key=lambda candidate: -candidate.score)
    if not fold:
        return weighed
    into = twins.folded_into([candidate.found.chunk.content for candidate in weighed])
    folded: dict[int, list[FoundChunk]] = {}
    for position, first in enumerate(into):
        if position != first:
            folded.setdefault(first, []).append(weighed[position].found)
    return [
        replace(candidate, twins=tuple(folded.get(position, ())))
        for position, candidate in enumerate(weighed)
        if into[position] == position
    ]


def hits_of(
    candidates: Sequence[Candidate], terms: Sequence[Term], beside: Mapping[int, Sequence[Chunk]]
) -> tuple[Hit, ...]:
    """With what matches `terms` marked, and their neighbours by row."""
    mark = marker(terms)
    hits = []
    for candidate in candidates:
        found = candidate.found
        highlights = mark(found.chunk.content)
        where = {
            "title": mark(found.title),
            "headings": mark(" ".join(found.chunk.heading_path)),
            "content": highlights,
            "context": mark(found.chunk.context),
        }
        matched = tuple(name for name, ranges in where.items() if ranges)
        folded = tuple(map(twin_of, candidate.twins))
        neighbours = tuple(beside.get(found.row, ()))
        hits.append(Hit(found, candidate.score, candidate.scores, highlights, matched, folded, neighbours))
    return tuple(hits)


def link_share(content: str) -> float:
    """The share of what is read in a text that is the text of links."""
    if "](" not in content:
        return 0.0
    links = _LINK.findall(content)
    read = len(_LINK.sub(r"\1", content))
    return sum(map(len, links)) / read if read else 0.0


def _weighed(hit: Fused[int], found: FoundChunk) -> Candidate:
    scores: dict[str, float] = {}
    for name, part in hit.parts.items():
        scores |= {name: part.added, f"{name}_rank": float(part.rank), f"{name}_raw": part.raw}
    if link_share(found.chunk.content) > LINKS_SHARE:
        scores["links"] = (LINKS_FACTOR - 1) * hit.score
    return Candidate(found, hit.score + scores.get("links", 0.0), scores)
