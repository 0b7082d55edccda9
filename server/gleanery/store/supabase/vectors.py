"""`VectorStore` over Supabase. What a method does is told in `vector_store.py`, how in sql/052 and 053."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from gleanery.model import Fence
from gleanery.store.rows import Row, certain_time, fence_row, time_of
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.half_floats import as_texts, from_bytes
from gleanery.store.values import ChunkText, VectorRow
from gleanery.store.vector_store import Coverage, ModelState, StoredModel, TextFailure, Usage

TEXTS_AT_ONCE = 1_000
VECTORS_AT_ONCE = 200
"""An answer has no more of them: 200 of 1,536 numbers are 800 KB."""


class SupabaseVectors:
    """`VectorStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def without_vectors(
        self, source_id: str, model: str, *, after: int, limit: int, tried_before: datetime | None = None
    ) -> Sequence[ChunkText]:
        rows = await self._rest.call(
            "vectors_without_vectors",
            source_id=source_id,
            model=model,
            after=after,
            limit=limit,
            tried_before=None if tried_before is None else tried_before.timestamp(),
        )
        by_text: dict[int, Row] = {}
        for row in rows:
            by_text.setdefault(row["text_row"], row)
        return [chunk_text(row) for row in by_text.values()]

    async def sources_without_vectors(self, model: str) -> Sequence[str]:
        return await self._names("vectors_sources_without_vectors", model=model)

    async def sources_lacking(self, model: str, source_id: str | None = None) -> Sequence[str]:
        return await self._names("vectors_sources_lacking", model=model, source_id=source_id)

    async def tasks_at_work(self, model: str, source_id: str | None = None) -> Sequence[str]:
        return await self._names("vectors_tasks_at_work", model=model, source_id=source_id)

    async def coverage(self, model: str, source_id: str | None = None) -> Coverage:
        return Coverage(**await self._rest.call("vectors_coverage", model=model, source_id=source_id))

    async def texts_lacking(self, model: str, source_id: str | None, *, limit: int) -> Sequence[ChunkText]:
        rows = await self._rest.call("vectors_texts_lacking", model=model, source_id=source_id, limit=limit)
        return [chunk_text(row) for row in rows]

    async def add_vectors(
        self,
        fence: Fence,
        model: str,
        texts: Sequence[ChunkText],
        vectors: np.ndarray[Any, np.dtype[np.float32]],
        usage: Usage = Usage(),  # noqa: B008 - it is frozen
    ) -> int:
        halves = await asyncio.to_thread(as_texts, vectors)
        tokens = (*usage.text_tokens, *[None] * len(texts))
        rows = [
            {"text_row": text.text_row, "data": data, "tokens": count}
            for text, data, count in zip(texts, halves, tokens, strict=False)
        ]
        completed: int = await self._rest.write(
            "vectors_add",
            fence=fence_row(fence),
            model=model,
            rows=rows,
            source_ids=list({text.source_id for text in texts}),
            usage={"tokens": usage.tokens, "requests": usage.requests},
        )
        return completed

    async def add_failures(self, fence: Fence, model: str, failures: Sequence[TextFailure]) -> None:
        rows = [{"text_row": each.text_row, "code": each.code, "message": each.message} for each in failures]
        await self._rest.write("vectors_add_failures", fence=fence_row(fence), model=model, rows=rows)

    async def failures(self, model: str, *, limit: int) -> Sequence[TextFailure]:
        rows = await self._rest.call("vectors_failures", model=model, limit=limit)
        return [
            TextFailure(
                row["text_row"],
                row["code"],
                row["message"],
                row["attempts"],
                certain_time(row["at"]),
                row["source_id"],
                row["url"],
                tuple(json.loads(row["heading_path"])),
            )
            for row in rows
        ]

    async def vectors(self, model: str, *, after: int, limit: int) -> Sequence[VectorRow]:
        found: list[VectorRow] = []
        for _ in range(0, limit, VECTORS_AT_ONCE):
            least = found[-1].text_row if found else after
            count = min(VECTORS_AT_ONCE, limit)
            rows = await self._rest.call("vectors_list", model=model, after=least, limit=count)
            found += [VectorRow(text_row, source_id, from_bytes(data)) for text_row, source_id, data in rows]
            if len({text_row for text_row, _, _ in rows}) < count:
                break
        return found

    async def newer_texts(self, source_id: str, model: str, *, after: int, limit: int) -> Sequence[tuple[int, int]]:
        rows = await self._rest.call(
            "vectors_newer_texts", source_id=source_id, model=model, after=after, limit=min(limit, TEXTS_AT_ONCE)
        )
        return [(row, text_row) for row, text_row in rows]

    async def newest_row(self, source_id: str) -> int:
        return int(await self._rest.call("vectors_newest_row", source_id=source_id))

    async def embedded_texts(self, source_id: str, model: str) -> Sequence[int]:
        texts: list[int] = await self._rest.call("vectors_embedded_texts", source_id=source_id, model=model)
        return texts

    async def vectors_of(self, source_id: str, text_rows: Sequence[int], model: str) -> Sequence[VectorRow]:
        found: list[VectorRow] = []
        for start in range(0, len(text_rows), VECTORS_AT_ONCE):
            some = list(text_rows[start : start + VECTORS_AT_ONCE])
            rows = await self._rest.call("vectors_of", text_rows=some, model=model)
            found += [VectorRow(text_row, source_id, from_bytes(data)) for text_row, data in rows]
        return found

    async def dimensions(self, model: str) -> int | None:
        length: int | None = await self._rest.call("vectors_dimensions", model=model)
        return length

    async def models(self) -> Sequence[StoredModel]:
        return [_model(row) for row in await self._rest.call("vectors_models")]

    async def propose(self, name: str, options: Mapping[str, Any], environment: Mapping[str, Any]) -> ModelState:
        state = await self._rest.write(
            "vectors_propose", model=name, options=dict(options), environment=dict(environment)
        )
        return ModelState(state)

    async def activate(self, name: str, *, is_forced: bool = False) -> bool:
        return bool(await self._rest.write("vectors_activate", model=name, is_forced=is_forced))

    async def give_up(self) -> str | None:
        name: str | None = await self._rest.write("vectors_give_up")
        return name

    async def drop_orphans(self, limit: int) -> int:
        return int(await self._rest.write("vectors_drop_orphans", limit=limit))

    async def _names(self, name: str, **asked: Any) -> Sequence[str]:
        names: list[str] = await self._rest.call(name, **asked)
        return names


def chunk_text(row: Row) -> ChunkText:
    return ChunkText(
        row["row_id"],
        row["text_row"],
        row["page_id"],
        row["source_id"],
        row["title"],
        tuple(json.loads(row["heading_path"])),
        row["context"],
        row["content"],
    )


def _model(row: Row) -> StoredModel:
    kept = row["options"]
    return StoredModel(
        row["model"],
        ModelState(row["state"]),
        kept["options"],
        kept["environment"],
        certain_time(row["created_at"]),
        time_of(row["activated_at"]),
        kept["usage"],
    )
