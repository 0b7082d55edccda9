"""An embedded store as the source or the goal of a move."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gleanery import errors
from gleanery.store.archive import sync_folder
from gleanery.store.backup import DATABASE, SECRET
from gleanery.store.moving.ends import Inventory, Key, Reader, Row
from gleanery.store.moving.plan import Columns, Found, Kind, Table
from gleanery.store.page_rows import Words, chunk_row_words, code_row_words
from gleanery.store.sqlite import bring_up_to_date, connect, translate

UNFINISHED = f"{DATABASE}.moving"
"""What is filled: no server sees it before all is there."""
READ_ROWS = 200

_ADD_WORDS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Words]]] = {
    "chunk": ("INSERT INTO chunk_words (rowid, title, headings, body, code, names, context)", chunk_row_words),
    "code_example": ("INSERT INTO code_words (rowid, title, headings, context, code, names, summary)", code_row_words),
}


@contextlib.contextmanager
def sqlite_source(data_dir: Path) -> Iterator[SqliteReader]:
    """The store in this folder, brought to the newest schema. Until the end of the block nobody can write to it.

    Raises InvalidInput where there is none, StorageError when it can't be read or somebody is writing.
    """
    path = data_dir / DATABASE
    if not path.is_file():
        raise errors.InvalidInput("GLEANERY_DATA_DIR", f"there is no {DATABASE} in {data_dir}: nothing to move")
    with _translated(path), contextlib.closing(connect(path, read_only=False)) as connection:
        bring_up_to_date(connection)
        connection.execute("BEGIN IMMEDIATE")  # one moment, and the only writer is this one
        yield SqliteReader(connection, path)


@contextlib.contextmanager
def sqlite_goal(data_dir: Path) -> Iterator[SqliteGoal]:
    """A store to be, in this folder. Raises WrongState when there is one already."""
    if (data_dir / DATABASE).exists():
        raise errors.WrongState(
            f"{data_dir} has a {DATABASE} already: take another folder with --data-dir, or put that file aside."
        )
    goal = SqliteGoal(data_dir)
    with _translated(data_dir / UNFINISHED):
        try:
            yield goal
        finally:
            goal.close()


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        translated = translate(error)
        raise type(translated)(f"{path}: {translated.message}") from error


class SqliteReader:
    """`Reader` over a connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self.name = str(path)

    def columns(self) -> Columns:
        names = self._db.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')"
            " AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return {
            name: [Found(row["name"], row["type"], row["pk"]) for row in self._db.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }

    def count(self, table: Table) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])

    def rows(self, table: Table, after: Key | None = None) -> Iterator[Row]:
        names, key = _listed(column.name for column in table.columns), _listed(table.key_names)
        behind = "" if after is None else f" WHERE ({key}) > ({_marks(after)})"
        cursor = self._db.cursor()
        cursor.row_factory = None
        cursor.execute(f"SELECT {names} FROM {table.name}{behind} ORDER BY {key}", after or ())
        json_places = [place for place, column in enumerate(table.columns) if column.kind is Kind.JSON]
        while rows := cursor.fetchmany(READ_ROWS):
            yield from (rows if not json_places else (_with_sorted_keys(row, json_places) for row in rows))

    def highest_number(self, table: Table) -> int:
        given = self._db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()[0]
        there = self._db.execute(f"SELECT max({table.numbered}) FROM {table.name}").fetchone()[0]
        return max(given or 0, there or 0)

    def secret(self) -> str | None:
        path = self._path.with_name(SECRET)
        return path.read_text("ascii", "replace").strip() if path.is_file() else None


class SqliteGoal:
    """`Goal` as a file that gets its name at the end."""

    keeps_nul = True

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / UNFINISHED
        self._done = data_dir / DATABASE
        self.name = str(self._done)
        self._open()

    def _open(self) -> None:
        if not self._path.exists():
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._db = connect(self._path, read_only=False)
        # A crash of this process loses nothing by that; after one of the machine the rows of the last moments are copied again.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA wal_autocheckpoint = 1000")
        bring_up_to_date(self._db)
        self._db.execute("CREATE TABLE IF NOT EXISTS move (inventory TEXT NOT NULL)")

    def close(self) -> None:
        self._db.close()

    @property
    def reader(self) -> Reader:
        return SqliteReader(self._db, self._done)

    def columns(self) -> Columns:
        return self.reader.columns()

    def begin(self, inventory: Inventory, *, is_afresh: bool) -> bool:
        if is_afresh:
            self._drop()
        said = json.dumps(asdict(inventory), sort_keys=True)
        begun = self._db.execute("SELECT inventory FROM move").fetchone()
        if begun is None:
            self._db.execute("INSERT INTO move VALUES (?)", (said,))
        elif begun[0] != said:
            raise errors.WrongState(
                f"{self._path} was begun with another source, or it has changed since: say --afresh to begin anew."
            )
        return begun is not None

    def _drop(self) -> None:
        self._db.close()
        for end in ("", "-wal", "-shm"):
            self._path.with_name(f"{self._path.name}{end}").unlink(missing_ok=True)
        self._open()

    def last_key(self, table: Table) -> Key | None:
        names = _listed(table.key_names)
        newest = ", ".join(f'"{name}" DESC' for name in table.key_names)
        row = self._db.execute(f"SELECT {names} FROM {table.name} ORDER BY {newest} LIMIT 1").fetchone()
        return None if row is None else tuple(row)

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        names = [column.name for column in table.columns]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(f"INSERT INTO {table.name} ({_listed(names)}) VALUES ({_marks(names)})", rows)
            if (made := _ADD_WORDS.get(table.name)) is not None:
                statement, words_of = made
                by_name = (dict(zip(names, row, strict=True)) for row in rows)
                words = [(row["row_id"], *words_of(row)) for row in by_name]
                self._db.executemany(f"{statement} VALUES (?, ?, ?, ?, ?, ?, ?)", words)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def settle(self, numbers: Mapping[Table, int]) -> None:
        """Only tables whose numbers are never given twice keep the highest; the others go on behind their last row."""
        for table, number in numbers.items():
            made = self._db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table.name,)).fetchone()[0]
            if "AUTOINCREMENT" in made and number:
                self._db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
                self._db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))

    def keep_secret(self, secret: str) -> None:
        path = self._done.with_name(SECRET)
        if path.is_file() and path.read_text("ascii", "replace").strip() != secret:
            path.replace(path.with_name(f"{SECRET}.before-move"))
        if not path.is_file():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(f"{secret}\n")

    def derived(self) -> Sequence[str]:
        wrong = []
        for words, rows in (("chunk_words", "chunk"), ("code_words", "code_example")):
            self._db.execute(f"INSERT INTO {words} ({words}) VALUES ('integrity-check')")
            found = self._db.execute(f"SELECT count(*) FROM {words}_docsize").fetchone()[0]
            wanted = self._db.execute(f"SELECT count(*) FROM {rows}").fetchone()[0]
            if found != wanted:
                wrong.append(f"{words} has the words of {found} rows of {wanted}.")
        return wrong

    def finish(self) -> None:
        self._db.execute("DROP TABLE move")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.execute("PRAGMA journal_mode = DELETE")  # all of it in one file, on the disk
        self._db.close()
        handle = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self._path.rename(self._done)
        sync_folder(self._done.parent)


def _listed(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _with_sorted_keys(row: Row, places: Sequence[int]) -> Row:
    values = list(row)
    for place in places:
        values[place] = json.dumps(json.loads(values[place]), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return tuple(values)
