"""`EnrichStore` over Supabase. What a method does is told in `enriching.py`, how in sql/055."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gleanery.model import Fence
from gleanery.store.enriching import (
    ChunkToPlace,
    CodeToName,
    KeptAnswer,
    Lacking,
    NewContext,
    NewSummary,
    PageSetting,
    SourceSetting,
)
from gleanery.store.knowledge_rows import chunk_from, code_from
from gleanery.store.page_rows import chunk_text_hash, chunk_words, code_words
from gleanery.store.rows import Row, compact, fence_row
from gleanery.store.search_store import Shelf
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.words import vector_of
from gleanery.store.values import ChunkText

_MAX_HEADINGS = 60


class SupabaseEnrich:
    """`EnrichStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def lacking(self, source_id: str) -> Lacking:
        found = await self._rest.call("enrich_lacking", source_id=source_id)
        return Lacking(_pairs(found["chunks"]), _pairs(found["code"]), found["has_description"])

    async def chunks_to_place(self, source_id: str, *, after: int, limit: int) -> Sequence[ChunkToPlace]:
        rows = await self._rest.call("enrich_chunks_to_place", source_id=source_id, after=after, limit=limit)
        return [
            ChunkToPlace(
                row["row_id"],
                row["chunk_id"],
                row["page_row"],
                row["ordinal"],
                row["title"],
                tuple(json.loads(row["heading_path"])),
                row["content"],
                row["before"] or "",
                row["behind"] or "",
            )
            for row in rows
        ]

    async def code_to_name(self, source_id: str, *, after: int, limit: int) -> Sequence[CodeToName]:
        rows = await self._rest.call("enrich_code_to_name", source_id=source_id, after=after, limit=limit)
        return [
            CodeToName(
                row["row_id"],
                row["code_id"],
                row["page_row"],
                row["ordinal"],
                row["title"],
                tuple(json.loads(row["heading_path"])),
                row["language"],
                row["context"],
                row["code"],
            )
            for row in rows
        ]

    async def settings(self, page_rows: Sequence[int]) -> Mapping[int, PageSetting]:
        rows = await self._rest.call("enrich_settings", page_rows=list(page_rows))
        return {row["page_row"]: _setting(row) for row in rows}

    async def source_setting(self, source_id: str) -> SourceSetting:
        found = await self._rest.call("enrich_source_setting", source_id=source_id)
        pages = tuple(_setting(row) for row in found["pages"])
        return SourceSetting(source_id, found["url"], found["title"], found["description"], found["count"], pages)

    async def answers(self, keys: Sequence[bytes]) -> Mapping[bytes, Any]:
        rows = await self._rest.call("enrich_answers", keys=[_base64(key) for key in keys])
        return {base64.b64decode(key): json.loads(value) for key, value in rows}

    async def keep_answers(self, fence: Fence, answers: Sequence[KeptAnswer]) -> None:
        rows = [
            {
                "key": _base64(answer.key),
                "kind": answer.kind,
                "model": answer.model,
                "value": compact(answer.value),
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
            }
            for answer in answers
        ]
        await self._rest.write("enrich_keep_answers", fence=fence_row(fence), answers=rows)

    async def new_texts(self, fence: Fence, contexts: Sequence[NewContext]) -> Sequence[ChunkText]:
        chunks = await self._chunks(contexts)
        by_row = {new.row: new.context for new in contexts}
        rows = [
            {
                "row_id": row["row_id"],
                "chunk_id": row["chunk_id"],
                "hash": chunk_text_hash(replace(chunk_from(row), context=by_row[row["row_id"]]), row["title"]).hex(),
            }
            for row in chunks
        ]
        texts = dict(await self._rest.write("enrich_new_texts", fence=fence_row(fence), rows=rows))
        return [
            ChunkText(
                row["row_id"],
                texts[row["row_id"]],
                row["page_id"],
                row["source_id"],
                row["title"],
                tuple(json.loads(row["heading_path"])),
                by_row[row["row_id"]],
                row["content"],
            )
            for row in chunks
            if row["row_id"] in texts
        ]

    async def add_contexts(self, fence: Fence, model: str | None, contexts: Sequence[NewContext]) -> int:
        chunks = await self._chunks(contexts)
        by_row = {new.row: new.context for new in contexts}
        rows = await asyncio.to_thread(lambda: [_with_context(row, by_row[row["row_id"]]) for row in chunks])
        return int(await self._rest.write("enrich_add_contexts", fence=fence_row(fence), model=model, rows=rows))

    async def _chunks(self, contexts: Sequence[NewContext]) -> Sequence[Row]:
        """Those that are there: what they say never changes, so their texts can be worked out here."""
        asked = [{"row_id": new.row, "chunk_id": new.chunk_id} for new in contexts]
        rows: Sequence[Row] = await self._rest.call("enrich_chunks", rows=asked)
        return rows

    async def add_summaries(self, fence: Fence, summaries: Sequence[NewSummary]) -> int:
        asked = [{"row_id": new.row, "code_id": new.code_id} for new in summaries]
        code = await self._rest.call("enrich_code", rows=asked)
        by_row = {new.row: new for new in summaries}
        rows = await asyncio.to_thread(lambda: [_with_summary(row, by_row[row["row_id"]]) for row in code])
        return int(await self._rest.write("enrich_add_summaries", fence=fence_row(fence), rows=rows))

    async def describe_source(self, fence: Fence, source_id: str, description: str) -> None:
        await self._rest.write(
            "enrich_describe_source", fence=fence_row(fence), source_id=source_id, description=description
        )


def _pairs(rows: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    return [(count, characters) for count, characters in rows]


def _setting(row: Row) -> PageSetting:
    headings = tuple((level, text) for level, text, *_ in json.loads(row["outline"])[:_MAX_HEADINGS])
    return PageSetting(row["page_row"], row["url"], row["title"], row["description"], headings, row["lead"] or "")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _with_context(row: Row, context: str) -> dict[str, Any]:
    chunk, title = replace(chunk_from(row), context=context), row["title"]
    return {
        "row_id": row["row_id"],
        "chunk_id": chunk.chunk_id,
        "context": context,
        "hash": chunk_text_hash(chunk, title).hex(),
        "words": vector_of(Shelf.CHUNKS, chunk_words(chunk, title)),
    }


def _with_summary(row: Row, new: NewSummary) -> dict[str, Any]:
    code = replace(code_from(row), name=new.name, summary=new.summary)
    return {
        "row_id": new.row,
        "code_id": new.code_id,
        "name": new.name,
        "summary": new.summary,
        "words": vector_of(Shelf.CODE, code_words(code, row["title"])),
    }
