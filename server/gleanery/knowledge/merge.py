"""Tiny slices of a page joined with their neighbours under the same heading, so that no change moves what is further on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gleanery.knowledge.partition import Unit, partition

_MOST_BLANKS = 1_000


@dataclass(frozen=True, slots=True)
class Piece:
    """The slice `start:end` of a page in the section `path`. `weight` is in tokens, of `lead` (what it goes on with) too."""

    start: int
    end: int
    path: tuple[str, ...]
    weight: int
    lead: str = ""


def merge_tiny(text: str, pieces: Sequence[Piece], room: Callable[[tuple[str, ...]], int], least: int) -> list[Piece]:
    """Pieces under `least` tokens joined, siblings first and from the deepest sections up, where they fit.

    `room` is how much a piece may weigh below a path. A joined piece has the path that its parts share.
    """
    return _Merge(text, room, least).merged(list(pieces))


@dataclass(frozen=True, slots=True)
class _Merge:
    text: str
    room: Callable[[tuple[str, ...]], int]
    least: int

    def merged(self, pieces: list[Piece]) -> list[Piece]:
        deepest = max((len(piece.path) for piece in pieces), default=0)
        for depth in range(deepest, 0, -1):
            if any(len(piece.path) == depth and self._is_tiny(piece) for piece in pieces):
                pieces = list(self._joined_at(depth, pieces))
        return self._adopted(pieces)

    def _is_tiny(self, piece: Piece) -> bool:
        return piece.weight < self.least

    def _joined_at(self, depth: int, pieces: Sequence[Piece]) -> Iterator[Piece]:
        run: list[Piece] = []
        for piece in pieces:
            if run and not self._continues(run, piece, depth):
                yield from self._joined(run)
                run = []
            run.append(piece)
        yield from self._joined(run)

    def _continues(self, run: Sequence[Piece], piece: Piece, depth: int) -> bool:
        """Whether a tiny piece is a sibling of the tiny ones before it, or the first below their parent's own text."""
        last = run[-1]
        if len(piece.path) != depth or not _are_near(last, piece) or not (self._is_tiny(last) and self._is_tiny(piece)):
            return False
        is_below = len(run) == 1 and last.path == piece.path[:-1]
        return is_below or (len(last.path) == depth and last.path[:-1] == piece.path[:-1])

    def _joined(self, run: Sequence[Piece]) -> Iterator[Piece]:
        if len(run) < 2:
            yield from run
            return
        units = [Unit(piece.start, piece.end, piece.weight, 0) for piece in run]
        done = 0
        for group in partition(self.text, units, self.room(_shared(run[0].path, run[-1].path)), self.least):
            yield _join(run[done : done + len(group)])
            done += len(group)

    def _adopted(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Each piece that is still tiny with the one before it where they are kin and fit, else with the one behind it.

        Decided by what stands next to it only.
        """
        is_tiny = [self._is_tiny(piece) for piece in pieces]
        last = len(pieces) - 1
        goes_back = [
            n > 0 and tiny and not is_tiny[n - 1] and self._fit(pieces[n - 1 : n + 1]) for n, tiny in enumerate(is_tiny)
        ]
        groups: list[list[Piece]] = []
        goes_on = False
        for n, piece in enumerate(pieces):
            if goes_back[n] or goes_on:
                groups[-1].append(piece)
            else:
                groups.append([piece])
            family = pieces[n : n + (3 if n + 2 <= last and goes_back[n + 2] else 2)]
            goes_on = is_tiny[n] and not goes_back[n] and n < last and not is_tiny[n + 1] and self._fit(family)
        return [_join(group) for group in groups]

    def _fit(self, family: Sequence[Piece]) -> bool:
        """Whether neighbours are siblings, or a section and what is below it, and not too much for one slice."""
        shared = family[0].path
        for left, right in pairwise(family):
            if len(_shared(left.path, right.path)) < max(len(left.path), len(right.path)) - 1 or not _are_near(
                left, right
            ):
                return False
            shared = _shared(shared, right.path)
        if family[0].path and not shared:  # top sections of a page have nothing in common
            return False
        return sum(piece.weight for piece in family) <= self.room(shared)


def _are_near(left: Piece, right: Piece) -> bool:
    return right.start - left.end <= _MOST_BLANKS


def _join(pieces: Sequence[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    path = pieces[0].path
    for piece in pieces:
        path = _shared(path, piece.path)
    return Piece(pieces[0].start, pieces[-1].end, path, sum(piece.weight for piece in pieces), pieces[0].lead)


def _shared(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        length += 1
    return left[:length]
