"""Which tables are moved, in batches of which size, and how two tables are compared."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gleanery import errors
from gleanery.store.moving import move
from gleanery.store.moving.comparing import SHOWN, compare
from gleanery.store.moving.plan import MOVED, NOT_MOVED, Column, Columns, Kind, Table, plan
from gleanery.store.moving.sqlite_end import SqliteReader
from gleanery.store.sqlite import bring_up_to_date, connect
from gleanery.store.supabase.moving import PostgresReader
from tests.ground.supabase import Project


@pytest.fixture
def sqlite(tmp_path: Path) -> Columns:
    path = tmp_path / "gleanery.db"
    with closing(connect(path, read_only=False)) as db:
        bring_up_to_date(db)
        return SqliteReader(db, path).columns()


@pytest.fixture
def postgres(supabase_project: Project) -> Columns:
    with supabase_project.connect() as db:
        return PostgresReader(db, "it").columns()


def test_every_table_of_both_stores_is_moved_or_left_for_a_reason(sqlite: Columns, postgres: Columns) -> None:
    assert not set(MOVED) & set(NOT_MOVED)
    assert set(MOVED) <= set(sqlite) & set(postgres)
    assert {*sqlite, *postgres} - set(MOVED) == set(NOT_MOVED)


def test_a_row_goes_before_those_that_belong_to_it(supabase_project: Project) -> None:
    with supabase_project.connect() as db:
        pairs = db.execute(
            "select c.conrelid::regclass::text, c.confrelid::regclass::text from pg_constraint c"
            " where contype = 'f' and connamespace = 'gleanery'::regnamespace"
        ).fetchall()
    names = [tuple(name.removeprefix("gleanery.") for name in pair) for pair in pairs]
    assert len(names) >= 5
    for child, parent in names:
        assert child in NOT_MOVED or MOVED.index(parent) < MOVED.index(child)


def test_columns_and_keys_correspond(sqlite: Columns, postgres: Columns) -> None:
    tables = {table.name: table for table in plan(sqlite, postgres)}
    assert tuple(tables) == MOVED
    kinds = {column.name: column.kind for column in tables["vector"].columns}
    assert kinds == {"text_row": Kind.INTEGER, "model": Kind.TEXT, "data": Kind.HALVES}
    assert tables["frontier"].key_names == ("task_id", "url_key")
    assert tables["story_step"].key_names == ("story_id", "stage", "ordinal")
    assert all(table.key for table in tables.values())
    numbered = {name for name, table in tables.items() if table.numbered}
    assert numbered == {
        *("page", "text", "chunk", "code_example", "event", "web_page_part", "trace", "trace_group_event")
    }


def test_a_table_or_a_column_of_one_store_alone_is_a_fault(sqlite: Columns, postgres: Columns) -> None:
    with pytest.raises(errors.StorageError, match="table forgotten can't be moved"):
        plan({**sqlite, "forgotten": ()}, postgres)
    with pytest.raises(errors.StorageError, match="only one of both stores has created_at"):
        plan({**sqlite, "task": [column for column in sqlite["task"] if column.name != "created_at"]}, postgres)
    odd = [replace(column, type="date") if column.name == "title" else column for column in postgres["task"]]
    with pytest.raises(errors.StorageError, match="column title of task"):
        plan(sqlite, {**postgres, "task": odd})


PAIRS = Table("pair", (Column("value", Kind.TEXT), Column("id", Kind.INTEGER)), (1,))


def test_rows_are_compared_by_their_keys() -> None:
    source = [(str(number), number) for number in range(1, 8)]
    goal = [("x", 0), ("1", 1), ("other", 2), ("4", 4), ("5", 5), ("6", 6), ("7", 7), ("x", 9)]
    *_, result = compare(PAIRS, source, goal)
    assert (result.equal, result.changed, result.missing, result.added) == (5, 1, 1, 2)
    assert result.first == [
        "pair (0) is only in the goal.",
        "pair (2) differs in value.",
        "pair (3) is missing in the goal.",
        "pair (9) is only in the goal.",
    ]
    *_, result = compare(PAIRS, source, [])
    assert (result.differences, len(result.first)) == (7, SHOWN)
    *_, result = compare(PAIRS, [], [])
    assert result.differences == 0


def test_a_batch_has_some_megabytes_and_not_too_many_rows() -> None:
    long = "x" * (move.BATCH_BYTES // 2)
    sizes = [len(batch) for batch in move.batches([(long,), ("",), (long,), (b"y" * move.BATCH_BYTES,), (1,)])]
    assert sizes == [3, 1, 1]
    assert [len(batch) for batch in move.batches([(1,)] * (move.BATCH_ROWS + 1))] == [move.BATCH_ROWS, 1]
    assert list(move.batches([])) == []


def test_the_address_of_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    from gleanery.store.supabase.moving import postgres_goal, postgres_source

    for end in (postgres_goal, postgres_source):
        with pytest.raises(errors.StorageError), end("postgresql://127.0.0.1:9/none"):
            pass
