"""Searches go first: what waits for them, for how long, and that nothing waits without one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.search import CodeQuery, Searcher, SearchQuery
from gleanery.knowledge.vectors import Vectors
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.search_store import Shelf
from tests.knowledge.test_search import ByTheme
from tests.store.samples import start_crawl

NEVER = 3600.0
"""A patience that no test sees the end of."""


async def begun(way: RightOfWay) -> asyncio.Task[None]:
    """Work that waits if it has to."""
    work = asyncio.create_task(way.give())
    await asyncio.sleep(0)
    return work


async def test_without_a_search_nothing_waits() -> None:
    assert (await begun(RightOfWay(NEVER))).done()


async def test_work_waits_until_the_last_search_is_answered() -> None:
    way = RightOfWay(NEVER)
    with way.taken():
        with way.taken():
            work = [await begun(way), await begun(way)]
        assert not any(task.done() for task in work)
    assert not any(task.done() for task in work), "the next search may follow at once"
    with way.taken():
        await asyncio.sleep(0)
        assert not any(task.done() for task in work)
    await asyncio.gather(*work)


async def test_however_much_is_searched_work_goes_on_piece_by_piece() -> None:
    way = RightOfWay(0.001)
    with way.taken():
        done: list[int] = []

        async def piece(number: int) -> None:
            await way.give()
            done.append(number)

        await asyncio.gather(*map(piece, range(5)))
    assert done == list(range(5))


async def test_a_search_that_fails_or_is_given_up_holds_up_nothing() -> None:
    way = RightOfWay(NEVER)

    async def search() -> None:
        with way.taken():
            await asyncio.Event().wait()

    searching = asyncio.create_task(search())
    await asyncio.sleep(0)
    work = await begun(way)
    searching.cancel()
    await work


class Held(ByTheme):
    """Embeds as others do, and a query only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.is_batch_done = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if texts == ["fast"]:
            self.is_asked.set()
            await self.may_answer.wait()
        else:
            self.is_batch_done.set()
        return await super().embed(texts)


async def test_vectors_are_stored_after_the_answer_to_a_search(tmp_path: Path) -> None:
    way, embedder = RightOfWay(NEVER), Held()
    async with EmbeddedStore(tmp_path / "t.db", lambda _: None) as store:
        crawl, vectors = await start_crawl(store), Vectors(store.vectors, embedder, right_of_way=way)
        await vectors.load()

        async def embed(name: str, text: str) -> None:
            await crawl.put(name, [text])
            async for _ in vectors.embed_missing(crawl.fence, crawl.source.source_id):
                pass

        await embed("a", "it is quick")
        with ThreadPoolExecutor(1) as executor:
            searcher = Searcher(store.search, vectors, executor, right_of_way=way)
            search = asyncio.create_task(searcher.find(SearchQuery("fast")))
            await embedder.is_asked.wait()
            embedder.is_batch_done.clear()
            work = asyncio.create_task(embed("b", "another"))
            await embedder.is_batch_done.wait()
            await store.search.shelf_size(Shelf.CHUNKS)
            assert len(vectors.index) == 1, "what is embedded is not stored yet"
            embedder.may_answer.set()
            assert len((await search).hits) == 1
            await work
            assert len(vectors.index) == 2
            await searcher.find_code(CodeQuery("zebra"))
            assert not (await begun(way)).done(), "code is searched first too"
