"""Keeps the words of the index at hand: how often each occurs, and what was meant by one that doesn't."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gleanery import errors, log
from gleanery.knowledge.query import ParsedQuery
from gleanery.knowledge.spelling import Vocabulary, allowed_slips
from gleanery.store.search_store import SearchStore, Shelf
from gleanery.store.values import Change
from gleanery.store.words import CASE_BORDER, folded, light_stem

_log = log.get(__name__)

SLICE = 2_000
LOOK_SECONDS = 30.0
GROWTH = 1.05
"""So much must an index have grown until its words are read again."""
MAX_CORRECTIONS = 4


@dataclass
class _Kept:
    vocabulary: Vocabulary
    last: int


@dataclass
class Speller:
    """The vocabularies of both shelves in memory: 50 bytes a word. Until `refresh` has been through, no word is known to be
    common and none is corrected."""

    store: SearchStore
    _kept: dict[Shelf, _Kept] = field(default_factory=dict)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, changes: Sequence[Change]) -> None:
        """For the change feed: a task on a source has ended."""
        if any(change.task.status.is_final and change.task.payload.get("source_id") for change in changes):
            self._bell.set()

    async def run(self) -> None:
        """Read the words of the index now, and again whenever it has grown: looked at when a task on a source ends, and now
        and then while one runs."""
        while True:
            try:
                await self.refresh()
            except errors.StorageError as error:
                _log.warning("words of the index not read", extra={"reason": error.message})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._bell.wait()
            self._bell.clear()

    async def refresh(self) -> None:
        for shelf in Shelf:
            size = await self.store.shelf_size(shelf)
            known = self._kept.get(shelf)
            if known is None or size.last > known.last * GROWTH or size.rows * GROWTH < known.vocabulary.size:
                counted = await self._read(shelf)
                vocabulary = await asyncio.to_thread(Vocabulary.of, counted, size.rows)
                self._kept[shelf] = _Kept(vocabulary, size.last)

    async def _read(self, shelf: Shelf) -> Sequence[tuple[str, int]]:
        """In slices: a reader is never held for long."""
        counted: list[tuple[str, int]] = []
        while words := await self.store.vocabulary(shelf, after=counted[-1][0] if counted else "", limit=SLICE):
            counted += words
        return counted

    def count(self, shelf: Shelf, word: str) -> int:
        """How many rows had a word (folded) when the words were read last; 0 for one that is new, or before that."""
        kept = self._kept.get(shelf)
        return kept.vocabulary.count(word) if kept else 0

    def size(self, shelf: Shelf) -> int:
        """How many rows there were then, at least 1."""
        kept = self._kept.get(shelf)
        return max(1, kept.vocabulary.size) if kept else 1

    def share(self, shelf: Shelf, word: str) -> float:
        """The share of rows that have a word (folded), as far as is known; 0 for one that is rare or new."""
        return self.count(shelf, word) / self.size(shelf)

    async def corrections(self, shelf: Shelf, parsed: ParsedQuery) -> Mapping[str, str]:
        """For words as typed that the index doesn't have, the nearest that it has."""
        kept = self._kept.get(shelf)
        if kept is None:
            return {}
        unknown = [word for word in self._suspects(kept.vocabulary, parsed) if allowed_slips(folded(word))]
        if not unknown:
            return {}
        # The vocabulary may be older than the index: what came since is no slip.
        new = await self.store.known_words(shelf, [folded(word) for word in unknown])
        asked = [word for word in unknown if folded(word) not in new][:MAX_CORRECTIONS]
        nearest = await asyncio.to_thread(lambda: [kept.vocabulary.nearest(folded(word)) for word in asked])
        return {word: meant for word, meant in zip(asked, nearest, strict=True) if meant is not None}

    def _suspects(self, vocabulary: Vocabulary, parsed: ParsedQuery) -> Sequence[str]:
        """Words that nothing has in any form, or the parts of such a word that nothing has."""

        def is_known(word: str) -> bool:
            word = folded(word)
            return bool(vocabulary.count(word) or vocabulary.count(light_stem(word)))

        suspects: list[str] = []
        for word in parsed.typed:
            if not is_known(word):
                suspects += [part for part in CASE_BORDER.split(word) if not is_known(part)]
        return list(dict.fromkeys(suspects))
