"""How two rankings become one: by reciprocal rank, each hit counting as much as it is near to the best of its ranking. Pure.

What the store and the bench must agree on is here too: how much a word counts in which column of the index.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Id = TypeVar("Id", bound=Hashable)

# For bm25() over the columns of chunk_words: title, headings, body, code, names, context. A heading names what its chunk is
# about; a title is the same for all chunks of a page, so it says less. Twice as much for both is as good where a question
# repeats a heading, and worse where it doesn't.
CHUNK_WEIGHTS = (2.0, 3.0, 1.0, 0.5, 0.5, 1.0)
# Of code_words: title, headings, context, code, names, summary.
CODE_WEIGHTS = (2.0, 3.0, 2.0, 1.0, 1.0, 2.0)

# Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009,
# has k = 60. By ranks alone the tenth hit that shares one word counts as much as a tenth hit that nearly says the same, so
# each is scaled by its score (as Bruch, Gai, Ingber: "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023, found
# better). tests/bench/README.md has what was measured: on every set ahead of ranks alone, whatever their k and weights.
RRF_K = 60
RRF_WEIGHTS: Mapping[str, float] = {"keyword": 0.6, "vector": 0.4}
RANKING_DEPTH = 100  # hits to take from each ranking: 200 and 400 give the same within 0.01

# A chunk of which more than this share is links leads to answers and has none. Not so much that it could not be found.
LINKS_SHARE = 0.5
LINKS_FACTOR = 0.6


@dataclass(frozen=True)
class Ranking(Generic[Id]):
    """Hits best first with the scores that made them so, no id twice. `zero` is the score of what has nothing to do with the
    query, where the scale has one; else the last hit marks it."""

    hits: Sequence[tuple[Id, float]]
    zero: float | None = None


@dataclass(frozen=True)
class Part:
    """What a ranking added to the score of a hit, its rank there (from 1) and its score there."""

    added: float
    rank: int
    raw: float


@dataclass(frozen=True)
class Fused(Generic[Id]):
    """A hit after fusion: the score is the sum of what `parts` added, by name of ranking."""

    id: Id
    score: float
    parts: Mapping[str, Part]


def fuse(
    rankings: Mapping[str, Ranking[Id]], weights: Mapping[str, float] = RRF_WEIGHTS, k: int = RRF_K
) -> list[Fused[Id]]:
    """All ids of `rankings`, best first.

    A ranking adds weight × nearness × (k + 1) / (k + rank): ranks count from 1, nearness is 1 for its best hit and 0 at its
    zero. Weights are shared out among the rankings that have hits, so that no score is above 1. Equal scores keep the order
    in which the rankings brought them. A ranking without a weight is a KeyError.
    """
    total = sum(weights[name] for name, ranking in rankings.items() if ranking.hits)
    parts: dict[Id, dict[str, Part]] = {}
    for name, ranking in rankings.items():
        for rank, ((hit_id, raw), near) in enumerate(zip(ranking.hits, _nearness(ranking), strict=True), start=1):
            added = weights[name] / total * near * (k + 1) / (k + rank)
            parts.setdefault(hit_id, {})[name] = Part(added, rank, raw)
    fused = [Fused(hit_id, sum(part.added for part in found.values()), found) for hit_id, found in parts.items()]
    return sorted(fused, key=lambda hit: -hit.score)


def _nearness(ranking: Ranking[Id]) -> list[float]:
    if not ranking.hits:
        return []
    best, last = ranking.hits[0][1], ranking.hits[-1][1]
    zero = last if ranking.zero is None else min(ranking.zero, last)
    return [(raw - zero) / (best - zero) if best > zero else 1.0 for _, raw in ranking.hits]
