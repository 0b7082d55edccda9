"""Two texts line by line: which lines differ, and which words in them, in bounded time and space. Pure.

The shortest edit script of Myers ("An O(ND) Difference Algorithm and Its Variations", 1986), given up where the texts
have too little in common: difflib takes minutes over texts that were made for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_EDITS = 400
"""More different lines than these between two that are the same, and the texts count as replaced."""
_MAX_WORD_EDITS = 120
_MAX_LINE_CHARS = 4_000
_LEAST_ALIKE = 0.4
"""Two lines with a smaller share of their words in common are two lines, not one that changed."""
_MAX_PAIRED = 30
_TOKEN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]|[^\W_]+|\s+|.", re.S)


class LineKind(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


_SIGNS = {LineKind.SAME: " ", LineKind.REMOVED: "-", LineKind.ADDED: "+"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff. Numbers count from 1 and are None on the side that has no such line; where they jump, lines that
    are the same were left out. `marks` are the ranges of `text` that differ from the line it stands against."""

    kind: LineKind
    text: str
    old_number: int | None
    new_number: int | None
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TextDiff:
    """`added` and `removed` count all lines, also those that `lines` leaves out; then it says `is_cut`."""

    lines: tuple[DiffLine, ...]
    added: int
    removed: int
    is_cut: bool = False


class Budget:
    """How much may still be done for one page: comparisons, and characters of diff. Each diff takes from both."""

    def __init__(self, steps: int = 3_000_000, chars: int = 200_000) -> None:
        self.steps = steps
        self.chars = chars


def diff_lines(
    old: Sequence[str], new: Sequence[str], budget: Budget, *, context: int = 2, max_chars: int = 20_000
) -> TextDiff:
    """What turns `old` into `new`, with `context` lines around each change, at most `max_chars` characters of it."""
    pairs = same_items(old, new, MAX_EDITS, budget)
    ops = list(_operations(len(old), len(new), pairs if pairs is not None else []))
    added = sum(kind is LineKind.ADDED for kind, _, _ in ops)
    removed = sum(kind is LineKind.REMOVED for kind, _, _ in ops)
    lines: list[DiffLine] = []
    room = min(max_chars, budget.chars)
    is_cut = False
    marks = _Marks(old, new, budget)
    for block in _hunks(ops, context):
        for line in marks.of(block):
            room -= len(line.text) + 1
            if room < 0:
                is_cut = True
                break
            is_cut = is_cut or len(line.text) == _MAX_LINE_CHARS
            lines.append(line)
        if room < 0:
            break
    budget.chars -= sum(len(line.text) + 1 for line in lines)
    return TextDiff(tuple(lines), added, removed, is_cut)


def unified(diff: TextDiff) -> str:
    """The lines as in `diff -u`, without a head: a blank, a minus or a plus before each, `⋮` where some are left out."""
    shown: list[str] = []
    last: DiffLine | None = None
    for line in diff.lines:
        if last is not None and _is_gap(last, line):
            shown.append("⋮")
        shown.append(_SIGNS[line.kind] + line.text)
        last = line
    return "\n".join([*shown, "⋮"] if diff.is_cut else shown)


def _is_gap(last: DiffLine, line: DiffLine) -> bool:
    """Only lines that are the same are left out, and they stand at the edges of what is shown."""
    if last.kind is not LineKind.SAME or line.kind is not LineKind.SAME:
        return False
    return line.new_number != (last.new_number or 0) + 1


def same_items(
    old: Sequence[Hashable], new: Sequence[Hashable], most_edits: int, budget: Budget
) -> list[tuple[int, int]] | None:
    """Pairs of indexes of equal items, ascending on both sides, as many as there can be.

    None when more than `most_edits` items would have to be added and removed, or the budget is spent.
    """
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    middle = _shortest(old[first : len(old) - last], new[first : len(new) - last], most_edits, budget)
    if middle is None:
        return None
    head = [(n, n) for n in range(first)]
    tail = [(len(old) - n, len(new) - n) for n in range(last, 0, -1)]
    return [*head, *((first + left, first + right) for left, right in middle), *tail]


def _shortest(
    old: Sequence[Hashable], new: Sequence[Hashable], most_edits: int, budget: Budget
) -> list[tuple[int, int]] | None:
    """Myers' greedy algorithm: how far each diagonal gets with so many edits, and the way back from the end."""
    if not old or not new:
        return []
    reach = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(min(len(old) + len(new), most_edits) + 1):
        trail.append(dict(reach))
        budget.steps -= 2 * edits + 1
        for diagonal in range(-edits, edits + 1, 2):
            left = _left_of(reach, diagonal, edits)
            start = left
            while left < len(old) and left - diagonal < len(new) and old[left] == new[left - diagonal]:
                left += 1
            budget.steps -= left - start
            reach[diagonal] = left
            if left >= len(old) and left - diagonal >= len(new):
                return _way_back(trail, len(old), len(new))
        if budget.steps < 0:
            return None
    return None


def _left_of(reach: dict[int, int], diagonal: int, edits: int) -> int:
    if diagonal == -edits or (diagonal != edits and reach[diagonal - 1] < reach[diagonal + 1]):
        return reach[diagonal + 1]
    return reach[diagonal - 1] + 1


