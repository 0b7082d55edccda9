"""What search asks of a store: by words, by texts, within sources, pages and generations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gleanery.errors import NotFound
from gleanery.model import TaskStatus
from gleanery.store.base import Store
from gleanery.store.search_store import Groups, Match, PageFilter, Shelf, SourceFilter
from tests.store.samples import HALF_WAY, Crawl, bundle_of, start_crawl, told, url_of

WEIGHTS = (2.0, 3.0, 1.0, 0.5, 0.5, 1.0)
ANY = Match("zebra OR lion")


async def again(crawl: Crawl) -> Crawl:
    """The next crawl of the same source; the one before has completed."""
    await crawl.store.generations.complete(crawl.fence, crawl.source.source_id, timedelta(0), told(), HALF_WAY, {})
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    return await start_crawl(crawl.store)


def pages_of(*crawls: Crawl, generation: int | None = None, **groups: Groups) -> PageFilter:
    return PageFilter(tuple(crawl.source.source_id for crawl in crawls), generation, few=None, **groups)


async def contents(
    store: Store, match: Match, pages: PageFilter, limit: int = 10, weights: Sequence[float] = WEIGHTS
) -> list[str]:
    hits = await store.search.find_words(Shelf.CHUNKS, match, pages, weights, limit)
    found = await store.search.found_chunks([hit.row for hit in hits], pages)
    return [found[hit.row].chunk.content for hit in hits]


async def test_words_are_found_where_they_are_visible(crawl: Crawl) -> None:
    other = await start_crawl(crawl.store, "https://b.test/")
    await crawl.put("a", ["a zebra", "a zebra and a lion", "nothing"])
    await other.put("b", ["the other zebra"])
    both = pages_of(crawl, other)
    assert await contents(crawl.store, ANY, both) == ["a zebra and a lion", "a zebra", "the other zebra"]
    assert await contents(crawl.store, ANY, pages_of(other)) == ["the other zebra"]
    assert await contents(crawl.store, ANY, both, limit=1) == ["a zebra and a lion"]
    assert await contents(crawl.store, ANY, both, limit=0) == []
    assert await contents(crawl.store, ANY, PageFilter(())) == []
    assert await contents(crawl.store, Match('""'), both) == []


async def test_what_must_be_there_and_what_must_not(crawl: Crawl) -> None:
    await crawl.put("a", ["a zebra", "a zebra and a lion", "a lion"])
    pages = pages_of(crawl)
    assert await contents(crawl.store, replace(ANY, must='"and a"'), pages) == ["a zebra and a lion"]
    assert await contents(crawl.store, replace(ANY, must_not="zebra"), pages) == ["a lion"]
    assert await contents(crawl.store, replace(ANY, must="lion", must_not="zebra"), pages) == ["a lion"]


async def test_few_that_pass_a_filter_are_found_behind_many_that_do_not(crawl: Crawl) -> None:
    other = await start_crawl(crawl.store, "https://b.test/")
    await crawl.put("a", [f"zebra zebra zebra {number}" for number in range(300)])
    await other.put("b", ["one long line about a zebra that comes last of all " * 5])
    assert len(await contents(crawl.store, ANY, pages_of(other), limit=2)) == 1


@pytest.mark.parametrize(
    ("groups", "paths"),
    [
        ({"sites": (("a.test",),)}, ["guide/de", "guide/x", "x_y"]),
        ({"sites": (("test",),)}, ["guide/de", "guide/x", "x_y"]),
        ({"sites": (("A.test/guide/",),)}, ["guide/de", "guide/x"]),
        ({"sites": (("https://a.test/guide",), ())}, ["guide/de", "guide/x"]),
        ({"sites": (("other.test", "a.test/x"),)}, ["x_y"]),
        ({"sites": (("est",),)}, []),
        ({"sites": (("%",),)}, []),
        ({"paths": (("/guide",),)}, ["guide/de", "guide/x"]),
        ({"paths": (("guide/x", "/x"),)}, ["guide/x", "x_y"]),
        ({"paths": (("/guide",), ("/x",))}, []),
        ({"paths": (("/x%",),)}, []),
        ({"languages": (("de",),)}, ["guide/de"]),
        ({"languages": (("DE-AT", "fr"),)}, ["guide/de"]),
        ({"languages": (("d",),)}, []),
        ({"versions": (("3.1",),)}, ["x_y"]),
        ({"versions": (("3.1.2",),)}, ["x_y"]),
        ({"versions": (("3",), ("3.1",))}, ["x_y"]),
        ({"versions": (("3.",),)}, []),
    ],
)
async def test_filters_of_pages(crawl: Crawl, groups: dict[str, Groups], paths: list[str]) -> None:
    for path, language, version in (("guide/x", "en", None), ("guide/de", "de-AT", None), ("x_y", None, "3.1.2")):
        bundle = bundle_of(crawl.source.source_id, crawl.task.task_id, path, [f"a zebra on {path}"])
        await crawl.add(url_of(path))
        page = replace(bundle.page, language=language, version=version)
        await crawl.store_page(url_of(path), replace(bundle, page=page))
    pages = replace(pages_of(crawl), **groups)  # type: ignore[arg-type]
    assert sorted(await contents(crawl.store, ANY, pages)) == [f"a zebra on {path}" for path in paths]
    few = await crawl.store.search.narrowed([SourceFilter()], pages)
    assert len(few.few or ()) == len(paths)
    assert sorted(await contents(crawl.store, ANY, few)) == [f"a zebra on {path}" for path in paths]
    for asked in (pages, few):
        texts = await crawl.store.search.texts_of(asked)
        assert len(texts) == len(paths)
        assert len(await crawl.store.search.rows_of_texts(texts, asked, None)) == len(paths)


async def test_a_filter_is_narrowed_to_the_pages_that_it_lets_by(crawl: Crawl) -> None:
    other = await start_crawl(crawl.store, "https://b.test/", tags=("b",))
    await crawl.put("a", ["a zebra", "a zebra and a lion"])
    await other.put("b", ["the other zebra"], code=[("python", "zebra()"), ("ruby", "zebra")])
    search, everything = crawl.store.search, PageFilter(())

    async def narrowed(*sources: SourceFilter) -> PageFilter:
        return await search.narrowed(sources, everything)

    assert (await narrowed()).few is None  # all there is: nothing to look for
    first, second = pages_of(crawl).source_ids, pages_of(other).source_ids
    assert sorted((await narrowed(SourceFilter())).source_ids) == sorted((*first, *second))
    only = await narrowed(SourceFilter(tags=("b",)), SourceFilter(source_ids=second))
    assert (only.source_ids, len(only.few or ())) == (second, 1)
    assert await contents(crawl.store, ANY, only) == ["the other zebra"]
    hits = await search.find_words(Shelf.CODE, ANY, replace(only, code_languages=(("ruby",),)), WEIGHTS, 5)
    assert len(hits) == 1
    assert (await narrowed(SourceFilter(source_ids=first), SourceFilter(source_ids=second))).source_ids == ()
    with pytest.raises(NotFound):
        await narrowed(SourceFilter(source_ids=("src_unknown",)))


async def test_what_adds_to_a_rank_need_not_be_there(crawl: Crawl) -> None:
    await crawl.put("a", ["a zebra of its own", "a zebra and a lion", "a lion alone", "nothing"])
    other = await start_crawl(crawl.store, "https://b.test/")
    await other.put("b", ["one zebra"])
    pages, match = pages_of(crawl), Match("zebra", also="lion")
    expected = ["a zebra and a lion", "a zebra of its own"]
    narrowed = await crawl.store.search.narrowed([SourceFilter(source_ids=pages.source_ids)], PageFilter(()))
    assert narrowed.few is not None
    for asked in (pages, narrowed):
        assert await contents(crawl.store, match, asked) == expected
        assert await contents(crawl.store, match, asked, limit=1) == expected[:1]
        # By score as a word that every row has would have it, but for its own share, which is next to nothing.
        hits = await crawl.store.search.find_words(Shelf.CHUNKS, match, asked, WEIGHTS, 5)
        every = Match("zebra AND (lion OR everyrowhasthis)")
        as_one = await crawl.store.search.find_words(Shelf.CHUNKS, every, asked, WEIGHTS, 5)
        assert [hit.row for hit in hits] == [hit.row for hit in as_one]
        assert [hit.rank for hit in hits] == pytest.approx([hit.rank for hit in as_one], abs=1e-5)
    assert await contents(crawl.store, replace(match, must="own"), pages) == expected[1:]
    assert await contents(crawl.store, replace(match, must_not="lion"), pages) == expected[1:]
    assert await contents(crawl.store, Match("", must="own", also="lion"), pages) == expected[1:]
    assert await contents(crawl.store, Match("", also="lion"), pages) == []


async def test_a_generation_is_searched_before_it_is_visible(crawl: Crawl) -> None:
    await crawl.put("a", ["an old zebra"])
    await crawl.put("b", ["a lion that stays"])
    second = await again(crawl)
    await second.put("a", ["a new zebra"])
    await second.put("b", ["a lion that stays"])
    now, then, next_one = pages_of(crawl), pages_of(crawl, generation=1), pages_of(crawl, generation=2)
    assert sorted(await contents(crawl.store, ANY, now)) == ["a lion that stays", "an old zebra"]
    assert sorted(await contents(crawl.store, ANY, then)) == ["a lion that stays", "an old zebra"]
    assert sorted(await contents(crawl.store, ANY, next_one)) == ["a lion that stays", "a new zebra"]
    assert len(await crawl.store.search.texts_of(next_one)) == 2


async def test_chunks_of_texts_that_fulfil_conditions(crawl: Crawl) -> None:
    await crawl.put("a", ["a zebra", "a lion"])
    await crawl.put("b", ["a zebra"])
    pages = pages_of(crawl)
    texts = await crawl.store.search.texts_of(pages)
    by_text = await crawl.store.search.rows_of_texts(texts, pages, None)
    assert sorted(len(rows) for rows in by_text.values()) == [1, 2]
    zebras = await crawl.store.search.rows_of_texts(texts, pages, replace(ANY, must="zebra"))
    assert [len(rows) for rows in zebras.values()] == [2]
    others = await crawl.store.search.rows_of_texts(texts, pages, replace(ANY, must_not="zebra"))
    assert [len(rows) for rows in others.values()] == [1]
    assert await crawl.store.search.rows_of_texts([], pages, None) == {}


async def test_neighbours_are_of_the_same_page(crawl: Crawl) -> None:
    await crawl.put("a", ["one", "two", "a zebra", "four"])
    await crawl.put("b", ["five"])
    (hit,) = await crawl.store.search.find_words(Shelf.CHUNKS, ANY, pages_of(crawl), WEIGHTS, 5)
    for distance, expected in ((1, ["two", "four"]), (9, ["one", "two", "four"])):
        beside = await crawl.store.search.neighbours([hit.row], distance)
        assert [chunk.content for chunk in beside[hit.row]] == expected


async def test_code_by_words_and_language(crawl: Crawl) -> None:
    await crawl.put("a", ["text"], code=[("python", "zebra()"), ("javascript", "zebra();"), (None, "zebra")])
    pages = pages_of(crawl)

    async def languages(pages: PageFilter) -> list[str | None]:
        hits = await crawl.store.search.find_words(Shelf.CODE, ANY, pages, WEIGHTS, 5)
        found = await crawl.store.search.found_code([hit.row for hit in hits], pages)
        return sorted((found[hit.row].code.language for hit in hits), key=str)

    assert await languages(pages) == [None, "javascript", "python"]
    assert await languages(replace(pages, code_languages=(("python", "ruby"),))) == ["python"]


async def test_sources_by_id_name_tag_and_kind(crawl: Crawl) -> None:
    store, first = crawl.store, crawl.source.source_id
    other = await start_crawl(store, "https://b.test/docs/", tags=("x", "Y"), knowledge_type="wiki", title="The B docs")
    second = other.source.source_id

    async def found(**parts: tuple[str, ...]) -> set[str]:
        return set(await store.search.sources_for(SourceFilter(**parts)))

    assert await found() == {first, second}
    assert await found(source_ids=(second,)) == {second}
    assert await found(tags=("y",)) == await found(tags=("X", "y")) == {second}
    assert await found(kinds=("WIKI", "none")) == {second}
    for name in (second, "b.test", "b.test/docs", "https://B.test/docs/", "the b docs"):
        assert await found(names=(name,)) == {second}
    assert await found(names=("nobody",)) == set()
    assert await found(names=("b.test",), tags=("z",)) == set()
    with pytest.raises(NotFound):
        await found(source_ids=("src_unknown",))


async def test_what_filters_have_to_choose_from(crawl: Crawl) -> None:
    store, first = crawl.store, crawl.source.source_id
    other = await start_crawl(store, "https://b.test/", tags=("x", "y"), knowledge_type="wiki", title="B")
    empty = await start_crawl(store, "https://c.test/", tags=("z",))
    second, third = other.source.source_id, empty.source.source_id
    await crawl.put("a", code=[("python", "a()"), ("python", "b()"), (None, "c")])
    for path, language, version in (("b", "de", "2.0"), ("c", "de", None), ("d", None, "10")):
        bundle = bundle_of(second, other.task.task_id, path, code=[("rust", f"{path}()")])
        await other.add(url_of(path))
        page = replace(bundle.page, language=language, version=version)
        await other.store_page(url_of(path), replace(bundle, page=page))

    of_all = await store.search.facets([first, second, third])
    counted = {source.source_id: (source.title, source.url, source.pages) for source in of_all.sources}
    assert counted == {
        second: ("B", "https://b.test/", 3),
        first: ("", "https://a.test/", 1),
        third: ("", "https://c.test/", 0),
    }
    assert [source.pages for source in of_all.sources] == [3, 1, 0]
    assert list(of_all.tags.items()) == [("x", 3), ("y", 3)]
    assert list(of_all.kinds.items()) == [("wiki", 3), ("docs", 1)]
    assert list(of_all.languages.items()) == [("de", 2), ("en", 1)]
    assert list(of_all.versions.items()) == [("10", 1), ("2.0", 1)]
    assert list(of_all.code_languages.items()) == [("rust", 3), ("python", 2)]

    of_one = await store.search.facets([first])
    assert len(of_one.sources) == 3
    assert (of_one.tags, of_one.kinds, of_one.versions) == ({}, {"docs": 1}, {})
    assert (of_one.languages, of_one.code_languages) == ({"en": 1}, {"python": 2})


async def test_what_is_not_visible_is_not_counted(crawl: Crawl) -> None:
    await crawl.put("a", code=[("python", "a()")])
    second = await again(crawl)
    await second.put("b", code=[("rust", "b()")])
    facets = await crawl.store.search.facets([crawl.source.source_id])
    assert (facets.sources[0].pages, facets.code_languages) == (1, {"python": 1})
    await second.store.tasks.finish(second.fence, TaskStatus.FAILED, [])
    await crawl.store.knowledge.delete_source(crawl.source.source_id)
    facets = await crawl.store.search.facets([])
    assert (facets.sources, facets.kinds, facets.code_languages) == ([], {}, {})


async def test_words_of_the_index(crawl: Crawl) -> None:
    await crawl.put("a", ["a zebra", "two Zebras", "Größe"], title="T")
    search = crawl.store.search
    assert await search.known_words(Shelf.CHUNKS, ["zebra", "zebras", "große", "nothing"]) == {
        "zebra": 2,
        "zebras": 1,
        "große": 1,
    }
    words: list[tuple[str, int]] = []
    while some := await search.vocabulary(Shelf.CHUNKS, after=words[-1][0] if words else "", limit=3):
        assert len(some) <= 3
        words += some
    assert words == sorted(words)
    assert dict(words)["zebra"] == 2
    size = await search.shelf_size(Shelf.CHUNKS)
    assert (size.rows, size.last) == (3, 3)
    assert (await search.shelf_size(Shelf.CODE)).rows == 0
