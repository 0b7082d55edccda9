"""The contract of `SearchStore`: what is found by words and by texts, and what never is."""

from __future__ import annotations

import pytest

from gleanery.errors import NotFound
from gleanery.store.base import Store
from tests.store.samples import Crawl, start_crawl

WEIGHTS = (1.0,) * 6
CODE_WEIGHTS = (1.0,) * 6


async def contents(store: Store, match: str, sources: list[str] | None = None) -> list[str]:
    hits = await store.search.find_words(match, sources, WEIGHTS, 10)
    found = await store.search.found_chunks([hit.row for hit in hits])
    assert [hit.rank for hit in hits] == sorted(hit.rank for hit in hits)
    return [found[hit.row].chunk.content for hit in hits]


async def test_chunks_are_found_by_words_best_first(crawl: Crawl) -> None:
    texts = ["retry the task", "a task, once", "nothing of the kind", "Café naïve"]
    await crawl.put("a", texts)
    assert await contents(crawl.store, "retry task") == [texts[0]]
    assert await contents(crawl.store, "retry OR once") in ([texts[0], texts[1]], [texts[1], texts[0]])
    assert await contents(crawl.store, '"the kind"') == [texts[2]]
    assert await contents(crawl.store, "cafe NAIVE") == [texts[3]]
    assert await contents(crawl.store, "absent") == []
    by_heading = await crawl.store.search.find_words("Setup", None, WEIGHTS, 2)
    assert len(by_heading) == 2, "of four"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("使用全文检索功能", '"检 索"'),
        ("データベースを検索する", '"検 索"'),
        ("데이터베이스를 검색", '"검 색"'),
        ("use 全文 search", "search"),
    ],
)
async def test_chinese_japanese_and_korean_are_found_inside_a_run(crawl: Crawl, text: str, match: str) -> None:
    await crawl.put("a", [text, "other words"])
    assert await contents(crawl.store, match) == [text], "and the stored text is untouched"


async def test_search_stays_within_the_sources_it_was_given(store: Store) -> None:
    one = await start_crawl(store, "https://one.test/", tags=("x", "y"))
    two = await start_crawl(store, "https://two.test/", tags=("y",))
    await one.put("a", ["needle one"], code=[("python", "needle()")])
    await two.put("a", ["needle two"], code=[("go", "needle()"), (None, "needle")])
    ids = [one.source.source_id, two.source.source_id]
    assert sorted(await contents(store, "needle")) == ["needle one", "needle two"]
    assert await contents(store, "needle", ids[1:]) == ["needle two"]
    assert await contents(store, "needle", []) == []
    live = store.search.live_sources
    assert sorted(await live(None, ())) == sorted(ids)
    assert await live(None, ("x", "y")) == ids[:1]
    assert await live(ids[1], ("y",)) == ids[1:]
    assert await live(ids[1], ("x",)) == []
    with pytest.raises(NotFound):
        await live("src_nobody", ())

    async def languages(language: str | None, sources: list[str] | None) -> set[str | None]:
        found = await store.search.find_code("needle", sources, language, CODE_WEIGHTS, 10)
        assert [code.rank for code in found] == sorted(code.rank for code in found)
        return {code.code.language for code in found}

    assert await languages(None, None) == {"python", "go", None}
    assert await languages("go", None) == {"go"}
    assert await languages("go", ids[:1]) == set()
    assert await languages(None, ids[:1]) == {"python"}


async def test_unknown_chunks_are_left_out(crawl: Crawl) -> None:
    await crawl.put("a")
    [hit] = await crawl.store.search.find_words("words", None, WEIGHTS, 10)
    assert list(await crawl.store.search.found_chunks([hit.row, hit.row + 1])) == [hit.row]
    assert await crawl.store.search.found_chunks([]) == {}
