"""The contract of `VectorStore`: texts, and the vectors that they have or lack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gleanery.errors import LeaseLost
from gleanery.model import Fence, TaskStatus
from gleanery.store.base import Store
from gleanery.store.vector_store import Coverage, ModelState, TextFailure, Usage
from tests.clock import SetClock
from tests.store.samples import Crawl, start_crawl, told


async def test_vectors_come_back_as_float16_in_the_order_of_their_texts(crawl: Crawl) -> None:
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
    assert [(row.text_row, row.source_id) for row in rows] == sorted((t.text_row, source_id) for t in texts)
    by_text = {row.text_row: row.vector for row in rows}
    assert np.array_equal(np.stack([by_text[t.text_row] for t in texts]), values.astype(np.float16))
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


# What was refused


async def refused(crawl: Crawl, model: str, *contents: str, code: str = "text_refused") -> None:
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, model, after=0, limit=100)
    rows = [TextFailure(text.text_row, code, "No.") for text in texts if text.content in contents]
    await crawl.store.vectors.add_failures(crawl.fence, model, rows)


async def contents_without(crawl: Crawl, model: str, **asked: Any) -> list[str]:
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, model, after=0, limit=100, **asked)
    return [text.content for text in texts]


async def test_a_refused_text_is_tried_again_later_and_three_times_in_all(crawl: Crawl, clock: SetClock) -> None:
    await crawl.put("a", ["good", "bad"])
    began_at = clock()
    for attempts in (1, 2, 3):
        await refused(crawl, "m", "bad", code=f"code_{attempts}")
        assert await contents_without(crawl, "m", tried_before=began_at) == ["good"], "not in the same pass"
        [failure] = await crawl.store.vectors.failures("m", limit=10)
        assert (failure.code, failure.attempts, failure.message) == (f"code_{attempts}", attempts, "No.")
        assert (failure.url, failure.heading_path) == ("https://a.test/a", ("Guide", "Setup"))
        clock.jump(60)
        assert await contents_without(crawl, "m", tried_before=clock()) == (
            ["good", "bad"] if attempts < 3 else ["good"]
        )
    assert await contents_without(crawl, "n") == ["good", "bad"], "with another model it is another matter"


async def test_a_vector_ends_what_was_refused(crawl: Crawl) -> None:
    await crawl.put("a", ["bad"])
    await refused(crawl, "m", "bad")
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=9)
    assert await crawl.store.vectors.add_vectors(crawl.fence, "m", texts, np.ones((1, 2), np.float32)) == 1
    assert await crawl.store.vectors.failures("m", limit=9) == []


async def test_coverage_counts_different_texts_that_are_seen(crawl: Crawl) -> None:
    await crawl.put("a", ["one", "two", "bad"])
    await crawl.put("b", ["one"])
    await refused(crawl, "m", "bad")
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, "m", after=0, limit=1)
    await crawl.store.vectors.add_vectors(crawl.fence, "m", texts, np.ones((1, 2), np.float32), Usage(7, 1, (5,)))
    for source_id in (None, crawl.source.source_id):
        coverage = await crawl.store.vectors.coverage("m", source_id)
        assert (coverage, coverage.lacking) == (Coverage(texts=3, embedded=1, failed=1), 1)
    assert await crawl.store.vectors.coverage("m", "src_other") == Coverage()
    assert await crawl.store.vectors.sources_lacking("m") == [crawl.source.source_id]
    lacking = await crawl.store.vectors.texts_lacking("m", None, limit=100)
    assert sorted(text.content for text in lacking) == ["bad", "two"]
    assert len(await crawl.store.vectors.texts_lacking("n", None, limit=2)) == 2


async def test_newer_texts_go_by_the_chunks_rows(crawl: Crawl) -> None:
    await crawl.put("a", ["one", "two"])
    source_id, vectors = crawl.source.source_id, crawl.store.vectors
    texts = await vectors.without_vectors(source_id, "m", after=0, limit=9)
    assert await vectors.newer_texts(source_id, "m", after=0, limit=9) == []
    await vectors.add_vectors(crawl.fence, "m", texts, np.eye(2, dtype=np.float32))
    pairs = [(text.row, text.text_row) for text in texts]
    assert await vectors.newer_texts(source_id, "m", after=0, limit=9) == pairs
    assert await vectors.newer_texts(source_id, "m", after=texts[0].row, limit=9) == pairs[1:]
    assert (await vectors.newest_row(source_id), await vectors.newest_row("src_other")) == (texts[1].row, 0)
    assert (await vectors.dimensions("m"), await vectors.dimensions("n")) == (2, None)


# Models

ENVIRONMENT = {"kind": "local"}


async def states(store: Store) -> dict[str, str]:
    return {str(each.state): each.name for each in await store.vectors.models()}


async def test_from_one_model_to_the_next_and_back(store: Store) -> None:
    vectors = store.vectors
    assert await vectors.propose("a", {"x": 1}, ENVIRONMENT) is ModelState.ACTIVE
    assert await vectors.propose("b", {}, ENVIRONMENT) is ModelState.BUILDING
    assert await vectors.activate("a") is False
    assert await vectors.activate("b") is True
    assert await states(store) == {"active": "b", "previous": "a"}
    assert await vectors.propose("a", {"x": 2}, {}) is ModelState.BUILDING
    assert await states(store) == {"active": "b", "building": "a"}
    assert await vectors.give_up() == "a"
    assert await states(store) == {"active": "b", "previous": "a"}, "what had been active is kept"
    await vectors.propose("c", {}, ENVIRONMENT)
    await vectors.propose("d", {}, ENVIRONMENT)
    assert await states(store) == {"active": "b", "building": "d", "previous": "a"}, "one is built at a time"
    assert await vectors.propose("b", {"x": 3}, ENVIRONMENT) is ModelState.ACTIVE
    assert await states(store) == {"active": "b", "previous": "a"}, "to set the active one is to give up the next"
    assert await vectors.give_up() is None
    [active, previous] = await vectors.models()
    assert (active.options, active.environment, active.usage) == ({"x": 3}, ENVIRONMENT, {})
    assert (previous.options, previous.environment) == ({"x": 2}, {})
    assert active.activated_at is not None
    await vectors.propose("e", {}, ENVIRONMENT)
    await vectors.activate("e")
    assert await states(store) == {"active": "e", "previous": "b"}


async def test_a_model_is_active_when_nothing_seen_lacks_it(crawl: Crawl) -> None:
    vectors, store = crawl.store.vectors, crawl.store
    await vectors.propose("a", {}, {})
    await crawl.put("a", ["one", "two", "bad"])
    await vectors.propose("b", {}, {})
    assert await vectors.activate("b") is False
    texts = await vectors.without_vectors(crawl.source.source_id, "b", after=0, limit=2)
    await vectors.add_vectors(crawl.fence, "b", texts, np.eye(2, dtype=np.float32), Usage(9, 2))
    assert await vectors.activate("b") is False
    await refused(crawl, "b", "bad")
    assert await vectors.activate("b") is True
    assert (await vectors.models())[0].usage == {"texts": 2, "tokens": 9, "requests": 2, "failed": 1}
    await vectors.propose("c", {}, {})
    assert await vectors.activate("c") is False
    assert await vectors.activate("c", is_forced=True) is True
    assert await states(store) == {"active": "c", "previous": "b"}


async def test_vectors_of_models_that_are_not_kept_go_in_steps(crawl: Crawl) -> None:
    vectors = crawl.store.vectors
    await crawl.put("a", ["one", "two", "three", "bad"])
    for model in ("a", "b"):
        await vectors.propose(model, {}, {})
        texts = await vectors.without_vectors(crawl.source.source_id, model, after=0, limit=3)
        await vectors.add_vectors(crawl.fence, model, texts, np.eye(3, dtype=np.float32))
        await refused(crawl, model, "bad")
    await vectors.give_up()
    assert [await vectors.drop_orphans(2) for _ in range(4)] == [2, 1, 1, 0]
    assert len(await vectors.vectors("a", after=0, limit=9)) == 3
    assert len(await vectors.failures("a", limit=9)) == 1
    assert await vectors.vectors("b", after=0, limit=9) == []
