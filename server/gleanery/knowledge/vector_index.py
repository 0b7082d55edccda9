"""All vectors of one model in memory, searched by cosine: estimated for all, exact for the nearest. Arrays and ids, no
database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numkong
import numpy as np
from numpy.typing import NDArray

from gleanery.errors import EmbedMismatch

BLOCK_ROWS = 8192
GROUP_ROWS = 64
FEW_ROWS = 2_000
"""Where no more can be meant, their cosines are computed at once."""
LOOKED_AT = 3
"""So many times more rows than wanted are looked at closely: a text may be there for several sources."""
CERTAIN = 1.5
"""Of real vectors all of the nearest are among so many times more by estimate (among 1.2 times: DECISIONS.md)."""
COPY_COST = 3
"""To copy a row's codes and multiply the copy takes so many times longer than to multiply them."""
_STEPS = 127
_NOBODY = -1
_SOURCE_SHIFT = 40  # a key is the source's number above so many bits of the text row


@dataclass(frozen=True)
class _Block:
    """Rows in the order they came. What is in a row once stays; only its owner may go.

    `matrix` has the vectors as the store keeps them, `lengths` theirs. `codes` are the same in whole numbers from -127 to
    127, `steps` what one is worth in a vector of length 1.
    """

    matrix: NDArray[np.float16]
    lengths: NDArray[np.float32]
    codes: NDArray[np.int8]
    steps: NDArray[np.float32]
    texts: NDArray[np.int64]
    owners: NDArray[np.int32]

    @classmethod
    def of(cls, dimensions: int) -> _Block:
        return cls(
            np.empty((BLOCK_ROWS, dimensions), dtype=np.float16),
            np.empty(BLOCK_ROWS, dtype=np.float32),
            np.empty((BLOCK_ROWS, dimensions), dtype=np.int8),
            np.empty(BLOCK_ROWS, dtype=np.float32),
            np.empty(BLOCK_ROWS, dtype=np.int64),
            np.full(BLOCK_ROWS, _NOBODY, dtype=np.int32),
        )

    def put(self, rows: slice, vectors: NDArray[np.float16]) -> None:
        floats = vectors.astype(np.float32)
        self.matrix[rows] = vectors
        self.lengths[rows] = np.linalg.norm(floats, axis=1)
        self.codes[rows], steps = _coded(floats)
        self.steps[rows] = steps / self.lengths[rows]

    def take(self, at: int, source: _Block, row: int) -> None:
        self.matrix[at], self.lengths[at] = source.matrix[row], source.lengths[row]
        self.codes[at], self.steps[at] = source.codes[row], source.steps[row]
        self.texts[at], self.owners[at] = source.texts[row], source.owners[row]

    def estimates(self, rows: NDArray[np.int64], codes: NDArray[np.int8]) -> NDArray[np.float32]:
        """Of these rows, ascending: copied together, or with what lies between them where that costs less."""
        first, last = int(rows[0]), int(rows[-1]) + 1
        if len(rows) * COPY_COST < last - first:
            return _products(self.codes[rows], codes) * self.steps[rows]
        between = _products(self.codes[first:last], codes) * self.steps[first:last]
        return between if len(rows) == last - first else np.asarray(between[rows - first])

    def cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        # Not `matrix @ vector`: that starts a thread on every core for it, and on a busy machine waits for the slowest.
        cosines: NDArray[np.float32] = np.vecdot(self.matrix[rows].astype(np.float32), vector) / self.lengths[rows]
        return cosines


