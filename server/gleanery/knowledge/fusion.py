"""How hits are found and ranked: the words of a query, the nearest vectors, and both rankings made into one.

Pure values and arrays, no database: the store runs `fts_query` against its own full-text index. What the two sides must
agree on is here: FTS_TOKENIZER and BM25_WEIGHTS for the index, and `fts_text` for the text that goes into it.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from gleanery.errors import EmbedMismatch

Id = TypeVar("Id", bound=Hashable)

# --- two rankings into one ---------------------------------------------------------------------------------------

# Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
# SIGIR 2009, uses k = 60 and no weights. Nothing measured here was a reason to depart from that.
RRF_K = 60
RRF_WEIGHTS: Mapping[str, float] = {"keyword": 1.0, "vector": 1.0}
RANKING_DEPTH = 100  # hits to take from each ranking: a hit further down adds next to nothing


@dataclass(frozen=True)
class Fused(Generic[Id]):
    """A hit after fusion; `parts` says what each ranking that has it added to the score."""

    id: Id
    score: float
    parts: Mapping[str, float]


def reciprocal_rank(
    rankings: Mapping[str, Sequence[Id]], weights: Mapping[str, float] = RRF_WEIGHTS, k: int = RRF_K
) -> list[Fused[Id]]:
    """All ids of `rankings` (name to ids, best first, no id twice), best first by the sum of weight / (k + rank).

    Ranks count from 1. Equal scores keep the order in which the rankings brought them. A ranking without a weight is
    a KeyError.
    """
    parts: dict[Id, dict[str, float]] = {}
    for name, ids in rankings.items():
        for rank, hit_id in enumerate(ids, start=1):
            parts.setdefault(hit_id, {})[name] = weights[name] / (k + rank)
    fused = [Fused(hit_id, sum(added.values()), added) for hit_id, added in parts.items()]
    return sorted(fused, key=lambda hit: -hit.score)


# --- nearest vectors ---------------------------------------------------------------------------------------------

_FIRST_CAPACITY = 1024
_NOBODY = -1


@dataclass(frozen=True)
class _Snapshot:
    matrix: NDArray[np.float32]
    owners: NDArray[np.int32]
    texts: list[int]


@dataclass
class VectorIndex:
    """All vectors in memory, searched exactly by cosine. Every method may be called from any thread.

    Rows are only ever appended: a removed row loses its owner and its place is reclaimed when half of them have. So a
    search works on the rows that were there when it began, without holding the lock while it multiplies. Memory: 1.5 KB
    a vector of 384. 100,000 of them take some 20 ms of CPU to search, a small source 1 ms.
    """

    dimensions: int | None = None
    _matrix: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32), repr=False)
    _owners: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32), repr=False)
    _texts: list[int] = field(default_factory=list, repr=False)
    _rows: dict[int, int] = field(default_factory=dict, repr=False)
    _source_numbers: dict[str, int] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, text_row: object) -> bool:
        return text_row in self._rows

    def of_source(self, source_id: str) -> set[int]:
        """The texts of a source that are there."""
        with self._lock:
            number = self._source_numbers.get(source_id, _NOBODY)
            owned = np.flatnonzero(self._owners[: len(self._texts)] == number) if number != _NOBODY else ()
            return {self._texts[row] for row in owned}

    def add(self, source_id: str, text_rows: Sequence[int], vectors: NDArray[Any]) -> None:
        """Take in `vectors` (floats, [len(text_rows), dimensions]); a chunk that is there already gets the new one.

        The first call sets `dimensions` where the constructor did not. Raises EmbedMismatch, with nothing taken in, for
        another shape or for a vector without a direction.
        """
        if not text_rows:
            return
        with self._lock:
            normalised = self._checked(np.asarray(vectors, dtype=np.float32), len(text_rows))
            self.dimensions = normalised.shape[1]
            self._make_room(len(text_rows))
            first = len(self._texts)
            self._matrix[first : first + len(text_rows)] = normalised
            self._owners[first : first + len(text_rows)] = self._source_numbers.setdefault(
                source_id, len(self._source_numbers)
            )
            self._texts.extend(text_rows)
            for row, text_row in enumerate(text_rows, start=first):
                self._disown(text_row)
                self._rows[text_row] = row

    def remove(self, text_rows: Iterable[int]) -> int:
        """Forget these chunks; returns how many of them were there."""
        with self._lock:
            removed = sum(self._disown(text_row) for text_row in text_rows)
            self._reclaim()
        return removed

    def remove_source(self, source_id: str) -> int:
        """Forget every chunk of a source; returns how many there were."""
        with self._lock:
            number = self._source_numbers.get(source_id)
            if number is None:
                return 0
            owned = np.flatnonzero(self._owners[: len(self._texts)] == number)
            removed = sum(self._disown(self._texts[row]) for row in owned)
            self._reclaim()
        return removed

    def search(
        self, query: NDArray[Any], limit: int, source_ids: Collection[str] | None = None
    ) -> list[tuple[int, float]]:
        """The `limit` nearest chunks as (text_row, cosine), nearest first; of these sources only, or of all (None).

        `query` is one vector [dimensions] of any length but 0; EmbedMismatch if it is of another shape.
        """
        snapshot, numbers = self._snapshot(source_ids)
        if not snapshot.texts or limit <= 0:
            return []
        vector = self._checked(np.asarray(query, dtype=np.float32)[np.newaxis, :], 1)[0]
        rows = np.flatnonzero(snapshot.owners != _NOBODY if numbers is None else np.isin(snapshot.owners, numbers))
        if len(rows) * 4 < len(snapshot.owners):
            scores = snapshot.matrix[rows] @ vector
        else:  # to copy that many rows costs more than to multiply them all
            scores = (snapshot.matrix @ vector)[rows]
        best = _top(scores, limit)
        return [(snapshot.texts[row], float(score)) for row, score in zip(rows[best], scores[best], strict=True)]

    def _snapshot(self, source_ids: Collection[str] | None) -> tuple[_Snapshot, list[int] | None]:
        with self._lock:
            count = len(self._texts)
            known = self._source_numbers
            numbers = None if source_ids is None else [known[source] for source in source_ids if source in known]
            # The matrix below `count` and the list of ids never change in place; owners do, so those are copied.
            return _Snapshot(self._matrix[:count], self._owners[:count].copy(), self._texts), numbers

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

    def _make_room(self, extra: int) -> None:
        if len(self._texts) + extra > len(self._owners):
            self._rebuild(extra)

    def _reclaim(self) -> None:
        if len(self._texts) > max(_FIRST_CAPACITY, 2 * len(self._rows)):
            self._rebuild(extra=0)

    def _rebuild(self, extra: int) -> None:
        """New arrays with the rows that have an owner and at least as much room again; searches keep the old ones."""
        kept = sorted(self._rows.values())
        capacity = max(_FIRST_CAPACITY, 2 * len(kept), len(kept) + extra)
        matrix = np.empty((capacity, self.dimensions or 0), dtype=np.float32)
        owners = np.full(capacity, _NOBODY, dtype=np.int32)
        if kept:
            matrix[: len(kept)] = self._matrix[kept]
            owners[: len(kept)] = self._owners[kept]
        self._matrix, self._owners = matrix, owners
        self._texts = [self._texts[row] for row in kept]
        self._rows = {text_row: row for row, text_row in enumerate(self._texts)}

    def _disown(self, text_row: int) -> bool:
        row = self._rows.pop(text_row, None)
        if row is None:
            return False
        self._owners[row] = _NOBODY
        return True


def _top(scores: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
    """Positions of the `limit` highest scores, highest first, equal ones in their order."""
    if limit >= len(scores):
        return np.argsort(-scores, kind="stable")
    candidates = np.sort(np.argpartition(-scores, limit)[:limit])
    return candidates[np.argsort(-scores[candidates], kind="stable")]


# --- words -------------------------------------------------------------------------------------------------------

# Stemming (porter) was measured too: no better on questions to documentation, and it blurs identifiers.
FTS_TOKENIZER = "unicode61 remove_diacritics 2"
# For bm25() over the columns (title, headings, body). A heading names what its chunk is about; a title is the same for
# all chunks of a page, so it says less. On the bench any heading weight from 2 to 10 gives the same within 0.005.
BM25_WEIGHTS = (3.0, 5.0, 1.0, 1.0, 1.0, 1.0)

_MAX_QUERY_CHARACTERS = 4_000
_MAX_TERMS = 64
_CJK = (
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
# FTS5's tables end with Unicode 6.1; it takes what came later, most emoji among it, for letters.
_SET_APART = re.compile(f"[{_CJK}\U0001f000-\U0001fbff]")
# What unicode61 takes for a word: letters and digits, with combining accents inside. CJK is taken by the character.
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}](?:[^\W_{_CJK}]|[\u0300-\u0331])*")
_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”')
_CASE_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_STOP_WORDS = frozenset(
    """
    a about an and any are as at be been between but by can could did do does for from had has have how i if in into is
    it its me my of on or our should so some such than that the their them then there these they this those to was we
    were what when where which while who why will with would you your
    """.split()  # noqa: SIM905 - as a list it would be a hundred lines
)


def fts_text(text: str) -> str:
    """`text` as it goes into the full-text index: blanks around each CJK character and emoji, the rest as it is.

    unicode61 takes a run of CJK as one word, so nothing inside it could be found. By the character a phrase finds it.
    """
    return _SET_APART.sub(r" \g<0> ", text)


def query_terms(text: str) -> list[str]:
    """What to look for: each term one word, or several with blanks between them that must follow each other.

    Quoted parts are kept as phrases. A joined name (`asyncio.create_task`, `createTask`) gives the whole and its parts,
    a run of CJK its pairs of characters. Common English words go unless there is nothing else. At most 64 terms.
    """
    text = text[:_MAX_QUERY_CHARACTERS]
    terms = [" ".join(_words(quoted[1] or quoted[2] or "")) for quoted in _QUOTED.finditer(text)]
    for written in _QUOTED.sub(" ", text).split():
        terms += _terms_of(written)
    found = {_folded(term): term for term in reversed(terms) if term}  # reversed: of equal terms the first one stays
    distinct = list(reversed(found.values()))
    telling = [term for term in distinct if term.lower() not in _STOP_WORDS]
    return (telling or distinct)[:_MAX_TERMS]


def fts_query(text: str) -> str:
    """A MATCH expression of SQLite's FTS5 for whatever a user typed: any of `query_terms`. Never a syntax error."""
    # Within quotes nothing has a meaning to FTS5, and a term holds no quote. An empty phrase finds nothing.
    return " OR ".join(f'"{term}"' for term in query_terms(text)) or '""'


