"""Rows of a large page go ahead of it in transactions of their own: nobody sees them before the page is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gleanery.errors import LeaseLost
from gleanery.model import (
    Chunk,
    Fence,
    FrontierUrl,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Source,
    StoredAs,
    TaskStatus,
    UrlState,
    utc_now,
)
from gleanery.store.base import Store
from gleanery.store.enriching import NewContext
from gleanery.store.page_rows import parts_ahead
from tests.store.samples import chunks_of, fence_of, started, words_found

MANY = 50


def _bundle(fence: Fence, source_id: str) -> PageBundle:
    page = Page(
        "pg_1",
        source_id,
        "http://h/",
        "//h/",
        "T",
        "",
        None,
        "text",
        (),
        "hash",
        200,
        "text/html",
        None,
        None,
        4,
        utc_now(),
        fence.task_id,
    )
    chunks = tuple(Chunk(f"ch_{n}", "pg_1", source_id, n, 0, 4, ("T",), f"wombat word{n}") for n in range(MANY))
    return PageBundle(page, chunks, ())


async def _crawl(store: Store) -> tuple[Fence, str, FrontierUrl]:
    now = utc_now()
    source = Source("src_1", "http://h/", "", (), "documentation", {}, now, now, None)
    task = await store.crawls.start(NewTask("crawl", {}), source, "//h/")
    claimed = await store.tasks.claim(task.task_id, "w", 60)
    assert claimed is not None
    fence = Fence(claimed.task_id, claimed.attempt)
    url = FrontierUrl("http://h/", "//h/", 0, UrlState.QUEUED)
    await store.crawls.add_urls(fence, [url])
    return fence, "src_1", replace(url, state=UrlState.STORED, page_id="pg_1")


async def _put_ahead(store: Store, fence: Fence, bundle: PageBundle, parts: int) -> None:
    """As far as a crash may come."""
    crawls: Any = store.crawls
    writer = getattr(crawls, "_pages", crawls)
    row = await writer._begin_page(fence, bundle)
    for part in parts_ahead(bundle)[:parts]:
        await writer._put_ahead(fence, row, part)


async def test_a_large_page_is_whole_when_it_is_there(store: Store) -> None:
    fence, source_id, url = await _crawl(store)
    assert await store.crawls.store_page(fence, url, _bundle(fence, source_id), [], Progress())
    rows = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
    assert [row.chunk.chunk_id for row in rows] == [f"ch_{n}" for n in range(MANY)]
    assert len(await words_found(store, "wombat")) == MANY


async def test_rows_without_their_page_are_not_seen_and_go_when_nothing_works_on_the_source(
    store: Store, count_rows: Callable[[str], int], execute: Callable[[str], None]
) -> None:
    fence, source_id, url = await _crawl(store)
    bundle = _bundle(fence, source_id)
    await _put_ahead(store, fence, bundle, MANY)
    execute("update page set born = born + 1")  # as a row may have come from the other store
    await store.tasks.finish(fence, TaskStatus.CANCELLED, [])
    with pytest.raises(LeaseLost):
        await store.crawls.store_page(fence, url, bundle, [], Progress())
    assert await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100) == []
    assert await chunks_of(store, range(1, MANY)) == {}
    assert await store.vectors.without_vectors(source_id, "m", after=0, limit=100) == []
    assert await store.vectors.sources_without_vectors("m") == []
    assert await words_found(store, "wombat") == []
    assert [await store.generations.prune(3) for _ in range(2)] == [41, 0]
    assert [count_rows(table) for table in ("chunk", "text", "page")] == [0, 0, 0]


async def test_what_was_begun_and_left_is_begun_anew_by_the_next(store: Store) -> None:
    fence, source_id, url = await _crawl(store)
    bundle = _bundle(fence, source_id)
    await _put_ahead(store, fence, bundle, 1)
    assert await store.crawls.store_page(fence, url, bundle, [], Progress()) is StoredAs.NEW
    rows = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
    assert [row.chunk.chunk_id for row in rows] == [f"ch_{n}" for n in range(MANY)]
    assert len(await words_found(store, "wombat")) == MANY


async def test_a_large_page_that_changes_keeps_what_was_said_of_its_rows(store: Store) -> None:
    fence, source_id, url = await _crawl(store)
    bundle = _bundle(fence, source_id)
    await store.crawls.store_page(fence, url, bundle, [], Progress())
    rows = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
    said = [NewContext(row.row, row.chunk.chunk_id, f"about {row.chunk.ordinal}") for row in (rows[3], rows[45])]
    assert await store.enrich.add_contexts(fence, None, said) == 2
    await store.tasks.finish(fence, TaskStatus.COMPLETED, [], result={})
    again = await started(store, NewTask("crawl", {}), serial_key=source_id)
    page = replace(bundle.page, markdown="changed", content_hash="another", task_id=again.task_id)
    stored = await store.crawls.store_page(fence_of(again), url, replace(bundle, page=page), [], Progress())
    assert stored is StoredAs.CHANGED
    rows = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
    assert [row.chunk.ordinal for row in rows if row.chunk.context] == [3, 45]
    assert len(await words_found(store, "about")) == 2
