"""Vectors for the new texts of chunks before the chunks take them up, so that search by meaning never misses them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gleanery.knowledge.vectors import Model, Vectors, text_to_embed
from gleanery.model import Fence
from gleanery.store.values import ChunkText
from gleanery.store.vector_store import Usage, VectorStore


class ReadyVectors:
    """`TextVectors` over the model that search goes by. A process in which nobody searches is not `is_searched`: it stores
    vectors and keeps none."""

    def __init__(self, vectors: Vectors, store: VectorStore, *, is_searched: bool = True) -> None:
        self._vectors = vectors
        self._store = store
        self._is_searched = is_searched

    async def make_ready(self, fence: Fence, source_id: str, texts: Sequence[ChunkText]) -> str | None:
        await self._vectors.sync()
        model = self._vectors.active
        if model is None:
            return None
        unready = {text.text_row: text for text in texts}
        known = await self._store.vectors_of(source_id, sorted(unready), model.name)
        if known:  # of another generation or source: stored, and perhaps not in the index for this source
            self._take_in(model, source_id, [row.text_row for row in known], np.stack([row.vector for row in known]))
        for row in known:
            del unready[row.text_row]
        new = list(unready.values())
        for start in range(0, len(new), model.embedder.bulk_size):
            await self._embed(model, fence, source_id, new[start : start + model.embedder.bulk_size])
        return model.name

    async def _embed(self, model: Model, fence: Fence, source_id: str, chunks: Sequence[ChunkText]) -> None:
        async with model.line:  # one batch at a time over all tasks: a query always finds a thread
            texts = await asyncio.to_thread(lambda: [text_to_embed(chunk) for chunk in chunks])
            embedding = await model.embedder.embed_each(texts)
        # A text that was refused gets no vector, and its chunk stays as it was.
        some = [chunks[row] for row in embedding.rows]
        usage = Usage(
            embedding.charged_tokens, embedding.requests, tuple(embedding.tokens[row] for row in embedding.rows)
        )
        await self._store.add_vectors(fence, model.name, some, embedding.vectors, usage)
        self._take_in(model, source_id, [chunk.text_row for chunk in some], embedding.vectors)

    def _take_in(self, model: Model, source_id: str, rows: Sequence[int], vectors: NDArray[Any]) -> None:
        if self._is_searched and rows:
            model.index.add(source_id, rows, vectors)
