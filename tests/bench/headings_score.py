"""How good rankings are, and how sure a difference between two of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.headings_site import Question

CUTS = (1, 5, 10)
MEASURES = ("MRR@10", *(f"recall@{cut}" for cut in CUTS))
_ROUNDS = 2_000

Scores = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Place:
    """What a hit is, whoever found it: a range of a page's Markdown."""

    page: int
    start: int
    end: int


def is_right(place: Place, question: Question, *, is_lenient: bool = False) -> bool:
    """Whether at least half of the place is in the section; leniently, also when it has at least half of the section."""
    if place.page != question.page:
        return False
    common = min(place.end, question.end) - max(place.start, question.start)
    size = place.end - place.start
    return 2 * common >= (min(size, question.end - question.start) if is_lenient else size)


def score(questions: Sequence[Question], ranked: Sequence[Sequence[Place]], *, is_lenient: bool = False) -> Scores:
    """By measure a value for each question: the reciprocal rank of the first right one in ten, and whether one is among
    the first k."""
    first = [
        next((n for n, p in enumerate(places[:10], 1) if is_right(p, question, is_lenient=is_lenient)), 0)
        for question, places in zip(questions, ranked, strict=True)
    ]
    ranks = np.array(first, dtype=np.float64)
    scores = {"MRR@10": np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0.0)}
    return scores | {f"recall@{cut}": ((ranks > 0) & (ranks <= cut)).astype(np.float64) for cut in CUTS}


def difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], groups: Sequence[int], seed: int = 1
) -> tuple[float, float, float]:
    """The mean of `ours - theirs` and its 95 % interval by the bootstrap over `groups` (the questions of a page belong
    together, so whole pages are drawn)."""
    numbers, members = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(members, weights=ours - theirs, minlength=len(numbers))
    counts = np.bincount(members, minlength=len(numbers)).astype(np.float64)
    draws = np.random.default_rng(seed).integers(0, len(numbers), size=(_ROUNDS, len(numbers)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(sums.sum() / counts.sum()), float(low), float(high)
