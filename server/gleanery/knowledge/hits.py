"""What is asked of search, and what it answers: frozen values without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gleanery.knowledge.marks import Range
from gleanery.model import Chunk
from gleanery.store.values import FoundChunk, FoundCode


class Mode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


@dataclass(frozen=True)
class SearchQuery:
    """What is asked. Filters here and those written in `text` both hold; of several values one must fit, of tags all.

    `generation` is one of the only source, also an unpublished one; else search goes by what is visible. `neighbours` is how
    many chunks to give before and after each hit. `fold` puts hits that say nearly the same into the best of them, `typos`
    has words that the index doesn't have corrected, `rerank` has the reranker look again where one is set.
    """

    text: str
    mode: Mode = Mode.HYBRID
    source_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    path_prefixes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    generation: int | None = None
    limit: int = 10
    neighbours: int = 0
    fold: bool = True
    typos: bool = True
    rerank: bool = True


@dataclass(frozen=True)
class CodeQuery:
    """The same for code examples; `languages` are those of the code, by any of their names."""

    text: str
    languages: tuple[str, ...] = ()
    source_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    path_prefixes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    limit: int = 10
    typos: bool = True


@dataclass(frozen=True)
class Twin:
    """A hit that was folded into another one."""

    chunk_id: str
    page_id: str
    source_id: str
    url: str
    title: str


def twin_of(found: FoundChunk) -> Twin:
    chunk = found.chunk
    return Twin(chunk.chunk_id, chunk.page_id, chunk.source_id, page_url(found), found.title)


def page_url(found: FoundChunk) -> str:
    """The page's URL with the anchor of the last heading that begins at or before the chunk."""
    before = [anchor for anchor, offset in found.headings if offset <= found.chunk.start and anchor]
    return f"{found.url}#{before[-1]}" if before else found.url


@dataclass(frozen=True)
class Hit:
    """A chunk with its score and what made it.

    In `scores`, what begins with the name of a ranking belongs to it: `keyword` and `vector` are what it added, `…_rank` and
    `…_raw` where the chunk stood there and with what score; `links` is what was taken off a list of links, `rerank` what the
    reranker's order made of it (`rerank_raw`: its own score). `keyword`, `vector`, `links` and `rerank` add up to the score.
    `matched` says where words of the query are: title, headings, content, context.
    """

    found: FoundChunk
    score: float
    scores: Mapping[str, float]
    highlights: Sequence[Range]
    matched: tuple[str, ...] = ()
    folded: tuple[Twin, ...] = ()
    neighbours: tuple[Chunk, ...] = ()

    @property
    def url(self) -> str:
        return page_url(self.found)


@dataclass(frozen=True)
class CodeHit:
    """A code example; `scores` has `keyword_rank` and `keyword_raw`. The score is BM25, which has no upper bound."""

    found: FoundCode
    score: float
    highlights: Sequence[Range]
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """`mode` is the one that was used. `corrections` has words as typed with those that were looked for instead, `notes` what
    else was not done as asked, as sentences."""

    hits: Sequence[Hit]
    mode: Mode
    corrections: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundExamples:
    hits: Sequence[CodeHit]
    corrections: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
