"""Crawls over Supabase: what lost answers, others at work and many rows must not change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from gleanery.errors import LeaseLost, NotFound, WrongState
from gleanery.model import NewTask, StoredAs, TaskStatus, UrlState
from gleanery.store.base import Store
from gleanery.store.saved_queries import NewQuery
from gleanery.store.supabase import SupabaseStore
from tests.ground.supabase import Gateway, Project
from tests.store.samples import (
    HALF_WAY,
    Changes,
    Crawl,
    bundle_of,
    event_types,
    fence_of,
    new_source,
    start_crawl,
    started,
    told,
    url_of,
)
from tests.store.test_generations import Site, complete

MANY = 45


@pytest.fixture
async def store(gateway: Gateway, supabase_project: Project, changes: Changes) -> AsyncIterator[Any]:
    async with SupabaseStore(gateway.url, supabase_project.service_key, changes, patience_seconds=60) as store:
        yield store


def lose(gateway: Gateway, *names: str) -> None:
    """The next answer of each of these functions does not arrive."""
    gateway.loses |= {f"gleanery_{name}": 1 for name in names}


# --- answers that do not arrive ---


async def test_what_a_crawl_writes_is_written_once(store: Store, gateway: Gateway, changes: Changes) -> None:
    crawl, crawls = await start_crawl(store), store.crawls
    names = ("add_urls", "note_attempt", "settle", "store_page", "skip_queued", "take_up_limited")
    lose(gateway, *(f"crawls_{name}" for name in names), "generations_complete")
    assert await crawl.add(*(url_of(path) for path in "abcd")) == 4
    await crawls.note_attempt(crawl.fence, "a.test/a", told(), HALF_WAY)
    [waiting] = await crawls.next_urls(crawl.task.task_id, 1, [])
    assert waiting.attempts == 1
    assert await crawl.store_page(url_of("a"), bundle_of(crawl.source.source_id, crawl.task.task_id, "a"))
    await crawls.settle(crawl.fence, url_of("b", 1, UrlState.FAILED, reason="http_404"), told(), HALF_WAY)
    assert await crawls.skip_queued(crawl.fence, "page_limit") == 2
    assert await crawls.take_up_limited(crawl.fence) == 2
    source_id = crawl.source.source_id
    done = await store.generations.complete(crawl.fence, source_id, timedelta(), told(), HALF_WAY, {})
    assert (done.number, done.state) == (1, "complete")
    kinds = ["task_queued", "task_started", *["page_stored"] * 4]
    assert await event_types(store, crawl.task.task_id) == kinds
    assert changes.of(crawl.task.task_id) == list(enumerate(kinds, 1))
    assert {gateway.asked.count(f"gleanery_crawls_{name}") for name in names} == {2}


async def test_a_large_page_is_whole(store: Store, gateway: Gateway) -> None:
    crawl = await start_crawl(store)
    bundle = bundle_of(crawl.source.source_id, crawl.task.task_id, "a", [f"text {n}" for n in range(MANY)])
    lose(gateway, "crawls_look_before", "crawls_begin_page", "crawls_put_ahead", "crawls_store_page")
    await crawl.add(url_of("a"))
    assert await crawl.store_page(url_of("a"), bundle)
    found = await store.knowledge.chunks(crawl.source.source_id, page_id=None, after=0, limit=100)
    assert tuple(chunk.chunk for chunk in found) == bundle.chunks


async def test_of_a_large_page_that_is_there_no_row_is_sent_again(store: Store, gateway: Gateway) -> None:
    crawl = await start_crawl(store)
    texts = [f"text {n}" for n in range(MANY)]
    await crawl.put("a", texts)
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    task = await started(store, NewTask("crawl", {}), serial_key=crawl.source.source_id)
    sent = gateway.asked.count("gleanery_crawls_put_ahead")
    bundle = bundle_of(crawl.source.source_id, task.task_id, "a", texts)
    stored = await store.crawls.store_page(fence_of(task), url_of("a"), bundle, told(), HALF_WAY)
    assert (stored, gateway.asked.count("gleanery_crawls_put_ahead")) == (StoredAs.SAME, sent)


async def test_what_is_deleted_is_deleted_once(store: Store, gateway: Gateway) -> None:
    crawl = await start_crawl(store)
    source_id = crawl.source.source_id
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    lose(gateway, "saved_put", "saved_delete", "knowledge_delete_source")
    one, two = await store.saved_queries.put(source_id, [NewQuery("one", ("/a",)), NewQuery("two", ("/a",))])
    await store.saved_queries.delete(source_id, one.query_id)
    assert await store.saved_queries.queries(source_id) == [two]
    await store.knowledge.delete_source(source_id)
    with pytest.raises(NotFound):
        await store.knowledge.delete_source(source_id)


# --- URLs that end at once ---


async def test_urls_that_end_while_one_is_being_written_share_the_next_call(
    store: Store, gateway: Gateway, supabase_project: Project
) -> None:
    """Expected: the first goes at once and alone, the others wait for its answer and no longer; each is there when it is told."""
    crawl = await start_crawl(store)
    await crawl.add(*(url_of(path) for path in "abcd"))
    await asyncio.gather(*await settled_while_held(crawl, gateway, supabase_project, "abcd"))
    assert gateway.asked.count("gleanery_crawls_settle") == 2
    assert {row[0] for row in (await crawl.urls()).values()} == {"failed"}


async def test_what_was_settled_by_one_who_is_cancelled_is_written_before_the_attempt_ends(
    store: Store, gateway: Gateway, supabase_project: Project
) -> None:
    """Expected: it waits for nobody's turn any more, so it is in the database before what its caller does next."""
    crawl = await start_crawl(store)
    await crawl.add(*(url_of(path) for path in "abcd"))
    with supabase_project.connect() as db, db.transaction():
        db.execute("select from gleanery.task for update")
        jobs = await settling_one_after_the_other(crawl, gateway, "abcd")
        for job in jobs:
            job.cancel()
        await asyncio.wait(jobs)
        finishing = asyncio.create_task(store.tasks.finish(crawl.fence, TaskStatus.PAUSED, told()))
        await store.tasks.get(crawl.fence.task_id)
        assert "gleanery_tasks_finish" not in gateway.asked
    await finishing
    assert all(job.cancelled() for job in jobs)
    assert {row[0] for row in (await crawl.urls()).values()} == {"failed"}


