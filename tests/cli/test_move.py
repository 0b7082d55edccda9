"""`gleanery move` as a command: killed in the middle, run again, and what it says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from gleanery.store.moving import move as moving
from gleanery.store.moving.plan import MOVED, Table, plan
from gleanery.store.moving.sqlite_end import SqliteReader
from gleanery.store.sqlite import bring_up_to_date, connect
from gleanery.store.supabase.moving import LOCK, PostgresReader
from tests.cli.command import environment, run, started
from tests.ground.supabase import Project
from tests.store.filled import ROWS, fill, rows_of

EVENTS = 2 * moving.BATCH_ROWS
HOLD = 4711
HOLDING = f"""
create function public.hold_event() returns trigger language plpgsql as $$
begin
    if new.number = {EVENTS - 5} then
        perform pg_advisory_xact_lock({HOLD});
    end if;
    return new;
end $$;
create trigger hold before insert on gleanery.event for each row execute function public.hold_event();
"""


@pytest.fixture
def project(supabase_project: Project) -> Project:
    supabase_project.empty()
    return supabase_project


@pytest.fixture
def tables(project: Project, tmp_path: Path) -> Sequence[Table]:
    path = tmp_path / "empty.db"
    with closing(connect(path, read_only=False)) as db, project.connect() as other:
        bring_up_to_date(db)
        return plan(SqliteReader(db, path).columns(), PostgresReader(other, "it").columns())


@pytest.fixture
def data_dir(tmp_path: Path, tables: Sequence[Table]) -> Path:
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data" / "gleanery.db", tables, events=EVENTS)
    return tmp_path / "data"


@pytest.fixture
def held(project: Project) -> Iterator[psycopg.Connection]:
    """Whoever adds one of the last events waits until this connection is closed."""
    with project.connect() as db:
        db.execute(HOLDING)
        holder = project.connect()
        holder.execute("select pg_advisory_lock(%s)", (HOLD,))
        yield holder
        holder.close()
        db.execute("drop function public.hold_event cascade")


def wait_for_waiting(project: Project) -> None:
    """Until somebody waits for the holder."""
    until = time.monotonic() + 60
    with project.connect() as db:
        while not db.execute("select from pg_locks where locktype = 'advisory' and not granted").fetchall():
            assert time.monotonic() < until
            time.sleep(0.02)


def wait_for_end(project: Project) -> None:
    """Until the database has noticed that the command was killed."""
    with project.connect() as db:
        db.execute("select pg_advisory_lock(%s)", (LOCK,))


async def test_killed_in_the_middle_of_a_transaction_it_goes_on_and_doubles_nothing(
    data_dir: Path, project: Project, tables: Sequence[Table], held: psycopg.Connection, tmp_path: Path
) -> None:
    env = environment(data_dir, GLEANERY_DATABASE_URL=project.database_url)
    async with started(env, "move", "--to", "supabase") as process:
        await asyncio.to_thread(wait_for_waiting, project)
        process.kill()
        await process.wait()
    held.close()
    await asyncio.to_thread(wait_for_end, project)
    with project.connect() as db:
        assert db.execute("select count(*) from gleanery.event").fetchone() == (moving.BATCH_ROWS,)
    ended = await run(env, "move", "--to", "supabase", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert (said["has_gone_on"], said["is_complete"], said["differences"]) == (True, True, [])
    assert said["rows"] == dict.fromkeys(MOVED, ROWS) | {"event": EVENTS}
    left = MOVED[MOVED.index("event") + 1 :]
    assert said["copied"] == EVENTS - moving.BATCH_ROWS + ROWS * len(left)
    back = environment(tmp_path / "back", GLEANERY_DATABASE_URL=project.database_url)
    ended = await run(back, "move", "--to", "sqlite")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    total = sum(said["rows"].values())
    assert lines[0] == f"Moving {total} rows."
    assert lines[1 : 1 + len(MOVED)] == [f"copied {name}: {said['rows'][name]} rows" for name in MOVED]
    assert f"Moved {total} rows of {len(MOVED)} tables" in lines[-2]
    assert "without SUPABASE_URL" in lines[-1]
    assert rows_of(tmp_path / "back" / "gleanery.db", tables) == rows_of(data_dir / "gleanery.db", tables)


async def test_it_names_what_is_wrong(data_dir: Path, project: Project, tmp_path: Path) -> None:
    ended = await run(environment(data_dir), "move", "--to", "supabase")
    assert (ended.code, "GLEANERY_DATABASE_URL: say where" in ended.err) == (2, True)
    env = environment(tmp_path / "none", GLEANERY_DATABASE_URL=project.database_url)
    ended = await run(env, "move", "--to", "supabase")
    assert (ended.code, "there is no gleanery.db" in ended.err) == (2, True)
    ended = await run({**env, "GLEANERY_DATABASE_URL": "postgresql://127.0.0.1:9/none"}, "move", "--to", "sqlite")
    assert (ended.code, "storage_error" in ended.err) == (1, True)
    assert not (tmp_path / "none" / "gleanery.db").exists()


async def test_a_folder_that_a_server_uses_is_not_moved(server: str, env: dict[str, str], project: Project) -> None:
    for way in ("supabase", "sqlite"):
        ended = await run({**env, "GLEANERY_DATABASE_URL": project.database_url}, "move", "--to", way)
        assert (ended.code, "another gleanery server uses" in ended.err) == (2, True)


async def test_a_project_is_backed_up_while_it_is_used_and_restored_to_a_folder(
    data_dir: Path, project: Project, tables: Sequence[Table], tmp_path: Path
) -> None:
    supabase = {"SUPABASE_URL": "http://127.0.0.1:9", "SUPABASE_SERVICE_KEY": "k"}
    env = environment(data_dir, GLEANERY_DATABASE_URL=project.database_url)
    assert (await run(env, "move", "--to", "supabase")).code == 0
    with project.connect() as db:
        db.execute(
            "insert into gleanery.worker values ('w', 'h', 1, '', '', 1, 0, 1, 'running', 1, extract(epoch from clock_timestamp()))"
        )
        db.execute(
            "update gleanery.task set status = 'running', task_type = 'upload', task_id = 'tsk_12' where attempt = 1"
        )
        db.execute("insert into gleanery.common values ('webhook.secret', 'whsec_x')")
    there = tmp_path / "there"
    (there / "uploads").mkdir(parents=True)
    (there / "uploads" / "tsk_12").write_bytes(b"a file that waits")
    (there / "uploads" / "tsk_34").write_bytes(b"whose task has ended")
    env = environment(there, GLEANERY_DATABASE_URL=project.database_url, **supabase)
    ended = await run(env, "backup", str(tmp_path / "b.zip"))
    assert ended.code == 0, ended.err
    assert f"{ROWS} sources, {ROWS} pages, {ROWS} tasks" in ended.out
    assert sorted(path.name for path in there.iterdir()) == ["backup.lock", "uploads"]
    restored = environment(tmp_path / "restored", **supabase)
    ended = await run(restored, "restore", str(tmp_path / "b.zip"))
    assert (ended.code, "gleanery move --to supabase" in ended.out) == (0, True)
    assert (tmp_path / "restored" / "webhook.secret").read_text() == "whsec_x\n"
    assert [path.name for path in (tmp_path / "restored" / "uploads").iterdir()] == ["tsk_12"]
    found, wanted = (rows_of(folder / "gleanery.db", tables) for folder in (tmp_path / "restored", data_dir))
    assert {name: rows for name, rows in found.items() if name != "task"} == {
        name: rows for name, rows in wanted.items() if name != "task"
    }


async def test_a_project_is_not_taken_for_its_folder(data_dir: Path, tmp_path: Path) -> None:
    env = environment(data_dir, SUPABASE_URL="http://127.0.0.1:9", SUPABASE_SERVICE_KEY="k")
    ended = await run(env, "backup", str(tmp_path / "b.zip"))
    assert (ended.code, "GLEANERY_DATABASE_URL: everything is kept in Supabase" in ended.err) == (2, True)
    ended = await run(env, "backup", str(tmp_path / "b.zip"), "--data-dir", str(data_dir))
    assert ended.code == 0, ended.err
