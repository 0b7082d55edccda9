"""The way of vectors: texts without one are embedded in order of age, stored, and taken into the index in memory.

Which model's vectors search goes by may change while it runs. What belongs together (embedder, index) changes together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from gleanery import errors, log
from gleanery.knowledge.embedders.embedder import Embedder, Embedding
from gleanery.knowledge.markdown import plain_text
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.vector_index import VectorIndex
from gleanery.model import EventType, Fence, utc_now
from gleanery.store.search_store import Nearest
from gleanery.store.values import Change, ChunkText, VectorRow
from gleanery.store.vector_store import TextFailure, Usage, VectorStore

_log = log.get(__name__)

WRITE_AT_ONCE = 64
"""Vectors in one transaction: an event never waits long for it."""
LOAD_BATCH = 1000
IDS_AT_ONCE = 500
QUERY_SECONDS = 10.0
"""A search that has no vector of its query by then goes by words."""
KEPT_QUERIES = 256
FOLLOW_SECONDS = 0.5
"""Least time between two looks for vectors that others stored."""


@dataclass(frozen=True)
class Embedded:
    """One stored batch: how many texts have their vector by it, how many pages all of theirs, and how many texts were refused.
    `tokens` is what was charged for it."""

    chunks: int
    pages: int
    failed: int = 0
    tokens: int = 0


@dataclass
class Model:
    """An embedder with the vectors of its model in memory. One batch at a time over all tasks: a query finds a thread."""

    embedder: Embedder
    index: VectorIndex = field(default_factory=VectorIndex)
    line: asyncio.Lock = field(default_factory=asyncio.Lock)
    queries: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.embedder.name

    async def query(self, text: str) -> NDArray[np.float32]:
        """The vector of a query; one that was asked for lately is known. Raises EmbedError."""
        known = self.queries.pop(text, None)
        if known is None:
            try:
                async with asyncio.timeout(QUERY_SECONDS):
                    known = (await self.embedder.embed([text]))[0]
            except TimeoutError:
                raise errors.EmbedUnavailable(
                    f"The embedder gave no vector of the query within {QUERY_SECONDS:g} s.", retry_after=None
                ) from None
        self.queries[text] = known
        while len(self.queries) > KEPT_QUERIES:
            del self.queries[next(iter(self.queries))]
        return known


@dataclass(frozen=True)
class Lookup:
    """A query's vector of a model, and where to look it up: in the index of the same model, or in the store (`nearest`)."""

    vector: NDArray[np.float32]
    model: str
    index: VectorIndex
    nearest: Nearest | None = None


def text_to_embed(chunk: ChunkText) -> str:
    """A chunk with its title and headings before it, so that its vector knows what it is about."""
    path = " › ".join(dict.fromkeys((chunk.title, *chunk.heading_path)))
    content = plain_text(chunk.content)
    return f"{path}\n\n{chunk.context}\n\n{content}" if chunk.context else f"{path}\n\n{content}"


async def _as_it_is() -> None:
    return


