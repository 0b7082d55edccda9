"""The way of vectors: chunks without one are embedded in order of age, stored, and taken into the index in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np

from gleanery.knowledge.embed import Embedder
from gleanery.knowledge.fusion import VectorIndex
from gleanery.knowledge.markdown import plain_text
from gleanery.model import Fence
from gleanery.store.base import ChunkText, KnowledgeStore

BATCH = 32
LOAD_BATCH = 2000


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
    """An embedder with the store of its vectors and their index in memory."""

    def __init__(self, store: KnowledgeStore, embedder: Embedder) -> None:
        self.embedder = embedder
        self.index = VectorIndex()
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
                for source_id in {row.source_id for row in rows}:
                    mine = [row for row in rows if row.source_id == source_id]
                    self.index.add(source_id, [row.chunk_id for row in mine], np.stack([row.vector for row in mine]))
        finally:
            self._is_loaded.set()
        return len(self.index)

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
            self.index.add(source_id, [chunk.chunk_id for chunk in chunks], vectors)
            yield Embedded(len(chunks), pages)
