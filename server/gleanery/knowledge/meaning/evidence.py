"""What speaks for what, weighed: the best supported answer with its confidence and its reasons in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=str)

_MOST_REASONS = 5
_LEAST_TOLD = 0.4


@dataclass(frozen=True, slots=True)
class Verdict(Generic[K]):
    kind: K
    confidence: float
    reasons: tuple[str, ...]


@dataclass
class Evidence(Generic[K]):
    """Clues for and against each kind. A weight is about the logarithm of how much likelier the clue makes the kind, so that
    weights add up and the confidence is what they come to among all kinds. `start` is what speaks for a kind before any clue."""

    start: Mapping[K, float]
    _scores: dict[K, float] = field(default_factory=dict)
    _reasons: dict[K, list[tuple[float, str]]] = field(default_factory=dict)

    def add(self, kind: K, weight: float, reason: str, *, when: bool = True) -> None:
        if when and weight:
            self._scores[kind] = self._scores.get(kind, 0.0) + weight
            self._reasons.setdefault(kind, []).append((weight, reason))

    def verdict(self) -> Verdict[K]:
        scores = {kind: start + self._scores.get(kind, 0.0) for kind, start in self.start.items()}
        best = max(scores, key=lambda kind: scores[kind])
        share = 1 / sum(math.exp(score - scores[best]) for score in scores.values())
        clues = sorted(self._reasons.get(best, ()), key=lambda clue: -clue[0])
        reasons = tuple(reason for weight, reason in clues if weight >= _LEAST_TOLD)[:_MOST_REASONS]
        return Verdict(best, round(min(share, 0.99), 2), reasons)