class Vectors:
    """The model that search goes by, and the store of vectors. Without an embedder nothing is embedded, and search is by words.

    A process in which nobody searches is not `is_searched`: it stores vectors and keeps none. Nor does one whose store finds
    the nearest by itself. `sync` brings this process to what the store says is the active model; it is called before each pass
    over a source. `problem` says why there is no embedder though there should be one.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder | None = None,
        *,
        is_searched: bool = True,
        right_of_way: RightOfWay | None = None,
        nearest: Nearest | None = None,
    ) -> None:
        self.problem: str | None = None
        self.sync: Callable[[], Awaitable[None]] = _as_it_is
        self._store = store
        self._right_of_way = right_of_way or RightOfWay()
        self._nearest = nearest
        self.is_held = is_searched and nearest is None
        """Whether vectors are kept in memory."""
        self._active = None if embedder is None else Model(embedder)
        self._is_loaded = asyncio.Event()

    @property
    def is_on(self) -> bool:
        return self._active is not None

    @property
    def active(self) -> Model | None:
        return self._active

    @property
    def model(self) -> str | None:
        """The name of the model that search goes by."""
        return None if self._active is None else self._active.name

    @property
    def embedder(self) -> Embedder:
        """The active model's. Raises InvalidInput where there is none."""
        if self._active is None:
            raise errors.InvalidInput("embedder", self.problem or "none is on")
        return self._active.embedder

    @property
    def index(self) -> VectorIndex:
        """The active model's; an empty one where there is none."""
        return VectorIndex() if self._active is None else self._active.index

    @property
    def count(self) -> int:
        """How many vectors are in memory."""
        return len(self.index)

    # Search

    async def look_up(self, query: str) -> Lookup | None:
        """What to search by meaning with; None while no vectors are there. Raises EmbedError."""
        await self.loaded()
        model = self._active
        if model is None or not await self._has_any(model):
            return None
        return Lookup(await model.query(query), model.name, model.index, self._nearest)

    async def _has_any(self, model: Model) -> bool:
        if self._nearest is None:
            return len(model.index) > 0
        return await self._store.dimensions(model.name) is not None

    async def loaded(self) -> None:
        """Until `load` is through: a search right after the start waits for it rather than miss what is stored."""
        await self._is_loaded.wait()

    async def load(self) -> int:
        """Take all stored vectors of the model into the index, in slices; how many there are."""
        try:
            filled = None
            while self.is_held and filled is not self._active:  # it may change meanwhile
                filled = self._active
                if filled is not None:
                    await self._fill(filled)
        finally:
            self._is_loaded.set()
        return self.count

    async def use(self, embedder: Embedder | None) -> None:
        """Search by this embedder's vectors from now on. Until they are in memory the ones before are searched."""
        model = None if embedder is None else Model(embedder)
        if model is not None and self.is_held and self._is_loaded.is_set():
            await self._fill(model)
        self._active = model

    async def _fill(self, model: Model) -> None:
        after = 0
        while rows := await self._store.vectors(model.name, after=after, limit=LOAD_BATCH):
            after = rows[-1].text_row
            await asyncio.to_thread(_take_in, model.index, rows)

    # What others store

    def forget(self, source_id: str) -> None:
        """A source is gone."""
        if self._active is not None:
            self._active.index.remove_source(source_id)

    async def refresh(self, source_id: str) -> int:
        """Bring the index of one source to what is stored: vectors of other processes come in, those that went go.

        The highest chunk row that was there; `take_newer` goes on from it.
        """
        model = self._active
        if model is None or not self.is_held:
            return 0
        # Before the rows are read: what comes in meanwhile is not taken for gone. In threads: there may be 100,000.
        known = await asyncio.to_thread(model.index.of_source, source_id)
        stored, newest = set[int](), 0
        while rows := await self._store.newer_texts(source_id, model.name, after=newest, limit=LOAD_BATCH):
            newest = rows[-1][0]
            stored.update(text_row for _, text_row in rows)
        await asyncio.to_thread(model.index.remove, known - stored, source_id)
        await self._take_in_texts(model, source_id, sorted(stored - known))
        return newest

    async def take_newer(self, source_id: str, after: int) -> int:
        """Take in the vectors of chunks of that source that came after that row; the highest row now."""
        model = self._active
        if model is None or not self.is_held:
            return after
        while rows := await self._store.newer_texts(source_id, model.name, after=after, limit=IDS_AT_ONCE):
            after = rows[-1][0]
            await self._take_in_texts(model, source_id, sorted({text_row for _, text_row in rows}))
        return after

    async def _take_in_texts(self, model: Model, source_id: str, text_rows: Sequence[int]) -> None:
        for start in range(0, len(text_rows), IDS_AT_ONCE):
            some = await self._store.vectors_of(source_id, text_rows[start : start + IDS_AT_ONCE], model.name)
            await asyncio.to_thread(_take_in, model.index, some)

    # Embedding

    async def newest_row(self, source_id: str) -> int:
        """The chunk row up to which a pass that begins now has looked when it is through. Rows of a large page may have gone
        ahead of it and count with its coming, so the last pass begins at 0 all the same."""
        return await self._store.newest_row(source_id)

    async def embed_missing(
        self, fence: Fence, source_id: str, *, after: int = 0, tried_before: datetime | None = None
    ) -> AsyncIterator[Embedded]:
        """Embed and store every text of the source that has no vector of the active model yet, batch by batch, from the chunk
        row `after` on. Texts that were refused at `tried_before` (else: since this began) or later are left alone. Raises
        EmbedError."""
        began_at = tried_before or utc_now()
        await self.sync()
        model = None
        while model is not self._active:  # it may change meanwhile: then what is stored lacks vectors of the new one
            model, first = self._active, after if model is None else 0
            if model is not None:
                async for done in self.embed_with(model, fence, source_id, after=first, tried_before=began_at):
                    yield done

    async def embed_with(
        self, model: Model, fence: Fence, source_id: str, *, after: int = 0, tried_before: datetime
    ) -> AsyncIterator[Embedded]:
        """The same for a certain model; its index takes in what comes if search goes by it."""
        while True:
            limit = model.embedder.bulk_size
            chunks = await self._store.without_vectors(
                source_id, model.name, after=after, limit=limit, tried_before=tried_before
            )
            if not chunks:
                return
            after = chunks[-1].row
            async with model.line:
                texts = await asyncio.to_thread(lambda some: [text_to_embed(chunk) for chunk in some], chunks)
                embedding = await model.embedder.embed_each(texts)
            yield await self._keep(model, fence, chunks, embedding)

    async def _keep(self, model: Model, fence: Fence, chunks: Sequence[ChunkText], embedding: Embedding) -> Embedded:
        failures = [
            TextFailure(chunks[row].text_row, str(error.details.get("reason", error.code)), error.message)
            for row, error in embedding.failures.items()
        ]
        if failures:
            await self._store.add_failures(fence, model.name, failures)
        pages = 0
        charged, requests = embedding.charged_tokens, embedding.requests
        for start in range(0, len(embedding.rows), WRITE_AT_ONCE):
            rows = embedding.rows[start : start + WRITE_AT_ONCE]
            some = [chunks[row] for row in rows]
            vectors = embedding.vectors[start : start + WRITE_AT_ONCE]
            usage = Usage(charged, requests, tuple(embedding.tokens[row] for row in rows))
            await self._right_of_way.give()
            pages += await self._store.add_vectors(fence, model.name, some, vectors, usage)
            charged = requests = 0  # told once
            self._take_in_new(model.name, some, vectors)
        return Embedded(len(embedding.rows), pages, len(failures), embedding.charged_tokens)

    def _take_in_new(self, name: str, chunks: Sequence[ChunkText], vectors: NDArray[np.float32]) -> None:
        """Only of the model that search goes by; it may have become that since its pass began."""
        if self.is_held and self._active is not None and self._active.name == name:
            # As they are stored: or scores would differ in their fourth digit after a restart.
            halves = vectors.astype(np.float16)
            self._active.index.add(chunks[0].source_id, [chunk.text_row for chunk in chunks], halves)


def _take_in(index: VectorIndex, rows: Sequence[VectorRow]) -> None:
    by_source: dict[str, list[VectorRow]] = {}
    for row in rows:
        by_source.setdefault(row.source_id, []).append(row)
    for source_id, mine in by_source.items():
        index.add(source_id, [row.text_row for row in mine], np.stack([row.vector for row in mine]))


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
