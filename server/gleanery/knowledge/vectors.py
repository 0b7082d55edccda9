"""The way of vectors: chunks without one are embedded in order of age, stored, and taken into the index in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from gleanery import errors, log
from gleanery.knowledge.embed import Embedder
from gleanery.knowledge.fusion import VectorIndex
from gleanery.knowledge.markdown import plain_text
from gleanery.model import EventType, Fence
from gleanery.store.base import KnowledgeStore
from gleanery.store.values import Change, ChunkText, VectorRow

_log = log.get(__name__)

BATCH = 32
LOAD_BATCH = 2000
IDS_AT_ONCE = 500
FOLLOW_SECONDS = 0.5
"""Least time between two looks for vectors that others stored."""


@dataclass(frozen=True)
class Embedded:
    """One stored batch: how many chunks, and how many pages have all their vectors by it."""

    chunks: int
    pages: int


def text_to_embed(chunk: ChunkText) -> str:
    """A chunk with its title and headings before it, so that its vector knows what it is about."""
    path = " › ".join(dict.fromkeys((chunk.title, *chunk.heading_path)))
    return f"{path}\n\n{plain_text(chunk.content)}"


class Vectors:
    """An embedder with the store of its vectors and their index in memory.

    A process in which nobody searches is not `is_searched`: it stores vectors and keeps none.
    """

    def __init__(self, store: KnowledgeStore, embedder: Embedder, *, is_searched: bool = True) -> None:
        self.embedder = embedder
        self.index = VectorIndex()
        self._is_searched = is_searched
        self._store = store
        self._bulk = asyncio.Lock()
        self._is_loaded = asyncio.Event()

    @property
    def model(self) -> str:
        return self.embedder.name

    async def load(self) -> int:
        """Take all stored vectors of the model into the index, in slices; how many there are."""
        try:
            after = 0
            while rows := await self._store.vectors(self.model, after=after, limit=LOAD_BATCH):
                after = rows[-1].row
                self._take_in(rows)
        finally:
            self._is_loaded.set()
        return len(self.index)

    async def refresh(self, source_id: str) -> int:
        """Bring the index of one source to what is stored: vectors of other processes come in, those that went go.

        The highest row that was there; `take_newer` goes on from it.
        """
        # Before the rows are read: what comes in meanwhile is not taken for gone. In threads: there may be 100,000.
        known = await asyncio.to_thread(self.index.of_source, source_id)
        stored = await self._store.embedded_chunks(source_id, self.model)
        gone, missing = await asyncio.to_thread(lambda: (known - stored.keys(), list(stored.keys() - known)))
        self.index.remove(gone)
        for start in range(0, len(missing), IDS_AT_ONCE):
            self._take_in(await self._store.vectors_of(missing[start : start + IDS_AT_ONCE], self.model))
        return max(stored.values(), default=0)

    async def take_newer(self, source_id: str, after: int) -> int:
        """Take in the vectors of chunks of that source that came after that row; the highest row now."""
        while rows := await self._store.vectors(self.model, after=after, limit=IDS_AT_ONCE, source_id=source_id):
            after = rows[-1].row
            self._take_in(rows)
        return after

    def _take_in(self, rows: Sequence[VectorRow]) -> None:
        for source_id in {row.source_id for row in rows}:
            mine = [row for row in rows if row.source_id == source_id]
            self.index.add(source_id, [row.chunk_id for row in mine], np.stack([row.vector for row in mine]))

    async def loaded(self) -> None:
        """Until `load` is through: a search right after the start waits for it rather than miss what is stored."""
        await self._is_loaded.wait()

    async def embed_missing(self, fence: Fence, source_id: str) -> AsyncIterator[Embedded]:
        """Embed and store every chunk of the source that has no vector yet, batch by batch. Raises EmbedError."""
        after = 0
        while chunks := await self._store.without_vectors(source_id, self.model, after=after, limit=BATCH):
            after = chunks[-1].row
            async with self._bulk:  # one batch at a time over all tasks: a query always finds a thread
                vectors = await self.embedder.embed([text_to_embed(chunk) for chunk in chunks])
            pages = await self._store.add_vectors(fence, self.model, chunks, vectors)
            if self._is_searched:
                self.index.add(source_id, [chunk.chunk_id for chunk in chunks], vectors)
            yield Embedded(len(chunks), pages)


class Arrivals:
    """Keeps the index in step with what other processes store. `hear` is for the change feed, `run` follows it.

    While another worker embeds, what is newest is taken in; the end of any task on a source brings the whole of it into
    step, also what has gone. What the worker `own_id` embeds is in the index already.
    """

    def __init__(self, vectors: Vectors, own_id: str) -> None:
        self._vectors = vectors
        self._own_id = own_id
        self._sources: dict[str, bool] = {}  # whether a task on it has ended
        self._rows: dict[str, int] = {}
        self._bell = asyncio.Event()

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            source_id, is_final = change.task.payload.get("source_id"), change.task.status.is_final
            if source_id and (is_final or self._is_of_another(change)):
                self._sources[source_id] = is_final or self._sources.get(source_id, False)
                self._bell.set()

    def _is_of_another(self, change: Change) -> bool:
        return change.task.worker_id != self._own_id and any(
            event.type == EventType.PAGES_EMBEDDED for event in change.events
        )

    async def run(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            sources, self._sources = self._sources, {}
            for source_id, has_ended in sources.items():
                try:
                    await self._follow(source_id, has_ended)
                except (errors.StorageError, errors.EmbedMismatch) as error:
                    _log.error("vectors not taken in", extra={"source_id": source_id, "reason": error.message})
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _follow(self, source_id: str, has_ended: bool) -> None:
        after = self._rows.pop(source_id, None)
        if has_ended or after is None:
            row = await self._vectors.refresh(source_id)
        else:
            row = await self._vectors.take_newer(source_id, after)
        if not has_ended:
            self._rows[source_id] = row
