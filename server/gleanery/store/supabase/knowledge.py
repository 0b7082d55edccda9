"""`KnowledgeStore` over Supabase. What a method does is told in `knowledge_store.py`, how in sql/025."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gleanery.model import Fence, Page, Source
from gleanery.store.knowledge_rows import (
    found_chunk,
    found_code,
    last_crawl_from,
    page_from,
    source_from,
    source_row,
)
from gleanery.store.rows import compact, fence_row
from gleanery.store.supabase.client import Rest
from gleanery.store.values import FoundChunk, FoundCode, SourceChange


class SupabaseKnowledge:
    """`KnowledgeStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def ensure_source(self, source: Source, url_key: str) -> Source:
        return _source(await self._rest.write("knowledge_ensure_source", source=source_row(source, url_key)))

    async def source(self, source_id: str, model: str | None = None) -> Source:
        return _source(await self._rest.call("knowledge_source", source_id=source_id, model=model))

    async def sources(
        self, *, after: tuple[float, str] | None, limit: int, model: str | None, url_key: str | None = None
    ) -> Sequence[Source]:
        at, last = after or (None, "")
        rows = await self._rest.call("knowledge_sources", at=at, last=last, limit=limit, model=model, url_key=url_key)
        return [_source(row) for row in rows]

    async def name_source(self, fence: Fence, source_id: str, title: str) -> None:
        await self._rest.write("knowledge_name_source", fence=fence_row(fence), source_id=source_id, title=title)

    async def change_source(self, source_id: str, change: SourceChange) -> Source:
        row = await self._rest.write(
            "knowledge_change_source",
            source_id=source_id,
            title=change.title,
            description=change.description,
            tags=None if change.tags is None else compact(list(change.tags)),
            knowledge_type=change.knowledge_type,
        )
        return _source(row)

    async def delete_source(self, source_id: str) -> None:
        await self._rest.write("knowledge_delete_source", source_id=source_id)

    async def pages(
        self, source_id: str, *, after: str | None, limit: int, text: str | None = None, is_missing: bool = False
    ) -> Sequence[tuple[Page, int]]:
        rows = await self._rest.call(
            "knowledge_pages", source_id=source_id, after=after, limit=limit, text=text, is_missing=is_missing
        )
        return [(page_from(row, ""), row["chars"]) for row in rows]

    async def page(self, page_id: str, generation: int | None = None) -> Page:
        row = await self._rest.call("knowledge_page", page_id=page_id, generation=generation)
        return page_from(row, row["markdown"])

    async def page_ids(self, source_id: str, url_keys: Sequence[str]) -> Mapping[str, str]:
        found: Mapping[str, str] = await self._rest.call(
            "knowledge_page_ids", source_id=source_id, url_keys=list(url_keys)
        )
        return found

    async def chunks(self, source_id: str, *, page_id: str | None, after: int, limit: int) -> Sequence[FoundChunk]:
        rows = await self._rest.call("knowledge_chunks", source_id=source_id, page_id=page_id, after=after, limit=limit)
        return [found_chunk(row) for row in rows]

    async def code_examples(
        self, source_id: str, *, language: str | None, after: int, limit: int, page_id: str | None = None
    ) -> Sequence[FoundCode]:
        rows = await self._rest.call(
            "knowledge_code_examples",
            source_id=source_id,
            language=language,
            page_id=page_id,
            after=after,
            limit=limit,
        )
        return [found_code(row) for row in rows]


def _source(row: Mapping[str, Any]) -> Source:
    last_crawl = row["last_crawl"]
    return source_from(row, None if last_crawl is None else last_crawl_from(last_crawl))
