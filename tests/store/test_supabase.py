"""What only the Supabase store promises: lost answers, nobody who answers, who may read, and its schema."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import aiohttp
import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from gleanery.errors import StorageAway, StorageError
from gleanery.model import Fence, NewTask, Task, TaskStatus
from gleanery.store.base import Store
from gleanery.store.rows import schedule_row
from gleanery.store.supabase import SupabaseStore, migrations
from gleanery.store.values import Idempotency, TaskFilter, Wanted
from tests.ground.supabase import Gateway, Project, token
from tests.store import test_schedules
from tests.store.samples import HALF_WAY, LEASE_SECONDS, Changes, event_types, fence_of, started, told


@pytest.fixture
async def store(gateway: Gateway, supabase_project: Project, changes: Changes) -> AsyncIterator[Any]:
    async with SupabaseStore(gateway.url, supabase_project.service_key, changes, patience_seconds=60) as store:
        yield store


# --- answers that do not arrive ---


async def test_a_task_whose_answer_was_lost_is_made_once(store: Store, gateway: Gateway, changes: Changes) -> None:
    gateway.loses["gleanery_tasks_create"] = 2
    task = await store.tasks.create(NewTask("demo", {}), idempotency=Idempotency("k", "h"))
    assert gateway.asked.count("gleanery_tasks_create") == 3
    assert await store.tasks.list(TaskFilter(), after=None, limit=10) == [task]
    assert changes.of(task.task_id) == [(1, "task_queued")]


async def test_a_claim_whose_answer_was_lost_is_the_same_attempt(store: Store, gateway: Gateway) -> None:
    await store.tasks.create(NewTask("demo", {}))
    await store.tasks.create(NewTask("demo", {}))
    gateway.loses["gleanery_tasks_claim_due"] = 1
    [claimed] = await store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 1)
    assert claimed.attempt == 1
    assert await store.tasks.count_by_status() == {"queued": 1, "running": 1}


WANTED = Wanted("w", LEASE_SECONDS, ("demo",))


async def lose_a_claim(store: Store, gateway: Gateway) -> None:
    """It is made, and nobody hears its answer for so long that the caller gives up."""
    gateway.loses["gleanery_tasks_claim_due"] = 1_000
    with pytest.raises(StorageAway):
        await store.tasks.claim_due(WANTED, 2)
    gateway.loses.clear()


@pytest.fixture
async def hasty(gateway: Gateway, supabase_project: Project, changes: Changes) -> AsyncIterator[Any]:
    """A store that gives up soon."""
    async with SupabaseStore(gateway.url, supabase_project.service_key, changes, patience_seconds=0.3) as store:
        yield store


async def test_a_claim_that_was_given_up_is_answered_by_the_next_one(hasty: Store, gateway: Gateway) -> None:
    """Expected: its tasks run by their rows; they are begun, as the attempts that they are, and no others beside them."""
    first, second, third = [await hasty.tasks.create(NewTask("demo", {"n": n})) for n in range(3)]
    await lose_a_claim(hasty, gateway)
    claimed = await hasty.tasks.claim_due(WANTED, 2)
    assert [(task.task_id, task.attempt) for task in claimed] == [(first.task_id, 1), (second.task_id, 1)]
    assert [task.task_id for task in await hasty.tasks.claim_due(WANTED, 2)] == [third.task_id]
    assert await hasty.tasks.claim_due(WANTED, 2) == []


async def test_what_was_taken_back_since_a_claim_was_given_up_is_not_begun(hasty: Store, gateway: Gateway) -> None:
    lost, kept = [await hasty.tasks.create(NewTask("demo", {"n": n}, max_retries=1)) for n in range(2)]
    await lose_a_claim(hasty, gateway)
    await hasty.tasks.reap(gone=["w"], spare=[kept.task_id])
    assert [task.task_id for task in await hasty.tasks.claim_due(WANTED, 2)] == [kept.task_id]
    again = await hasty.tasks.claim_due(WANTED, 2)
    assert [(task.task_id, task.attempt) for task in again] == [(lost.task_id, 2)]


async def test_a_claim_may_be_given_up_more_than_once(hasty: Store, gateway: Gateway) -> None:
    task = await hasty.tasks.create(NewTask("demo", {}))
    await lose_a_claim(hasty, gateway)
    await lose_a_claim(hasty, gateway)
    gateway.loses["gleanery_tasks_beat"] = 1_000  # the claim is answered, whether its tasks still run is not
    with pytest.raises(StorageAway):
        await hasty.tasks.claim_due(WANTED, 2)
    gateway.loses.clear()
    assert [(one.task_id, one.attempt) for one in await hasty.tasks.claim_due(WANTED, 2)] == [(task.task_id, 1)]


async def test_another_worker_is_given_nothing_of_a_claim_that_was_given_up(hasty: Store, gateway: Gateway) -> None:
    await hasty.tasks.create(NewTask("demo", {}))
    await lose_a_claim(hasty, gateway)
    assert await hasty.tasks.claim_due(replace(WANTED, worker_id="other"), 2) == []


async def test_reports_steps_and_ends_whose_answers_were_lost_are_written_once(
    store: Store, gateway: Gateway, changes: Changes
) -> None:
    task = await started(store)
    for name in ("report", "keep_step", "finish"):
        gateway.loses[f"gleanery_tasks_{name}"] = 1
    await store.tasks.report(fence_of(task), told(), HALF_WAY)
    await store.tasks.keep_step(fence_of(task), "s", 1)
    ended = await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told("end"), result={"pages": 1})
    assert ended.status is TaskStatus.COMPLETED
    kinds = ["task_queued", "task_started", "page_stored", "task_step_completed", "page_stored"]
    assert await event_types(store, task.task_id) == kinds
    assert changes.of(task.task_id) == list(enumerate(kinds, 1))


CALLS: dict[str, Callable[[Store, Task], Awaitable[object]]] = {
    "create": lambda store, _: store.tasks.create(NewTask("demo", {}, coalesce_key="k")),
    "claim_due": lambda store, _: store.tasks.claim_due(Wanted("w", LEASE_SECONDS, ("demo",)), 5),
    "report": lambda store, task: store.tasks.report(fence_of(task), told(), HALF_WAY),
    "finish": lambda store, task: store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told("end"), result={}),
    "request_cancel": lambda store, task: store.tasks.request_cancel(task.task_id),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_that_is_made_again_while_the_first_is_under_way_has_one_effect_and_its_answer(
    store: Store, gateway: Gateway, supabase_project: Project, changes: Changes, name: str
) -> None:
    task = await started(store)
    await store.tasks.create(NewTask("demo", {}))
    told_before = len(changes.heard)
    gateway.asked.clear()
    gateway.cuts[f"gleanery_tasks_{name}"] = 1
    with supabase_project.connect() as holder:
        holder.execute("select pg_advisory_lock(gleanery.event_lock())")  # where every call ends
        call = asyncio.ensure_future(CALLS[name](store, task))
        await supabase_project.until_waiting(2)
        holder.execute("select pg_advisory_unlock(gleanery.event_lock())")
        assert await call not in (None, [])
    assert gateway.asked == [f"gleanery_tasks_{name}"] * 2
    assert len(changes.heard) == told_before + 1


async def test_a_schedule_that_is_deleted_before_it_is_put_again_stays_deleted(
    store: Store, gateway: Gateway, supabase_project: Project
) -> None:
    """Expected: the call that is made again is answered as the first time, whatever came in between."""
    schedule = Jsonb({"call_id": "c", "schedule": schedule_row(test_schedules.sample("sch_1"))})
    put = "select public.gleanery_schedules_put(%s) -> 'value'"
    with supabase_project.connect() as db:
        first = db.execute(put, [schedule]).fetchall()
        await store.schedules.delete("sch_1")
        assert db.execute(put, [schedule]).fetchall() == first
    assert await store.schedules.list(after=None, limit=10) == []


async def test_a_call_waits_for_a_database_that_comes_back(store: Store, gateway: Gateway) -> None:
    gateway.is_down = True
    call = asyncio.create_task(store.tasks.create(NewTask("demo", {})))
    await gateway.refuses()
    assert not call.done()
    gateway.is_down = False
    assert (await call).status is TaskStatus.QUEUED


async def test_a_call_gives_up_when_nobody_answers(gateway: Gateway, supabase_project: Project) -> None:
    async with SupabaseStore(gateway.url, supabase_project.service_key, Changes(), patience_seconds=0.2) as store:
        gateway.is_down = True
        with pytest.raises(StorageError, match="503") as caught:
            await store.health()
    assert caught.value.can_retry


async def _report_until(store: Store, fence: Fence, stop: asyncio.Event) -> int:
    """Reports one after the other; how many were acknowledged."""
    for n in itertools.count():
        if stop.is_set():
            return n
        await store.tasks.report(fence, told(str(n)), HALF_WAY)
    raise AssertionError


@pytest.mark.parametrize("which", ["postgres", "postgrest"])
async def test_nothing_is_lost_or_doubled_when_a_part_of_the_project_crashes_under_load(
    which: str, gateway: Gateway, supabase_project: Project, changes: Changes
) -> None:
    async with SupabaseStore(gateway.url, supabase_project.service_key, changes, patience_seconds=60) as opened:
        store: Any = opened
        tasks = [await started(store) for _ in range(6)]
        stop = asyncio.Event()
        reports = [asyncio.create_task(_report_until(store, fence_of(task), stop)) for task in tasks]
        for _ in range(3):
            seen = len(changes.heard)
            while len(changes.heard) < seen + 20:  # noqa: ASYNC110 - it is told nothing but changes
                await asyncio.sleep(0.01)
            await asyncio.to_thread(getattr(supabase_project, f"stop_{which}"))
            await asyncio.to_thread(getattr(supabase_project, f"start_{which}"))
        stop.set()
        acknowledged = await asyncio.gather(*reports)
        for task, count in zip(tasks, acknowledged, strict=True):
            events = await store.tasks.events(task.task_id, after=2, before=None, limit=100_000)
            assert [event.message for event in events] == [str(n) for n in range(count)]
            assert [seq for seq, _ in changes.of(task.task_id)] == list(range(1, count + 3))


async def test_a_caller_that_is_cancelled_does_not_cancel_its_write(
    gateway: Gateway, supabase_project: Project, changes: Changes
) -> None:
    new = NewTask("demo", {})
    async with SupabaseStore(gateway.url, supabase_project.service_key, changes) as store:
        gateway.is_down = True
        call = asyncio.create_task(store.tasks.create(new))
        await gateway.refuses()
        call.cancel()
        await asyncio.wait([call])
        gateway.is_down = False
    assert changes.of(new.task_id) == [(1, "task_queued")], "a store waits for its writes when it is closed"


async def test_a_write_that_nobody_waits_for_may_fail(store: Store, gateway: Gateway) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    gateway.is_down = True
    before = asyncio.all_tasks()
    call = asyncio.create_task(store.tasks.report(Fence("gone", 1), told(), HALF_WAY))
    await gateway.refuses()
    writing = asyncio.all_tasks() - before - {call}
    call.cancel()
    await asyncio.wait([call])
    gateway.is_down = False
    await asyncio.wait(writing)
    del call, writing
    gc.collect()
    assert complaints == []


# --- what is done at once ---


async def test_of_equal_tasks_that_are_made_at_once_one_waits(store: Store) -> None:
    made = [store.tasks.create(NewTask("demo", {"n": n}, coalesce_key="k")) for n in range(20)]
    await asyncio.gather(*made)
    assert await store.tasks.count_by_status() == {"queued": 1, "cancelled": 19}


async def test_one_key_makes_one_task_when_it_comes_twenty_times_at_once(store: Store) -> None:
    made = [store.tasks.create(NewTask("demo", {}), idempotency=Idempotency("k", "h")) for _ in range(20)]
    assert len({task.task_id for task in await asyncio.gather(*made)}) == 1


async def test_a_task_is_released_when_what_it_waits_for_ends_at_that_moment(store: Store) -> None:
    first = [await started(store) for _ in range(20)]
    ends = [store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told()) for task in first]
    waiting = [store.tasks.create(NewTask("demo", {}, depends_on=(task.task_id,))) for task in first]
    made = (await asyncio.gather(*ends, *waiting))[len(ends) :]
    assert {(await store.tasks.get(task.task_id)).waits_for for task in made} == {0}


@pytest.mark.parametrize(
    "under_way",
    [
        """gleanery_vectors_give_up('{}')""",
        """gleanery_generations_prune('{"keep": 1, "rows_at_once": 10}')""",
        """gleanery_search_count_words('{"shelf": "chunks", "most": 10}')""",
    ],
)
async def test_what_takes_its_time_holds_up_neither_claims_nor_links(
    store: Store, supabase_project: Project, under_way: str
) -> None:
    first = await store.tasks.create(NewTask("demo", {}))
    with supabase_project.connect() as db, db.transaction():
        db.execute(SQL("select public.{}").format(SQL(under_way)))
        async with asyncio.timeout(60):
            later = await store.tasks.create(NewTask("demo", {}, depends_on=(first.task_id,)))
            assert await store.tasks.claim(first.task_id, "w", LEASE_SECONDS) is not None
    assert later.waits_for == 1


async def test_two_links_that_would_make_a_circle_together_are_not_both_taken(store: Store) -> None:
    for _ in range(5):
        one, other = [await store.tasks.create(NewTask("demo", {})) for _ in range(2)]
        answers = await asyncio.gather(
            store.tasks.change(one.task_id, depends_on=[other.task_id]),
            store.tasks.change(other.task_id, depends_on=[one.task_id]),
            return_exceptions=True,
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["InvalidInput", "Task"]


async def test_what_postgresql_cannot_keep_is_replaced(store: Store) -> None:
    task = await store.tasks.create(NewTask("demo", {"text": "a\x00b"}, title="a\x00b"))
    kept = await store.tasks.get(task.task_id)
    assert (kept.title, kept.payload) == ("a\ufffdb", {"text": "a\x00b"})


# --- who may read ---

SCHEMAS = ["gleanery", "gleanery_procrastinate"]
# Whatever can be done to each table, view and sequence, and a call of each function.
STATEMENTS = """
select format(verb, c.oid::regclass)
from pg_class c join (values
    ('rpv', 'select * from %%s limit 1'), ('rpv', 'insert into %%s default values'), ('rpv', 'delete from %%s where false'),
    ('rp', 'truncate %%s'),
    ('S', 'select nextval(''%%s'')'), ('S', 'select * from %%s')
) as verbs (kinds, verb) on position(c.relkind::text in kinds) > 0
where c.relnamespace = any (%s::regnamespace[])
union all
select format('select %%s(%%s)', p.oid::regproc, concat_ws(', ', variadic array_fill('null'::text, array[p.pronargs])))
from pg_proc p where p.pronamespace = any (%s::regnamespace[]) or p.proname like 'gleanery\\_%%'
"""


async def test_nobody_but_the_service_reads_or_calls_anything(gateway: Gateway, supabase_project: Project) -> None:
    with pytest.raises(StorageError, match="SUPABASE_SERVICE_KEY"):
        async with SupabaseStore(gateway.url, supabase_project.anon_key, Changes(), patience_seconds=0.2):
            pass
    with supabase_project.connect() as db:
        open_tables = db.execute(
            "select oid::regclass::text from pg_class where relnamespace = any (%s::regnamespace[]) and relkind in ('r', 'p')"
            " and not relrowsecurity",
            [SCHEMAS],
        ).fetchall()
        careless = db.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like 'gleanery\\_%'"
            " and (prosecdef or not coalesce(array_to_string(proconfig, ',') like 'search_path=gleanery%', false))"
        ).fetchall()
        with_rights = db.execute(
            "select proname, proconfig from pg_proc where prosecdef and pronamespace = any (%s::regnamespace[])",
            [SCHEMAS],
        ).fetchall()
    assert (open_tables, careless) == ([], [])
    assert with_rights == [("ring", ["search_path=gleanery_procrastinate, pg_temp"])]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_other_roles_may_do_nothing_anywhere(supabase_project: Project, role: str) -> None:
    with supabase_project.connect() as db:
        statements = [row[0] for row in db.execute(STATEMENTS, [SCHEMAS, SCHEMAS])]
        assert len(statements) > 600
        db.execute(SQL("set role {}").format(Identifier(role)))
        assert [said for said in statements if _is_allowed(db, said)] == []


def _is_allowed(db: psycopg.Connection[Any], statement: str) -> bool:
    try:
        db.execute(SQL(statement))
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.Error:
        return True  # it came so far as to fail
    return True


@pytest.mark.parametrize("role", ["anon", "authenticated"])
async def test_other_keys_are_refused(gateway: Gateway, role: str) -> None:
    headers = {"apikey": token(role), "Authorization": f"Bearer {token(role)}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{gateway.url}/rest/v1/rpc/gleanery_tasks_list"
        async with session.post(url, json={"args": {"wanted": {}, "limit": 1}}) as answer:
            assert answer.status in (401, 403)


# --- the schema ---


@pytest.fixture(scope="module")
def new_project() -> Iterator[Project]:
    """One without gleanery's schema."""
    with Project(is_migrated=False) as project:
        yield project


