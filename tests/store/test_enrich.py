"""The contract of `EnrichStore`: what lacks something, kept answers, and contexts and summaries written without losing search."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gleanery.errors import LeaseLost, NotFound
from gleanery.model import Fence, TaskStatus
from gleanery.store import sqlite_enrich
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.enriching import EnrichStore, KeptAnswer, NewContext, NewSummary
from gleanery.store.search_store import Shelf
from tests.store.samples import Crawl, bundle_of, fence_of, start_crawl, told, url_of, words_found

MODEL = "m"


async def found(crawl: Crawl, match: str, shelf: Shelf = Shelf.CHUNKS) -> list[int]:
    """The rows that match, in their order."""
    return sorted(await words_found(crawl.store, match, shelf=shelf))


@pytest.fixture
def enrich(store: Store) -> EnrichStore:
    return store.enrich


async def delete(crawl: Crawl) -> None:
    """The source and all that it had."""
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [])
    await crawl.store.knowledge.delete_source(crawl.source.source_id)
    while await crawl.store.generations.prune(1):
        pass


async def embed_all(crawl: Crawl) -> dict[str, int]:
    """The text rows by content."""
    missing = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=100)
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, missing, np.eye(len(missing), 4, dtype=np.float32))
    return {text.content: text.text_row for text in missing}


async def contexts_of(enrich: EnrichStore, crawl: Crawl, context: str) -> list[NewContext]:
    chunks = await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=100)
    return [NewContext(chunk.row, chunk.chunk_id, f"{context} {chunk.ordinal}") for chunk in chunks]


async def next_crawl(crawl: Crawl) -> Crawl:
    """The source's next crawl, which builds a generation beside the one that is seen."""
    await crawl.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    again = await start_crawl(crawl.store)
    return Crawl(crawl.store, again.task, crawl.source)


# --- what lacks something ----------------------------------------------------------------------------------------


async def test_chunks_come_with_their_place_and_neighbours(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("a", ["zero " * 100, "one", "two"])
    first, second, third = await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=10)
    assert (first.ordinal, first.content, first.before, first.after) == (0, "zero " * 100, "", "one")
    assert (second.before, second.after) == (("zero " * 100)[-300:], "two")
    assert (third.before, third.after) == ("one", "")
    assert (second.title, second.heading_path) == ("A page", ("Guide", "Setup"))
    rest = await enrich.chunks_to_place(crawl.source.source_id, after=first.row, limit=1)
    assert rest == [second]


