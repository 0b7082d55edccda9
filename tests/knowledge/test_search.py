"""Search over a real store: both rankings, what is folded, corrected, relaxed and reranked, and a score that adds up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gleanery.errors import EmbedUnavailable, InvalidInput, NotFound, RerankFailed
from gleanery.knowledge.candidates import link_share
from gleanery.knowledge.embedders.embedder import Embedding
from gleanery.knowledge.rerank import Reranked
from gleanery.knowledge.search import CodeQuery, Found, Mode, Searcher, SearchQuery
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.vectors import Vectors
from gleanery.model import TaskStatus
from tests.clock import SetClock
from tests.store.conftest import embedded, over_supabase
from tests.store.samples import HALF_WAY, Crawl, bundle_of, start_crawl, told, url_of


class ByTheme:
    """An `Embedder` for which words of the same theme are near: fast is quick, a limit is a quota."""

    name = "themes"
    dimensions = 4
    max_tokens = 256
    bulk_size = 32

    def __init__(self) -> None:
        self.is_broken = False
        self.asked: list[str] = []

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        return Embedding(await self.embed(texts), tuple(range(len(texts))), tuple(map(len, texts)))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, texts))

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.is_broken:
            raise EmbedUnavailable("It is down.")
        self.asked += texts
        rows = np.array([self._row(text.lower()) for text in texts], np.float32)
        lengths: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return lengths

    def _row(self, text: str) -> list[float]:
        speed = sum(text.count(word) for word in ("speed", "fast", "quick", "slow"))
        limit = sum(text.count(word) for word in ("limit", "quota"))
        return [speed, limit, 0.1, len(text) / 10_000]

    async def aclose(self) -> None:
        return


class Ground:
    """A store with one source, and searchers over it."""

    def __init__(self, crawl: Crawl, executor: ThreadPoolExecutor) -> None:
        self.crawl = crawl
        self.store = crawl.store
        self.executor = executor
        self.embedder = ByTheme()
        self.vectors = Vectors(crawl.store.vectors, self.embedder, nearest=crawl.store.nearest)
        self.speller = Speller(crawl.store.search)

    async def embedded(self) -> Ground:
        await self.vectors.load()
        async for _ in self.vectors.embed_missing(self.crawl.fence, self.crawl.source.source_id):
            pass
        return self

    def searcher(self, *, has_vectors: bool = True, **parts: object) -> Searcher:
        vectors = self.vectors if has_vectors else None
        return Searcher(self.store.search, vectors, self.executor, speller=self.speller, **parts)  # type: ignore[arg-type]

    async def find(self, text: str, **asked: object) -> Found:
        return await self.searcher().find(SearchQuery(text, **asked))  # type: ignore[arg-type]

    async def words(self, text: str, **asked: object) -> list[str]:
        found = await self.searcher(has_vectors=False).find(SearchQuery(text, **asked))  # type: ignore[arg-type]
        return contents(found)


def contents(found: Found) -> list[str]:
    return [hit.found.chunk.content for hit in found.hits]


@pytest.fixture(params=["embedded", "supabase"])
async def ground(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> AsyncIterator[Ground]:
    if request.param == "embedded":
        opened = embedded(tmp_path, clock)
    else:
        project = request.getfixturevalue("supabase_project")
        project.empty()
        opened = over_supabase(project, clock)
    async with opened(lambda _: None) as store:
        with ThreadPoolExecutor(2) as executor:
            yield Ground(await start_crawl(store), executor)


async def test_both_rankings_find_what_the_other_does_not(ground: Ground) -> None:
    await ground.crawl.put("a", ["a zebra", "it is quick", "a lion"])
    await ground.embedded()
    found = await ground.find("fast zebra")
    assert contents(found)[:2] == ["a zebra", "it is quick"]
    assert found.mode is Mode.HYBRID
    assert contents(await ground.find("fast", mode=Mode.VECTOR))[0] == "it is quick"
    assert contents(await ground.find("fast", mode=Mode.KEYWORD)) == []


async def test_the_score_is_the_sum_of_its_parts(ground: Ground) -> None:
    links = "[a zebra that is quick](https://a.test/1) [zebra](https://a.test/2)"
    await ground.crawl.put("a", ["a quick zebra", "the zebra and a lion", links, "it is slow"])
    await ground.embedded()
    found = await ground.find("quick zebra")
    assert len(found.hits) == 4
    for hit in found.hits:
        added = [hit.scores.get(name, 0.0) for name in ("keyword", "vector", "links", "rerank")]
        assert hit.score == pytest.approx(sum(added), abs=1e-12)
        for name in ("keyword", "vector"):
            assert (name in hit.scores) == (f"{name}_rank" in hit.scores) == (f"{name}_raw" in hit.scores)
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    assert found.hits[0].scores["keyword_rank"] == 1.0
    (listed,) = [hit for hit in found.hits if hit.found.chunk.content == links]
    assert listed.scores["links"] < 0


async def test_without_vectors_words_are_taken_or_it_is_refused(ground: Ground) -> None:
    await ground.crawl.put("a", ["a zebra"])
    await ground.vectors.load()
    assert (await ground.find("zebra")).mode is Mode.KEYWORD
    assert (await ground.find("zebra", mode=Mode.VECTOR)).hits == ()
    await ground.embedded()
    ground.embedder.is_broken = True
    found = await ground.find("zebra")
    assert (found.mode, contents(found)) == (Mode.KEYWORD, ["a zebra"])
    with pytest.raises(EmbedUnavailable):
        await ground.find("another zebra", mode=Mode.VECTOR)
    with pytest.raises(InvalidInput):
        await ground.searcher(has_vectors=False).find(SearchQuery("zebra", mode=Mode.VECTOR))
    with pytest.raises(NotFound):
        await ground.find("zebra", source_ids=("src_unknown",))


async def test_conditions_hold_for_both_rankings(ground: Ground) -> None:
    await ground.crawl.put(
        "a", ["the speed limit", "a limit of the speed", "it is fast", "quick:\n\n```\nyield x\n```"]
    )
    await ground.embedded()
    assert contents(await ground.find('"speed limit"')) == ["the speed limit"]
    assert "a limit of the speed" not in contents(await ground.find('fast -"of the"'))
    assert contents(await ground.find("fast code:yield")) == ["quick:\n\n```\nyield x\n```"]


async def test_what_is_quoted_is_looked_for_loosely_where_nothing_has_it(ground: Ground) -> None:
    await ground.crawl.put("a", ["a limit of the speed"])
    found = await ground.searcher(has_vectors=False).find(SearchQuery('"speed limit"'))
    assert contents(found) == ["a limit of the speed"]
    assert len(found.notes) == 1
    assert (await ground.searcher(has_vectors=False).find(SearchQuery('"zebra crossing"'))).notes == ()


async def test_filters_of_the_request_and_of_the_text_both_hold(ground: Ground) -> None:
    other = await start_crawl(ground.store, "https://b.test/", tags=("x",))
    await ground.crawl.put("guide", ["a quick zebra"])
    await ground.crawl.put("x", ["a quick lion, zebra"])
    await other.put("guide", ["the quick zebra over there"])
    await ground.embedded()
    async for _ in ground.vectors.embed_missing(other.fence, other.source.source_id):
        pass
    first = ground.crawl.source.source_id
    assert len((await ground.find("fast zebra")).hits) == 3
    assert contents(await ground.find("fast zebra", path_prefixes=("/guide",), source_ids=(first,))) == [
        "a quick zebra"
    ]
    assert contents(await ground.find("fast zebra path:/guide tag:x")) == ["the quick zebra over there"]
    assert contents(await ground.find("fast zebra tag:x", source_ids=(first,))) == []
    assert contents(await ground.find("fast zebra site:b.test")) == []  # pages are at a.test in this test
    assert contents(await ground.find("fast zebra source:b.test")) == ["the quick zebra over there"]


async def test_a_narrow_filter_finds_what_is_far_down_by_meaning(ground: Ground) -> None:
    await ground.crawl.put("many", [f"quick fast speed {number}" for number in range(400)])
    await ground.crawl.put("guide", ["it may be quick and it may be over the limit or the quota"])
    await ground.embedded()
    found = await ground.find("fast", mode=Mode.VECTOR, path_prefixes=("/guide",))
    assert [hit.found.chunk.content[:12] for hit in found.hits] == ["it may be qu"]


async def test_a_generation_that_is_not_published(ground: Ground) -> None:
    crawl = ground.crawl
    await crawl.put("a", ["an old zebra"])
    await ground.store.generations.complete(crawl.fence, crawl.source.source_id, timedelta(0), told(), HALF_WAY, {})
    await ground.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    second = await start_crawl(ground.store)
    await second.put("a", ["a new zebra"])
    sources = (crawl.source.source_id,)
    assert await ground.words("zebra", source_ids=sources) == ["an old zebra"]
    assert await ground.words("zebra", source_ids=sources, generation=2) == ["a new zebra"]


async def test_near_duplicates_are_folded_into_the_best(ground: Ground) -> None:
    text = f"The zebra lives in the savanna and eats grass {' '.join(f'word{n}' for n in range(40))}."
    await ground.crawl.put("v1/a", [text])
    await ground.crawl.put("v2/a", [text.replace("savanna", "savannah")], title="A page of another version")
    await ground.crawl.put("b", ["the lion eats the zebra"])
    found = await ground.searcher(has_vectors=False).find(SearchQuery("zebra savanna"))
    assert [len(hit.folded) for hit in found.hits] == [1, 0]
    (twin,) = found.hits[0].folded
    assert (twin.url, twin.title) == ("https://a.test/v2/a#top", "A page of another version")
    assert twin.source_id == ground.crawl.source.source_id
    assert (await ground.store.knowledge.page(twin.page_id)).url == "https://a.test/v2/a"
    assert len(await ground.words("zebra savanna", fold=False)) == 3
    assert len(await ground.words("zebra", limit=1)) == 1


async def test_slips_are_put_right_and_told(ground: Ground) -> None:
    await ground.crawl.put("a", ["the asynchronous zebra", "call create_task(job)", "a lion"])
    await ground.speller.refresh()
    searcher = ground.searcher(has_vectors=False)
    found = await searcher.find(SearchQuery("asynchornous"))
    assert (contents(found), found.corrections) == (["the asynchronous zebra"], {"asynchornous": "asynchronous"})
    assert [hit.highlights for hit in found.hits] == [[(4, 16)]]
    assert contents(await searcher.find(SearchQuery("create_taks"))) == ["call create_task(job)"]
    assert contents(await searcher.find(SearchQuery("createTaks"))) == ["call create_task(job)"]
    plain = await searcher.find(SearchQuery("asynchornous", typos=False))
    assert (plain.hits, plain.corrections) == ((), {})


async def test_a_word_that_came_since_is_no_slip(ground: Ground) -> None:
    await ground.crawl.put("a", ["the asynchronous zebra"])
    await ground.speller.refresh()
    await ground.crawl.put("b", ["asynchronouz is a brand"])
    found = await ground.searcher(has_vectors=False).find(SearchQuery("asynchronouz"))
    assert (contents(found), found.corrections) == (["asynchronouz is a brand"], {})


async def test_neighbours_and_where_it_matched(ground: Ground) -> None:
    await ground.crawl.put("a", ["before", "a zebra", "after", "far"], title="On zebras")
    (hit,) = (await ground.searcher(has_vectors=False).find(SearchQuery("zebra", neighbours=1, limit=1))).hits
    assert [chunk.content for chunk in hit.neighbours] == ["before", "after"]
    assert hit.matched == ("content",)
    (hit,) = (await ground.searcher(has_vectors=False).find(SearchQuery("zebras guide", limit=1))).hits
    assert hit.matched == ("title", "headings", "content")
    assert hit.url == "https://a.test/a#top"


class Backwards:
    """A `Reranker` that turns the order round, or fails."""

    name = "backwards"

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken

    async def rank(self, query: str, passages: Sequence[str], seconds: float) -> Sequence[Reranked]:
        if self.is_broken:
            raise RerankFailed("It is down.")
        return [Reranked(at, float(at)) for at in reversed(range(len(passages)))]


async def test_a_reranker_decides_the_order_and_the_score_tells_it(ground: Ground) -> None:
    await ground.crawl.put("a", ["a zebra", "a zebra and a lion", "one more zebra that is far away"])
    before = await ground.words("zebra")
    searcher = ground.searcher(has_vectors=False, reranker=Backwards())
    found = await searcher.find(SearchQuery("zebra"))
    assert contents(found) == before[::-1]
    for hit in found.hits:
        assert hit.score == pytest.approx(hit.scores["keyword"] + hit.scores["rerank"])
        assert 1 < hit.score <= 2
    assert found.hits[0].scores["rerank_raw"] == 2.0
    assert contents(await searcher.find(SearchQuery("zebra", rerank=False))) == before


async def test_a_reranker_that_fails_leaves_the_order_with_a_note(ground: Ground) -> None:
    await ground.crawl.put("a", ["a zebra", "a zebra and a lion"])
    searcher = ground.searcher(has_vectors=False, reranker=Backwards(is_broken=True))
    found = await searcher.find(SearchQuery("zebra"))
    assert contents(found) == await ground.words("zebra")
    assert found.notes == ("The order is not the reranker's: It is down.",)


async def test_common_words_come_in_where_the_rare_ones_give_little(ground: Ground) -> None:
    await ground.crawl.put("a", [f"the horse number {number}" for number in range(30)])
    await ground.crawl.put("b", ["a zebra"])
    await ground.speller.refresh()
    found = await ground.words("zebra horse", limit=5)
    assert found[0] == "a zebra"


async def test_code_by_words_names_and_language(ground: Ground) -> None:
    code = [("python", "def create_task(job): ..."), ("javascript", "createTask(job)"), ("bash", "task create")]
    bundle = bundle_of(ground.crawl.source.source_id, ground.crawl.task.task_id, "a", code=code)
    await ground.crawl.add(url_of("a"))
    await ground.crawl.store_page(url_of("a"), bundle)
    searcher = ground.searcher()

    async def languages(text: str, *names: str) -> list[str | None]:
        return [hit.found.code.language for hit in (await searcher.find_code(CodeQuery(text, names))).hits]

    assert sorted(map(str, await languages("createTask"))) == ["bash", "javascript", "python"]
    assert (await languages("createTask"))[:2] != ["bash"]
    assert await languages("create_task", "js") == ["javascript"]
    assert await languages("create_task", "py", "js") in (["python", "javascript"], ["javascript", "python"])
    assert await languages("create_task lang:sh") == ["bash"]
    assert await languages("create_task lang:sh", "py") == []
    (hit,) = (await searcher.find_code(CodeQuery("create_task", ("py",)))).hits
    assert [hit.found.code.code[start:end] for start, end in hit.highlights] == ["create_task"]
    assert hit.score == hit.scores["keyword_raw"]
    assert (await searcher.find_code(CodeQuery("zebra"))).hits == ()


@pytest.mark.parametrize("query", ["", "tag:x", '"', "-", "   ", "site:a.test", '-"zebra"', "*" * 5000])
async def test_nothing_to_look_for_finds_nothing(ground: Ground, query: str) -> None:
    await ground.crawl.put("a", ["a zebra"])
    await ground.embedded()
    assert (await ground.find(query, mode=Mode.KEYWORD)).hits == ()
    assert (await ground.searcher().find_code(CodeQuery(query))).hits == ()
    await ground.find(query)


def test_the_share_of_links() -> None:
    assert link_share("no links at all") == 0.0
    assert link_share("[all](https://a.test/)") == 1.0
    assert link_share("half [half](https://a.test/)") == pytest.approx(4 / 9)
    assert link_share("[](x)") == 0.0


def test_a_query_is_a_value() -> None:
    assert replace(SearchQuery("a"), limit=3) == SearchQuery("a", limit=3)