async def test_closing_the_store_waits_for_what_nobody_waits_for(
    gateway: Gateway, supabase_project: Project, changes: Changes
) -> None:
    async with SupabaseStore(gateway.url, supabase_project.service_key, changes, patience_seconds=60) as store:
        crawl = await start_crawl(store)
        await crawl.add(*(url_of(path) for path in "abcd"))
        await settled_while_held(crawl, gateway, supabase_project, "abcd", is_cancelled=True)
    with supabase_project.connect() as db:
        assert db.execute("select count(*) from gleanery.frontier where state = 'failed'").fetchone() == (4,)
    assert len(changes.of(crawl.task.task_id)) == 6


async def test_of_urls_that_share_a_call_none_is_written_twice_when_its_answer_is_lost(
    store: Store, gateway: Gateway, changes: Changes
) -> None:
    crawl = await start_crawl(store)
    await crawl.add(*(url_of(path) for path in "abc"))
    lose(gateway, "crawls_settle")
    await asyncio.gather(*(settle(crawl, path) for path in "abc"))
    assert gateway.asked.count("gleanery_crawls_settle") == 2
    assert changes.of(crawl.task.task_id)[2:] == [(3, "page_stored"), (4, "page_stored"), (5, "page_stored")]


async def test_of_urls_that_share_a_call_all_hear_that_the_lease_is_lost(store: Store, gateway: Gateway) -> None:
    crawl = await start_crawl(store)
    await crawl.add(*(url_of(path) for path in "abc"))
    await store.tasks.finish(crawl.fence, TaskStatus.CANCELLED, told())
    ends = await asyncio.gather(*(settle(crawl, path) for path in "abc"), return_exceptions=True)
    assert [type(end) for end in ends] == [LeaseLost] * 3
    assert gateway.asked.count("gleanery_crawls_settle") == 1
    assert {row[0] for row in (await crawl.urls()).values()} == {"queued"}


async def settle(crawl: Crawl, path: str) -> None:
    await crawl.store.crawls.settle(crawl.fence, url_of(path, 1, UrlState.FAILED, reason="http_404"), told(), HALF_WAY)


async def settled_while_held(
    crawl: Crawl, gateway: Gateway, project: Project, paths: str, *, is_cancelled: bool = False
) -> list[asyncio.Task[None]]:
    """The first is on its way to a database that holds it up when the others come; all may be cancelled before it goes on."""
    with project.connect() as db, db.transaction():
        db.execute("select from gleanery.task for update")
        jobs = await settling_one_after_the_other(crawl, gateway, paths)
        if is_cancelled:
            for job in jobs:
                job.cancel()
            while gateway.asked.count("gleanery_crawls_settle") < 2:
                await asyncio.wait(jobs)
                await asyncio.sleep(0.01)
    return jobs