def highlight_ranges(content: str, terms: Iterable[str]) -> list[tuple[int, int]]:
    """Where `content` has one of `terms` (see query_terms): (start, end) in code points, ascending, none overlapping.

    A term matches as in the index: whole words, whatever their case and accents.
    """
    wanted: dict[str, list[list[str]]] = {}
    for term in terms:
        if words := [_folded(word) for word in _words(term)]:
            wanted.setdefault(words[0], []).append(words)
    spans = [(match.start(), match.end()) for match in _WORD.finditer(content)]
    folded = [_folded(content[start:end]) for start, end in spans]
    ranges: list[tuple[int, int]] = []
    for position, word in enumerate(folded):
        for words in wanted.get(word, ()):
            if folded[position : position + len(words)] == words:
                _merge(ranges, spans[position][0], spans[position + len(words) - 1][1])
    return ranges


def _merge(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    if ranges and start <= ranges[-1][1]:
        start, end = ranges[-1][0], max(end, ranges.pop()[1])
    ranges.append((start, end))


def _terms_of(written: str) -> Iterator[str]:
    """The terms of what stands between two blanks: `(asyncio.create_task)` has a phrase and three words."""
    words = _words(written)
    is_cjk = any(_CJK_CHARACTER.match(word) for word in words)
    if len(words) > 1 and not is_cjk:
        yield " ".join(words)
    for word in words:
        if not _CJK_CHARACTER.match(word) and (len(word) > 1 or len(words) == 1):
            yield from _word_and_parts(word)
    for run in re.findall(f"[{_CJK}]+", written):
        yield from (" ".join(run[at : at + 2]) for at in range(max(1, len(run) - 1)))


def _word_and_parts(word: str) -> Iterator[str]:
    yield word
    parts = _CASE_BORDER.split(word)
    if len(parts) > 1:
        yield " ".join(parts)
        yield from (part for part in parts if len(part) > 1)


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _folded(word: str) -> str:
    """Without case and accents, as unicode61 with remove_diacritics compares words."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(character for character in decomposed if not "\u0300" <= character <= "\u036f")
