"""The contract of `KnowledgeStore`: sources and what is listed of them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gleanery.errors import LeaseLost, NotFound, WrongState
from gleanery.model import NewTask, TaskStatus, UrlState
from gleanery.store.base import Store
from gleanery.store.search_store import Shelf, SourceFilter
from tests.store.samples import (
    HALF_WAY,
    Crawl,
    bundle_of,
    chunks_of,
    fence_of,
    new_source,
    start_crawl,
    started,
    told,
    url_of,
    words_found,
)

# --- sources -----------------------------------------------------------------------------------------------------


async def test_one_url_is_one_source_with_its_newest_options(store: Store) -> None:
    made = await asyncio.gather(
        *(store.knowledge.ensure_source(new_source(tags=("a",), options={"n": 1}), "a.test/") for _ in range(10))
    )
    assert len({source.source_id for source in made}) == 1
    changed = await store.knowledge.ensure_source(
        new_source(title="ignored", tags=("b", "c"), knowledge_type="blog", options={"n": 2}), "a.test/"
    )
    assert (changed.source_id, changed.created_at) == (made[0].source_id, made[0].created_at)
    assert (changed.tags, changed.knowledge_type, changed.options) == (("b", "c"), "blog", {"n": 2})
    assert (changed.title, changed.page_count, changed.last_task_id) == ("", 0, None)
    assert changed.updated_at >= made[0].updated_at
    assert await store.knowledge.source(changed.source_id) == changed


async def test_a_source_is_named_by_its_first_page_and_keeps_the_name(crawl: Crawl) -> None:
    knowledge, source_id = crawl.store.knowledge, crawl.source.source_id
    await knowledge.name_source(crawl.fence, source_id, "The docs")
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    again = await started(crawl.store, NewTask("crawl", {}), serial_key=source_id)
    await knowledge.name_source(fence_of(again), source_id, "")
    with pytest.raises(LeaseLost):
        await knowledge.name_source(crawl.fence, source_id, "A late call")
    named = await knowledge.source(source_id)
    assert (named.title, named.last_task_id) == ("The docs", again.task_id)


@pytest.mark.parametrize("texts", [["short"], [f"text {n}" for n in range(45)]], ids=["small", "large"])
async def test_a_source_is_named_in_the_transaction_of_the_page_that_names_it(crawl: Crawl, texts: list[str]) -> None:
    store, source_id = crawl.store, crawl.source.source_id
    await crawl.add(url_of("", 0), url_of("b"))
    for path, title, is_first in (("", "Its start", True), ("b", "Another page", False), ("", "Too late", True)):
        bundle = bundle_of(source_id, crawl.task.task_id, path, texts, title=title)
        url = url_of(path, state=UrlState.STORED, page_id=bundle.page.page_id)
        await store.crawls.store_page(crawl.fence, url, bundle, told(), HALF_WAY, names_source=is_first)
        named = await store.knowledge.source(source_id)
        assert (named.title, named.last_task_id) == ("Its start", crawl.task.task_id)


async def test_a_source_counts_what_it_holds(crawl: Crawl) -> None:
    await crawl.put("a", ["one", "two"], code=[("c", "int x;")])
    await crawl.put("b", ["three"])
    missing = await crawl.store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=2)
    await crawl.store.vectors.add_vectors(crawl.fence, "m", missing, np.eye(2, 3, dtype=np.float32))
    held = await crawl.store.knowledge.source(crawl.source.source_id, "m")
    assert (held.page_count, held.chunk_count, held.code_example_count) == (2, 3, 1)
    assert (held.embedded_chunk_count, held.size_bytes) == (2, 2000)
    assert (await crawl.store.knowledge.source(crawl.source.source_id, "other")).embedded_chunk_count == 0


async def test_paging_through_sources_meets_each_once_newest_first(store: Store) -> None:
    made = [(await store.knowledge.ensure_source(new_source(), f"{n}.test/")).source_id for n in range(7)]
    met: list[str] = []
    after: tuple[float, str] | None = None
    while page := await store.knowledge.sources(after=after, limit=3, model=None):
        met += [source.source_id for source in page]
        after = (page[-1].created_at.timestamp(), page[-1].source_id)
    assert met == made[::-1]


async def test_a_source_is_found_by_its_url(store: Store) -> None:
    made = [(await store.knowledge.ensure_source(new_source(), f"{n}.test/")).source_id for n in range(3)]
    found = await store.knowledge.sources(after=None, limit=9, model=None, url_key="1.test/")
    assert [source.source_id for source in found] == [made[1]]
    assert await store.knowledge.sources(after=None, limit=9, model=None, url_key="9.test/") == []


async def test_pages_are_listed_by_url_without_their_text(crawl: Crawl) -> None:
    for path in ("b", "c", "a"):
        await crawl.put(path, [path * 10])
    first = await crawl.store.knowledge.pages(crawl.source.source_id, after=None, limit=2)
    rest = await crawl.store.knowledge.pages(crawl.source.source_id, after=first[-1][0].url_key, limit=2)
    assert [page.url for page, _ in (*first, *rest)] == [f"https://a.test/{p}" for p in "abc"]
    assert {(page.markdown, chars) for page, chars in first} == {("", 10)}


async def test_chunks_and_code_are_paged_and_filtered(crawl: Crawl) -> None:
    one = await crawl.put("a", ["1", "2", "3"], code=[("python", "p"), ("go", "g"), (None, "n")])
    await crawl.put("b", ["4"], code=[("python", "q")])
    knowledge, source_id = crawl.store.knowledge, crawl.source.source_id
    first = await knowledge.chunks(source_id, page_id=None, after=0, limit=3)
    rest = await knowledge.chunks(source_id, page_id=None, after=first[-1].row, limit=3)
    assert [chunk.chunk.content for chunk in (*first, *rest)] == ["1", "2", "3", "4"]
    of_page = await knowledge.chunks(source_id, page_id=one.page.page_id, after=0, limit=10)
    assert [chunk.chunk.content for chunk in of_page] == ["1", "2", "3"]
    python = await knowledge.code_examples(source_id, language="python", after=0, limit=10)
    assert [code.code.code for code in python] == ["p", "q"]
    later = await knowledge.code_examples(source_id, language=None, after=python[0].row, limit=2)
    assert [code.code.code for code in later] == ["g", "n"]


# --- delete and purge --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [TaskStatus.RUNNING, TaskStatus.QUEUED, TaskStatus.PAUSED])
async def test_a_source_at_work_is_not_deleted(crawl: Crawl, status: TaskStatus) -> None:
    if status is not TaskStatus.RUNNING:
        await crawl.store.tasks.finish(crawl.fence, status, told())
    with pytest.raises(WrongState) as caught:
        await crawl.store.knowledge.delete_source(crawl.source.source_id)
    assert caught.value.details["task_id"] == crawl.task.task_id
    assert (await crawl.store.knowledge.source(crawl.source.source_id)).url == crawl.source.url


async def test_a_deleted_source_is_gone_at_once_and_purged_by_and_by(crawl: Crawl) -> None:
    knowledge, source_id = crawl.store.knowledge, crawl.source.source_id
    pages = [await crawl.put(str(n), [f"word{n}"], code=[("c", f"code{n};")]) for n in range(5)]
    store, vectors, prune = crawl.store, crawl.store.vectors, crawl.store.generations.prune
    missing = await vectors.without_vectors(source_id, "m", after=0, limit=10)
    await vectors.add_vectors(crawl.fence, "m", missing, np.eye(5, dtype=np.float32))
    rows = [missing_.row for missing_ in missing]
    kept = await start_crawl(crawl.store, "https://kept.test/")
    await kept.put("k", ["word0 kept"])
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})

    await knowledge.delete_source(source_id)
    for gone in (
        knowledge.source(source_id),
        knowledge.page(pages[0].page.page_id),
        knowledge.pages(source_id, after=None, limit=1),
        knowledge.chunks(source_id, page_id=None, after=0, limit=1),
        knowledge.code_examples(source_id, language=None, after=0, limit=1),
        store.search.sources_for(SourceFilter((source_id,))),
        knowledge.delete_source(source_id),
    ):
        with pytest.raises(NotFound):
            await gone
    assert [s.source_id for s in await knowledge.sources(after=None, limit=9, model=None)] == [kept.source.source_id]
    assert await store.search.sources_for(SourceFilter()) == [kept.source.source_id]

    assert await words_found(store, "word1") == [], "at once"
    assert [await prune(3) for _ in range(7)] == [3] * 5 + [0, 0], "a page with its chunk and its code at a time"
    assert len(await words_found(store, "word0")) == 1
    assert await words_found(store, "word1") == []
    assert await words_found(store, "code1", shelf=Shelf.CODE) == []
    assert await vectors.vectors("m", after=0, limit=10) == []
    assert await chunks_of(store, rows) == {}
    assert (await knowledge.source(kept.source.source_id)).chunk_count == 1


async def test_a_url_can_be_a_source_again_after_it_was_deleted(crawl: Crawl) -> None:
    await crawl.put("a", ["first"])
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    await crawl.store.knowledge.delete_source(crawl.source.source_id)
    again = await start_crawl(crawl.store)
    assert again.source.source_id != crawl.source.source_id
    await again.put("a", ["second"])
    while await crawl.store.generations.prune(3):
        pass
    assert (await crawl.store.knowledge.source(again.source.source_id)).page_count == 1


async def test_an_unknown_source_is_not_found(store: Store) -> None:
    for call in (
        store.knowledge.source("src_nobody"),
        store.knowledge.pages("src_nobody", after=None, limit=1),
        store.knowledge.delete_source("src_nobody"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_task_of_another_source_does_not_hold_this_one(crawl: Crawl) -> None:
    await crawl.store.tasks.create(NewTask("demo", {}, serial_key="src_other"))
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    await crawl.store.knowledge.delete_source(crawl.source.source_id)
