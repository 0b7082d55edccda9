"""The contract of `SavedQueryStore`: saved queries and what they gave over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gleanery.errors import NotFound, WrongState
from gleanery.store.base import Store
from gleanery.store.saved_queries import MAX_QUERIES, Evaluation, Figures, NewQuery, QueryResult, SavedQueryStore
from tests.api.refreshed import refreshed
from tests.clock import SetClock
from tests.store.samples import new_source

AT = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def saved(store: Store) -> SavedQueryStore:
    """Of two sources, `src_1` and `src_2`."""
    for source_id in ("src_1", "src_2"):
        url = f"https://{source_id.replace('_', '-')}.test/"
        await store.knowledge.ensure_source(new_source(url, source_id=source_id), url)
    return store.saved_queries


async def test_queries_are_kept_in_the_order_they_came(saved: SavedQueryStore) -> None:
    new = [NewQuery(f"query {n}", (f"/{n}", "/all"), {"language": "en"} if n else {}) for n in range(5)]
    kept = await saved.put("src_1", new)
    assert [(q.query, q.expected, dict(q.filters)) for q in kept] == [(q.query, q.expected, q.filters) for q in new]
    assert await saved.queries("src_1") == kept
    assert await saved.queries("src_2") == []
    assert all(query.created_at == query.updated_at for query in kept)


async def test_they_are_listed_page_by_page(saved: SavedQueryStore) -> None:
    kept = await saved.put("src_1", [NewQuery(str(n), ("/",)) for n in range(5)])
    first = await saved.queries("src_1", limit=2)
    rest = await saved.queries("src_1", after=(first[-1].created_at.timestamp(), first[-1].query_id))
    assert [*first, *rest] == kept


async def test_a_query_of_the_same_text_takes_the_place_of_the_known_one(
    saved: SavedQueryStore, clock: SetClock
) -> None:
    (first,) = await saved.put("src_1", [NewQuery("how", ("/a",))])
    clock.jump(60)
    (second,) = await saved.put("src_1", [NewQuery("how", ("/b",), {"mode": "keyword"})])
    assert (second.query_id, second.created_at) == (first.query_id, first.created_at)
    assert (second.expected, dict(second.filters)) == (("/b",), {"mode": "keyword"})
    assert second.updated_at > first.updated_at
    assert await saved.queries("src_1") == [second]
    (other,) = await saved.put("src_2", [NewQuery("how", ("/a",))])
    assert other.query_id != first.query_id


async def test_a_text_twice_in_one_request_is_one_query_with_the_last_pages(saved: SavedQueryStore) -> None:
    (kept,) = await saved.put("src_1", [NewQuery("how", ("/a",)), NewQuery("how", ("/b",))])
    assert kept.expected == ("/b",)


async def test_a_query_is_changed_and_deleted(saved: SavedQueryStore, clock: SetClock) -> None:
    one, two = await saved.put("src_1", [NewQuery("one", ("/a",)), NewQuery("two", ("/a",))])
    clock.jump(1)
    changed = await saved.change("src_1", one.query_id, NewQuery("uno", ("/b",)))
    assert (changed.query_id, changed.query, changed.expected) == (one.query_id, "uno", ("/b",))
    with pytest.raises(WrongState, match=two.query_id):
        await saved.change("src_1", one.query_id, NewQuery("two", ("/b",)))
    await saved.delete("src_1", one.query_id)
    assert await saved.queries("src_1") == [two]


async def test_what_is_not_there_is_not_found(saved: SavedQueryStore) -> None:
    (one,) = await saved.put("src_1", [NewQuery("one", ("/a",))])
    for call in (
        saved.queries("src_9"),
        saved.put("src_9", [NewQuery("one", ("/a",))]),
        saved.change("src_1", "sq_9", NewQuery("x", ("/a",))),
        saved.change("src_2", one.query_id, NewQuery("x", ("/a",))),
        saved.delete("src_2", one.query_id),
        saved.delete("src_1", "sq_9"),
        saved.evaluations("src_9", before=None, limit=1),
        saved.evaluation("src_1", "ev_9"),
        saved.visible_generation("src_9"),
        saved.keep(evaluated(0, "src_9")),
    ):
        with pytest.raises(NotFound):
            await call


async def test_more_than_the_limit_are_refused_and_none_of_them_kept(saved: SavedQueryStore) -> None:
    first = await saved.put("src_1", [NewQuery(str(n), ("/",)) for n in range(MAX_QUERIES - 1)])
    with pytest.raises(WrongState):
        await saved.put("src_1", [NewQuery("a", ("/",)), NewQuery("b", ("/",))])
    assert await saved.queries("src_1") == first
    await saved.put("src_1", [NewQuery("a", ("/",)), NewQuery("0", ("/",))])
    assert len(await saved.queries("src_1")) == MAX_QUERIES


async def test_pages_that_a_generation_does_not_have_are_unknown(saved: SavedQueryStore, store: Store) -> None:
    source = await refreshed(store, {"old/": "old", "b": "same"})
    await source.crawl({"new/index.html": "new", "b": "same"})
    expected = ["/old", "http://A.test/new#x", "/b/", "https://b.test/b", "/c"]
    assert await saved.unknown(source.source_id, 1, expected) == {"http://A.test/new#x", "https://b.test/b", "/c"}
    assert await saved.unknown(source.source_id, 2, expected) == {"/old", "https://b.test/b", "/c"}
    assert await saved.unknown("src_2", 1, ["/b"]) == {"/b"}
    assert await saved.unknown("src_1", 1, []) == frozenset()
    assert await saved.visible_generation(source.source_id) == 2


def evaluated(number: int, source_id: str = "src_1") -> Evaluation:
    results = (
        QueryResult("sq_1", "one", ("/a", "/b"), 2, 0.5, 0.5, ("https://a.test/x",), ("/b",)),
        QueryResult("sq_2", "two", ("/c",), None, 0.0, 0.0, error="No."),
    )
    figures = Figures(1, 0.5, 0.5, 0.5, results)
    return Evaluation(f"ev_{number:03}", source_id, number, "tsk_1", AT + timedelta(hours=number // 2), figures)


async def test_evaluations_are_kept_whole_and_listed_without_their_results(saved: SavedQueryStore) -> None:
    for number in range(5):
        await saved.keep(evaluated(number))
    assert await saved.evaluation("src_1", "ev_003") == evaluated(3)
    first = await saved.evaluations("src_1", before=None, limit=2)
    rest = await saved.evaluations("src_1", before=(first[-1].at.timestamp(), first[-1].evaluation_id), limit=9)
    assert [e.evaluation_id for e in [*first, *rest]] == ["ev_004", "ev_003", "ev_002", "ev_001", "ev_000"]
    assert {e.figures for e in rest} == {Figures(1, 0.5, 0.5, 0.5)}
    assert await saved.evaluations("src_2", before=None, limit=9) == []