def _way_back(trail: list[dict[int, int]], left: int, right: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for edits in range(len(trail) - 1, -1, -1):
        reach, diagonal = trail[edits], left - right
        is_down = diagonal == -edits or (diagonal != edits and reach[diagonal - 1] < reach[diagonal + 1])
        before = diagonal + 1 if is_down else diagonal - 1
        from_left = reach[before] if edits else 0
        from_right = from_left - before if edits else 0
        while left > from_left and right > from_right:
            left, right = left - 1, right - 1
            pairs.append((left, right))
        left, right = from_left, from_right
    return pairs[::-1]


_Operation = tuple[LineKind, int, int]


def _operations(old: int, new: int, pairs: Sequence[tuple[int, int]]) -> Iterator[_Operation]:
    """Every line once with its indexes, removed ones before added ones."""
    left = right = 0
    for next_left, next_right in [*pairs, (old, new)]:
        yield from ((LineKind.REMOVED, n, right) for n in range(left, next_left))
        yield from ((LineKind.ADDED, next_left, n) for n in range(right, next_right))
        if next_left < old and next_right < new:
            yield LineKind.SAME, next_left, next_right
        left, right = next_left + 1, next_right + 1


def _hunks(ops: Sequence[_Operation], context: int) -> Iterator[list[_Operation]]:
    """Runs of lines that are near a change; each run of removed and added ones is whole within its run."""
    shown = bytearray(len(ops))
    for number, (kind, _, _) in enumerate(ops):
        if kind is not LineKind.SAME:
            first = max(0, number - context)
            shown[first : number + context + 1] = b"\x01" * (min(len(ops), number + context + 1) - first)
    run: list[_Operation] = []
    for number, op in enumerate(ops):
        if shown[number]:
            run.append(op)
        elif run:
            yield run
            run = []
    if run:
        yield run


class _Marks:
    """Lines of a hunk with the words marked that differ between a removed line and the added one that stands for it."""

    def __init__(self, old: Sequence[str], new: Sequence[str], budget: Budget) -> None:
        self._old = old
        self._new = new
        self._budget = budget

    def of(self, ops: Sequence[_Operation]) -> Iterator[DiffLine]:
        removed: list[int] = []
        added: list[int] = []
        for kind, left, right in ops:
            if kind is LineKind.REMOVED:
                removed.append(left)
            elif kind is LineKind.ADDED:
                added.append(right)
            else:
                yield from self._changed(removed, added)
                removed, added = [], []
                yield DiffLine(kind, self._new[right][:_MAX_LINE_CHARS], left + 1, right + 1)
        yield from self._changed(removed, added)

    def _changed(self, removed: Sequence[int], added: Sequence[int]) -> Iterator[DiffLine]:
        marks: dict[tuple[LineKind, int], tuple[tuple[int, int], ...]] = {}
        for left, right in self._pairs(removed, added):
            found = changed_words(self._old[left][:_MAX_LINE_CHARS], self._new[right][:_MAX_LINE_CHARS], self._budget)
            if found is not None:
                marks[LineKind.REMOVED, left], marks[LineKind.ADDED, right] = found
        for number in removed:
            text = self._old[number][:_MAX_LINE_CHARS]
            yield DiffLine(LineKind.REMOVED, text, number + 1, None, marks.get((LineKind.REMOVED, number), ()))
        for number in added:
            text = self._new[number][:_MAX_LINE_CHARS]
            yield DiffLine(LineKind.ADDED, text, None, number + 1, marks.get((LineKind.ADDED, number), ()))

    def _pairs(self, removed: Sequence[int], added: Sequence[int]) -> list[tuple[int, int]]:
        """Which added line stands for which removed one: in order when they are as many, else the next that is like it."""
        if len(removed) == len(added):
            return list(zip(removed, added, strict=True))[:_MAX_PAIRED]
        pairs: list[tuple[int, int]] = []
        start = 0
        for left in removed[:_MAX_PAIRED]:
            for place in range(start, min(len(added), _MAX_PAIRED)):
                old, new = self._old[left][:_MAX_LINE_CHARS], self._new[added[place]][:_MAX_LINE_CHARS]
                self._budget.steps -= len(old) + len(new)
                if self._budget.steps < 0:
                    return pairs
                if alike(words_of(old), words_of(new)) >= _LEAST_ALIKE:
                    pairs.append((left, added[place]))
                    start = place + 1
                    break
        return pairs


_Ranges = tuple[tuple[int, int], ...]


def changed_words(old: str, new: str, budget: Budget) -> tuple[_Ranges, _Ranges] | None:
    """The ranges of both lines that differ, by words; None when they are too different for that to say anything."""
    left, right = _TOKEN.findall(old), _TOKEN.findall(new)
    pairs = same_items(left, right, _MAX_WORD_EDITS, budget)
    if pairs is None:
        return None
    kept = sum(len(left[n]) for n, _ in pairs if not left[n].isspace())
    whole = (len(old.replace(" ", "")) + len(new.replace(" ", ""))) / 2
    if kept < _LEAST_ALIKE * whole:
        return None
    return _ranges(left, {n for n, _ in pairs}), _ranges(right, {n for _, n in pairs})


def _ranges(tokens: Sequence[str], kept: set[int]) -> _Ranges:
    """Ranges of the tokens that are not kept; those with only blanks between them are one."""
    ranges: list[tuple[int, int]] = []
    at = 0
    is_open = False
    for number, token in enumerate(tokens):
        end = at + len(token)
        if number not in kept:
            if is_open:
                ranges[-1] = (ranges[-1][0], end)
            else:
                ranges.append((at, end))
            is_open = True
        elif not token.isspace():
            is_open = False
        at = end
    return tuple(ranges)


def words_of(text: str) -> Counter[str]:
    """The words of a text with how often each comes, and the signs between them when it has no words."""
    tokens = Counter(token for token in _TOKEN.findall(text) if token[0].isalnum())
    return tokens or Counter(text.split())


def alike(left: Counter[str], right: Counter[str]) -> float:
    """The share of their words that two texts have in common, 0 to 1 (Dice)."""
    count = left.total() + right.total()
    return 2 * (left & right).total() / count if count else 1.0