@dataclass(frozen=True)
class _Snapshot:
    """What a search works on: the blocks with how many rows of each are in use, and who owned them when it began."""

    blocks: Sequence[_Block]
    owners: NDArray[np.int32]

    def estimates(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """About the cosines of these rows, ascending, times a number: enough to tell far from near."""
        codes, _ = _coded(vector[np.newaxis, :])
        return self._each(rows, lambda block, ours: block.estimates(ours, codes))

    def cosines(self, rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._each(rows, lambda block, ours: block.cosines(ours, vector))

    def _each(
        self, rows: NDArray[np.int64], work: Callable[[_Block, NDArray[np.int64]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        parts = [work(self.blocks[at], rows[ours] - at * BLOCK_ROWS) for at, ours in self._by_block(rows)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def texts(self) -> NDArray[np.int64]:
        return np.concatenate([block.texts[:count] for block, count in self._used()])

    def _used(self) -> Iterable[tuple[_Block, int]]:
        left = len(self.owners)
        for block in self.blocks:
            yield block, min(left, BLOCK_ROWS)
            left -= BLOCK_ROWS

    def _by_block(self, rows: NDArray[np.int64]) -> Iterable[tuple[int, slice]]:
        """`rows` ascending: which of them lie in which block."""
        borders = np.searchsorted(rows, np.arange(len(self.blocks) + 1) * BLOCK_ROWS)
        for at in range(len(self.blocks)):
            if borders[at] < borders[at + 1]:
                yield at, slice(int(borders[at]), int(borders[at + 1]))


@dataclass
class VectorIndex:
    """Vectors by source and text row. Every method may be called from any thread; those that take many rows belong in one.

    Rows are only ever appended, in blocks: what is there never moves, so growing copies nothing and a search multiplies
    without holding the lock. A removed row loses its owner; when half of all have, what is left moves into new blocks.
    A text that several sources have is there once for each. Memory: 1.2 KB a vector of 384. 100,000 of them take some 4 ms
    of CPU to search, a small source less than 1 ms.
    """

    dimensions: int | None = None
    _blocks: list[_Block] = field(default_factory=list, repr=False)
    _count: int = field(default=0, repr=False)
    _rows: dict[int, int] = field(default_factory=dict, repr=False)
    _source_numbers: dict[str, int] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self._rows)

    def of_source(self, source_id: str) -> set[int]:
        """The text rows of a source that are there."""
        with self._lock:
            number = self._source_numbers.get(source_id)
            return set() if number is None else {self._text(row) for row in self._owned(number)}

    def add(self, source_id: str, text_rows: Sequence[int], vectors: NDArray[Any]) -> None:
        """Take in `vectors` ([len(text_rows), dimensions], kept in half precision as in the store); a text that is there already
        gets the new one.

        The first call sets `dimensions` where the constructor did not. Raises EmbedMismatch, with nothing taken in, for
        another shape or for a vector without a direction.
        """
        if not len(text_rows):
            return
        with self._lock:
            halves = np.asarray(vectors, dtype=np.float16)
            self._checked(halves.astype(np.float32), len(text_rows))
            self.dimensions = halves.shape[1]
            number = self._source_numbers.setdefault(source_id, len(self._source_numbers))
            self._append(number, np.asarray(text_rows, dtype=np.int64), halves)

    def remove(self, text_rows: Iterable[int], source_id: str | None = None) -> int:
        """Forget these texts of a source, or of whichever has them; returns how many vectors went."""
        with self._lock:
            known = self._source_numbers
            numbers = known.values() if source_id is None else [known[source_id]] if source_id in known else []
            removed = sum(self._disown(_key(number, text)) for text in text_rows for number in numbers)
            self._reclaim()
        return removed

    def remove_source(self, source_id: str) -> int:
        """Forget every text of a source; returns how many there were."""
        with self._lock:
            number = self._source_numbers.get(source_id)
            if number is None:
                return 0
            removed = sum(self._disown(_key(number, self._text(row))) for row in self._owned(number))
            self._reclaim()
        return removed

    def search(
        self,
        query: NDArray[Any],
        limit: int,
        source_ids: Collection[str] | None = None,
        only: NDArray[np.int64] | None = None,
    ) -> list[tuple[int, float]]:
        """The `limit` nearest texts as (text row, cosine), nearest first, each once; of these sources only, or of all (None),
        and of the text rows in `only` where it is given.

        `query` is one vector [dimensions] of any length but 0; EmbedMismatch if it is of another shape.
        """
        snapshot, numbers = self._snapshot(source_ids)
        if not len(snapshot.owners) or limit <= 0:
            return []
        vector = self._checked(np.asarray(query, dtype=np.float32)[np.newaxis, :], 1)[0]
        wanted = snapshot.owners != _NOBODY if numbers is None else np.isin(snapshot.owners, numbers)
        texts = snapshot.texts()
        if only is not None:
            wanted &= np.isin(texts, only)
        rows = np.flatnonzero(wanted)
        estimates = snapshot.estimates(rows, vector) if len(rows) > max(FEW_ROWS, LOOKED_AT * limit) else None
        count = LOOKED_AT * limit
        while True:
            near = rows if estimates is None or count >= len(rows) else rows[np.sort(_top(estimates, count))]
            cosines = snapshot.cosines(near, vector)
            best = np.argsort(-cosines, kind="stable")
            nearest: dict[int, float] = {}
            for text, score in zip(texts[near[best]].tolist(), cosines[best].tolist(), strict=True):
                nearest.setdefault(text, score)
            if len(nearest) >= CERTAIN * limit or len(near) == len(rows):
                return list(nearest.items())[:limit]
            count *= 4

    def _snapshot(self, source_ids: Collection[str] | None) -> tuple[_Snapshot, list[int] | None]:
        with self._lock:
            known = self._source_numbers
            numbers = None
            if source_ids is not None and not known.keys() <= set(source_ids):
                numbers = [known[source] for source in source_ids if source in known]
            # Owners change in place, so they are copied; the rest never does.
            owners = [block.owners for block in self._blocks]
            taken = np.concatenate(owners)[: self._count] if owners else np.empty(0, dtype=np.int32)
            return _Snapshot(tuple(self._blocks), taken), numbers

    def _checked(self, vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        expected = self.dimensions or vectors.shape[-1]
        if vectors.shape != (count, expected):
            raise EmbedMismatch(
                f"The index holds vectors of {expected} dimensions; these have the shape {list(vectors.shape)}.",
                expected=expected,
                got=list(vectors.shape),
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise EmbedMismatch("A vector of zeros, or with values that are no numbers, has no direction to compare.")
        normalised: NDArray[np.float32] = vectors / lengths
        return normalised

    def _append(self, number: int, texts: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        for start in range(0, len(texts), BLOCK_ROWS):
            self._append_some(number, texts[start : start + BLOCK_ROWS], vectors[start : start + BLOCK_ROWS])

    def _append_some(self, number: int, texts: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """At most a block of them: they go into the last one and what is over into the next."""
        done = 0
        while done < len(texts):
            if self._count == len(self._blocks) * BLOCK_ROWS:
                self._blocks.append(_Block.of(vectors.shape[1]))
            block, at = self._blocks[-1], self._count % BLOCK_ROWS
            count = min(BLOCK_ROWS - at, len(texts) - done)
            block.put(slice(at, at + count), vectors[done : done + count])
            block.texts[at : at + count] = texts[done : done + count]
            block.owners[at : at + count] = number
            for row, text in enumerate(texts[done : done + count].tolist(), start=self._count):
                self._disown(_key(number, text))
                self._rows[_key(number, text)] = row
            self._count += count
            done += count

    def _reclaim(self) -> None:
        """New blocks with the rows that have an owner, when half have none; searches under way keep the old ones."""
        if self._count <= max(1024, 2 * len(self._rows)):
            return
        kept = [(key, row) for key, row in self._rows.items()]
        old, self._blocks, self._rows, self._count = self._blocks, [], {}, 0
        for key, row in kept:
            if self._count == len(self._blocks) * BLOCK_ROWS:
                self._blocks.append(_Block.of(old[0].matrix.shape[1]))
            source, target, at = old[row // BLOCK_ROWS], self._blocks[-1], self._count % BLOCK_ROWS
            target.take(at, source, row % BLOCK_ROWS)
            self._rows[key] = self._count
            self._count += 1

    def _owned(self, number: int) -> list[int]:
        """The rows of a source."""
        rows: list[int] = []
        for at, block in enumerate(self._blocks):
            rows += (np.flatnonzero(block.owners == number) + at * BLOCK_ROWS).tolist()
        return rows

    def _text(self, row: int) -> int:
        return int(self._blocks[row // BLOCK_ROWS].texts[row % BLOCK_ROWS])

    def _disown(self, key: int) -> bool:
        row = self._rows.pop(key, None)
        if row is None:
            return False
        self._blocks[row // BLOCK_ROWS].owners[row % BLOCK_ROWS] = _NOBODY
        return True


def _coded(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Each vector in whole numbers, with what one of them is worth."""
    steps = np.abs(vectors).max(axis=1) / _STEPS
    return np.rint(vectors / steps[:, np.newaxis]).astype(np.int8), steps


def _products(matrix: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """numpy has no kernel for whole numbers: its own takes ten times as long."""
    products: NDArray[np.float32] = np.asarray(numkong.cdist(codes, matrix, "dot", out_dtype="float32"))[0]
    return products


def _key(number: int, text_row: int) -> int:
    return number << _SOURCE_SHIFT | int(text_row)


def _top(scores: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
    """Positions of the `limit` highest scores, highest first, equal ones in their order."""
    if limit >= len(scores):
        return np.argsort(-scores, kind="stable")
    candidates = np.flatnonzero(scores >= _floor(scores, limit))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:limit]


def _floor(scores: NDArray[np.float32], limit: int) -> np.float32:
    """What the `limit` highest scores are not below, and few others reach: of the highest of each group as many have it. To
    look for the very score among 100,000 takes ten times as long."""
    groups = len(scores) // GROUP_ROWS
    if groups >= limit:
        scores = scores[: groups * GROUP_ROWS].reshape(groups, GROUP_ROWS).max(axis=1)
    floor: np.float32 = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    return floor
