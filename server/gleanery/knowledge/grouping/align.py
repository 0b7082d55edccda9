"""What several texts have in common, in order: their constant runs, and the gaps between them.

Words that every text of a region has equally often are anchors, as unique lines are in patience diff, over many texts at
once; the regions between them are looked at in the same way. What is in common only by chance is seen by its being
short where few texts speak for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gleanery.knowledge.grouping.template import Template, template_of
from gleanery.knowledge.grouping.tokens import is_word

MOST_ANCHORS = 400
MOST_OFTEN = 8
MOST_DEPTH = 40
LEAST_KEPT = 0.75
"""Share of the texts that must speak for an anchor; the others have it in a value too, and are left out of the region."""

CERTAIN_TEXTS = 8
"""From so many texts on, what all have in one place is of the template."""
SURE_EDGES = 4
_TAIL = re.compile(r"[\n:>\"']\s*((?:[^\W]+[ ]+){1,2})$")
_HEAD = re.compile(r"((?:[ ]+[^\W]+){1,2})\s*[\n<\"'.]")

Region = tuple[Sequence[str], int, int]
Piece = str | None


def align(texts: Sequence[Sequence[str]]) -> Template:
    """The template that all of these tokenised texts fit, unless a few have a constant in their values too often."""
    pieces = _between([(tokens, 0, len(tokens)) for tokens in texts], 0)
    return template_of(_settled(pieces, len(texts)))


def _between(regions: list[Region], depth: int) -> list[Piece]:
    head, regions, tail = _trimmed(regions)
    if not any(hi > lo for _, lo, hi in regions):
        return [*head, *tail]
    regions, chain = _anchors(regions) if depth < MOST_DEPTH else (regions, ())
    if not chain:
        return [*head, None, *tail]
    pieces: list[Piece] = list(head)
    starts = [lo for _, lo, _ in regions]
    for anchor in chain:
        pieces += _between([(r[0], lo, at) for r, lo, at in zip(regions, starts, anchor.at, strict=True)], depth + 1)
        pieces.append(anchor.token)
        starts = [at + 1 for at in anchor.at]
    pieces += _between([(r[0], lo, r[2]) for r, lo in zip(regions, starts, strict=True)], depth + 1)
    return [*pieces, *tail]


def _trimmed(regions: list[Region]) -> tuple[list[Piece], list[Region], list[Piece]]:
    """What all begin and end with, and what is between."""
    shortest = min(hi - lo for _, lo, hi in regions)
    tokens, start, end = regions[0]
    head = 0
    while head < shortest and all(t[lo + head] == tokens[start + head] for t, lo, _ in regions):
        head += 1
    tail = 0
    while tail < shortest - head and all(t[hi - 1 - tail] == tokens[end - 1 - tail] for t, _, hi in regions):
        tail += 1
    inner = [(t, lo + head, hi - tail) for t, lo, hi in regions]
    return list(tokens[start : start + head]), inner, list(tokens[end - tail : end])


@dataclass(frozen=True)
class _Anchor:
    token: str
    at: tuple[int, ...]


def _anchors(regions: list[Region]) -> tuple[list[Region], Sequence[_Anchor]]:
    """The longest run of anchors that have the same order in all texts; with the regions that have them all."""
    counts = [Counter(tokens[lo:hi]) for tokens, lo, hi in regions]
    regions, counts = _agreeing(regions, counts)
    often = _equal(counts)
    if not often:
        return regions, ()
    places = [_places(region, often) for region in regions]
    found = [
        _Anchor(token, tuple(place[token][number] for place in places))
        for token, count in often.items()
        for number in range(count)
    ]
    return regions, _longest(sorted(found, key=lambda anchor: anchor.at)[:MOST_ANCHORS])


def _agreeing(regions: list[Region], counts: list[Counter[str]]) -> tuple[list[Region], list[Counter[str]]]:
    """Without the few texts that have in their values what is constant in most."""
    total = len(regions)
    if total < 5:
        return regions, counts
    once = Counter(token for count in counts for token, number in count.items() if number == 1)
    anywhere = Counter(token for count in counts for token in count)
    doubtful = {
        token for token, number in once.items() if LEAST_KEPT * total <= number < total and anywhere[token] == total
    }
    if not doubtful:
        return regions, counts
    kept = [n for n, count in enumerate(counts) if all(count[token] == 1 for token in doubtful)]
    if len(kept) < max(4, LEAST_KEPT * total):
        return regions, counts
    return [regions[n] for n in kept], [counts[n] for n in kept]


def _equal(counts: Sequence[Counter[str]]) -> dict[str, int]:
    """Words and signs that all have equally often, and how often. Those that are there once are enough where there are any."""
    first, *others = counts
    found = {
        token: number
        for token, number in first.items()
        if number <= MOST_OFTEN and not _is_blank(token) and all(c[token] == number for c in others)
    }
    once = {token: number for token, number in found.items() if number == 1}
    return once or found


def _is_blank(token: str) -> bool:
    return token.isspace() and "\n" not in token


def _places(region: Region, wanted: dict[str, int]) -> dict[str, list[int]]:
    tokens, lo, hi = region
    places: dict[str, list[int]] = {token: [] for token in wanted}
    for at in range(lo, hi):
        if tokens[at] in places:
            places[tokens[at]].append(at)
    return places


def _longest(anchors: Sequence[_Anchor]) -> Sequence[_Anchor]:
    """The heaviest chain in which every text goes forward; words weigh more than signs."""
    at = np.array([anchor.at for anchor in anchors])
    weights = np.array([2.0 if is_word(anchor.token) else 1.0 for anchor in anchors])
    best, before = weights.copy(), np.full(len(anchors), -1)
    for here in range(1, len(anchors)):
        is_earlier = (at[:here] < at[here]).all(axis=1)
        if is_earlier.any():
            reached = np.where(is_earlier, best[:here], -1.0)
            last = int(reached.argmax())
            best[here] += reached[last]
            before[here] = last
    chain = list[_Anchor]()
    here = int(best.argmax())
    while here >= 0:
        chain.append(anchors[here])
        here = int(before[here])
    return chain[::-1]


def _settled(pieces: Sequence[Piece], texts: int) -> list[Piece]:
    """Without what chance explains as well: two texts share a word now and then, between two slots or beside one."""
    runs = list[Piece]()
    for piece in pieces:
        if piece is not None and runs and runs[-1] is not None:
            runs[-1] += piece
        elif piece is not None or not runs or runs[-1] is not None:
            runs.append(piece)
    last = len(runs) - 1
    found = list[Piece]()
    for at, run in enumerate(runs):
        if run is None:
            found.append(None)
        elif not 0 < at < last or _holds(run, texts):
            found += _unfrayed(run, texts, is_open=at > 0, is_shut=at < last)
        else:
            found.append(None)
    return found


def _holds(run: str, texts: int) -> bool:
    """Whether a run between two slots is of the template."""
    if run.isspace():
        return "\n" in run and texts >= 3
    words = sum(map(is_word, run.split()))
    is_label = "\n" in run and ":" in run
    least = 3 if texts == 2 else 2 if texts < CERTAIN_TEXTS else 1
    return words >= least or (is_label and words > 0) or (texts >= CERTAIN_TEXTS and bool(run.strip()))


def _unfrayed(run: str, texts: int, *, is_open: bool, is_shut: bool) -> Sequence[Piece]:
    """Of few texts, a word or two between a slot and the nearest break in the text are of the slot. It is open where a slot
    comes before, and shut where one follows."""
    if texts >= SURE_EDGES:
        return (run,)
    before, after = 0, len(run)
    if is_shut and (tail := _TAIL.search(run)) is not None:
        after = tail.start(1)
    if is_open and (head := _HEAD.match(run)) is not None and head.end(1) <= after:
        before = head.end(1)
    pieces = (None if before else "", run[before:after], None if after < len(run) else "")
    return pieces if run[before:after].strip() else (run,)
