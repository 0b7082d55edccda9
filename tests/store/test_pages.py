"""The contract of `store_page`: a page with its chunks, code, URL and event, all or nothing; and storing it again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from gleanery.errors import NotFound, StorageError
from gleanery.model import FetchedBy, KnownPage, NewTask, PageBundle, TaskStatus, UrlState
from gleanery.store.values import ChunkText
from tests.store import samples
from tests.store.samples import HALF_WAY, Changes, Crawl, bundle_of, event_types, fence_of, started, told, url_of


async def chunk_texts(crawl: Crawl) -> list[tuple[int, str]]:
    """(row, content) of every chunk of the source."""
    found = await crawl.store.knowledge.chunks(crawl.source.source_id, page_id=None, after=0, limit=100)
    return [(chunk.row, chunk.chunk.content) for chunk in found]


async def words_found(crawl: Crawl, match: str) -> int:
    return len(await samples.words_found(crawl.store, match))


async def embed_all(crawl: Crawl) -> list[ChunkText]:
    missing = await crawl.store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=100)
    vectors = np.eye(len(missing), 4, dtype=np.float32)
    await crawl.store.vectors.add_vectors(crawl.fence, "m", missing, vectors)
    return list(missing)


async def crawl_again(crawl: Crawl) -> Crawl:
    """The next crawl of the same source."""
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    task = await started(crawl.store, NewTask("crawl", {}), serial_key=crawl.source.source_id)
    return Crawl(crawl.store, task, crawl.source)


async def test_a_page_comes_back_whole(crawl: Crawl, changes: Changes) -> None:
    changes.heard.clear()
    code = [("python", "x = '\\n'\t"), (None, "ls")]
    bundle = await crawl.put("a", ["первый 🙂", "second\n```\ncode\n```"], code=code)
    assert await crawl.store.knowledge.page(bundle.page.page_id) == bundle.page
    source_id = crawl.source.source_id
    found = await crawl.store.knowledge.chunks(source_id, page_id=None, after=0, limit=10)
    assert tuple(chunk.chunk for chunk in found) == bundle.chunks
    assert {(c.url, c.title, c.headings) for c in found} == {(bundle.page.url, "A page", (("top", 0), (None, 7)))}
    examples = await crawl.store.knowledge.code_examples(source_id, language=None, after=0, limit=10)
    assert tuple(example.code for example in examples) == bundle.code_examples
    [row] = await crawl.store.crawls.urls(crawl.task.task_id, state=UrlState.STORED, after=0, limit=10)
    assert (row.page_id, row.chunk_count, row.code_example_count) == (bundle.page.page_id, 2, 2)
    assert (row.status_code, row.attempts, row.elapsed_seconds) == (200, 1, 0.25)
    assert changes.of(crawl.task.task_id) == [(3, "page_stored")]
    assert (await crawl.store.tasks.get(crawl.task.task_id)).progress == HALF_WAY


async def test_a_page_that_cannot_be_stored_leaves_nothing(crawl: Crawl, changes: Changes) -> None:
    whole = bundle_of(crawl.source.source_id, crawl.task.task_id, "a", ["alpha", "beta"], code=[("c", "int x;")])
    twin = whole.chunks[0]
    broken = PageBundle(whole.page, (*whole.chunks, twin), whole.code_examples)
    await crawl.add(url_of("a"))
    changes.heard.clear()
    with pytest.raises(StorageError):
        await crawl.store_page(url_of("a"), broken)
    with pytest.raises(NotFound):
        await crawl.store.knowledge.page(whole.page.page_id)
    assert await chunk_texts(crawl) == []
    assert await words_found(crawl, "alpha") == 0
    assert await crawl.urls() == {"a": ("queued", 1, None)}
    assert await event_types(crawl.store, crawl.task.task_id) == ["task_queued", "task_started"]
    assert changes.heard == []


async def test_a_page_is_stored_once_by_a_task(crawl: Crawl, changes: Changes) -> None:
    bundle = bundle_of(crawl.source.source_id, crawl.task.task_id, "a")
    await crawl.add(url_of("a"))
    assert await twin(crawl, "a.test/a", "") is None
    was_stored = await asyncio.gather(*(crawl.store_page(url_of("a"), bundle) for _ in range(5)))
    assert sorted(was_stored) == [False, False, False, False, True]
    assert await twin(crawl, "a.test/a", "") == "https://a.test/a"
    assert changes.of(crawl.task.task_id)[2:] == [(3, "page_stored")]
    assert len(await chunk_texts(crawl)) == 1


async def twin(crawl: Crawl, url_key: str, content_hash: str, task_id: str = "") -> str | None:
    """The URL of the page that has this key or content."""
    page = await crawl.store.crawls.twin(task_id or crawl.task.task_id, crawl.source.source_id, url_key, content_hash)
    return None if page is None else page.url


async def test_a_page_is_known_by_its_key_first_and_by_its_content(crawl: Crawl) -> None:
    first = await crawl.put("a", ["same words"])
    await crawl.put("b", ["same words"])
    await crawl.put("c", ["other words"])
    content = first.page.content_hash
    assert await twin(crawl, "a.test/x", content) == "https://a.test/a", "the one that was stored first"
    assert await twin(crawl, "a.test/b", content) == "https://a.test/b"
    assert await twin(crawl, "a.test/c", content) == "https://a.test/c"
    assert await twin(crawl, "a.test/x", "nothing has this") is None
    assert await twin(crawl, "a.test/a", content, task_id="tsk_other") is None, "pages of another crawl don't count"


async def test_a_page_that_has_not_changed_is_the_next_crawls_with_all_that_it_has(crawl: Crawl) -> None:
    bundle = await crawl.put("a", ["one", "two"], code=[("c", "int x;")])
    again = await started(crawl.store, NewTask("crawl", {}))
    source_id, page_id = crawl.source.source_id, bundle.page.page_id
    known = await crawl.store.crawls.known_page(source_id, "a.test/a")
    assert known == KnownPage(
        page_id,
        "https://a.test/a",
        '"e1"',
        "Wed, 21 Oct 2015 07:28:00 GMT",
        b"packed links",
        FetchedBy.HTTP,
        "en",
        crawl.task.task_id,
    )
    assert await crawl.store.crawls.known_page(source_id, "a.test/b") is None
    url = url_of("a", 1, UrlState.STORED, status_code=304, fetched_by=FetchedBy.UNCHANGED)
    await crawl.store.crawls.add_urls(fence_of(again), [url_of("a")])
    await crawl.store.crawls.keep_page(fence_of(again), url, page_id, told(), HALF_WAY)
    page = await crawl.store.knowledge.page(page_id)
    assert (page.task_id, page.markdown) == (crawl.task.task_id, "one\n\ntwo"), "the version is who wrote it's"
    met = await crawl.store.crawls.known_page(source_id, "a.test/a")
    assert met is not None
    assert met.is_met_by == again.task_id
    assert page.fetched_at > bundle.page.fetched_at
    [row] = await crawl.store.crawls.urls(again.task_id, state=UrlState.STORED, after=0, limit=10)
    assert (row.page_id, row.chunk_count, row.code_example_count, row.fetched_by) == (page_id, 2, 1, "unchanged")
    counts = await crawl.store.crawls.counts(again.task_id, source_id, None)
    assert (counts.stored, counts.chunks, counts.code_examples) == (1, 2, 1)


async def test_what_is_guessed_and_how_a_page_was_got_is_kept(crawl: Crawl) -> None:
    whole = bundle_of(crawl.source.source_id, crawl.task.task_id, "a", code=[("c", "int x;"), ("go", "x := 1")])
    page = replace(whole.page, fetched_by=FetchedBy.BROWSER)
    code = (whole.code_examples[0], replace(whole.code_examples[1], is_guessed=True, summary="Like this:"))
    await crawl.add(url_of("a"))
    assert await crawl.store_page(url_of("a"), replace(whole, page=page, code_examples=code))
    assert (await crawl.store.knowledge.page(page.page_id)).fetched_by is FetchedBy.BROWSER
    rows = await crawl.store.knowledge.code_examples(crawl.source.source_id, language=None, after=0, limit=10)
    assert [(row.code.language, row.code.is_guessed, row.code.summary) for row in rows] == [
        ("c", False, ""),
        ("go", True, "Like this:"),
    ]


async def test_two_urls_that_lead_to_one_page_make_one_page(crawl: Crawl) -> None:
    await crawl.add(url_of("old"), url_of("older"), url_of("new"))
    page = bundle_of(crawl.source.source_id, crawl.task.task_id, "new")
    assert await crawl.store_page(url_of("old"), page)
    assert not await crawl.store_page(url_of("older"), page)
    assert await crawl.urls() == {
        "old": ("stored", 1, None),
        "older": ("queued", 1, None),
        "new": ("skipped", 1, "duplicate"),
    }
    rows = await crawl.store.crawls.urls(crawl.task.task_id, state=None, after=0, limit=10)
    assert [row.page_id for row in rows] == [page.page.page_id, None, page.page.page_id]
    # Found once more, from the page itself: still no visit of its own.
    assert await crawl.add(url_of("new", 0)) == 0


async def test_a_redirect_leaves_an_end_that_was_settled_before_alone(crawl: Crawl) -> None:
    await crawl.add(url_of("old"), url_of("new"))
    failed = url_of("new", 1, UrlState.FAILED, reason="http_500")
    await crawl.store.crawls.settle(crawl.fence, failed, told(), HALF_WAY)
    assert await crawl.store_page(url_of("old"), bundle_of(crawl.source.source_id, crawl.task.task_id, "new"))
    assert await crawl.urls() == {"old": ("stored", 1, None), "new": ("failed", 1, "http_500")}


async def test_what_stayed_keeps_its_id_and_its_vector_in_a_changed_page(crawl: Crawl) -> None:
    before = await crawl.put("a", ["stays", "goes"], code=[("python", "kept = 1"), ("python", "gone = 1")])
    texts = await embed_all(crawl)
    again = await crawl_again(crawl)
    bundle = await again.put("a", ["comes", "stays"], code=[("python", "kept = 1")])
    found = await crawl.store.knowledge.chunks(crawl.source.source_id, page_id=None, after=0, limit=10)
    by_text = {chunk.chunk.content: chunk for chunk in found}
    assert by_text.keys() == {"stays", "comes"}
    assert by_text["stays"].chunk == bundle.chunks[1], "its place in the page is the new one"
    assert by_text["stays"].chunk.chunk_id == before.chunks[0].chunk_id
    assert by_text["stays"].text_row == texts[0].text_row
    [vector] = await crawl.store.vectors.vectors_of(crawl.source.source_id, [by_text["stays"].text_row], "m")
    assert vector.vector.tolist() == [1.0, 0.0, 0.0, 0.0]
    [missing] = await crawl.store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=10)
    assert missing.content == "comes"
    [code] = await crawl.store.knowledge.code_examples(crawl.source.source_id, language=None, after=0, limit=10)
    assert (code.code.code_id, code.code.code) == (before.code_examples[0].code_id, "kept = 1")
    assert await crawl.store.knowledge.page(bundle.page.page_id) == replace(bundle.page, born=2)
    assert [await words_found(crawl, word) for word in ("stays", "comes", "goes")] == [1, 1, 0]


async def test_a_new_title_is_what_its_chunks_are_found_by(crawl: Crawl) -> None:
    await crawl.put("a", ["body"], title="Oldname")
    await (await crawl_again(crawl)).put("a", ["body"], title="Newname")
    assert [await words_found(crawl, word) for word in ("Oldname", "Newname", "body")] == [0, 1, 1]


async def test_the_same_page_of_two_sources_is_two_pages(crawl: Crawl) -> None:
    one = await crawl.put("a", ["shared"])
    other = await crawl_again(crawl)
    source = replace(crawl.source, source_id="src_other")
    source = await crawl.store.knowledge.ensure_source(source, "https://other.test/")
    two = await Crawl(crawl.store, other.task, source).put("a", ["shared"])
    assert one.page.page_id != two.page.page_id
    assert await words_found(crawl, "shared") == 2
