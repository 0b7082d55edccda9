"""Search by meaning in the database: what is nearest of what may be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from gleanery.model import TaskStatus
from gleanery.store.search_store import Match, Nearest, PageFilter, SourceFilter
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.search import SupabaseSearch
from tests.clock import SetClock
from tests.ground.supabase import Gateway, Project
from tests.store.conftest import over_supabase
from tests.store.samples import HALF_WAY, Crawl, start_crawl, told

MODEL = "m"
ANY = Match("")
Vector = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture
async def crawl(gateway: Gateway, supabase_project: Project, clock: SetClock) -> AsyncIterator[Crawl]:
    async with over_supabase(supabase_project, clock)(lambda _: None) as store:
        yield await start_crawl(store)


@pytest.fixture(params=["each", "graph"])
async def nearest(
    request: pytest.FixtureRequest, gateway: Gateway, supabase_project: Project
) -> AsyncIterator[Nearest]:
    """Looks at each vector, or goes through the graph."""
    async with Rest(gateway.url, supabase_project.service_key, lambda _: None) as rest:
        yield SupabaseSearch(rest, few_chunks=10_000 if request.param == "each" else -1)


def towards(degrees: float, dimensions: int = 384) -> Vector:
    vector = np.zeros(dimensions, np.float32)
    vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


async def embed(crawl: Crawl, **degrees: float) -> None:
    texts = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=100)
    vectors = np.stack([towards(degrees[text.content.split()[0]]) for text in texts])
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, texts, vectors)


async def found(
    crawl: Crawl,
    nearest: Nearest,
    *others: Crawl,
    match: Match = ANY,
    limit: int = 10,
    pages: PageFilter | None = None,
) -> list[str]:
    asked = pages or PageFilter(tuple(each.source.source_id for each in (crawl, *others)))
    hits = await nearest.nearest(MODEL, towards(0), match, asked, limit)
    chunks = await crawl.store.search.found_chunks([row for row, _ in hits], asked)
    return [chunks[row].chunk.content for row, _ in hits]


async def test_the_nearest_come_first_with_their_cosine(crawl: Crawl, nearest: Nearest) -> None:
    await crawl.put("a", ["far", "near", "middle"])
    await crawl.put("b", ["near"])
    await embed(crawl, near=10, middle=45, far=120)
    assert await found(crawl, nearest) == ["near", "near", "middle", "far"]
    assert await found(crawl, nearest, limit=2) == ["near", "near"]
    pages = PageFilter((crawl.source.source_id,))
    scores = [score for _, score in await nearest.nearest(MODEL, towards(0), ANY, pages, 9)]
    assert scores == pytest.approx([np.cos(np.radians(degrees)) for degrees in (10, 10, 45, 120)], abs=1e-3)
    assert await nearest.nearest("another", towards(0), ANY, pages, 9) == []
    assert await nearest.nearest(MODEL, towards(0, 768), ANY, pages, 9) == [], "of another length there are none"
    assert await nearest.nearest(MODEL, towards(0), ANY, PageFilter(()), 9) == []


async def test_of_these_sources_only(crawl: Crawl, nearest: Nearest) -> None:
    other = await start_crawl(crawl.store, "https://b.test/")
    await crawl.put("a", ["near", "both"])
    await other.put("a", ["nearer", "both"])
    await embed(crawl, near=10, both=20)
    await embed(other, nearer=5)
    assert await found(crawl, nearest) == ["near", "both"]
    assert await found(other, nearest) == ["nearer", "both"]
    assert await found(crawl, nearest, other) == ["nearer", "near", "both", "both"]


async def test_with_what_must_be_there_and_without_what_must_not(crawl: Crawl, nearest: Nearest) -> None:
    await crawl.put("a", ["near zebra", "middle", "far zebra"])
    await embed(crawl, near=10, middle=45, far=120)
    assert await found(crawl, nearest, match=Match("middle", must="zebra")) == ["near zebra", "far zebra"]
    assert await found(crawl, nearest, match=Match("", must_not="zebra")) == ["middle"]
    assert await found(crawl, nearest, match=Match("", must='""')) == []


async def test_what_is_seen_only_or_one_generation(crawl: Crawl, nearest: Nearest) -> None:
    await crawl.put("a", ["old"])
    await embed(crawl, old=30)
    await crawl.store.generations.complete(crawl.fence, crawl.source.source_id, timedelta(0), told(), HALF_WAY, {})
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    again = await start_crawl(crawl.store)
    await again.put("a", ["new"])
    await embed(again, new=10)
    assert await found(again, nearest) == ["old"]
    next_one = PageFilter((crawl.source.source_id,), generation=2)
    assert await found(again, nearest, pages=next_one) == ["new"]


async def test_of_the_pages_that_a_filter_lets_by(crawl: Crawl, nearest: Nearest) -> None:
    await crawl.put("guide/a", ["near"])
    await crawl.put("other", ["nearer"])
    await embed(crawl, near=10, nearer=5)
    below = PageFilter((crawl.source.source_id,), paths=(("/guide",),))
    assert await found(crawl, nearest, pages=below) == ["near"]
    few = await crawl.store.search.narrowed([SourceFilter()], below)
    assert few.few is not None
    assert await found(crawl, nearest, pages=few) == ["near"]
    assert await found(crawl, nearest, pages=replace(few, few=())) == []


async def test_behind_many_that_may_not_be_seen(crawl: Crawl, nearest: Nearest) -> None:
    other = await start_crawl(crawl.store, "https://b.test/")
    names = {f"t{number}": number / 10 for number in range(300)}
    for start in range(0, 300, 100):
        await other.put(f"p{start}", list(names)[start : start + 100])
        await embed(other, **names)
    await crawl.put("a", ["far"])
    await embed(crawl, far=120)
    assert await found(crawl, nearest) == ["far"]
    # Through the graph it is some of the nearest, among so many that are nearly alike.
    nearer = await found(other, nearest, limit=3)
    assert len(nearer) == 3
    assert nearer == sorted(nearer, key=names.__getitem__)