async def settling_one_after_the_other(crawl: Crawl, gateway: Gateway, paths: str) -> list[asyncio.Task[None]]:
    """The first is under way when the others come."""
    jobs = [asyncio.create_task(settle(crawl, paths[0]))]
    while "gleanery_crawls_settle" not in gateway.asked:
        assert not jobs[0].done()
        await asyncio.sleep(0.01)
    jobs += [asyncio.create_task(settle(crawl, path)) for path in paths[1:]]
    await asyncio.sleep(0)
    assert not any(job.done() for job in jobs)
    return jobs


# --- others at work ---


async def test_a_text_that_goes_with_one_page_stays_where_another_comes_with_it(
    store: Store, supabase_project: Project
) -> None:
    going = await start_crawl(store)
    await going.put("a", ["shared"])
    await store.tasks.finish(going.fence, TaskStatus.COMPLETED, told(), result={})
    await store.knowledge.delete_source(going.source.source_id)
    with supabase_project.connect() as db:
        with db.transaction():  # the other page is being stored, as `insert_rows` does it
            db.execute("select gleanery.hold_texts(array(select encode(text_hash, 'hex') from gleanery.text))")
            pruning = asyncio.create_task(store.generations.prune(3))
            while not waits_for_a_lock(db):
                assert not pruning.done()
                await asyncio.sleep(0.01)
            db.execute(
                'insert into gleanery.chunk (chunk_id, page_row, page_id, source_id, ordinal, start, "end", heading_path, title,'
                " headings, content, text_row) select 'ch', 99, 'pg', 'src', 0, 0, 6, '[]', '', '', 'shared', text_row"
                " from gleanery.text"
            )
        assert await pruning == 2
        assert db.execute("select count(*) from gleanery.text").fetchone() == (1,)


def waits_for_a_lock(db: psycopg.Connection[Any]) -> bool:
    return db.execute("select from pg_locks where not granted limit 1").fetchone() is not None


async def test_the_same_texts_may_come_from_many_sides_at_once(store: Store) -> None:
    crawls = [await start_crawl(store, f"https://{n}.test/") for n in range(6)]
    texts = [f"text {n}" for n in range(15)]
    turned = [texts[n:] + texts[:n] for n in range(len(crawls))]
    await asyncio.gather(*(one.put("a", part) for one, part in zip(crawls, turned, strict=True)))
    for one in crawls:
        assert (await store.knowledge.source(one.source.source_id)).chunk_count == len(texts)


async def test_many_who_take_away_what_is_old_take_it_once(store: Store) -> None:
    crawl = await start_crawl(store)
    for number in range(4):
        await crawl.put(str(number), [f"text {number} {n}" for n in range(10)])
    await store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})
    await store.knowledge.delete_source(crawl.source.source_id)
    assert sorted(await asyncio.gather(*(store.generations.prune(3) for _ in range(6)))) == [0, 0, 11, 11, 11, 11]


async def test_many_crawls_that_start_at_one_url_have_one_source(store: Store) -> None:
    starts = [store.crawls.start(NewTask("crawl", {}), new_source(), "a.test/") for _ in range(8)]
    tasks = await asyncio.gather(*starts)
    assert len({task.payload["source_id"] for task in tasks}) == 1


async def test_a_source_on_which_a_crawl_starts_at_that_moment_is_not_deleted(
    store: Store, supabase_project: Project
) -> None:
    source = await store.knowledge.ensure_source(new_source(), "a.test/")
    with supabase_project.connect() as db:
        with db.transaction():
            db.execute("select from gleanery.source for update")
            starting = asyncio.ensure_future(store.crawls.start(NewTask("crawl", {}), new_source(), "a.test/"))
            await supabase_project.until_waiting(1)
            deleting = asyncio.ensure_future(store.knowledge.delete_source(source.source_id))
            await supabase_project.until_waiting(2)
        assert (await starting).serial_key == source.source_id
        with pytest.raises(WrongState):
            await deleting
    assert (await store.knowledge.source(source.source_id)).source_id == source.source_id


