"""Where a sequence of units is cut into groups of limited weight, so that a change moves only the borders next to it.

Filling groups from the front would move every border behind a change. Here each border has a rank of its own, by its
place in the structure and then by a hash of the text behind it, and the best one cuts first, then the best on each side
of it, until every group is light enough: a treap over the borders, so what is not beside a change stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from zlib import crc32

NEVER = 1_000
"""The rank of a border that is never cut."""
_SLIM = 1
_TINY = 6
_HASHED_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Unit:
    """The slice `start:end` of a text, never cut. `rank` is how bad a cut before it is: 0 is a good place."""

    start: int
    end: int
    weight: int
    rank: int
    lead: str = ""


def partition(text: str, units: Sequence[Unit], most: int, least: int) -> list[Sequence[Unit]]:
    """Groups of neighbouring units, in order, of at most `most` weight unless a unit or borders of rank NEVER forbid it.

    Groups lighter than a third of `most`, and much more so those under `least`, are avoided where the ranks allow it.
    """
    if not units:
        return []
    sums = [0, *accumulate(unit.weight for unit in units)]
    if sums[-1] <= most:
        return [units]
    cut = _Cut(units, sums, [_priority(text, unit) for unit in units], most, least)
    groups: list[Sequence[Unit]] = []
    waiting = [(0, len(units))]
    while waiting:
        low, high = waiting.pop()
        border = cut.between(low, high)
        if border is None:
            groups.append(units[low:high])
        else:
            waiting += [(border, high), (low, border)]
    return groups


def _priority(text: str, unit: Unit) -> int:
    """By chance, but the same wherever the unit stands and whatever is around it: the least cuts first."""
    start = text[unit.start : min(unit.end, unit.start + _HASHED_CHARACTERS)].strip()
    return crc32(start.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class _Cut:
    units: Sequence[Unit]
    sums: Sequence[int]
    priorities: Sequence[int]
    most: int
    least: int

    def between(self, low: int, high: int) -> int | None:
        """The best border in the units `low:high`; None when they are light enough or nowhere to be cut."""
        start, end = self.sums[low], self.sums[high]
        if end - start <= self.most:
            return None
        best: tuple[int, int, int] | None = None
        border = None
        for index in range(low + 1, high):
            rank = self.units[index].rank
            if rank >= NEVER or (best is not None and rank > best[0]):
                continue
            before, after = self.sums[index] - start, end - self.sums[index]
            slimmest = before if before < after else after
            if slimmest < self.most // 3:
                rank += _SLIM if slimmest >= self.least else _TINY
            cost = (rank, self.priorities[index], abs(before - after))
            if best is None or cost < best:
                best, border = cost, index
        return border
