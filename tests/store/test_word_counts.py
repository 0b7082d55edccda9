"""In how many rows each word is, whatever came, changed and went: the contract of `SearchStore.vocabulary`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gleanery.model import TaskStatus
from gleanery.store.base import Store
from gleanery.store.enriching import NewContext
from gleanery.store.search_store import Shelf
from gleanery.store.words import EVERY_ROW
from tests.store.samples import HALF_WAY, Crawl, start_crawl, told

OF_ALL = {"a", "page", "guide", "setup", EVERY_ROW}
"""Words that the title and headings of every chunk have here."""


async def counted(store: Store) -> dict[str, int]:
    words = await store.search.vocabulary(Shelf.CHUNKS, after="", limit=100)
    return {word: rows for word, rows in words if word not in OF_ALL}


async def give(crawl: Crawl, context: str) -> None:
    chunks = await crawl.store.enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9)
    given = [NewContext(chunk.row, chunk.chunk_id, context) for chunk in chunks]
    await crawl.store.enrich.add_contexts(crawl.fence, None, given)


async def test_each_row_counts_once_for_a_word(crawl: Crawl) -> None:
    await crawl.put("a", ["zebra zebra `zebra`", "lion"])
    assert await counted(crawl.store) == {"zebra": 1, "lion": 1}
    await crawl.put("b", ["zebra"])
    assert await counted(crawl.store) == {"zebra": 2, "lion": 1}
    assert (await crawl.store.search.shelf_size(Shelf.CHUNKS)).rows == 3


async def test_a_context_counts_whether_its_row_was_counted_before_or_not(crawl: Crawl) -> None:
    await crawl.put("a", ["zebra"])
    await give(crawl, "tiger")
    assert await counted(crawl.store) == {"zebra": 1, "tiger": 1}
    await crawl.put("b", ["zebra"])
    assert await counted(crawl.store) == {"zebra": 2, "tiger": 1}
    await give(crawl, "lion zebra")
    assert await counted(crawl.store) == {"zebra": 2, "tiger": 1, "lion": 1}


async def test_what_goes_counts_no_more(crawl: Crawl) -> None:
    store, source_id = crawl.store, crawl.source.source_id
    await crawl.put("a", ["zebra old"])
    await crawl.put("b", ["zebra stays"])
    assert await counted(store) == {"zebra": 2, "old": 1, "stays": 1, "stay": 1}
    await store.generations.complete(crawl.fence, source_id, timedelta(0), told(), HALF_WAY, {})
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    again = await start_crawl(store)
    await again.put("a", ["zebra new"])  # comes and goes uncounted
    await again.put("b", ["zebra stays"])
    await store.generations.complete(again.fence, source_id, timedelta(0), told(), HALF_WAY, {})
    await store.tasks.finish(again.fence, TaskStatus.COMPLETED, [])
    while await store.generations.prune(1):
        pass
    assert await counted(store) == {"zebra": 2, "new": 1, "stays": 1, "stay": 1}
    await store.knowledge.delete_source(source_id)
    while await store.generations.prune(1):
        pass
    assert await counted(store) == {}
    assert (await store.search.shelf_size(Shelf.CHUNKS)).rows == 0


async def test_crawls_and_counts_go_on_beside_each_other(store: Store) -> None:
    crawls = [await start_crawl(store, f"https://{name}.test/") for name in "abc"]

    async def fill(crawl: Crawl) -> None:
        for number in range(6):
            await crawl.put(f"p{number}", [f"zebra of {crawl.source.url} {number}", "zebra"])
            if number % 2:
                await give(crawl, "tiger")

    async def count() -> None:
        for _ in range(6):
            await counted(store)

    await asyncio.gather(*map(fill, crawls), count(), count())
    words = await counted(store)
    assert (words["zebra"], words["tiger"]) == (36, 36)