async def test_a_server_asks_for_the_schema_and_finds_it_after_the_migration(new_project: Project) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway(new_project))
        store = SupabaseStore(gateway.url, new_project.service_key, Changes(), patience_seconds=60)
        with pytest.raises(StorageError, match="gleanery migrate"):
            await stack.enter_async_context(store)
        names = [f"{one.number:03d}_{one.name}" for one in migrations.known()]
        assert migrations.apply(new_project.database_url) == [*names, "procrastinate"]
        assert migrations.apply(new_project.database_url) == []
        async with asyncio.timeout(60):  # PostgREST is told to look at the schema anew
            while True:
                try:
                    opened = SupabaseStore(gateway.url, new_project.service_key, Changes(), patience_seconds=60)
                    store = await stack.enter_async_context(opened)
                    break
                except StorageError:
                    await asyncio.sleep(0.05)
        assert (await store.health()).startswith("Supabase, PostgreSQL ")


def test_the_printed_file_makes_the_same_schema_and_can_be_run_again(supabase_project: Project) -> None:
    with supabase_project.database("printed") as printed, supabase_project.database("applied") as applied:
        migrations.apply(applied)
        for _ in range(2):
            with psycopg.connect(printed, autocommit=True) as db:
                db.execute(migrations.script())
        assert migrations.apply(printed) == []
        assert _shape(printed) == _shape(applied)


