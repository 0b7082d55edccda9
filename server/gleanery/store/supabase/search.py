"""`SearchStore` over Supabase. What a method does is told in `search_store.py`, how in sql/050, 051 and 054."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gleanery import errors
from gleanery.model import Chunk
from gleanery.store.facet_rows import facets_from
from gleanery.store.knowledge_rows import found_chunk, found_code
from gleanery.store.rows import Row
from gleanery.store.search_store import FEW_PAGES, Facets, Match, PageFilter, Shelf, ShelfSize, SourceFilter
from gleanery.store.source_filter import is_asked_for
from gleanery.store.supabase import match as expressions
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.half_floats import as_texts
from gleanery.store.values import FoundChunk, FoundCode, WordHit

COUNTED_AT_ONCE = 500
"""Rows whose words are counted by one call: a tenth of a second."""


FEW_CHUNKS = 5_000
"""The vectors of so many chunks, or of a fifth of all, are each looked at: none is missed. Of more, those that the graph leads to."""


class SupabaseSearch:
    """`SearchStore` and `Nearest` over a Rest."""

    def __init__(self, rest: Rest, *, few_chunks: int = FEW_CHUNKS) -> None:
        self._rest = rest
        self._few_chunks = few_chunks

    async def sources_for(self, asked: SourceFilter) -> Sequence[str]:
        return _chosen(await self._rest.call("search_sources"), asked)

    async def narrowed(self, sources: Sequence[SourceFilter], pages: PageFilter) -> PageFilter:
        rows = await self._rest.call("search_sources")
        allowed = {row["source_id"] for row in rows}.intersection(*(_chosen(rows, asked) for asked in sources))
        narrowed = replace(pages, source_ids=tuple(row["source_id"] for row in rows if row["source_id"] in allowed))
        if len(allowed) == len(rows) and not pages.is_of_pages:
            return narrowed
        few = await self._rest.call("search_few_pages", pages=_pages(narrowed), most=FEW_PAGES + 1)
        return replace(narrowed, few=tuple(few)) if len(few) <= FEW_PAGES else narrowed

    async def facets(self, source_ids: Sequence[str]) -> Facets:
        found = await self._rest.call("search_facets", source_ids=list(source_ids))
        return facets_from(found["sources"], found["pages"], found["code"], source_ids)

    async def find_words(
        self, shelf: Shelf, match: Match, pages: PageFilter, weights: Sequence[float], limit: int
    ) -> Sequence[WordHit]:
        asked = expressions.asked_of(shelf, match, weights)
        if asked is None or not pages.source_ids or limit <= 0:
            return []
        found = await self._rest.call(
            "search_find_words",
            shelf=shelf,
            **asked,
            pages=_pages(pages),
            code_languages=[group for group in pages.code_languages if group],
            limit=limit,
        )
        return [WordHit(row, rank) for row, rank in found]

    async def rows_of_texts(
        self, text_rows: Sequence[int], pages: PageFilter, match: Match | None
    ) -> Mapping[int, Sequence[int]]:
        query = expressions.conditions(match)
        if not pages.source_ids or not text_rows or query is False:
            return {}
        rows = await self._rest.call(
            "search_rows_of_texts", text_rows=list(text_rows), pages=_pages(pages), query=_text(query)
        )
        found: dict[int, list[int]] = {}
        for text_row, row in rows:
            found.setdefault(text_row, []).append(row)
        return found

    async def texts_of(self, pages: PageFilter) -> Sequence[int]:
        texts: list[int] = await self._rest.call("search_texts_of", pages=_pages(pages))
        return texts

    async def texts_with(self, must: str) -> Sequence[int]:
        query = expressions.conditions(Match("", must=must))
        if query is False:
            return []
        texts: list[int] = await self._rest.call("search_texts_with", query=_text(query))
        return texts

    async def found_chunks(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundChunk]:
        if not rows or not pages.source_ids:
            return {}
        found = await self._rest.call("search_found_chunks", rows=list(rows), pages=_pages(replace(pages, few=None)))
        of_page = found["pages"]
        return {row["row_id"]: found_chunk({**row, **of_page[str(row["page_row"])]}) for row in found["chunks"]}

    async def found_code(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundCode]:
        if not rows or not pages.source_ids:
            return {}
        found = await self._rest.call(
            "search_found_code",
            rows=list(rows),
            pages=_pages(replace(pages, few=None)),
            code_languages=[group for group in pages.code_languages if group],
        )
        return {row["row_id"]: found_code(row) for row in found}

    async def neighbours(self, rows: Sequence[int], distance: int) -> Mapping[int, Sequence[Chunk]]:
        found: dict[int, list[Chunk]] = {row: [] for row in rows}
        for row in await self._rest.call("search_neighbours", rows=list(rows), distance=distance):
            found[row["hit_row"]].append(found_chunk(row).chunk)
        return found

    async def vocabulary(self, shelf: Shelf, *, after: str, limit: int) -> Sequence[tuple[str, int]]:
        if not after:
            while await self._rest.write("search_count_words", shelf=shelf, most=COUNTED_AT_ONCE):
                pass
        words = await self._rest.call("search_vocabulary", shelf=shelf, after=after, limit=limit)
        return [(word, rows) for word, rows in words]

    async def known_words(self, shelf: Shelf, words: Sequence[str]) -> Mapping[str, int]:
        asked = [{"word": word, "query": expressions.word_query(shelf, word)} for word in words]
        known: dict[str, int] = await self._rest.call("search_known_words", shelf=shelf, words=asked)
        return known

    async def shelf_size(self, shelf: Shelf) -> ShelfSize:
        return ShelfSize(**await self._rest.call("search_shelf_size", shelf=shelf))

    async def nearest(
        self, model: str, vector: np.ndarray[Any, np.dtype[np.float32]], match: Match, pages: PageFilter, limit: int
    ) -> Sequence[tuple[int, float]]:
        query = expressions.conditions(match)
        if not pages.source_ids or query is False:
            return []
        [text] = await asyncio.to_thread(as_texts, vector[np.newaxis, :])
        found = await self._rest.call(
            "search_nearest",
            model=model,
            vector=text,
            query=_text(query),
            pages=_pages(pages),
            few=self._few_chunks,
            limit=limit,
        )
        return [(row, score) for row, score in found]


def _chosen(rows: Sequence[Row], asked: SourceFilter) -> list[str]:
    """Raises NotFound for an unknown one of `source_ids`."""
    known = {row["source_id"] for row in rows}
    for source_id in asked.source_ids:
        if source_id not in known:
            raise errors.NotFound("source", source_id)
    return [row["source_id"] for row in rows if is_asked_for(row, asked)]


def _pages(pages: PageFilter) -> Mapping[str, Any]:
    return {**asdict(pages), "is_of_pages": pages.is_of_pages}


def _text(query: str | bool) -> str | None:
    return query if isinstance(query, str) else None
