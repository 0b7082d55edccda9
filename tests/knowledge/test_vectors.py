"""The index of a process that searches, and the vectors that another one stores: in, newest first, and out again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gleanery.knowledge.embedders.embedder import Embedding
from gleanery.knowledge.vectors import Arrivals, Vectors
from gleanery.model import Event, EventType, TaskStatus, utc_now
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import Change
from tests.store.samples import Crawl, start_crawl


class ByLength:
    """An `Embedder` whose vectors tell of the text's length."""

    name = "m"
    dimensions = 2
    max_tokens = 256
    bulk_size = 32

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        return Embedding(await self.embed(texts), tuple(range(len(texts))), tuple(map(len, texts)))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, texts))

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array([[1.0, len(text)] for text in texts], np.float32)
        lengths: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return lengths

    async def aclose(self) -> None:
        return


@pytest.fixture
async def crawl(tmp_path: Path) -> AsyncIterator[Crawl]:
    async with EmbeddedStore(tmp_path / "t.db", lambda _: None) as store:
        yield await start_crawl(store)


async def embedded_elsewhere(crawl: Crawl) -> int:
    """What another process stores: how many chunks."""
    theirs = Vectors(crawl.store.vectors, ByLength(), is_searched=False)
    done = sum([batch.chunks async for batch in theirs.embed_missing(crawl.fence, crawl.source.source_id)])
    assert len(theirs.index) == 0
    return done


async def stored_texts(crawl: Crawl) -> set[int]:
    return set(await crawl.store.vectors.embedded_texts(crawl.source.source_id, "m"))


async def test_what_others_stored_comes_in_and_what_went_goes(crawl: Crawl) -> None:
    ours, source_id = Vectors(crawl.store.vectors, ByLength()), crawl.source.source_id
    await crawl.put("a", ["one", "two"])
    assert await embedded_elsewhere(crawl) == 2
    row = await ours.refresh(source_id)
    first = await stored_texts(crawl)
    assert (ours.index.of_source(source_id), len(first)) == (first, 2)
    await crawl.put("b", ["three"])
    await embedded_elsewhere(crawl)
    assert await ours.take_newer(source_id, row) > row
    both = await stored_texts(crawl)
    assert (ours.index.of_source(source_id), len(both - first)) == (both, 1)

    again = await start_crawl_again(crawl)
    await again.put("a", ["one", "another two"])
    await embedded_elsewhere(again)
    await forgotten(again)
    await ours.refresh(source_id)
    now = await stored_texts(crawl)
    assert (ours.index.of_source(source_id), len(now), len(now & both)) == (now, 3, 2)
    assert ours.index.of_source("src_other") == set()
    assert await Vectors(crawl.store.vectors, ByLength()).refresh("src_other") == 0


async def forgotten(crawl: Crawl) -> None:
    """Versions that were replaced are gone."""
    while await crawl.store.generations.prune(1):
        pass


async def start_crawl_again(crawl: Crawl) -> Crawl:
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    return await start_crawl(crawl.store)


async def test_more_than_a_batch_comes_in(crawl: Crawl) -> None:
    ours, source_id = Vectors(crawl.store.vectors, ByLength()), crawl.source.source_id
    await crawl.put("a", [f"text {number}" for number in range(1100)])
    assert await embedded_elsewhere(crawl) == 1100
    await ours.refresh(source_id)
    assert len(ours.index) == 1100
    newest = Vectors(crawl.store.vectors, ByLength())
    await newest.take_newer(source_id, 0)
    assert newest.index.of_source(source_id) == ours.index.of_source(source_id)


def told(crawl: Crawl, worker_id: str | None, status: TaskStatus = TaskStatus.RUNNING) -> Change:
    payload = {"source_id": crawl.source.source_id}
    event = Event(1, utc_now(), EventType.PAGES_EMBEDDED, "embedded", {"pages": 1, "chunks": 1})
    return Change(replace(crawl.task, payload=payload, worker_id=worker_id, status=status), (event,), 1)


async def until(crawl: Crawl, vectors: Vectors, count: int) -> None:
    """Until so many are in the index, which nothing tells of."""
    async with asyncio.timeout(10):
        while len(vectors.index) != count:
            await crawl.store.health()


async def test_the_feed_brings_them_in(crawl: Crawl) -> None:
    ours = Vectors(crawl.store.vectors, ByLength())
    arrivals = Arrivals(ours, "us")
    following = asyncio.create_task(arrivals.run())
    try:
        await crawl.put("a", ["one", "two"])
        await embedded_elsewhere(crawl)
        arrivals.hear([told(crawl, "us")])  # what this process embeds is there already
        arrivals.hear([told(crawl, "them")])
        await until(crawl, ours, 2)
        await crawl.put("b", ["three"])
        await embedded_elsewhere(crawl)
        arrivals.hear([told(crawl, "them")])
        await until(crawl, ours, 3)
        again = await start_crawl_again(crawl)
        await again.put("a", ["one"])
        await forgotten(again)
        arrivals.hear([told(again, None, TaskStatus.COMPLETED)])
        await until(crawl, ours, 2)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