async def test_code_comes_with_its_place(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("a", ["text"], code=[("python", "run()"), (None, "ls")])
    first, second = await enrich.code_to_name(crawl.source.source_id, after=0, limit=10)
    assert (first.language, first.code, first.before, first.heading_path) == ("python", "run()", "Do this:", ("Guide",))
    assert (second.language, second.ordinal) == (None, 1)
    assert await enrich.code_to_name(crawl.source.source_id, after=second.row, limit=10) == []


async def test_what_is_lacking_is_counted_page_by_page(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("a", ["12345", "123"], code=[("c", "int x;")])
    await crawl.put("b", ["1"])
    lacking = await enrich.lacking(crawl.source.source_id)
    assert (sorted(lacking.chunks), list(lacking.code_examples), lacking.has_description) == (
        [(1, 1), (2, 8)],
        [(1, 6)],
        False,
    )
    await enrich.add_contexts(crawl.fence, None, await contexts_of(enrich, crawl, "x"))
    await enrich.describe_source(crawl.fence, crawl.source.source_id, "It is.")
    lacking = await enrich.lacking(crawl.source.source_id)
    assert (list(lacking.chunks), len(lacking.code_examples), lacking.has_description) == ([], 1, True)


async def test_pages_and_sources_are_told_in_short(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("deep/er/page", ["lead"], title="Deep")
    await crawl.put("top", ["first", "second"], title="Top")
    source = await enrich.source_setting(crawl.source.source_id)
    assert (source.url, source.description, source.page_count) == ("https://a.test/", "", 2)
    assert [page.title for page in source.pages] == ["Top", "Deep"]
    top = source.pages[0]
    assert (top.url, top.description, top.headings, top.lead) == (
        "https://a.test/top",
        "what it is about",
        ((1, "Top"), (2, "Second")),
        "first",
    )
    assert await enrich.settings([top.page_row, 999]) == {top.page_row: top}


async def test_a_source_that_is_not_there_is_not_found(crawl: Crawl, enrich: EnrichStore) -> None:
    for asked in (enrich.lacking("src_none"), enrich.source_setting("src_none")):
        with pytest.raises(NotFound):
            await asked
    assert await enrich.chunks_to_place("src_none", after=0, limit=9) == []


async def test_only_what_is_visible_is_asked_about(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("a", ["old"])
    await crawl.store.generations.complete(
        crawl.fence, crawl.source.source_id, timedelta(days=1), [], crawl.task.progress, {}
    )
    again = await next_crawl(crawl)
    await again.put("a", ["new"])
    assert [chunk.content for chunk in await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9)] == [
        "old"
    ]
    await again.store.generations.complete(
        again.fence, again.source.source_id, timedelta(days=1), [], again.task.progress, {}
    )
    assert [chunk.content for chunk in await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9)] == [
        "new"
    ]


# --- answers -----------------------------------------------------------------------------------------------------


async def test_answers_are_kept_by_key(crawl: Crawl, enrich: EnrichStore) -> None:
    kept = [
        KeptAnswer(b"k1", "context", MODEL, "words 🙂", 10, 5),
        KeptAnswer(b"k2", "code", MODEL, ["name", "summary"], 1, 1),
        KeptAnswer(b"k3", "context", MODEL, None, 0, 0),
    ]
    await enrich.keep_answers(crawl.fence, kept)
    assert await enrich.answers([b"k1", b"k2", b"k3", b"k4"]) == {
        b"k1": "words 🙂",
        b"k2": ["name", "summary"],
        b"k3": None,
    }
    await enrich.keep_answers(crawl.fence, [KeptAnswer(b"k3", "context", MODEL, "now", 1, 1)])
    assert await enrich.answers([b"k3"]) == {b"k3": "now"}


# --- contexts ----------------------------------------------------------------------------------------------------


async def test_a_context_is_found_by_words_and_goes_with_its_chunk(
    crawl: Crawl, enrich: EnrichStore, count_rows: Callable[[str], int]
) -> None:
    await crawl.put("a", ["alpha words", "beta words"])
    contexts = await contexts_of(enrich, crawl, "zebra")
    assert await found(crawl, "zebra") == []
    assert await enrich.add_contexts(crawl.fence, None, contexts) == 2
    rows = [new.row for new in contexts]
    assert await found(crawl, "zebra") == rows
    assert await found(crawl, "context : zebra AND body : beta") == [rows[1]]
    assert await found(crawl, "words") == rows
    assert await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9) == []
    await delete(crawl)
    assert await crawl.store.search.vocabulary(Shelf.CHUNKS, after="", limit=9) == [], (
        "nothing was left of what was put in"
    )


async def test_a_context_can_be_replaced(crawl: Crawl, enrich: EnrichStore, count_rows: Callable[[str], int]) -> None:
    await crawl.put("a", ["alpha"])
    [first] = await contexts_of(enrich, crawl, "zebra")
    await enrich.add_contexts(crawl.fence, None, [first])
    assert await enrich.add_contexts(crawl.fence, None, [first]) == 0, "it has that already"
    assert await enrich.add_contexts(crawl.fence, None, [NewContext(first.row, first.chunk_id, "lion")]) == 1
    assert (await found(crawl, "zebra"), await found(crawl, "lion")) == (
        [],
        [first.row],
    )
    assert count_rows("text") == 1


async def test_a_chunk_keeps_its_old_text_until_the_new_one_has_a_vector(
    crawl: Crawl, enrich: EnrichStore, count_rows: Callable[[str], int]
) -> None:
    await crawl.put("a", ["alpha", "beta"])
    text_rows = await embed_all(crawl)
    contexts = await contexts_of(enrich, crawl, "zebra")
    old = await crawl.store.vectors.embedded_texts(crawl.source.source_id, MODEL)
    texts = await enrich.new_texts(crawl.fence, contexts)
    assert [(text.row, text.context, text.content) for text in texts] == [
        (contexts[0].row, "zebra 0", "alpha"),
        (contexts[1].row, "zebra 1", "beta"),
    ]
    assert await crawl.store.vectors.embedded_texts(crawl.source.source_id, MODEL) == old
    # One vector came, the other was refused.
    await crawl.store.vectors.add_vectors(crawl.fence, MODEL, texts[:1], np.eye(1, 4, dtype=np.float32))
    assert await enrich.add_contexts(crawl.fence, MODEL, contexts) == 1
    assert await crawl.store.vectors.embedded_texts(crawl.source.source_id, MODEL) == sorted(
        [texts[0].text_row, text_rows["beta"]]
    )
    assert await found(crawl, "zebra") == [contexts[0].row]
    assert [chunk.content for chunk in await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9)] == [
        "beta"
    ]
    assert await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9) == []
    assert count_rows("text") == 2, "texts without a chunk are gone"
    assert count_rows(f"text WHERE text_row IN ({text_rows['beta']}, {texts[0].text_row})") == 2


