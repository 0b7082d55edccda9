"""Search: by words, by meaning, and both made one by reciprocal rank."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import numpy as np

from gleanery import errors, log
from gleanery.knowledge.candidates import Candidate, candidates_of, hits_of
from gleanery.knowledge.fusion import CHUNK_WEIGHTS, CODE_WEIGHTS, RANKING_DEPTH, Fused, Ranking, fuse
from gleanery.knowledge.hits import (
    CodeHit,
    CodeQuery,
    Found,
    FoundExamples,
    Hit,
    Mode,
    SearchQuery,
    Twin,
    page_url,
)
from gleanery.knowledge.languages import folded as language_name
from gleanery.knowledge.marks import mark
from gleanery.knowledge.plan import Counts, Plan, match_of, planned
from gleanery.knowledge.query import ParsedQuery, Role, Term, parse_query, respelled
from gleanery.knowledge.rerank import Reranker
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.vectors import Lookup, Vectors
from gleanery.store.search_store import Match, PageFilter, SearchStore, Shelf, SourceFilter

__all__ = [
    "CodeHit",
    "CodeQuery",
    "Found",
    "FoundExamples",
    "Hit",
    "Mode",
    "SearchQuery",
    "Searcher",
    "Twin",
    "page_url",
]

_log = log.get(__name__)
T = TypeVar("T")
Scored = Sequence[tuple[int, float]]

COMMON_SHARE = 0.3
"""A word that more rows have says next to nothing beside a rarer one, and costs the most to look up."""
ENOUGH_HITS = 20
"""With fewer by words, those that have but the common words of a query are looked for too."""
RERANKED = 30
RERANK_SECONDS = 2.0
NEAR = 2 * RANKING_DEPTH
"""Texts to look up by meaning at once: some are of pages that are not visible any more."""
NEAR_AT_ONCE = RANKING_DEPTH + 20
NEAR_IF_FILTERED = 12 * NEAR
ENOUGH_NEAR = 40
"""So many hits by meaning are enough where a filter keeps others out."""
_RELAXED = "Nothing has what is quoted or asked of code just so: its words were looked for one by one."


class Searcher:
    """Answers queries over the store. `vectors` is None when no embedder is on, `reranker` where none is set. Where somebody
    waits for the answers, `right_of_way` is what the work beside them gives way by."""

    def __init__(
        self,
        store: SearchStore,
        vectors: Vectors | None,
        executor: ThreadPoolExecutor,
        *,
        speller: Speller | None = None,
        reranker: Reranker | None = None,
        rerank_seconds: float = RERANK_SECONDS,
        right_of_way: RightOfWay | None = None,
    ) -> None:
        self._store = store
        self._vectors = vectors
        self._executor = executor
        self._speller = speller or Speller(store)
        self._reranker = reranker
        self._rerank_seconds = rerank_seconds
        self._first: Callable[[], AbstractContextManager[None]] = (
            contextlib.nullcontext if right_of_way is None else right_of_way.taken
        )

    async def find(self, asked: SearchQuery) -> Found:
        """The best chunks. Hybrid falls back to words where there are no vectors or the embedder doesn't answer; asked for
        vectors alone, it raises EmbedError instead, or InvalidInput where no embedder is on. Raises NotFound for an unknown
        source. What is quoted must be there; where nothing has it, `notes` says so and the words are looked for without."""
        with self._first():
            return await self._found(asked)

    async def find_code(self, asked: CodeQuery) -> FoundExamples:
        """The best code examples by words. Raises NotFound for an unknown source."""
        with self._first():
            return await self._found_examples(asked)

    async def _found(self, asked: SearchQuery) -> Found:
        parsed = parse_query(asked.text)
        pages = await self._pages(asked, parsed)
        if not pages.source_ids:
            return Found((), asked.mode)
        parsed, corrections = await self._corrected(asked.text, parsed, Shelf.CHUNKS, asked.typos)
        fused, mode = await self._ranked(parsed, pages, asked.mode)
        notes: tuple[str, ...] = ()
        if not fused and parsed.can_be_relaxed:
            parsed = parsed.relaxed()
            fused, mode = await self._ranked(parsed, pages, asked.mode)
            notes = (_RELAXED,) if fused else ()
        hits, told = await self._shown(fused, parsed, pages, asked)
        return Found(hits, mode, corrections, (*notes, *told))

    async def _found_examples(self, asked: CodeQuery) -> FoundExamples:
        parsed = parse_query(asked.text, code_languages=True)
        pages = await self._pages(asked, parsed)
        if not pages.source_ids:
            return FoundExamples(())
        parsed, corrections = await self._corrected(asked.text, parsed, Shelf.CODE, asked.typos)
        hits = await self._by_words(Shelf.CODE, parsed, pages, asked.limit)
        notes: tuple[str, ...] = ()
        if not hits and parsed.can_be_relaxed:
            parsed = parsed.relaxed()
            hits = await self._by_words(Shelf.CODE, parsed, pages, asked.limit)
            notes = (_RELAXED,) if hits else ()
        found = await self._store.found_code([row for row, _ in hits], pages)
        kept = [(rank, found[row], raw) for rank, (row, raw) in enumerate(hits, start=1) if row in found]
        marks = await self._in_thread(lambda: [mark(code.code.code, parsed.terms) for _, code, _ in kept])
        examples = tuple(
            CodeHit(code, raw, ranges, {"keyword_rank": float(rank), "keyword_raw": raw})
            for (rank, code, raw), ranges in zip(kept, marks, strict=True)
        )
        return FoundExamples(examples, corrections, notes)

    # What is asked

    async def _pages(self, asked: SearchQuery | CodeQuery, parsed: ParsedQuery) -> PageFilter:
        """Both the filters of the request and those of the text hold."""
        written = parsed.filters
        tags = (*asked.tags, *written.tags)
        names = (asked.languages, written.languages)
        is_code = isinstance(asked, CodeQuery)
        by_request = SourceFilter(asked.source_ids, (), tags, asked.kinds)
        by_text = SourceFilter((), written.sources, (), written.kinds)
        pages = PageFilter(
            (),
            asked.generation if isinstance(asked, SearchQuery) else None,
            sites=(asked.sites, written.sites),
            paths=(asked.path_prefixes, written.paths),
            languages=() if is_code else names,
            versions=(asked.versions, written.versions),
            code_languages=tuple(tuple(map(_code_language, group)) for group in names) if is_code else (),
        )
        return await self._store.narrowed((by_request, by_text), pages)

    async def _corrected(
        self, text: str, parsed: ParsedQuery, shelf: Shelf, is_wanted: bool
    ) -> tuple[ParsedQuery, Mapping[str, str]]:
        corrections = await self._speller.corrections(shelf, parsed) if is_wanted else {}
        if not corrections:
            return parsed, {}
        return parse_query(respelled(text, corrections), code_languages=shelf is Shelf.CODE), corrections

    # By words, by meaning

    async def _ranked(self, parsed: ParsedQuery, pages: PageFilter, mode: Mode) -> tuple[list[Fused[int]], Mode]:
        """The hits of both rankings, best first, and the mode that was used."""
        by_words, by_meaning = await asyncio.gather(
            self._by_words(Shelf.CHUNKS, parsed, pages, RANKING_DEPTH) if mode is not Mode.VECTOR else _nothing(),
            self._by_meaning(parsed, pages, mode) if mode is not Mode.KEYWORD else _nothing(),
        )
        rankings = {"keyword": Ranking(by_words or (), zero=0.0), "vector": Ranking(by_meaning or ())}
        return fuse(rankings), Mode.KEYWORD if by_meaning is None else mode

    async def _by_words(self, shelf: Shelf, parsed: ParsedQuery, pages: PageFilter, limit: int) -> Scored:
        """Rows with their BM25, higher for better."""
        weights = CHUNK_WEIGHTS if shelf is Shelf.CHUNKS else CODE_WEIGHTS
        counts = Counts(lambda word: self._speller.count(shelf, word), self._speller.size(shelf))
        plan = planned(parsed, self._telling(shelf, parsed), counts)
        hits = await self._store.find_words(shelf, match_of(shelf, parsed, plan), pages, weights, limit)
        found = {hit.row: -hit.rank for hit in hits}
        others = [term for term in plan.rest if term.role is Role.WORD]
        if len(found) < min(limit, ENOUGH_HITS) and others and not parsed.can_be_relaxed:
            match = match_of(shelf, parsed, Plan(tuple(others[:1])))
            least = min(found.values(), default=math.inf)
            for hit in await self._store.find_words(shelf, match, pages, weights, limit - len(found)):
                found.setdefault(hit.row, min(-hit.rank, least))
        return list(found.items())

    def _telling(self, shelf: Shelf, parsed: ParsedQuery) -> Sequence[Term]:
        """The terms without the common words, if there are rarer ones."""
        words = {word for term in parsed.terms for word in term.key.split()}
        common = {word for word in words if self._speller.share(shelf, word) > COMMON_SHARE}
        telling = [term for term in parsed.terms if not common.issuperset(term.key.split())]
        return telling if any(self._speller.count(shelf, term.key) for term in telling) else parsed.terms

    async def _by_meaning(self, parsed: ParsedQuery, pages: PageFilter, mode: Mode) -> Scored | None:
        """Rows with their cosine; None where only words can be looked for."""
        if self._vectors is None or not self._vectors.is_on:
            if mode is Mode.VECTOR:
                raise errors.InvalidInput("mode", "no embedder is on (GLEANERY_EMBEDDER=none): search by keyword")
            return None
        if not parsed.text:
            return ()
        try:
            lookup = await self._vectors.look_up(parsed.text)
        except errors.EmbedError as error:
            if mode is Mode.VECTOR:
                raise
            _log.warning("search by words alone", extra={"code": error.code, "reason": error.message})
            return None
        if lookup is None:
            return None if mode is Mode.HYBRID else ()
        match = match_of(Shelf.CHUNKS, parsed, Plan())
        if lookup.nearest is not None:
            return await lookup.nearest.nearest(lookup.model, lookup.vector, match, pages, RANKING_DEPTH)
        return await self._near(lookup, pages, match)

    async def _near(self, lookup: Lookup, pages: PageFilter, match: Match) -> Scored:
        """The nearest chunks that the filter lets by. Where it is told beforehand which can be, only those are looked at."""
        only = await self._possible_texts(pages, match)
        hits = await self._near_among(lookup, pages, match, only)
        if only is None and len(hits) < ENOUGH_NEAR and pages.is_of_pages:
            hits = await self._near_among(lookup, pages, match, await self._store.texts_of(pages))
        return hits

    async def _possible_texts(self, pages: PageFilter, match: Match) -> Sequence[int] | None:
        """The texts that have what must be there, of the pages if these are few; None for all."""
        with_words = await self._store.texts_with(match.must) if match.must else None
        of_pages = await self._store.texts_of(pages) if pages.is_of_pages and pages.few is not None else None
        if with_words is None or of_pages is None:
            return of_pages if with_words is None else with_words
        return sorted({*with_words} & {*of_pages})

    async def _near_among(
        self, lookup: Lookup, pages: PageFilter, match: Match, only: Sequence[int] | None
    ) -> list[tuple[int, float]]:
        """The nearest of these texts, or of all: so many of them that enough pass."""
        texts = None if only is None else np.array(only, dtype=np.int64)
        unwanted = Match("", must_not=match.must_not)  # what must be there all chunks of a text have, or none
        count = NEAR_IF_FILTERED if match.must_not or (pages.is_of_pages and pages.few is None) else NEAR
        near = await self._in_thread(lambda: lookup.index.search(lookup.vector, count, pages.source_ids, texts))
        hits: list[tuple[int, float]] = []
        for start in range(0, len(near), NEAR_AT_ONCE):
            some = near[start : start + NEAR_AT_ONCE]
            rows = await self._store.rows_of_texts([text for text, _ in some], pages, unwanted)
            hits += [(row, score) for text, score in some for row in rows.get(text, ())]
            if len(hits) >= RANKING_DEPTH:
                break
        return hits[:RANKING_DEPTH]

    # What becomes of the hits

    async def _shown(
        self, fused: Sequence[Fused[int]], parsed: ParsedQuery, pages: PageFilter, asked: SearchQuery
    ) -> tuple[Sequence[Hit], tuple[str, ...]]:
        """The best of them as hits, and what was not done as asked."""
        best = fused[: max(RERANKED, 3 * asked.limit)]
        found = await self._store.found_chunks([hit.id for hit in best], pages)
        reranker = self._reranker if asked.rerank else None
        if reranker is None and asked.neighbours == 0:  # at once: each job for a thread waits for it
            return await self._in_thread(
                lambda: hits_of(candidates_of(best, found, fold=asked.fold)[: asked.limit], parsed.terms, {})
            ), ()
        candidates = await self._in_thread(lambda: candidates_of(best, found, fold=asked.fold))
        told: tuple[str, ...] = ()
        if reranker is not None and candidates:
            candidates, told = await self._reranked(reranker, parsed.text, candidates)
        shown = candidates[: asked.limit]
        rows = [candidate.found.row for candidate in shown]
        beside = await self._store.neighbours(rows, asked.neighbours) if asked.neighbours > 0 and rows else {}
        return await self._in_thread(lambda: hits_of(shown, parsed.terms, beside)), told

    async def _reranked(
        self, reranker: Reranker, text: str, candidates: list[Candidate]
    ) -> tuple[list[Candidate], tuple[str, ...]]:
        """The first ones in the reranker's order, all of them above the others; as they were if it can't say, with a note."""
        looked_at, others = candidates[:RERANKED], candidates[RERANKED:]
        contents = [candidate.found.chunk.content for candidate in looked_at]
        try:
            order = await reranker.rank(text, contents, self._rerank_seconds)
        except errors.GleaneryError as error:
            _log.warning("hits not reranked", extra={"code": error.code, "reason": error.message})
            return candidates, (f"The order is not the reranker's: {error.message}",)
        ranked = []
        for rank, found in enumerate(order):
            candidate = looked_at[found.position]
            score = 2.0 - rank / len(order)
            scores = {**candidate.scores, "rerank": score - candidate.score, "rerank_raw": found.raw}
            ranked.append(replace(candidate, score=score, scores=scores))
        return [*ranked, *others], ()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


async def _nothing() -> None:
    return None


def _code_language(name: str) -> str:
    return language_name(name) or name.lower()
