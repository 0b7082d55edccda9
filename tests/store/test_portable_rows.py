"""The contract of `PortableStore`: what goes out with a source, and what comes in with one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from gleanery.errors import LeaseLost, NotFound
from gleanery.model import Fence, TaskStatus
from gleanery.store.saved_queries import NewQuery
from tests.store.samples import HALF_WAY, Crawl, bundle_of, start_crawl, told, url_of

MODEL = "m"


async def content_of(crawl: Crawl) -> dict[str, Any]:
    """All that goes out, as a file is written: in a thread."""

    def read() -> dict[str, Any]:
        with crawl.store.portable.content(crawl.source.source_id) as content:
            pages = content.pages()
            models = content.models()
            return {
                "source": content.source,
                "url_key": content.url_key,
                "pages": [content.page(number) for number in pages],
                "chunks": [content.chunks(number) for number in pages],
                "code": [content.code(number) for number in pages],
                "models": models,
                "vectors": {name: list(content.vectors(name)) for name, _, _ in models},
                "queries": content.queries(),
            }

    return await asyncio.to_thread(read)


async def embed(crawl: Crawl, model: str = MODEL) -> np.ndarray[Any, np.dtype[np.float32]]:
    vectors = crawl.store.vectors
    texts = await vectors.without_vectors(crawl.source.source_id, model, after=0, limit=100)
    values = np.random.default_rng(1).standard_normal((len(texts), 8)).astype(np.float32)
    await vectors.add_vectors(crawl.fence, model, texts, values)
    return values


async def test_what_is_seen_goes_out_as_it_came(crawl: Crawl) -> None:
    second = await crawl.put("b", ["two", "three"], code=[("python", "run()"), (None, "ls")])
    first = await crawl.put("a", ["one"])
    whole = await content_of(crawl)
    assert (whole["source"].source_id, whole["url_key"]) == (crawl.source.source_id, "https://a.test/")
    pages = [page for page, _ in whole["pages"]]
    assert [page.url for page in pages] == ["https://a.test/b", "https://a.test/a"], "in the order in which they came"
    assert [page.markdown for page in pages] == [second.page.markdown, first.page.markdown]
    assert [page.outline for page in pages] == [second.page.outline, first.page.outline]
    assert [links for _, links in whole["pages"]] == [b"packed links", b"packed links"]
    assert [tuple(chunks) for chunks in whole["chunks"]] == [second.chunks, first.chunks]
    assert [tuple(code) for code in whole["code"]] == [second.code_examples, ()]
    assert (whole["models"], whole["queries"]) == ([], [])


async def test_many_pages_go_out_in_order(crawl: Crawl) -> None:
    for number in range(23):
        await crawl.put(f"p{number:02}", [f"text {number}"])
    whole = await content_of(crawl)
    assert [chunks[0].content for chunks in whole["chunks"]] == [f"text {number}" for number in range(23)]


async def test_vectors_go_out_by_the_hash_of_their_texts(crawl: Crawl) -> None:
    await crawl.put("a", ["one", "two", "three"])
    values = await embed(crawl)
    whole = await content_of(crawl)
    assert whole["models"] == [(MODEL, 8, 3)], "without a model that is set, those that are there"
    hashes = [text_hash for text_hash, _ in whole["vectors"][MODEL]]
    assert hashes == sorted(hashes)
    assert {len(text_hash) for text_hash in hashes} == {16}
    assert {data for _, data in whole["vectors"][MODEL]} == {row.astype(np.float16).tobytes() for row in values}
    await crawl.store.vectors.propose("other", {}, {})
    assert (await content_of(crawl))["models"] == [], "of those that are kept there are none"
    await crawl.store.vectors.propose(MODEL, {}, {})
    assert (await content_of(crawl))["models"] == [(MODEL, 8, 3)]


async def test_saved_queries_go_out(crawl: Crawl) -> None:
    query = NewQuery("pears?", ("/zwei",), {"language": "de"})
    await crawl.store.saved_queries.put(crawl.source.source_id, [query])
    assert (await content_of(crawl))["queries"] == [("pears?", ["/zwei"], {"language": "de"})]


async def test_what_is_being_built_does_not_go_out(crawl: Crawl) -> None:
    await crawl.put("a", ["old"])
    await crawl.store.generations.complete(crawl.fence, crawl.source.source_id, timedelta(0), told(), HALF_WAY, {})
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    again = await start_crawl(crawl.store)
    await again.put("a", ["new"])
    await again.put("b", ["more"])
    assert [[chunk.content for chunk in chunks] for chunks in (await content_of(again))["chunks"]] == [["old"]]


async def test_a_source_that_is_not_there_does_not_go_out(crawl: Crawl) -> None:
    with pytest.raises(NotFound):
        await content_of(replace(crawl, source=replace(crawl.source, source_id="src_none")))


async def test_sources_are_known_by_their_url(crawl: Crawl) -> None:
    portable = crawl.store.portable
    assert await portable.known("https://a.test/") == crawl.source.source_id
    assert await portable.known("https://b.test/") is None
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    await crawl.store.knowledge.delete_source(crawl.source.source_id)
    assert await portable.known("https://a.test/") is None


async def test_a_site_is_listed_as_its_crawl_found_it(crawl: Crawl) -> None:
    await crawl.add(url_of("z"), url_of("a"))
    for path in ("a", "z"):
        bundle = bundle_of(crawl.source.source_id, crawl.task.task_id, path)
        await crawl.store_page(url_of(path), bundle)
    source, pages = await crawl.store.portable.site(crawl.source.source_id)
    assert source.source_id == crawl.source.source_id
    assert [(page.url, page.title, page.description) for page in pages] == [
        ("https://a.test/z", "A page", "what it is about"),
        ("https://a.test/a", "A page", "what it is about"),
    ]
    with pytest.raises(NotFound):
        await crawl.store.portable.site("src_none")


async def test_vectors_come_in_for_texts_of_the_source_that_lack_one(crawl: Crawl) -> None:
    portable = crawl.store.portable
    other = await start_crawl(crawl.store, "https://b.test/")
    await crawl.put("a", ["one", "two"])
    await other.put("a", ["of another"])
    await embed(crawl)
    kept = dict((await content_of(crawl))["vectors"][MODEL])
    await embed(other)
    [(foreign, _)] = (await content_of(other))["vectors"][MODEL]
    came = [(text_hash, np.full(8, 0.5, np.float16).tobytes()) for text_hash in (*kept, foreign, b"\0" * 16)]
    source_id = crawl.source.source_id
    assert await portable.add_vectors(crawl.fence, source_id, MODEL, came) == 0, "they have their own"
    assert dict((await content_of(crawl))["vectors"][MODEL]) == kept
    assert await portable.add_vectors(crawl.fence, source_id, "n", came) == 2
    assert await portable.add_vectors(crawl.fence, source_id, "n", came) == 0
    assert {row.vector.tobytes() for row in await crawl.store.vectors.vectors("n", after=0, limit=9)} == {came[0][1]}
    with pytest.raises(LeaseLost):
        await portable.add_vectors(Fence(crawl.task.task_id, 9), source_id, "n", came)


async def test_a_source_is_described(crawl: Crawl) -> None:
    portable = crawl.store.portable
    await portable.describe(crawl.fence, crawl.source.source_id, "All of pears.")
    assert (await crawl.store.knowledge.source(crawl.source.source_id)).description == "All of pears."
    with pytest.raises(NotFound):
        await portable.describe(crawl.fence, "src_none", "x")
