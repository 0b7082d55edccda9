"""Slips of the pen: for a word that the index does not have, the nearest one that it has. Arrays, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

MIN_LETTERS = 4
TWO_SLIPS_FROM = 8
ANOTHER_LETTER_FROM = 6
MAX_BYTES = 32
"""Longer words are not corrected: they are hashes, keys and lines of something encoded."""
MAX_CANDIDATES = 120
_BITS = np.uint64(63)


@dataclass(frozen=True)
class Vocabulary:
    """The words of an index in the order of their bytes, with the number of rows that have each.

    `letters` and `pairs` have a bit for each letter (pair of letters) that a word has, folded to 64: an edit changes few of
    them, so that of 300,000 words a few hundred are left to be compared letter by letter.
    """

    words: NDArray[np.bytes_]
    rows: NDArray[np.int32]
    lengths: NDArray[np.uint8]
    letters: NDArray[np.uint64]
    pairs: NDArray[np.uint64]
    size: int = 0

    @classmethod
    def of(cls, counted: Sequence[tuple[str, int]], size: int = 0) -> Self:
        """Of (word, rows) pairs; `size` is the number of rows in all. Some 0.3 s for 300,000: call it in a thread."""
        kept = sorted((word.encode(), rows) for word, rows in counted)
        kept = [(word, rows) for word, rows in kept if 0 < len(word) <= MAX_BYTES]
        words = np.array([word for word, _ in kept], dtype=f"S{MAX_BYTES}")
        codes = words.view(np.uint8).reshape(len(kept), MAX_BYTES) if kept else np.empty((0, MAX_BYTES), np.uint8)
        return cls(
            words,
            np.array([rows for _, rows in kept], dtype=np.int32),
            np.count_nonzero(codes, axis=1).astype(np.uint8),
            _letters(codes),
            _pairs(codes),
            size,
        )

    def __len__(self) -> int:
        return len(self.words)

    def count(self, word: str) -> int:
        """How many rows had the word when this was made; 0 for one that is too long to be here."""
        encoded = word.encode()
        at = int(np.searchsorted(self.words, np.bytes_(encoded))) if len(encoded) <= MAX_BYTES else len(self.words)
        return int(self.rows[at]) if at < len(self.words) and self.words[at] == encoded else 0

    def nearest(self, word: str) -> str | None:
        """The word that differs by the fewest slips (a letter more, less, another, or two in the wrong order) from one that
        isn't here; of equal ones the most frequent. One slip is allowed from four letters on, two from eight. None when
        nothing is near. People rarely miss the first letter, but two real words often differ by it alone, as short ones do
        by any letter: those are no slips."""
        slips = allowed_slips(word)
        if not slips or not len(self.words):
            return None
        near: list[tuple[int, int, str]] = []
        for at in self._candidates(word.encode(), slips):
            other = self.words[at].decode()
            if _may_be_meant(word, other):
                distance = slips_between(word, other, slips)
                if 0 < distance <= slips:
                    near.append((distance, -int(self.rows[at]), other))
        return min(near)[2] if near else None

    def _candidates(self, word: bytes, slips: int) -> NDArray[np.int64]:
        """Those that may be so near, the likeliest first. A letter beyond ASCII has up to three bytes."""
        codes = np.frombuffer(word[:MAX_BYTES].ljust(MAX_BYTES, b"\0"), dtype=np.uint8)[np.newaxis, :]
        letters, pairs = _letters(codes)[0], _pairs(codes)[0]
        bytes_each = 1 if word.isascii() else 3
        span = slips * bytes_each
        near = np.flatnonzero(np.abs(self.lengths.astype(np.int16) - len(word)) <= span)
        near = near[np.bitwise_count(letters & ~self.letters[near]) <= span]
        near = near[np.bitwise_count(self.letters[near] & ~letters) <= span]
        apart = np.bitwise_count(pairs ^ self.pairs[near])
        near, apart = near[apart <= 6 * span], apart[apart <= 6 * span]
        likeliest: NDArray[np.int64] = near[np.argsort(apart, kind="stable")[:MAX_CANDIDATES]]
        return likeliest


def allowed_slips(word: str) -> int:
    if not word.isalpha() or len(word) < MIN_LETTERS or len(word.encode()) > MAX_BYTES:
        return 0
    return 2 if len(word) >= TWO_SLIPS_FROM else 1


def _may_be_meant(word: str, other: str) -> bool:
    if word[0] != other[0] and word[:2] != other[1::-1]:
        return False
    return len(word) != len(other) or len(word) >= ANOTHER_LETTER_FROM or sorted(word) == sorted(other)


def slips_between(left: str, right: str, limit: int) -> int:
    """Optimal string alignment: Levenshtein's distance with two neighbours swapped counted once. `limit` + 1 for more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for at, letter in enumerate(left, start=1):
        previous, row = row, [at]
        for to, other in enumerate(right, start=1):
            cost = min(previous[to] + 1, row[to - 1] + 1, previous[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == right[to - 2] and left[at - 2] == other:
                cost = min(cost, before[to - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before = previous
    return min(row[-1], limit + 1)


def _letters(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    bits = np.zeros(len(codes), dtype=np.uint64)
    for column in codes.T:
        bits |= np.where(column > 0, np.uint64(1) << (column.astype(np.uint64) & _BITS), np.uint64(0))
    return bits


def _pairs(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    bits = np.zeros(len(codes), dtype=np.uint64)
    for first, second in zip(codes.T, codes.T[1:], strict=False):
        mixed = (first.astype(np.uint64) * np.uint64(31) + second.astype(np.uint64) * np.uint64(7)) & _BITS
        bits |= np.where(second > 0, np.uint64(1) << mixed, np.uint64(0))
    return bits
