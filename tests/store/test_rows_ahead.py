"""Rows of a large page go ahead of it in transactions of their own: nobody sees them before the page is there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

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
from gleanery.store import sqlite_crawls
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.page_rows import parts_ahead
from tests.store.samples import chunks_of, words_found

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


async def _crawl(store: EmbeddedStore) -> tuple[Fence, str, FrontierUrl]:
    now = utc_now()
    source = Source("src_1", "http://h/", "", (), "documentation", {}, now, now, None)
    task = await store.crawls.start(NewTask("crawl", {}), source, "//h/")
    claimed = await store.tasks.claim(task.task_id, "w", 60)
    assert claimed is not None
    fence = Fence(claimed.task_id, claimed.attempt)
    url = FrontierUrl("http://h/", "//h/", 0, UrlState.QUEUED)
    await store.crawls.add_urls(fence, [url])
    return fence, "src_1", replace(url, state=UrlState.STORED, page_id="pg_1")


async def test_a_large_page_is_whole_when_it_is_there(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "g.db", lambda _: None) as store:
        fence, source_id, url = await _crawl(store)
        assert await store.crawls.store_page(fence, url, _bundle(fence, source_id), [], Progress())
        rows = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
        assert [row.chunk.chunk_id for row in rows] == [f"ch_{n}" for n in range(MANY)]
        assert len(await words_found(store, "wombat")) == MANY


async def test_rows_without_their_page_are_not_seen_and_go_when_nothing_works_on_the_source(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "g.db", lambda _: None) as store:
        fence, source_id, url = await _crawl(store)
        bundle = _bundle(fence, source_id)
        row = await store.crawls._begin_page(fence, bundle)
        for part in parts_ahead(bundle):  # as far as a crash may come
            await store.crawls._db.write(partial(sqlite_crawls._stage, fence=fence, page_row=row, part=part))
        await store.tasks.finish(fence, TaskStatus.CANCELLED, [])
        with pytest.raises(LeaseLost):
            await store.crawls.store_page(fence, url, bundle, [], Progress())
        assert await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100) == []
        assert await chunks_of(store, range(1, MANY)) == {}
        assert await store.vectors.without_vectors(source_id, "m", after=0, limit=100) == []
        assert await store.vectors.sources_without_vectors("m") == []
        assert await words_found(store, "wombat") == []
        assert [await store.generations.prune(3) for _ in range(2)] == [41, 0]
        left = "SELECT (SELECT count(*) FROM chunk), (SELECT count(*) FROM text), (SELECT count(*) FROM page)"
        assert tuple(await store.crawls._db.read(lambda db: db.execute(left).fetchone())) == (0, 0, 0)


async def test_what_was_begun_and_left_is_begun_anew_by_the_next(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "g.db", lambda _: None) as store:
        fence, source_id, url = await _crawl(store)
        bundle = _bundle(fence, source_id)
        row = await store.crawls._begin_page(fence, bundle)
        [first, *_] = parts_ahead(bundle)
        await store.crawls._db.write(partial(sqlite_crawls._stage, fence=fence, page_row=row, part=first))
        assert await store.crawls.store_page(fence, url, bundle, [], Progress()) is StoredAs.NEW
        rows = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
        assert [row.chunk.chunk_id for row in rows] == [f"ch_{n}" for n in range(MANY)]
        assert len(await words_found(store, "wombat")) == MANY
