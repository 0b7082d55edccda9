"""`PortableStore` over Supabase. What a method does is told in `portable_store.py`, how in sql/056."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gleanery import errors
from gleanery.model import Chunk, Fence, Page, Source, StoredCode
from gleanery.store.knowledge_rows import chunk_from, code_from, page_from
from gleanery.store.portable_store import ListedPage
from gleanery.store.rows import Row, fence_row
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.half_floats import as_texts, from_bytes
from gleanery.store.supabase.knowledge import SupabaseKnowledge

PAGES_AT_ONCE = 10
VECTORS_AT_ONCE = 200
ANSWER_SECONDS = 120.0


class SupabasePortable:
    """`PortableStore` over a Rest."""

    def __init__(self, rest: Rest, knowledge: SupabaseKnowledge) -> None:
        self._rest = rest
        self._knowledge = knowledge

    @contextlib.contextmanager
    def content(self, source_id: str) -> Iterator[SourceOfGeneration]:
        yield SourceOfGeneration(self._rest, self._knowledge, source_id)

    async def known(self, url_key: str) -> str | None:
        source_id: str | None = await self._rest.call("portable_known", url_key=url_key)
        return source_id

    async def site(self, source_id: str) -> tuple[Source, Sequence[ListedPage]]:
        source = await self._knowledge.source(source_id)
        return source, [ListedPage(*row) for row in await self._rest.call("portable_site", source_id=source_id)]

    async def add_vectors(
        self, fence: Fence, source_id: str, model: str, vectors: Sequence[tuple[bytes, bytes]]
    ) -> int:
        rows = await asyncio.to_thread(_vector_rows, vectors)
        return int(
            await self._rest.write(
                "portable_add_vectors", fence=fence_row(fence), source_id=source_id, model=model, rows=rows
            )
        )

    async def describe(self, fence: Fence, source_id: str, description: str) -> None:
        await self._rest.write(
            "portable_describe", fence=fence_row(fence), source_id=source_id, description=description
        )


class SourceOfGeneration:
    """`SourceContent` of the generation that is seen at the beginning: versions of pages never change. It is read in a thread,
    by calls in the loop. Pages are fetched some at a time, in the order in which `pages` gives them. Raises WrongState when one
    has gone: after two more crawls, or when the source is deleted meanwhile."""

    def __init__(self, rest: Rest, knowledge: SupabaseKnowledge, source_id: str) -> None:
        self._rest = rest
        self.source: Source = self._wait(knowledge.source(source_id))
        begun = self._call("portable_begin")
        self.url_key: str = begun["url_key"]
        self._generation: int = begun["generation"]
        self._rows: list[int] = begun["pages"]
        self._at = {row: position for position, row in enumerate(self._rows)}
        self._fetched: dict[int, Row] = {}

    def pages(self) -> Sequence[int]:
        return self._rows

    def page(self, number: int) -> tuple[Page, bytes | None]:
        found = self._page(number)
        row, links = found["page"], found["links"]
        return page_from(row, row["markdown"]), None if links is None else base64.b64decode(links)

    def chunks(self, number: int) -> Sequence[Chunk]:
        return [chunk_from(row) for row in self._page(number)["chunks"]]

    def code(self, number: int) -> Sequence[StoredCode]:
        return [code_from(row) for row in self._page(number)["code"]]

    def models(self) -> Sequence[tuple[str, int, int]]:
        return [(name, length, count) for name, length, count in self._call("portable_models")]

    def vectors(self, model: str) -> Iterator[tuple[bytes, bytes]]:
        after = ""
        while rows := self._call("portable_vectors", model=model, after=after, limit=VECTORS_AT_ONCE):
            after = rows[-1][0]
            for text_hash, data in rows:
                yield bytes.fromhex(text_hash), from_bytes(data).tobytes()

    def queries(self) -> Sequence[tuple[str, Sequence[str], Mapping[str, Any]]]:
        return [
            (query, json.loads(expected), json.loads(filters))
            for query, expected, filters in self._call("portable_queries")
        ]

    def _page(self, number: int) -> Row:
        if number not in self._fetched:
            start = self._at[number]
            rows = self._rows[start : start + PAGES_AT_ONCE]
            found = self._call("portable_pages", rows=rows)
            self._fetched = {one["page"]["page_row"]: one for one in found}
        if number not in self._fetched:
            raise errors.WrongState(
                "What was seen of this source when the file was begun is there no more: ask for the file again.",
                source_id=self.source.source_id,
            )
        return self._fetched[number]

    def _call(self, name: str, **asked: Any) -> Any:
        generation = {} if name == "portable_begin" else {"generation": self._generation}
        return self._wait(self._rest.call(name, source_id=self.source.source_id, **generation, **asked))

    def _wait(self, answer: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(answer, self._rest.loop).result(ANSWER_SECONDS)


def _vector_rows(vectors: Sequence[tuple[bytes, bytes]]) -> list[Row]:
    halves = [np.frombuffer(data, np.float16) for _, data in vectors]
    texts = [text for half in halves for text in as_texts(half[np.newaxis, :])]
    return [{"hash": text_hash.hex(), "data": text} for (text_hash, _), text in zip(vectors, texts, strict=True)]
