"""The contract of `GenerationStore`: a refresh is built beside what is seen, swapped in at once, and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from gleanery.errors import LeaseLost, NotFound, WrongState
from gleanery.model import (
    Fence,
    FetchedBy,
    Generation,
    GenerationState,
    NewTask,
    PageChange,
    TaskStatus,
    UrlState,
)
from tests.clock import SetClock
from tests.store.samples import (
    HALF_WAY,
    Crawl,
    chunks_of,
    event_types,
    fence_of,
    start_crawl,
    started,
    told,
    url_of,
    words_found,
)

FOR_LONG = timedelta(days=1000)


@dataclass(frozen=True)
class Site:
    """A source over several crawls."""

    crawl: Crawl

    async def next(self) -> Crawl:
        """The next crawl of it, begun."""
        task = await started(self.crawl.store, NewTask("crawl", {}), serial_key=self.crawl.source.source_id)
        crawl = Crawl(self.crawl.store, task, self.crawl.source)
        await crawl.store.generations.begin(crawl.fence, crawl.source.source_id)
        return crawl

    async def texts(self) -> list[str]:
        """What is seen, by listing and by search alike."""
        source_id, store = self.crawl.source.source_id, self.crawl.store
        found = await store.knowledge.chunks(source_id, page_id=None, after=0, limit=100)
        listed = sorted(chunk.chunk.content for chunk in found)
        rows = await words_found(store, "text", source_id)
        chunks = await chunks_of(store, rows)
        assert sorted(chunks[row].chunk.content for row in rows) == listed
        source = await store.knowledge.source(source_id)
        pages = await store.knowledge.pages(source_id, after=None, limit=100)
        assert (source.page_count, source.chunk_count) == (len(pages), len(listed))
        return listed


async def keep(crawl: Crawl, path: str) -> None:
    """The page is unchanged at the site."""
    known = await crawl.store.crawls.known_page(crawl.source.source_id, f"a.test/{path}")
    assert known is not None
    url = url_of(path, 1, UrlState.STORED, status_code=304, fetched_by=FetchedBy.UNCHANGED)
    await crawl.add(url_of(path))
    await crawl.store.crawls.keep_page(crawl.fence, url, known.page_id, told(), HALF_WAY)


async def complete(crawl: Crawl, grace: timedelta = FOR_LONG) -> Generation:
    done = await crawl.store.generations.complete(
        crawl.fence, crawl.source.source_id, grace, told("published"), HALF_WAY, {"seconds": 1}
    )
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    return done


@pytest.fixture
async def site(crawl: Crawl) -> Site:
    """A source with pages a and b, complete."""
    await crawl.put("a", ["text a"])
    await crawl.put("b", ["text b", "text b2"])
    await complete(crawl)
    return Site(crawl)


async def test_the_first_one_is_seen_as_it_comes(crawl: Crawl) -> None:
    site = Site(crawl)
    await crawl.put("a", ["text a"])
    assert await site.texts() == ["text a"]
    assert await event_types(crawl.store, crawl.task.task_id) == ["task_queued", "task_started", "page_stored"]
    [building] = await crawl.store.generations.list(crawl.source.source_id, before=None, limit=9)
    assert (building.number, building.state, building.base) == (1, "building", None)
    done = await complete(crawl)
    assert (done.state, done.result) == ("complete", {"seconds": 1})


async def test_a_refresh_is_seen_all_at_once(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a, changed"])
    await again.put("c", ["text c"])
    await keep(again, "b")
    assert await site.texts() == ["text a", "text b", "text b2"], "nothing of it is seen before it is whole"
    done = await complete(again)
    assert await site.texts() == ["text a, changed", "text b", "text b2", "text c"]
    assert (done.number, done.base, done.state) == (2, 1, "complete")
    assert done.result == {"seconds": 1, "pages_added": 1, "pages_changed": 1, "pages_removed": 0}
    assert (await again.store.knowledge.source(again.source.source_id)).generation == 2


async def test_a_page_that_says_the_same_stays_the_row_that_it_was(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a"])
    await again.put("b", ["text b", "text b2"])
    done = await complete(again)
    assert {done.result[f"pages_{change}"] for change in PageChange} == {0}
    assert await again.store.generations.delta(again.source.source_id, 2, None, after=None, limit=9) == []
    page_id = (await again.store.knowledge.pages(again.source.source_id, after=None, limit=1))[0][0].page_id
    assert (await again.store.knowledge.page(page_id)).born == 1


async def test_vanished_pages_stay_for_a_while(site: Site, clock: SetClock) -> None:
    again = await site.next()
    await again.put("a", ["text a"])
    await complete(again, grace=timedelta(days=3))
    assert await site.texts() == ["text a", "text b", "text b2"]
    pages = await again.store.knowledge.pages(again.source.source_id, after=None, limit=9)
    assert [page.missing_since is None for page, _ in pages] == [True, False]
    clock.jump(2 * 86_400)
    back = await site.next()
    await back.put("a", ["text a"])
    await complete(back, grace=timedelta(days=3))
    assert await site.texts() == ["text a", "text b", "text b2"]
    clock.jump(2 * 86_400)
    last = await site.next()
    await last.put("a", ["text a"])
    done = await complete(last, grace=timedelta(days=3))
    assert await site.texts() == ["text a"]
    [gone] = await last.store.generations.delta(last.source.source_id, done.number, None, after=None, limit=9)
    assert (gone.url, gone.change, gone.new_row) == ("https://a.test/b", "removed", None)


async def test_a_page_that_comes_back_was_never_away(site: Site, clock: SetClock) -> None:
    again = await site.next()
    await again.put("a", ["text a"])
    await complete(again)
    back = await site.next()
    await keep(back, "a")
    await keep(back, "b")
    await complete(back)
    pages = await back.store.knowledge.pages(back.source.source_id, after=None, limit=9)
    assert [page.missing_since for page, _ in pages] == [None, None]


async def test_what_was_not_finished_is_undone_by_the_next(site: Site, count_rows: Callable[[str], int]) -> None:
    broken = await site.next()
    await broken.put("a", ["text of a refresh that fails"])
    await broken.put("d", [f"text {n}" for n in range(60)])
    await broken.store.tasks.finish(broken.fence, TaskStatus.FAILED, told())
    again = await site.next()
    assert await site.texts() == ["text a", "text b", "text b2"]
    await keep(again, "a")
    await keep(again, "b")
    done = await complete(again)
    assert await site.texts() == ["text a", "text b", "text b2"]
    assert (done.number, done.base) == (3, 1)
    assert (count_rows("page"), count_rows("chunk")) == (2, 3)


async def test_a_task_that_is_taken_up_again_goes_on_with_its_own(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a, changed"])
    await again.store.tasks.finish(again.fence, TaskStatus.QUEUED, told())
    task = await again.store.tasks.claim(again.task.task_id, "w", 60)
    assert task is not None
    resumed = Crawl(again.store, task, again.source)
    assert (await again.store.generations.begin(resumed.fence, again.source.source_id)).number == 2
    await keep(resumed, "b")
    await complete(resumed)
    assert await site.texts() == ["text a, changed", "text b", "text b2"]


async def test_a_rejected_one_is_not_seen_until_somebody_wants_it(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a, half of the site is gone"])
    source_id, generations = again.source.source_id, again.store.generations
    rejected = await generations.reject(again.fence, source_id, {"reasons": ["emptied"]})
    await again.store.tasks.finish(again.fence, TaskStatus.FAILED, told())
    assert (rejected.state, rejected.result) == (GenerationState.REJECTED, {"reasons": ["emptied"]})
    assert await site.texts() == ["text a", "text b", "text b2"]
    await generations.activate(source_id, 2)
    assert await site.texts() == ["text a, half of the site is gone", "text b", "text b2"]
    await generations.activate(source_id, 1)
    assert await site.texts() == ["text a", "text b", "text b2"]


async def test_going_back_and_on_again(site: Site) -> None:
    store = site.crawl.store
    for text in ("text a 2", "text a 3"):
        again = await site.next()
        await again.put("a", [text])
        await keep(again, "b")
        await complete(again)
    source_id, generations = site.crawl.source.source_id, store.generations
    seen = {}
    for number in (1, 3, 2):
        await generations.activate(source_id, number)
        seen[number] = (await site.texts())[0]
    assert seen == {1: "text a", 2: "text a 2", 3: "text a 3"}
    page_id = (await store.knowledge.pages(source_id, after=None, limit=1))[0][0].page_id
    for number, text in seen.items():
        assert (await store.knowledge.page(page_id, number)).markdown == text
    # What comes next goes on from where the source stands now.
    later = await site.next()
    await keep(later, "a")
    await keep(later, "b")
    assert (await complete(later)).number == 4
    assert (await site.texts())[0] == "text a 2"
    with pytest.raises(NotFound):
        await generations.activate(source_id, 3)


async def test_what_is_being_built_is_not_activated_nor_anything_else_meanwhile(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a 2"])
    for number in (1, 2):
        with pytest.raises(WrongState):
            await again.store.generations.activate(again.source.source_id, number)
    with pytest.raises(NotFound):
        await again.store.generations.activate(again.source.source_id, 7)
    with pytest.raises(NotFound):
        await again.store.generations.activate("src_nobody", 1)


async def test_a_worker_that_lost_its_lease_publishes_nothing(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a 2"])
    lost = Fence(again.task.task_id, 9)
    generations, source_id = again.store.generations, again.source.source_id
    with pytest.raises(LeaseLost):
        await generations.complete(lost, source_id, FOR_LONG, told(), HALF_WAY, {})
    with pytest.raises(LeaseLost):
        await generations.reject(lost, source_id, {})
    with pytest.raises(LeaseLost):
        await generations.begin(lost, source_id)
    assert await site.texts() == ["text a", "text b", "text b2"]


async def test_the_last_few_are_kept_and_older_ones_go_in_small_steps(site: Site) -> None:
    for n in range(2, 6):
        again = await site.next()
        await again.put("a", [f"text a {n}"] + [f"text {n} {m}" for m in range(70)])
        await keep(again, "b")
        await complete(again)
    generations, source_id = site.crawl.store.generations, site.crawl.source.source_id
    went = []
    while rows := await generations.prune(2):
        went.append(rows)
    assert (max(went), sum(went)) == (50, 2 + 2 * 72), "versions 1, 2 and 3 of page a"
    kept = await generations.list(source_id, before=None, limit=9)
    assert [generation.number for generation in kept] == [5, 4]
    assert len(await site.texts()) == 73
    await generations.activate(source_id, 4)
    assert len(await site.texts()) == 73
    with pytest.raises(NotFound):
        await generations.delta(source_id, 4, None, after=None, limit=9)


async def test_changes_are_told_by_kind_and_page_by_page(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text a, changed"], title="New title")
    for path in ("c", "d"):
        await again.put(path, [f"text {path}"])
    done = await complete(again, grace=timedelta(0))
    generations, source_id = again.store.generations, again.source.source_id
    delta = await generations.delta(source_id, done.number, None, after=None, limit=9)
    assert [(d.url.removeprefix("https://a.test/"), str(d.change)) for d in delta] == [
        ("a", "changed"),
        ("b", "removed"),
        ("c", "added"),
        ("d", "added"),
    ]
    assert await generations.delta_counts(source_id, done.number) == {"added": 2, "changed": 1, "removed": 1}
    added = await generations.delta(source_id, done.number, PageChange.ADDED, after=None, limit=1)
    assert [d.url for d in added] == ["https://a.test/c"]
    added = await generations.delta(source_id, done.number, PageChange.ADDED, after="a.test/c", limit=9)
    assert [d.url for d in added] == ["https://a.test/d"]
    assert delta[0].old_row is not None
    assert delta[0].new_row is not None
    old, _ = await generations.page_version(delta[0].old_row)
    new, _ = await generations.page_version(delta[0].new_row)
    assert (old.markdown, new.markdown, new.title) == ("text a", "text a, changed", "New title")


async def test_the_figures_of_what_is_seen_and_of_what_is_built(site: Site) -> None:
    again = await site.next()
    await again.put("a", ["text b", "text b2"], code=[("c", "int x;")])
    generations, source_id = again.store.generations, again.source.source_id
    seen, built = await generations.figures(source_id, None), await generations.figures(source_id, 2)
    assert (seen.pages, seen.chunks, seen.code_examples, seen.contents, seen.chars) == (2, 3, 0, 2, 6 + 15)
    assert (built.pages, built.chunks, built.code_examples, built.contents, built.chars) == (2, 4, 1, 1, 30)


async def test_vectors_are_made_for_what_is_built_and_none_are_lost_meanwhile(site: Site) -> None:
    vectors, source_id = site.crawl.store.vectors, site.crawl.source.source_id
    first = await vectors.without_vectors(source_id, "m", after=0, limit=9)
    again = await site.next()
    await vectors.add_vectors(again.fence, "m", first, np.eye(3, dtype=np.float32))
    await again.put("a", ["text a", "text new"])
    [missing] = await vectors.without_vectors(source_id, "m", after=0, limit=9)
    assert missing.content == "text new"
    assert await vectors.add_vectors(again.fence, "m", [missing], np.ones((1, 3), np.float32)) == 1
    counts = await again.store.crawls.counts(again.task.task_id, source_id, "m")
    assert counts.embedded == 1
    assert await vectors.without_vectors(source_id, "m", after=0, limit=9) == []


async def test_sources_have_generations_of_their_own(site: Site) -> None:
    other = await start_crawl(site.crawl.store, "https://other.test/")
    await other.put("a", ["text of another"])
    assert [g.number for g in await other.store.generations.list(other.source.source_id, before=None, limit=9)] == [1]
    assert await other.store.generations.of_task(other.source.source_id, fence_of(other.task).task_id) is not None
    assert await other.store.generations.of_task(other.source.source_id, site.crawl.task.task_id) is None
    assert await site.texts() == ["text a", "text b", "text b2"]
