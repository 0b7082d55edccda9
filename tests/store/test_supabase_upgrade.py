"""Supabase's schema from each version to the newest one, with rows in it and with a task that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from gleanery.errors import StorageError
from gleanery.store.moving.plan import MOVED
from gleanery.store.supabase import SupabaseStore, migrations
from gleanery.store.supabase.migrations import Migration
from tests.conftest import StartServer
from tests.ground.supabase import Gateway, Project
from tests.sites.gated import gated_site
from tests.store.released import FILE, faults, released
from tests.store.samples import Changes

LATER = Migration(
    999,
    "later",
    """
alter table gleanery.task add column mood text;
alter table gleanery.source add column is_liked boolean default false;
create index task_mood on gleanery.task (mood) where mood is not null;
create function public.gleanery_tasks_moods(args jsonb) returns json language sql stable security invoker
    set search_path = gleanery, pg_temp as $$ select to_json(count(*)) from task where mood is not null $$;
update gleanery.task set mood = 'good';
""",
)
LEFT_OUT = ("migration", "move")
VALUES: Mapping[str, str] = {
    "bigint": "%(n)s",
    "integer": "%(n)s",
    "double precision": "%(n)s + 0.25",
    "boolean": "true",
    "text": "'é' || %(n)s || '_' || %(name)s",
    "bytea": "convert_to(%(name)s || %(n)s, 'utf8')",
    "jsonb": "jsonb_build_object('n', %(n)s)",
    "text[]": "array['a', %(name)s || %(n)s]",
    "tsvector": "(%(name)s || %(n)s)::tsvector",
    "extensions.halfvec": "('[' || %(n)s || ',0.5]')::extensions.halfvec",
}
COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, null) from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'gleanery'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped order by 1, a.attnum
"""


def add_rows(url: str, number: int) -> dict[tuple[str, int], Mapping[str, Any]]:
    """A row in each table that there is, with something in every column; as it is in the database."""
    kept = {}
    with psycopg.connect(url) as db:
        columns: dict[str, list[tuple[str, str]]] = {}
        for table, name, kind in db.execute(COLUMNS):
            columns.setdefault(table, []).append((name, kind))
        for table in sorted(columns, key=lambda name: MOVED.index(name) if name in MOVED else len(MOVED)):
            if table in LEFT_OUT:
                continue
            names = ", ".join(f'"{name}"' for name, _ in columns[table])
            values = ", ".join(VALUES[kind] % {"n": number, "name": f"'{name}'"} for name, kind in columns[table])
            query: Any = f"insert into gleanery.{table} ({names}) values ({values}) returning to_jsonb({table}.*)"
            [row] = db.execute(query).fetchall()
            kept[table, number] = row[0]
    return kept


def rows_like(url: str, table: str, row: Mapping[str, Any]) -> int:
    """How many rows have all that this one had."""
    with psycopg.connect(url) as db:
        query: Any = f"select count(*) from gleanery.{table} where to_jsonb({table}.*) @> %s"
        return int(db.execute(query, (Jsonb(row),)).fetchall()[0][0])


def test_rows_of_each_version_are_there_after_all_that_came_later(new_database: str) -> None:
    ours = migrations.known()
    kept: dict[tuple[str, int], Mapping[str, Any]] = {}
    for count, migration in enumerate(ours, 1):
        name = f"{migration.number:03d}_{migration.name}"
        assert name in migrations.apply(new_database, ours[:count])
        if count < len(ours):
            kept |= add_rows(new_database, migration.number)
    assert len(kept) > 20 * len(ours)
    assert {table for table, _ in kept} >= set(MOVED)
    assert [key for key, row in kept.items() if rows_like(new_database, key[0], row) != 1] == []
    assert migrations.apply(new_database) == []


def test_what_was_released_never_changes() -> None:
    ours = migrations.known()
    assert faults(released(FILE.read_text("utf-8")), ours) == []


def test_a_released_migration_that_changed_is_found() -> None:
    first, second, third = (Migration(number, "m", f"select {number}") for number in (1, 2, 5))
    text = f"# those\n001_m {first.checksum}\n005_m {third.checksum}\n"
    assert faults(released(text), [first, third]) == []
    assert faults(released(text), [first, third, Migration(6, "m", "")]) == []
    assert faults(released(text), [first, second, third]) == ["2 comes before 5"]
    assert faults(released(text), [Migration(1, "m", "other"), third]) == ["1 was changed"]
    assert faults(released(text), [first]) == ["5 is gone"]


async def refusal(gateway: Gateway, project: Project) -> str:
    store = SupabaseStore(gateway.url, project.service_key, Changes(), patience_seconds=5)
    with pytest.raises(StorageError) as raised:
        await store.__aenter__()
    return raised.value.message


async def test_a_crawl_goes_on_while_the_schema_becomes_newer(start_server: StartServer) -> None:
    ours = migrations.known()
    with Project(is_migrated=False) as project:
        migrations.apply(project.database_url, ours[:-1])
        async with Gateway(project) as gateway, AsyncExitStack() as stack:
            assert "run `gleanery migrate`" in await refusal(gateway, project)
            migrations.apply(project.database_url)
            project.stop_postgrest()  # so that it looks at the schema anew right now
            project.start_postgrest()
            settings = {"supabase_url": gateway.url, "supabase_service_key": project.service_key}
            server = await start_server(until=stack, **settings)
            async with gated_site(30, open_to=8) as (site, gate):
                task_id = str((await server.start(f"{site.url}/guide/"))["task_id"])
                while not any(path.endswith("/9.html") for path in site.requests):
                    site.asked.clear()
                    await site.asked.wait()
                assert await asyncio.to_thread(migrations.apply, project.database_url, [*ours, LATER]) == ["999_later"]
                await gate.open(30)
                crawl = await server.ended(task_id)
            assert (crawl.status, crawl.task["result"]["pages"], crawl.task["result"]["failed"]) == ("completed", 31, 0)
            assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))
            again = await server.post("/tasks", {"task_type": "test", "payload": {"steps": 1, "seconds": 0}})
            assert (await server.ended(str(again.body["task_id"]))).status == "completed"
            assert "run the newer gleanery" in await refusal(gateway, project)
        with project.connect() as db:
            moods = db.execute("select mood, count(*) from gleanery.task group by 1 order by 1").fetchall()
        assert moods == [("good", 1), (None, 1)]
        with pytest.raises(StorageError, match="run the newer gleanery"):
            migrations.apply(project.database_url)