async def test_a_chunk_that_has_no_vector_yet_takes_up_its_context_at_once(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("a", ["alpha"])
    assert await enrich.add_contexts(crawl.fence, MODEL, await contexts_of(enrich, crawl, "zebra")) == 1
    [text] = await crawl.store.vectors.without_vectors(crawl.source.source_id, MODEL, after=0, limit=9)
    assert (text.context, text.content) == ("zebra 0", "alpha")


async def test_a_text_that_another_chunk_has_too_stays(
    crawl: Crawl, enrich: EnrichStore, count_rows: Callable[[str], int]
) -> None:
    await crawl.put("a", ["same"])
    await crawl.put("b", ["same"])
    await embed_all(crawl)
    first, second = await contexts_of(enrich, crawl, "zebra")
    await enrich.add_contexts(crawl.fence, None, [first])
    assert count_rows("text") == 2
    assert count_rows("vector") == 1
    await enrich.add_contexts(crawl.fence, None, [second])
    assert count_rows("text") == 1, "equal again: one text"


async def test_rows_that_are_gone_or_others_are_passed_over(crawl: Crawl, enrich: EnrichStore) -> None:
    await crawl.put("a", ["alpha"], code=[("c", "x;")])
    [new] = await contexts_of(enrich, crawl, "zebra")
    [code] = await enrich.code_to_name(crawl.source.source_id, after=0, limit=9)
    strangers = [NewContext(new.row, "ch_other", "x"), NewContext(999, new.chunk_id, "x")]
    assert await enrich.new_texts(crawl.fence, strangers) == []
    assert await enrich.add_contexts(crawl.fence, None, strangers) == 0
    assert await enrich.add_summaries(crawl.fence, [NewSummary(code.row, "cx_other", "n", "s")]) == 0


# --- summaries ---------------------------------------------------------------------------------------------------


async def test_code_whose_prose_sums_it_up_is_named_all_the_same(crawl: Crawl, enrich: EnrichStore) -> None:
    source_id = crawl.source.source_id
    bundle = bundle_of(source_id, crawl.task.task_id, "a", code=[("c", "x;")])
    [example] = bundle.code_examples
    await crawl.add(url_of("a"))
    await crawl.store_page(url_of("a"), replace(bundle, code_examples=(replace(example, summary="Do this:"),)))
    [code] = await enrich.code_to_name(source_id, after=0, limit=9)
    assert list((await enrich.lacking(source_id)).code_examples) == [(1, len("x;"))]
    await enrich.add_summaries(crawl.fence, [NewSummary(code.row, code.code_id, "Name", "What it does.")])
    assert await enrich.code_to_name(source_id, after=0, limit=9) == []
    assert list((await enrich.lacking(source_id)).code_examples) == []


async def test_a_summary_is_found_by_words_and_goes_with_its_code(
    crawl: Crawl, enrich: EnrichStore, count_rows: Callable[[str], int]
) -> None:
    await crawl.put("a", ["text"], code=[("python", "run()"), ("python", "stop()")])
    first, second = await enrich.code_to_name(crawl.source.source_id, after=0, limit=9)
    assert (
        await enrich.add_summaries(crawl.fence, [NewSummary(first.row, first.code_id, "Start zebra", "Begins it.")])
        == 1
    )
    assert await found(crawl, "summary : zebra", Shelf.CODE) == [first.row]
    assert await found(crawl, "begins", Shelf.CODE) == [first.row]
    assert await enrich.code_to_name(crawl.source.source_id, after=0, limit=9) == [second]
    [stored, _] = await crawl.store.knowledge.code_examples(crawl.source.source_id, language=None, after=0, limit=9)
    assert (stored.code.name, stored.code.summary) == ("Start zebra", "Begins it.")
    await enrich.add_summaries(crawl.fence, [NewSummary(first.row, first.code_id, "Again", "Once more.")])
    assert await found(crawl, "zebra", Shelf.CODE) == []
    await delete(crawl)
    assert await crawl.store.search.vocabulary(Shelf.CODE, after="", limit=9) == []


async def test_a_worker_that_lost_its_task_writes_nothing(
    crawl: Crawl, enrich: EnrichStore, count_rows: Callable[[str], int]
) -> None:
    await crawl.put("a", ["alpha"], code=[("c", "x;")])
    contexts = await contexts_of(enrich, crawl, "zebra")
    [code] = await enrich.code_to_name(crawl.source.source_id, after=0, limit=9)
    lost = Fence(fence_of(crawl.task).task_id, crawl.task.attempt + 1)
    for write in (
        enrich.keep_answers(lost, [KeptAnswer(b"k", "context", MODEL, "x", 1, 1)]),
        enrich.new_texts(lost, contexts),
        enrich.add_contexts(lost, None, contexts),
        enrich.add_summaries(lost, [NewSummary(code.row, code.code_id, "n", "s")]),
        enrich.describe_source(lost, crawl.source.source_id, "x"),
    ):
        with pytest.raises(LeaseLost):
            await write
    assert count_rows("answer") == 0
    assert len(await enrich.chunks_to_place(crawl.source.source_id, after=0, limit=9)) == 1


async def test_a_large_source_is_walked_without_sorting(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "gleanery.db", lambda _: None) as store:
        crawl = await start_crawl(store)
        await crawl.put("a", ["alpha"])
    asked: list[str] = []
    with contextlib.closing(sqlite3.connect(tmp_path / "gleanery.db")) as db:
        db.row_factory = sqlite3.Row
        db.set_trace_callback(asked.append)
        sqlite_enrich._chunks_to_place(db, crawl.source.source_id, 0, 10)
        db.set_trace_callback(None)
        plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {asked[0]}")]
    assert not any("TEMP B-TREE" in step for step in plan), plan
    assert any("chunk_source" in step for step in plan), plan
