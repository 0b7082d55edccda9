"""The contract of `VectorStore`: texts, and the vectors that they have or lack."""

from __future__ import annotations

import numpy as np
import pytest

from gleanery.errors import LeaseLost
from gleanery.model import Fence, TaskStatus
from gleanery.store.base import Store
from tests.store.samples import Crawl, start_crawl, told


async def test_vectors_come_back_as_float16_in_the_order_of_their_chunks(crawl: Crawl) -> None:
    await crawl.put("a", [f"text {n}" for n in range(5)])
    vectors, source_id = crawl.store.vectors, crawl.source.source_id
    texts = await vectors.without_vectors(source_id, "m", after=0, limit=10)
    assert [(t.content, t.title, t.heading_path) for t in texts] == [
        (f"text {n}", "A page", ("Guide", "Setup")) for n in range(5)
    ]
    values = np.random.default_rng(1).standard_normal((5, 384)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    assert await vectors.add_vectors(crawl.fence, "m", texts[:3], values[:3]) == 0
    missing = await vectors.without_vectors(source_id, "m", after=0, limit=10)
    assert [text.content for text in missing] == ["text 3", "text 4"]
    assert await vectors.add_vectors(crawl.fence, "m", texts[3:], values[3:]) == 1
    rows = list(await vectors.vectors("m", after=0, limit=2))
    rows += await vectors.vectors("m", after=rows[-1].text_row, limit=9)
    assert [(row.text_row, row.source_id) for row in rows] == [(t.text_row, source_id) for t in texts]
    assert np.array_equal(np.stack([row.vector for row in rows]), values.astype(np.float16))
    assert (await crawl.store.crawls.counts(crawl.task.task_id, source_id, "m")).embedded == 1


async def test_each_model_has_its_own_vectors(crawl: Crawl) -> None:
    await crawl.put("a")
    vectors, source_id = crawl.store.vectors, crawl.source.source_id
    texts = await vectors.without_vectors(source_id, "m", after=0, limit=10)
    await vectors.add_vectors(crawl.fence, "m", texts, np.ones((1, 2), np.float32))
    assert await vectors.without_vectors(source_id, "m", after=0, limit=10) == []
    assert len(await vectors.without_vectors(source_id, "n", after=0, limit=10)) == 1
    assert await vectors.vectors("n", after=0, limit=10) == []
    assert await vectors.sources_without_vectors("n") == [], "its crawl still runs and will see to it"
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    assert await vectors.sources_without_vectors("n") == [source_id]
    assert await vectors.sources_without_vectors("m") == []


async def test_vectors_of_texts_that_went_meanwhile_are_passed_over(crawl: Crawl) -> None:
    await crawl.put("a", ["goes"])
    vectors, source_id = crawl.store.vectors, crawl.source.source_id
    texts = await vectors.without_vectors(source_id, "m", after=0, limit=10)
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    await crawl.store.knowledge.delete_source(source_id)
    while await crawl.store.generations.prune(1):
        pass
    other = await start_crawl(crawl.store)
    assert await vectors.add_vectors(other.fence, "m", texts, np.ones((1, 2), np.float32)) == 0
    assert await vectors.vectors("m", after=0, limit=10) == []


async def test_equal_texts_have_one_vector_wherever_they_stand(store: Store) -> None:
    one, two = await start_crawl(store, "https://one.test/"), await start_crawl(store, "https://two.test/")
    await one.put("a", ["same", "own"])
    await one.put("b", ["same"])
    await two.put("a", ["same"])
    texts = await store.vectors.without_vectors(one.source.source_id, "m", after=0, limit=10)
    assert [text.content for text in texts] == ["same", "own"]
    assert await store.vectors.add_vectors(one.fence, "m", texts, np.eye(2, dtype=np.float32)) == 2
    for crawl in (one, two):
        assert await store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=10) == []
    rows = await store.vectors.vectors("m", after=0, limit=10)
    assert [(row.text_row, row.source_id) for row in rows] == [
        (texts[0].text_row, one.source.source_id),
        (texts[0].text_row, two.source.source_id),
        (texts[1].text_row, one.source.source_id),
    ]


async def test_a_worker_that_lost_its_lease_adds_no_vectors(crawl: Crawl) -> None:
    await crawl.put("a")
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=10)
    with pytest.raises(LeaseLost):
        await crawl.store.vectors.add_vectors(
            Fence(crawl.task.task_id, 9), "m", texts, np.ones((1, 2), dtype=np.float32)
        )
    assert await crawl.store.vectors.vectors("m", after=0, limit=10) == []
