"""What search asks of a store: chunks and code by words, chunks by their texts, within what is visible and what a filter lets by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from gleanery.model import Chunk
from gleanery.store.values import FoundChunk, FoundCode, WordHit

FEW_PAGES = 3_000
"""So many pages are found first, where a filter lets no more by; each row that has the words is then looked for among them."""


class Shelf(StrEnum):
    """What is looked through: passages of pages, or code examples. Each has words of its own."""

    CHUNKS = "chunks"
    CODE = "code"


@dataclass(frozen=True)
class SourceFilter:
    """Which sources; an empty part takes all. A source has all of the tags, and one of the rest.

    `names` are ids, URLs, hosts or titles, as people write them; nobody has to know one, so an unknown one finds nothing.
    """

    source_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PageFilter:
    """Which pages: those of the sources, as they are visible or in one generation of the only source. The other parts are
    groups of values: of each group that isn't empty, one must fit.

    `sites` are hosts (with what is below them) or URLs without a scheme, `paths` the beginnings of paths, `languages` as
    pages name them (`de` takes `de-AT`), `versions` likewise (`3.11` takes `3.11.2`). `code_languages` is for code only.
    `few` are the rows of all pages that the rest lets by, where the store has found that these are few.
    """

    source_ids: tuple[str, ...]
    generation: int | None = None
    sites: Groups = ()
    paths: Groups = ()
    languages: Groups = ()
    versions: Groups = ()
    code_languages: Groups = ()
    few: tuple[int, ...] | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether much of what is there may not pass."""
        return self.is_of_pages or len(self.source_ids) == 1 or any(self.code_languages)

    @property
    def is_of_pages(self) -> bool:
        """Whether it says more than which sources."""
        return any((*self.sites, *self.paths, *self.languages, *self.versions))


@dataclass(frozen=True)
class Match:
    """MATCH expressions of FTS5: what a row must have to be ranked, what it must have too and what it must not have, and what
    adds to its rank if it is there. Each may be empty; nothing is found where both of the first are."""

    ranked: str
    must: str = ""
    must_not: str = ""
    also: str = ""


@dataclass(frozen=True)
class ShelfSize:
    """How many rows there are, visible or not, and the highest number: it says whether rows came."""

    rows: int
    last: int


@dataclass(frozen=True)
class SourceCount:
    """A source and how many visible pages it has."""

    source_id: str
    title: str
    url: str
    pages: int


Counts = Mapping[str, int]
"""How many have each value, the most frequent first."""


@dataclass(frozen=True)
class Facets:
    """What filters have to choose from: pages by the tags and the kind of their source, by language and by version, and
    code examples by language. `sources` are all that there are."""

    sources: Sequence[SourceCount]
    tags: Counts
    kinds: Counts
    languages: Counts
    versions: Counts
    code_languages: Counts


class SearchStore(Protocol):
    """Nothing that isn't visible (or in the generation that was asked for) is ever found. `rows` are those of chunks or code."""

    async def sources_for(self, asked: SourceFilter) -> Sequence[str]:
        """Ids of the sources that search may look at. Raises NotFound for an unknown one of `source_ids`."""
        ...

    async def narrowed(self, sources: Sequence[SourceFilter], pages: PageFilter) -> PageFilter:
        """`pages` of the sources that all of `sources` let by, with these pages themselves where they are few. It holds for
        one search: which pages are visible may change. Raises NotFound as `sources_for` does."""
        ...

    async def facets(self, source_ids: Sequence[str]) -> Facets:
        """What the visible pages and code examples of these sources can be filtered by."""
        ...

    async def find_words(
        self, shelf: Shelf, match: Match, pages: PageFilter, weights: Sequence[float], limit: int
    ) -> Sequence[WordHit]:
        """The best rows by BM25; `weights` for the columns of the shelf."""
        ...

    async def rows_of_texts(
        self, text_rows: Sequence[int], pages: PageFilter, match: Match | None
    ) -> Mapping[int, Sequence[int]]:
        """The chunks that have these texts, by text; where `match` is given, those that have what must be there."""
        ...

    async def texts_of(self, pages: PageFilter) -> Sequence[int]:
        """All texts of the pages that the filter lets by, ascending."""
        ...

    async def texts_with(self, must: str) -> Sequence[int]:
        """All texts of chunks, visible or not, that have what must be there, ascending."""
        ...

    async def found_chunks(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundChunk]: ...

    async def found_code(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundCode]: ...

    async def neighbours(self, rows: Sequence[int], distance: int) -> Mapping[int, Sequence[Chunk]]:
        """Up to `distance` chunks before and after each, of the same version of its page, in order and without itself."""
        ...

    async def vocabulary(self, shelf: Shelf, *, after: str, limit: int) -> Sequence[tuple[str, int]]:
        """The words of the index in the order of their bytes, each with the number of rows that have it."""
        ...

    async def known_words(self, shelf: Shelf, words: Sequence[str]) -> Mapping[str, int]:
        """Those of the words that the index has, folded as it has them, with the number of rows."""
        ...

    async def shelf_size(self, shelf: Shelf) -> ShelfSize: ...


class Nearest(Protocol):
    """Search by meaning by the store itself: for a process that holds no vectors in memory."""

    async def nearest(
        self, model: str, vector: np.ndarray[Any, np.dtype[np.float32]], match: Match, pages: PageFilter, limit: int
    ) -> Sequence[tuple[int, float]]:
        """The chunks nearest to the vector by cosine, of the pages that the filter lets by, that have what must be there and not
        what must not: rows with their cosine, the nearest first. Among many of them it may miss some."""
        ...
