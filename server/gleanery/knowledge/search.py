"""Search: by words, by meaning, and both made one by reciprocal rank."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from gleanery import errors, log
from gleanery.knowledge.fusion import (
    BM25_WEIGHTS,
    RANKING_DEPTH,
    fts_query,
    highlight_ranges,
    query_terms,
    reciprocal_rank,
)
from gleanery.knowledge.vectors import Vectors
from gleanery.store.base import SearchStore
from gleanery.store.values import FoundChunk, FoundCode
from gleanery.store.words import LINK_TARGET

_log = log.get(__name__)

CODE_WEIGHTS = (3.0, 5.0, 2.0, 1.0, 1.0, 2.0)


class Mode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


Highlights = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Hit:
    """A chunk with its score and the parts of it: what each ranking added, with its rank and raw score."""

    found: FoundChunk
    score: float
    scores: Mapping[str, float]
    highlights: Highlights

    @property
    def url(self) -> str:
        """The page's URL with the anchor of the last heading that begins at or before the chunk."""
        before = [anchor for anchor, offset in self.found.outline if offset <= self.found.chunk.start and anchor]
        return f"{self.found.url}#{before[-1]}" if before else self.found.url


@dataclass(frozen=True)
class CodeHit:
    found: FoundCode
    score: float
    highlights: Highlights


@dataclass(frozen=True)
class Found:
    hits: Sequence[Hit]
    mode: Mode


class Searcher:
    """Answers queries over the store; `vectors` is None when no embedder is on."""

    def __init__(self, store: SearchStore, vectors: Vectors | None, executor: ThreadPoolExecutor) -> None:
        self._store = store
        self._vectors = vectors
        self._executor = executor

    async def search(self, query: str, *, mode: Mode, source_id: str | None, tags: Sequence[str], limit: int) -> Found:
        """The best chunks. Hybrid falls back to words where there are no vectors or the embedder doesn't answer; asked
        for vectors alone, it raises EmbedUnavailable instead. Raises NotFound for an unknown source."""
        sources = await self._store.live_sources(source_id, tags)
        if not sources:
            return Found((), mode)
        by_words, by_meaning = await asyncio.gather(
            self._by_words(query, sources) if mode is not Mode.VECTOR else _nothing(),
            self._by_meaning(query, sources, mode) if mode is not Mode.KEYWORD else _nothing(),
        )
        used = mode if by_meaning is not None else Mode.KEYWORD
        raw = {"keyword": dict(by_words or ()), "vector": dict(by_meaning or ())}
        fused = reciprocal_rank({name: list(scores) for name, scores in raw.items() if scores})
        found = await self._store.found_chunks([hit.id for hit in fused[: limit * 2]])
        ranks = {name: {row: rank for rank, row in enumerate(scores, 1)} for name, scores in raw.items()}
        hits: list[tuple[FoundChunk, float, Mapping[str, float]]] = []
        for hit in fused:
            if hit.id in found and len(hits) < limit:
                scores = dict(hit.parts)
                scores |= {f"{name}_rank": float(ranks[name][hit.id]) for name in hit.parts}
                scores |= {f"{name}_raw": raw[name][hit.id] for name in hit.parts}
                hits.append((found[hit.id], hit.score, scores))
        marked = await asyncio.get_running_loop().run_in_executor(
            self._executor, _highlight, query, [chunk.chunk.content for chunk, _, _ in hits]
        )
        return Found(
            [Hit(chunk, score, scores, marks) for (chunk, score, scores), marks in zip(hits, marked, strict=True)], used
        )

    async def search_code(
        self, query: str, *, language: str | None, source_id: str | None, limit: int
    ) -> Sequence[CodeHit]:
        """The best code examples by words. Raises NotFound for an unknown source."""
        sources = await self._store.live_sources(source_id, ())
        found = await self._store.find_code(fts_query(query), sources, language, CODE_WEIGHTS, limit) if sources else ()
        marked = await asyncio.get_running_loop().run_in_executor(
            self._executor, _highlight, query, [f.code.code for f in found]
        )
        return [CodeHit(hit, -hit.rank, marks) for hit, marks in zip(found, marked, strict=True)]

    async def _by_words(self, query: str, sources: Sequence[str]) -> list[tuple[int, float]]:
        hits = await self._store.find_words(fts_query(query), sources, BM25_WEIGHTS, RANKING_DEPTH)
        return [(hit.row, -hit.rank) for hit in hits]

    async def _by_meaning(self, query: str, sources: Sequence[str], mode: Mode) -> list[tuple[int, float]] | None:
        if self._vectors is None:
            if mode is Mode.VECTOR:
                raise errors.InvalidInput("mode", "no embedder is on (GLEANERY_EMBEDDER=none): search by keyword")
            return None
        await self._vectors.loaded()
        if not len(self._vectors.index):
            return None if mode is Mode.HYBRID else []
        try:
            vector = (await self._vectors.embedder.embed([query]))[0]
        except errors.EmbedError as error:
            if mode is Mode.VECTOR:
                raise
            _log.warning("search by words alone", extra={"code": error.code, "reason": error.message})
            return None
        index = self._vectors.index
        near = await asyncio.get_running_loop().run_in_executor(
            self._executor, index.search, vector, 3 * RANKING_DEPTH, sources
        )
        rows = await self._store.chunks_of_texts([text for text, _ in near], sources)
        return [(row, score) for text, score in near for row in rows.get(text, ())][:RANKING_DEPTH]


async def _nothing() -> None:
    return None


def _highlight(query: str, contents: Sequence[str]) -> list[Highlights]:
    terms = query_terms(query)
    return [_outside_targets(content, highlight_ranges(content, terms)) for content in contents]


def _outside_targets(content: str, ranges: Highlights) -> Highlights:
    """Without the ranges in the targets of links: those are not searched, and not shown."""
    targets = [match.span() for match in LINK_TARGET.finditer(content)] if "](" in content else []
    return [(start, end) for start, end in ranges if not any(first <= start < last for first, last in targets)]
