"""Which texts seem to come of one template: those that share word pairs that no other texts have.

The constant words of a template are in the same set of texts. So pairs of neighbouring words are told apart by the set of
texts that they are in (a sum of random numbers, one for each text): pairs of one set are a block, and a block with many
pairs in many texts is a template's. Values are in few texts, or their pairs few. One pass over the pairs, whatever the
number of templates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_WEIGHT = 24
"""Pairs of a block that count; a long value that comes again should not outweigh a template."""
LEAST_PAIRS = 4
LEAST_FRESH = 0.7
FEW = 16
"""Of so many texts one: the pairs of these are sorted anew faster than found among all."""

Ints = NDArray[np.int64]


class Pairs:
    """The word pairs of texts, each once for each text: `pair[i]` is in text `text[i]`. Texts are tokens without white space."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        numbers: dict[str, int] = {}
        pairs, owners = list[Ints](), list[Ints]()
        for owner, tokens in enumerate(texts):
            ids = [numbers.setdefault(token, len(numbers) + 3) for token in tokens]
            row = np.array([1, *ids, 2], dtype=np.int64)
            found = np.unique((row[:-1] << 31) | row[1:])
            pairs.append(found)
            owners.append(np.full(len(found), owner, dtype=np.int64))
        _, numbered = np.unique(np.concatenate(pairs), return_inverse=True)
        self._of_text = np.split(numbered, np.cumsum([len(some) for some in pairs])[:-1])
        self.pair, self.text = _by_pair(numbered, np.concatenate(owners))
        self._mark = np.random.default_rng(20221122).integers(0, 2**63, len(texts), dtype=np.uint64)
        self._texts = len(texts)

    def parts(
        self, texts: Sequence[int] | None = None, least_pairs: int = LEAST_PAIRS, least_fresh: float = LEAST_FRESH
    ) -> list[list[int]]:
        """Sets of at least two texts that a block of pairs keeps together, the strongest first; no text is in two."""
        pair, text = self._of(texts)
        if not len(pair):
            return []
        starts = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
        support = np.diff(np.r_[starts, len(pair)])
        total = self._texts if texts is None else len(texts)
        wanted = (support > 1) & (support < total if texts is not None else support > 1)
        sums = np.add.reduceat(self._mark[text], starts)
        _, example, weight = np.unique(sums[wanted], return_index=True, return_counts=True)
        where, sizes = starts[wanted][example], support[wanted][example]
        is_block = weight >= least_pairs
        where, sizes, weight = where[is_block], sizes[is_block], np.minimum(weight[is_block], MOST_WEIGHT)
        order = np.lexsort((where, -(sizes * weight.astype(np.int64) ** 2)))
        taken = np.zeros(self._texts, dtype=bool)
        found = list[list[int]]()
        for block in order:
            members = text[where[block] : where[block] + sizes[block]]
            fresh = members[~taken[members]]
            if len(fresh) >= max(2, least_fresh * len(members)):
                taken[fresh] = True
                found.append(sorted(fresh.tolist()))
        return found

    def _of(self, texts: Sequence[int] | None) -> tuple[Ints, Ints]:
        if texts is None:
            return self.pair, self.text
        if 0 < len(texts) * FEW <= self._texts:
            ordered = sorted(texts)
            pairs = [self._of_text[text] for text in ordered]
            return _by_pair(np.concatenate(pairs), np.repeat(ordered, [len(some) for some in pairs]))
        wanted = np.zeros(self._texts, dtype=bool)
        wanted[list(texts)] = True
        chosen = wanted[self.text]
        return self.pair[chosen], self.text[chosen]


def _by_pair(pair: Ints, text: Ints) -> tuple[Ints, Ints]:
    order = np.argsort(pair, kind="stable")
    return pair[order], text[order]