async def test_a_refresh_that_begins_while_one_goes_back_is_built_beside_what_is_seen(
    store: Store, supabase_project: Project
) -> None:
    site = Site(await start_crawl(store))
    await site.crawl.put("a", ["text a"])
    await complete(site.crawl)
    again = await site.next()
    await again.put("a", ["text a, changed"])
    await complete(again)
    source_id = site.crawl.source.source_id
    task = await started(store, NewTask("crawl", {}), serial_key=source_id)
    with supabase_project.connect() as db:
        with db.transaction():
            db.execute(
                "select public.gleanery_generations_activate(%s)", [Jsonb({"source_id": source_id, "number": 1})]
            )
            beginning = asyncio.ensure_future(store.generations.begin(fence_of(task), source_id))
            await supabase_project.until_waiting(1)
        begun = await beginning
    assert (begun.number, begun.base) == (3, 1)
    assert await site.texts() == ["text a"]


async def test_a_limit_that_two_change_at_once_is_what_the_last_one_said(store: Store) -> None:
    crawl = await start_crawl(store)
    changed = [store.crawls.change_limits(crawl.task.task_id, {f"limit_{n}": n}) for n in range(5)]
    await asyncio.gather(*changed)
    payload = (await store.tasks.get(crawl.task.task_id)).payload
    assert {name: value for name, value in payload.items() if name != "url"} == {f"limit_{n}": n for n in range(5)}


# --- many rows ---

LARGE = ("page", "page_size", "chunk", "code_example", "text", "frontier", "generation")


async def test_no_table_that_grows_is_read_from_end_to_end(store: Store, supabase_project: Project) -> None:
    crawl = await start_crawl(store)
    bundle = await crawl.put("a", ["one", "two"], code=[("c", "x")])
    fence = {"task_id": crawl.task.task_id, "attempt": crawl.task.attempt}
    source = {"source_id": crawl.source.source_id}
    page = {"page_id": bundle.page.page_id}
    listed = {"after": 0, "limit": 10}
    calls: list[tuple[str, Mapping[str, object]]] = [
        ("crawls_add_urls", {"fence": fence, "urls": [{"url": "u", "url_key": "k", "depth": 1, "state": "queued", "origin": "link"}]}),
        ("crawls_next_urls", {"task_id": crawl.task.task_id, "limit": 9, "exclude": [1]}),
        ("crawls_urls", {"task_id": crawl.task.task_id, **listed}),
        ("crawls_too_deep", {"task_id": crawl.task.task_id, "max_depth": 3, "limit": 9}),
        ("crawls_take_up_orphans", {"fence": fence}),
        ("crawls_counts", {"task_id": crawl.task.task_id, **source, "model": "m"}),
        ("crawls_twin", {"task_id": "tsk_other", **source, "url_key": "k", "content_hash": "h"}),
        ("crawls_known_page", {**source, "url_key": "a.test/a"}),
        ("crawls_page", page),
        ("knowledge_source", {**source, "model": "m"}),
        ("knowledge_pages", {**source, "limit": 10, "text": "page", "is_missing": False}),
        ("knowledge_page", page),
        ("knowledge_page_ids", {**source, "url_keys": ["a.test/a"]}),
        ("knowledge_chunks", {**source, **listed}),
        ("knowledge_chunks", {**source, **page, **listed}),
        ("knowledge_code_examples", {**source, "language": "c", **listed}),
        ("generations_begin", {"fence": fence, **source, "rows_at_once": 5}),
        ("generations_figures", source),
        ("generations_saved", {**source, "number": 1}),
        ("generations_delta", {**source, "number": 1, "limit": 10}),
        ("generations_page_versions", {**page, "limit": 10}),
        ("holdings_branch", {**source, "under": "a.test/", "end": "a.test0", "limit": 10}),
        ("holdings_storage", source),
        ("saved_page_urls", {**source, "generation": 1, "after": "", "limit": 10}),
    ]  # fmt: skip
    assert {name: read for name, args in calls if (read := read_whole(supabase_project, name, args))} == {}


def read_whole(project: Project, name: str, args: Mapping[str, object]) -> list[str]:
    """The growing tables that a call reads whole, though nobody does so who has another way."""
    with project.connect() as db, db.transaction(force_rollback=True):
        db.execute("set local enable_seqscan = off")
        db.execute(f"select public.gleanery_{name}(%s::jsonb)", (json.dumps(args),))
        rows = db.execute("select relname from pg_stat_xact_user_tables where seq_scan > 0 and schemaname = 'gleanery'")
        return [row[0] for row in rows if row[0] in LARGE]
