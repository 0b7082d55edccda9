"""The contract of `HoldingStore`: the tree of pages, what they take on the disk, what their vectors took."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gleanery.errors import NotFound
from gleanery.model import Fence, NewTask, TaskStatus
from gleanery.store import sqlite_holdings
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.holdings import Folder, Held
from gleanery.store.values import SourceChange
from tests.store.samples import HALF_WAY, Crawl, fence_of, start_crawl, started, told

AT_ONCE = timedelta()


async def complete(crawl: Crawl, fence: Fence | None = None) -> None:
    await crawl.store.generations.complete(
        fence or crawl.fence, crawl.source.source_id, AT_ONCE, told(), HALF_WAY, {"pages_unchanged": 0}
    )


async def paths(crawl: Crawl, under: str | None, limit: int = 100, after: str | None = None) -> list[str]:
    branch = await crawl.store.holdings.branch(crawl.source.source_id, under, after=after, limit=limit)
    return [folder.path for folder in branch.folders] + [page.url_key for page, _ in branch.pages]


async def test_the_tree_begins_at_the_folder_of_all_pages_and_joins_folders_without_pages(crawl: Crawl) -> None:
    for path in ("docs/en/", "docs/en/a.html", "docs/en/api/v1/x.html", "docs/en/api/v1/y.html", "docs/en/b/c.html"):
        await crawl.put(path)
    await crawl.put("docs/en/b?next=/not/a/folder")
    branch = await crawl.store.holdings.branch(crawl.source.source_id, None, after=None, limit=100)
    assert branch.under == "a.test/docs/en/"
    assert branch.folders == (Folder("a.test/docs/en/api/v1/", 2, 0), Folder("a.test/docs/en/b/", 1, 0))
    assert [page.url_key.removeprefix(branch.under) for page, _ in branch.pages] == [
        "",
        "a.html",
        "b?next=/not/a/folder",
    ]
    assert {(page.markdown, chars) for page, chars in branch.pages} == {("", len("some words"))}
    assert await paths(crawl, "a.test/docs/en/b/") == ["a.test/docs/en/b/c.html"]
    assert await paths(crawl, "a.test/docs/en/nowhere/") == []


async def test_the_pages_of_a_branch_are_paged_and_its_folders_told_once(crawl: Crawl) -> None:
    for n in range(5):
        await crawl.put(f"x/{n}")
    await crawl.put("x/deep/z")
    assert await paths(crawl, "a.test/x/", limit=2) == ["a.test/x/deep/", "a.test/x/0", "a.test/x/1"]
    assert await paths(crawl, "a.test/x/", limit=2, after="a.test/x/1") == ["a.test/x/2", "a.test/x/3"]


async def test_the_tree_counts_what_is_seen_and_what_is_missing_of_it(crawl: Crawl) -> None:
    for path in ("x/a", "x/b", "y/c"):
        await crawl.put(path)
    await complete(crawl)
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    task = await started(crawl.store, NewTask("crawl", {}), serial_key=crawl.source.source_id)
    again = Crawl(crawl.store, task, crawl.source)
    await again.store.generations.begin(again.fence, again.source.source_id)
    await again.put("y/c", ["other words"])
    await again.put("y/new")
    assert (await paths(crawl, None), await paths(crawl, "a.test/y/")) == (["a.test/x/", "a.test/y/"], ["a.test/y/c"])
    await crawl.store.generations.complete(
        again.fence, crawl.source.source_id, timedelta(days=1), told(), HALF_WAY, {"pages_unchanged": 0}
    )
    branch = await crawl.store.holdings.branch(crawl.source.source_id, None, after=None, limit=10)
    assert branch.folders == (Folder("a.test/x/", 2, 2), Folder("a.test/y/", 2, 0))
    knowledge, source_id = crawl.store.knowledge, crawl.source.source_id
    missing = await knowledge.pages(source_id, after=None, limit=10, is_missing=True)
    assert [page.url_key for page, _ in missing] == ["a.test/x/a", "a.test/x/b"]


async def test_storage_counts_bytes_and_tells_what_is_seen_from_what_is_kept(crawl: Crawl) -> None:
    await crawl.put("a", ["één", "twee"], code=[("c", "int é;"), (None, "x")])
    await crawl.put("b", ["drie"], code=[("c", "y")])
    source_id, holdings = crawl.source.source_id, crawl.store.holdings
    lacking = await crawl.store.vectors.without_vectors(source_id, "m", after=0, limit=9)
    await crawl.store.vectors.add_vectors(crawl.fence, "m", lacking, np.ones((3, 4), dtype=np.float32))
    first = await holdings.storage(source_id)
    assert first.pages == Held(2, len("één\n\ntwee".encode()) + 4)
    assert first.chunks == Held(3, len("ééntweedrie".encode()))
    assert first.code == Held(3, len("int é;xy".encode()))
    assert first.vectors == Held(3, 3 * 4 * 2)  # as half-precision numbers
    assert (first.kept, first.languages) == (Held(), {"c": 2, None: 1})

    await complete(crawl)
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    task = await started(crawl.store, NewTask("crawl", {}), serial_key=source_id)
    again = Crawl(crawl.store, task, crawl.source)
    await again.store.generations.begin(again.fence, source_id)
    await again.put("b", ["vier"])
    await complete(again)
    # The page that was not met is gone at once, the other one is replaced: both are kept for the generation before.
    after = await holdings.storage(source_id)
    assert (after.pages, after.code) == (Held(1, 4), Held())
    assert after.kept.count == 2
    assert after.kept.size_bytes == sum(held.size_bytes for held in (first.pages, first.chunks, first.code))
    assert after.languages == {}


async def test_what_is_added_up_over_a_source_is_read_from_indexes(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "gleanery.db", lambda _: None) as store:
        await start_crawl(store)
    database = sqlite3.connect(tmp_path / "gleanery.db")
    try:
        values = {"source": "src_1", "seen": 1}
        plans = {
            name: [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            for name, sql in (("languages", sqlite_holdings._LANGUAGES), ("vectors", sqlite_holdings._VECTORS))
        }
    finally:
        database.close()
    assert any("USING COVERING INDEX code_source" in step for step in plans["languages"]), plans
    assert any("USING COVERING INDEX chunk_source" in step for step in plans["vectors"]), plans


async def test_embeddings_are_those_of_the_source_newest_first(store: Store) -> None:
    crawl = await start_crawl(store)
    source_id = crawl.source.source_id
    saved = {"tokens": 7, "chunks": 2, "pages_not_fetched": 1}
    result = {"embedding_tokens": 40, "embedding_model": "m", "generation": 1, "saved": saved}
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result=result)
    for key, tokens in ((f"{source_id}:other", 5), ("src_zzz", 99)):
        task = await started(store, NewTask("embed_source", {}), serial_key=key)
        spent = {"embedding_tokens": tokens, "embedding_model": "other"}
        await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result=spent)
    told_of = await store.holdings.embeddings(source_id)
    assert [(each.task_type, each.model, each.tokens, each.generation) for each in told_of] == [
        ("embed_source", "other", 5, None),
        ("crawl", "m", 40, 1),
    ]
    assert (told_of[1].saved_tokens, told_of[1].saved_chunks, told_of[1].pages_not_fetched) == (7, 2, 1)


async def test_an_unknown_source_holds_nothing_to_tell_of(store: Store) -> None:
    for asked in (
        store.holdings.branch("src_no", None, after=None, limit=1),
        store.holdings.storage("src_no"),
        store.holdings.embeddings("src_no"),
        store.knowledge.change_source("src_no", SourceChange(title="x")),
    ):
        with pytest.raises(NotFound):
            await asked


# --- what is said of a source ------------------------------------------------------------------------------------


async def test_a_title_and_a_description_that_are_given_stay(crawl: Crawl) -> None:
    knowledge, source_id = crawl.store.knowledge, crawl.source.source_id
    changed = await knowledge.change_source(
        source_id, SourceChange(title="Mine", description="What I say", tags=("t",))
    )
    assert (changed.title, changed.description, changed.tags) == ("Mine", "What I say", ("t",))
    await knowledge.name_source(crawl.fence, source_id, "Its first page")
    await crawl.store.enrich.describe_source(crawl.fence, source_id, "What a model says")
    kept = await knowledge.source(source_id)
    assert (kept.title, kept.description, kept.knowledge_type) == ("Mine", "What I say", "docs")

    await knowledge.change_source(source_id, SourceChange(title="", description="", knowledge_type="blog"))
    await knowledge.name_source(crawl.fence, source_id, "Its first page")
    await crawl.store.enrich.describe_source(crawl.fence, source_id, "What a model says")
    left = await knowledge.source(source_id)
    assert (left.title, left.description) == ("Its first page", "What a model says")
    assert (left.tags, left.knowledge_type) == (("t",), "blog")


async def test_pages_are_found_by_title_and_url_as_they_are_written(crawl: Crawl) -> None:
    await crawl.put("setup_guide", title="Install 100% of it")
    await crawl.put("setupXguide", title="Another")

    async def found(text: str) -> list[str]:
        rows = await crawl.store.knowledge.pages(crawl.source.source_id, after=None, limit=9, text=text)
        return [page.url_key.removeprefix("a.test/") for page, _ in rows]

    assert await found("setup") == ["setupXguide", "setup_guide"]
    assert await found("setup_g") == ["setup_guide"]
    assert await found("INSTALL 100%") == ["setup_guide"]
    assert await found("100_") == []


async def test_the_last_crawl_is_the_newest_task_that_fills_the_source(crawl: Crawl) -> None:
    store, source_id = crawl.store, crawl.source.source_id
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    await store.tasks.create(NewTask("embed_source", {}))
    await started(store, NewTask("embed_source", {}), serial_key=source_id)
    last = (await store.knowledge.source(source_id)).last_crawl
    assert last is not None
    assert (last.task_id, last.status, last.error_code) == (crawl.task.task_id, TaskStatus.COMPLETED, None)
    [listed] = await store.knowledge.sources(after=None, limit=9, model=None)
    assert listed.last_crawl == last
