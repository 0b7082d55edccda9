"""What only the Supabase store promises of search: answers that were lost, and reads that go by their indexes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from gleanery.model import TaskStatus
from gleanery.store.base import Store
from gleanery.store.enriching import NewContext
from gleanery.store.search_store import Match, PageFilter, Shelf
from gleanery.store.supabase import SupabaseStore
from gleanery.store.supabase.match import asked_of
from gleanery.store.vector_store import TextFailure, Usage
from tests.clock import SetClock
from tests.ground.supabase import Gateway, Project
from tests.store.samples import Changes, Crawl, start_crawl

MODEL = "m"
WEIGHTS = (2.0, 3.0, 1.0, 0.5, 0.5, 1.0)


@pytest.fixture
async def store(gateway: Gateway, supabase_project: Project, clock: SetClock) -> AsyncIterator[Any]:
    key = supabase_project.service_key
    async with SupabaseStore(gateway.url, key, Changes(), clock, patience_seconds=60) as store:
        yield store


@pytest.fixture
async def crawl(store: Store) -> Crawl:
    return await start_crawl(store)


def lose(gateway: Gateway, *names: str) -> None:
    gateway.loses |= {f"gleanery_{name}": 1 for name in names}


async def test_vectors_whose_answer_was_lost_are_counted_once(crawl: Crawl, gateway: Gateway) -> None:
    vectors = crawl.store.vectors
    await vectors.propose(MODEL, {}, {})
    await crawl.put("a", ["good", "bad"])
    texts = await vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9)
    lose(gateway, "vectors_add", "vectors_add_failures")
    good = [text for text in texts if text.content == "good"]
    await vectors.add_vectors(crawl.fence, MODEL, good, np.ones((1, 4), np.float32), Usage(7, 1))
    [bad] = [text.text_row for text in texts if text.content == "bad"]
    await vectors.add_failures(crawl.fence, MODEL, [TextFailure(bad, "refused", "No.")])
    assert gateway.asked.count("gleanery_vectors_add") == 2
    [model] = await vectors.models()
    assert model.usage == {"texts": 1, "tokens": 7, "requests": 1, "failed": 1}
    assert [failure.attempts for failure in await vectors.failures(MODEL, limit=9)] == [1]


async def test_a_change_of_models_whose_answer_was_lost_is_one_change(crawl: Crawl, gateway: Gateway) -> None:
    vectors = crawl.store.vectors
    await vectors.propose("a", {}, {})
    await vectors.propose("b", {}, {})
    lose(gateway, "vectors_activate", "vectors_give_up")
    assert await vectors.activate("b") is True
    await vectors.propose("c", {}, {})
    assert await vectors.give_up() == "c"
    assert {str(each.state): each.name for each in await vectors.models()} == {"active": "b", "previous": "a"}


async def test_contexts_and_orphans_whose_answers_were_lost_tell_how_many(crawl: Crawl, gateway: Gateway) -> None:
    enrich = crawl.store.enrich
    await crawl.put("a", ["one", "two"])
    chunks = await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9)
    lose(gateway, "enrich_add_contexts")
    assert await enrich.add_contexts(crawl.fence, None, [NewContext(c.row, c.chunk_id, "said") for c in chunks]) == 2
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9)
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, texts, np.eye(2, dtype=np.float32))
    lose(gateway, "vectors_drop_orphans")
    assert await crawl.store.vectors.drop_orphans(9) == 2
    assert await crawl.store.vectors.drop_orphans(9) == 0


async def test_words_whose_answer_was_lost_are_counted_once(crawl: Crawl, gateway: Gateway) -> None:
    await crawl.put("a", ["zebra", "zebra and lion"])
    lose(gateway, "search_count_words")
    words = dict(await crawl.store.search.vocabulary(Shelf.CHUNKS, after="", limit=100))
    assert (words["zebra"], words["lion"]) == (2, 1)


async def test_words_and_vectors_go_with_their_source(crawl: Crawl, supabase_project: Project) -> None:
    await crawl.put("a", ["zebra"], code=[("python", "zebra()")])
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9)
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, texts, np.ones((1, 4), np.float32))
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    await crawl.store.knowledge.delete_source(crawl.source.source_id)
    while await crawl.store.generations.prune(1):
        pass
    with supabase_project.connect() as database:
        for table in ("chunk_words", "code_words", "vector", "text"):
            assert database.execute(f"select count(*) from gleanery.{table}").fetchone() == (0,), table


def plan_of(project: Project, sql: str) -> str:
    """How PostgreSQL goes about it where tables are large; here they are small, so it is told not to read them whole."""
    with project.connect() as database:
        database.execute(
            "set search_path = gleanery, extensions, public; set enable_seqscan = off; set enable_sort = off"
        )
        return "\n".join(row[0] for row in database.execute(f"explain {sql}").fetchall())


async def test_words_are_looked_up_in_their_index(crawl: Crawl, supabase_project: Project) -> None:
    await crawl.put("a", ["zebra"])
    asked = asked_of(Shelf.CHUNKS, Match('zebra OR "a lion"', must_not="tiger"), WEIGHTS)
    assert asked is not None
    query = asked["query"].replace("'", "''")
    plan = plan_of(supabase_project, f"select row_id from chunk_words where words @@ '{query}'::tsquery")
    assert "chunk_words_found" in plan, plan


@pytest.mark.parametrize("dimensions", [256, 384, 512, 768, 1024, 1536, 3072])
async def test_vectors_of_usual_lengths_have_a_graph(crawl: Crawl, supabase_project: Project, dimensions: int) -> None:
    await crawl.put("a", ["zebra"])
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9)
    vector = np.ones((1, dimensions), np.float32)
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, texts, vector)
    of_length = f"data::halfvec({dimensions}) <=> '{json.dumps(vector[0].tolist())}'::halfvec({dimensions})"
    plan = plan_of(
        supabase_project,
        f"select text_row from vector where vector_dims(data) = {dimensions} order by {of_length} limit 5",
    )
    assert f"vector_near_{dimensions}" in plan, plan


async def test_vectors_of_other_lengths_are_found_too(crawl: Crawl) -> None:
    await crawl.put("a", ["zebra"])
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9)
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, texts, np.ones((1, 100), np.float32))
    assert crawl.store.nearest is not None
    pages = PageFilter((crawl.source.source_id,))
    [(row, cosine)] = await crawl.store.nearest.nearest(MODEL, np.ones(100, np.float32), Match(""), pages, 9)
    assert row == texts[0].row
    assert cosine == pytest.approx(1.0, abs=1e-3)