def _shape(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as db:
        return db.execute(
            "select table_name, column_name, data_type, is_nullable from information_schema.columns where table_schema = 'gleanery'"
            " union all select proname, prosrc, prorettype::regtype::text, proacl::text from pg_proc"
            " where pronamespace = 'gleanery'::regnamespace or proname like 'gleanery\\_%'"
            " union all select indexname, indexdef, '', '' from pg_indexes where schemaname = 'gleanery' order by 1, 2"
        ).fetchall()


def test_a_migration_without_anything_to_do_waits_for_nobody(supabase_project: Project) -> None:
    with supabase_project.connect() as db, db.transaction():
        db.execute("lock table gleanery.task in access share mode")  # as a long look does, a backup for one
        assert migrations.apply(f"{supabase_project.database_url}&options=-clock_timeout%3D5s") == []


def test_a_schema_that_is_not_known_is_refused() -> None:
    ours = [{"number": m.number, "name": m.name, "checksum": m.checksum} for m in migrations.known()]
    migrations.check(ours)
    with pytest.raises(StorageError, match="run `gleanery migrate`"):
        migrations.check(ours[:-1])
    with pytest.raises(StorageError, match="run the newer gleanery"):
        migrations.check([*ours, {"number": 999, "name": "later", "checksum": "x"}])
    with pytest.raises(StorageError, match="another one than this gleanery's"):
        migrations.check([{**ours[0], "checksum": "x"}, *ours[1:]])
