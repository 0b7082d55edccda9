"""A whole store moved to Supabase and back: equal row by row, whatever breaks it off, and refused where it would mix two."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gleanery import errors
from gleanery.store.backup import Backup
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.moving import move as moving
from gleanery.store.moving.ends import Goal, Reader, Step
from gleanery.store.moving.move import Moved, move
from gleanery.store.moving.plan import MADE_AT_A_START, MOVED, Kind, Table, plan
from gleanery.store.moving.project_backup import make_project_backup
from gleanery.store.moving.sqlite_end import UNFINISHED, sqlite_goal, sqlite_source
from gleanery.store.supabase import SupabaseStore
from gleanery.store.supabase.moving import postgres_goal, postgres_source
from tests.ground.supabase import Gateway, Project
from tests.store.filled import LAST_EVENT, ROWS, fill, rows_of, value, vector
from tests.store.samples import Changes, words_found


class Listening:
    """Hears how far it is; goes away when a table has been heard of so many rows."""

    def __init__(self, table: str = "", rows: int = 0, step: Step = Step.COPIED) -> None:
        self.counts: dict[tuple[Step, str], int] = {}
        self._last = (step, table)
        self._rows = rows

    def begin(self, rows: int) -> None:
        self.rows = rows

    def done(self, step: Step, table: str, rows: int) -> None:
        self.counts[step, table] = self.counts.get((step, table), 0) + rows
        if (step, table) == self._last and self.counts[step, table] >= self._rows:
            raise KeyboardInterrupt


@pytest.fixture
def project(supabase_project: Project) -> Project:
    supabase_project.empty()
    return supabase_project


@pytest.fixture
def tables(project: Project, tmp_path: Path) -> Sequence[Table]:
    with project.connect() as db:
        from gleanery.store.supabase.moving import PostgresReader

        postgres = PostgresReader(db, "it").columns()
    (tmp_path / "empty").mkdir()
    with sqlite_goal(tmp_path / "empty") as goal:
        return plan(goal.columns(), postgres)


@pytest.fixture
def folder(tmp_path: Path, tables: Sequence[Table]) -> Path:
    """A data folder with a full store."""
    (tmp_path / "from").mkdir()
    fill(tmp_path / "from" / "gleanery.db", tables)
    (tmp_path / "from" / "webhook.secret").write_text("whsec_c2VjcmV0IG9mIHRoZSBmb2xkZXIsIGZvciB0ZXN0cw==\n")
    return tmp_path / "from"


@pytest.fixture
def back(tmp_path: Path) -> Path:
    (tmp_path / "back").mkdir()
    return tmp_path / "back"


def to_supabase(folder: Path, project: Project, listener: Listening | None = None, **options: Any) -> Moved:
    with sqlite_source(folder) as source, postgres_goal(project.database_url) as goal:
        return moved(source, goal, plan(source.columns(), goal.columns()), listener, **options)


def to_sqlite(project: Project, folder: Path, listener: Listening | None = None, **options: Any) -> Moved:
    with postgres_source(project.database_url) as source, sqlite_goal(folder) as goal:
        return moved(source, goal, plan(goal.columns(), source.columns()), listener, **options)


def moved(source: Reader, goal: Goal, tables: Sequence[Table], listener: Listening | None, **options: Any) -> Moved:
    return move(source, goal, tables, listener or Listening(), **options)


@contextlib.contextmanager
def changed(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, isolation_level=None)
    yield db
    db.close()


def in_project(project: Project, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with project.connect() as db:
        db.execute("set search_path = gleanery, extensions")
        return db.execute(query, values).fetchall()


# --- everything, there and back ---


def test_a_store_that_went_to_supabase_and_back_is_equal_row_by_row(
    folder: Path, project: Project, tables: Sequence[Table], back: Path
) -> None:
    before = rows_of(folder / "gleanery.db", tables)
    listener = Listening()
    there = to_supabase(folder, project, listener)
    assert (there.differences, there.replaced, there.has_gone_on) == ([], 0, False)
    assert there.rows == dict.fromkeys(MOVED, ROWS)
    assert there.copied == listener.rows == ROWS * len(MOVED)
    steps = (Step.COPIED, Step.COMPARED)
    assert listener.counts == {(Step.INDEXED, ""): 0} | {(step, name): ROWS for step in steps for name in MOVED}
    returned = to_sqlite(project, back)
    assert (returned.differences, returned.rows) == ([], there.rows)
    assert rows_of(back / "gleanery.db", tables) == before == rows_of(folder / "gleanery.db", tables)
    assert [file.name for file in sorted(back.iterdir())] == ["gleanery.db", "webhook.secret"]
    assert (back / "webhook.secret").read_text() == (folder / "webhook.secret").read_text()


def test_values_are_in_postgresql_what_they_were(folder: Path, project: Project, tables: Sequence[Table]) -> None:
    to_supabase(folder, project)
    for table in tables:
        found = in_project(project, f"select count(*) from {table.name}")
        assert found == [(ROWS,)], table.name
    by_name: Mapping[str, Table] = {table.name: table for table in tables}
    columns = {column.name: column for column in by_name["task"].columns}
    [task] = in_project(
        project, "select title, created_at, is_cancel_requested, last_seq, result from task where attempt = 3"
    )
    assert task == (value(columns["title"], 3), value(columns["created_at"], 3), True, 3, None)
    [(text,)] = in_project(project, "select data::text from vector where text_row = 5")
    assert [float(number) for number in json.loads(text)] == pytest.approx(vector(5).tolist(), abs=1e-3)
    [(options,)] = in_project(project, "select options from embedding_model limit 1")
    assert options["a"] == {"z": True, "b": "ü"}
    data = next(column for column in by_name["web_page_part"].columns if column.kind is Kind.BYTES)
    assert in_project(project, "select data from web_page_part where row = 7") == [(value(data, 7),)]


async def test_both_stores_find_the_same_and_number_on(folder: Path, project: Project, back: Path) -> None:
    with changed(folder / "gleanery.db") as db:
        db.execute("UPDATE source SET deleted_at = NULL, generation = 5, tags = '[]'")
        db.execute("UPDATE task SET status = 'paused'")
        db.execute(
            "UPDATE page SET born = 1, died = 100, source_id = (SELECT source_id FROM source ORDER BY created_at LIMIT 1)"
        )
        db.execute("UPDATE chunk SET source_id = (SELECT source_id FROM source ORDER BY created_at LIMIT 1)")
    to_supabase(folder, project)
    to_sqlite(project, back)
    found = []
    async with Gateway(project) as gateway:
        stores = (
            EmbeddedStore(folder / "gleanery.db", Changes()),
            SupabaseStore(gateway.url, project.service_key, Changes()),
            EmbeddedStore(back / "gleanery.db", Changes()),
        )
        for opening in stores:
            async with opening as store:
                words = [
                    sorted(await words_found(store, match)) for match in ("content", "漢", "title AND 7", "createtask")
                ]
                found.append((words, await store.tasks.last_number(), await store.tasks.count_by_status()))
    assert found[0] == found[1]
    assert found[0] == found[2]
    assert found[0][0] == [list(range(1, ROWS + 1)), [4], [7], [3]]
    assert found[0][1] == LAST_EVENT


def test_rows_that_are_new_get_new_numbers(folder: Path, project: Project, back: Path) -> None:
    to_supabase(folder, project)
    for table, column in (("event", "number"), ("text", "text_row"), ("chunk", "row_id"), ("trace", "row_id")):
        [(sequence,)] = in_project(project, "select pg_get_serial_sequence(%s, %s)", f"gleanery.{table}", column)
        assert in_project(project, "select nextval(%s)", sequence) == [
            (LAST_EVENT + 1 if table == "event" else ROWS + 1,)
        ]
    to_sqlite(project, back)
    with changed(back / "gleanery.db") as db:
        row = db.execute(
            "INSERT INTO event (task_id, seq, at, type, message, data) VALUES ('t', 1, 1, '', '', '')"
        ).lastrowid
    assert row == LAST_EVENT + 2


def test_a_nul_is_replaced_and_told(folder: Path, project: Project, back: Path) -> None:
    with changed(folder / "gleanery.db") as db:
        db.execute("UPDATE task SET title = 'a' || char(0) || 'b' WHERE attempt IN (1, 2)")
    done = to_supabase(folder, project)
    assert (done.differences, done.replaced) == ([], 2)
    assert in_project(project, "select title from task where attempt = 1") == [("a\ufffdb",)]
    assert to_sqlite(project, back).replaced == 0


def test_an_empty_store_is_moved_too(tmp_path: Path, project: Project, tables: Sequence[Table], back: Path) -> None:
    fill(tmp_path / "gleanery.db", [])
    assert to_supabase(tmp_path, project).rows == dict.fromkeys(MOVED, 0)
    assert to_sqlite(project, back).differences == []
    assert rows_of(back / "gleanery.db", tables) == rows_of(tmp_path / "gleanery.db", tables)


# --- broken off ---


@pytest.fixture
def many_events(tmp_path: Path, tables: Sequence[Table]) -> Path:
    (tmp_path / "many").mkdir()
    fill(tmp_path / "many" / "gleanery.db", tables, events=2 * moving.BATCH_ROWS + 1)
    return tmp_path / "many"


@pytest.mark.parametrize(
    ("table", "rows", "step", "copied"),
    [
        ("source", ROWS, Step.COPIED, 0),
        ("event", moving.BATCH_ROWS, Step.COPIED, moving.BATCH_ROWS),
        ("", 0, Step.INDEXED, 2 * moving.BATCH_ROWS + 1),
        ("task", ROWS, Step.COMPARED, 2 * moving.BATCH_ROWS + 1),
    ],
)
def test_one_that_was_broken_off_goes_on_where_it_was(
    many_events: Path,
    project: Project,
    back: Path,
    tables: Sequence[Table],
    table: str,
    rows: int,
    step: Step,
    copied: int,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        to_supabase(many_events, project, Listening(table, rows, step))
    assert in_project(project, "select count(*) from event") == [(copied,)]
    listener = Listening()
    done = to_supabase(many_events, project, listener)
    assert (done.has_gone_on, done.differences) == (True, [])
    assert listener.counts[Step.COPIED, "event"] == 2 * moving.BATCH_ROWS + 1
    assert done.copied <= sum(done.rows.values()) - max(copied, ROWS)
    with pytest.raises(KeyboardInterrupt):
        to_sqlite(project, back, Listening(table, rows, step))
    assert [file.name for file in back.iterdir() if file.suffix == ".db"] == []
    returned = to_sqlite(project, back)
    assert (returned.has_gone_on, returned.differences) == (True, [])
    assert rows_of(back / "gleanery.db", tables) == rows_of(many_events / "gleanery.db", tables)


def test_a_file_as_a_dead_process_leaves_it_is_gone_on_with(
    many_events: Path, project: Project, back: Path, tables: Sequence[Table], tmp_path: Path
) -> None:
    class Copying(Listening):
        def done(self, step: Step, table: str, rows: int) -> None:
            if (step, table, rows) == (Step.COPIED, "event", moving.BATCH_ROWS) and not (tmp_path / "dead").exists():
                shutil.copytree(back, tmp_path / "dead")

    to_supabase(many_events, project)
    to_sqlite(project, back, Copying())
    left = sorted(file.name for file in (tmp_path / "dead").iterdir())
    assert left == [UNFINISHED, f"{UNFINISHED}-shm", f"{UNFINISHED}-wal"]
    again = to_sqlite(project, tmp_path / "dead")
    assert (again.has_gone_on, again.differences) == (True, [])
    assert moving.BATCH_ROWS < again.copied <= sum(again.rows.values()) - moving.BATCH_ROWS
    assert rows_of(tmp_path / "dead" / "gleanery.db", tables) == rows_of(many_events / "gleanery.db", tables)


async def test_nobody_works_with_half_a_store(folder: Path, project: Project) -> None:
    with pytest.raises(KeyboardInterrupt):
        to_supabase(folder, project, Listening("chunk", ROWS))
    async with Gateway(project) as gateway:
        store = SupabaseStore(gateway.url, project.service_key, Changes())
        with pytest.raises(errors.StorageError, match="gleanery move --to supabase"):
            await store.__aenter__()
        to_supabase(folder, project)
        async with store:
            assert "PostgreSQL" in await store.health()


def test_indexes_are_the_same_afterwards(folder: Path, project: Project) -> None:
    query = "select indexname, indexdef from pg_indexes where schemaname = 'gleanery' order by 1"
    before = in_project(project, query)
    with pytest.raises(KeyboardInterrupt):
        to_supabase(folder, project, Listening("chunk", ROWS))
    without = {name for name, _ in before} - {name for name, _ in in_project(project, query)}
    assert {"vector_near_384", "chunk_words_found"} <= without
    with pytest.raises(KeyboardInterrupt):
        to_supabase(folder, project, Listening("text", ROWS), is_afresh=True)
    to_supabase(folder, project)
    assert in_project(project, query) == before


def test_a_source_that_changed_meanwhile_is_not_mixed_with_what_it_was(
    folder: Path, project: Project, back: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        to_supabase(folder, project, Listening("chunk", ROWS))
    with changed(folder / "gleanery.db") as db:
        db.execute("DELETE FROM step WHERE at < 2")
    with pytest.raises(errors.WrongState, match="--afresh"):
        to_supabase(folder, project)
    done = to_supabase(folder, project, is_afresh=True)
    assert (done.has_gone_on, done.differences, done.rows["step"]) == (False, [], ROWS - 1)
    with pytest.raises(KeyboardInterrupt):
        to_sqlite(project, back, Listening("chunk", ROWS))
    in_project(project, "delete from step where at < 3 returning 1")
    with pytest.raises(errors.WrongState, match="--afresh"):
        to_sqlite(project, back)
    assert to_sqlite(project, back, is_afresh=True).rows["step"] == ROWS - 2


def test_what_differs_is_told_and_not_called_done(folder: Path, project: Project, back: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        to_supabase(folder, project, Listening("chunk", ROWS))
    in_project(project, "update source set title = 'x' where generation = 4 returning 1")
    in_project(project, "delete from generation where base is null returning 1")
    done = to_supabase(folder, project)
    assert [line.partition(" (")[0] for line in done.differences] == [*["source"], *["generation"] * 4]
    assert "differs in title" in done.differences[0]
    assert in_project(project, "select ended_at from move") == [(None,)]


# --- refused ---


def test_a_goal_with_rows_of_its_own_is_refused(folder: Path, project: Project, back: Path) -> None:
    for name in sorted(MADE_AT_A_START):
        assert name in MOVED
    in_project(project, "insert into framework values ('f', '1', '', '', '') returning 1")
    in_project(project, "insert into step values ('t', 'n', '', 1) returning 1")
    for is_afresh in (False, True):
        with pytest.raises(errors.WrongState, match=r"not empty \(there are rows in step\)"):
            to_supabase(folder, project, is_afresh=is_afresh)
    assert in_project(project, "select count(*) from step") == [(1,)]
    in_project(project, "delete from step returning 1")
    assert to_supabase(folder, project).rows["framework"] == ROWS
    with pytest.raises(errors.WrongState, match="not empty"):
        to_supabase(folder, project)
    (back / "gleanery.db").touch()
    with pytest.raises(errors.WrongState, match=r"has a gleanery\.db already"):
        to_sqlite(project, back)
    assert not (back / UNFINISHED).exists()


def test_a_database_on_which_somebody_lives_is_refused(folder: Path, project: Project, back: Path) -> None:
    now = "extract(epoch from clock_timestamp())"
    living = (
        f"insert into worker values ('w', 'h', 1, '', '', 1, 0, 1, 'running', 1, {now}) returning 1",
        f"insert into presence values ('w', 'l', 'p', 30, {now} + 30) returning 1",
    )
    for row in living:
        project.empty()
        in_project(project, row)
        with pytest.raises(errors.WrongState, match="worker w works on the database"):
            to_supabase(folder, project)
        with pytest.raises(errors.WrongState, match="worker w works on the database"):
            to_sqlite(project, back)
    assert list(back.iterdir()) == []
    in_project(project, f"update presence set lease_until = {now} - 1 returning 1")
    assert to_supabase(folder, project).differences == []


def test_nobody_writes_to_a_store_while_it_is_moved(folder: Path, project: Project) -> None:
    with sqlite_source(folder):
        db = sqlite3.connect(folder / "gleanery.db", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute("DELETE FROM step")
        db.close()
    with postgres_source(project.database_url), project.connect() as other:
        other.execute("set lock_timeout = '50ms'")
        for name in ("task", "event", "presence"):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(f"delete from gleanery.{name}")


def test_a_folder_without_a_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidInput, match=r"there is no gleanery\.db"), sqlite_source(tmp_path / "none"):
        pass


# --- a backup of a project ---


class Beginning(Listening):
    """Does something when the copy begins."""

    def __init__(self, at_once: Callable[[], object]) -> None:
        super().__init__()
        self._at_once = at_once

    def begin(self, rows: int) -> None:
        super().begin(rows)
        self._at_once()


def backed_up(url: str, data_dir: Path, target: Path, listener: Listening | None = None) -> Backup:
    view = contextlib.nullcontext(listener or Listening())
    return make_project_backup(url, data_dir, target, view, made_by="test", now=datetime.now(UTC))


def test_a_second_backup_of_a_project_leaves_the_first_alone(
    folder: Path, project: Project, back: Path, tmp_path: Path
) -> None:
    to_supabase(folder, project)

    def second() -> None:
        with pytest.raises(errors.WrongState, match="A backup is being made already"):
            backed_up(project.database_url, back, tmp_path / "second.zip")

    made = backed_up(project.database_url, back, tmp_path / "first.zip", Beginning(second))
    assert {name: made.tables[name] for name in MOVED} == dict.fromkeys(MOVED, ROWS)
    assert not (tmp_path / "second.zip").exists()
    backed_up(project.database_url, back, tmp_path / "second.zip")


def test_a_backup_of_a_project_reads_nothing_when_its_file_is_there_already(back: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(errors.WrongState, match="is there already"):
        backed_up("postgresql://127.0.0.1:9/none", back, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "mine"
