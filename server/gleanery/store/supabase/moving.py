"""A Supabase project as the source or the goal of a move: its PostgreSQL itself, read in streams and filled by COPY.

Not over PostgREST: one transaction may hold a whole table there, and rows go as bytes. The connection has to be one of its own
or of a pooler in session mode, since what is set on it must hold until its end.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gleanery import errors
from gleanery.store.backup import SECRET
from gleanery.store.moving.ends import Inventory, Key, Reader, Row
from gleanery.store.moving.plan import MADE_AT_A_START, Columns, Found, Kind, Table
from gleanery.store.page_rows import Words, chunk_row_words, code_row_words
from gleanery.store.search_store import Shelf
from gleanery.store.supabase import migrations
from gleanery.store.supabase.half_floats import from_sent, to_send
from gleanery.store.supabase.words import vector_of

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

LIVING_SECONDS = 20.0
"""A worker tells of itself every 5 seconds: one that has done so since then may still write."""
LOCK_SECONDS = 10
LOCK = 7364251804
"""Whoever moves holds this advisory lock."""
READ_ROWS = 200
COUNTED_AT_ONCE = 2_000
INDEX_MEMORY = "128MB"
_PATH = "gleanery, extensions, public, pg_temp"
_SESSION = f"""
set search_path = {_PATH};
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set client_connection_check_interval = '1s';
set lock_timeout = '{LOCK_SECONDS}s';
set maintenance_work_mem = '{INDEX_MEMORY}';
"""
_COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, null), coalesce(array_position(i.indkey::smallint[], a.attnum) + 1, 0),
    a.attidentity <> ''
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_index i on i.indrelid = c.oid and i.indisprimary
where c.relnamespace = 'gleanery'::regnamespace and c.relkind in ('r', 'p')
order by c.relname, a.attnum
"""
_LIVING = """
select worker_id, lasts - extract(epoch from clock_timestamp())::double precision from (
    select worker_id, beat_at + %(seconds)s as lasts from worker
    union all
    select worker_id, lease_until from presence
) as one where lasts > extract(epoch from clock_timestamp()) order by lasts desc limit 1
"""
_INDEXES = """
select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am on pg_am.oid = c.relam
where c.relnamespace = 'gleanery'::regnamespace and amname in ('gin', 'hnsw') order by 1
"""
"""Those that take long to grow by rows, and little to be made of all at once."""
_HEAD, _TAIL = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)

_WORDS: Mapping[str, tuple[Shelf, str, Callable[[Mapping[str, Any]], Words]]] = {
    "chunk": (Shelf.CHUNKS, "index_chunks", chunk_row_words),
    "code_example": (Shelf.CODE, "index_code", code_row_words),
}


@contextlib.contextmanager
def postgres_source(url: str, *, is_shared: bool = False) -> Iterator[PostgresReader]:
    """The store in this database, at one moment. Until the end of the block nobody can write to it, unless it is shared.

    Raises WrongState while a server or worker lives on it, StorageError when it can't be read.
    """
    with _connected(url) as db:
        tables = [
            row[0] for row in db.execute("select tablename from pg_tables where schemaname = 'gleanery' order by 1")
        ]
        if not tables:
            raise errors.StorageError("The database has nothing of gleanery: there is nothing to move.")
        if not is_shared:
            _check_alone(db)  # before the locks, which would stop whoever lives
        # What is seen is of the first look after this, and the locks come before it: so they hold still what is seen.
        db.execute("begin isolation level repeatable read")
        if not is_shared:
            db.execute(_query(f"lock table {_listed(tables)} in share mode"))
        rows = db.execute("select number, name, checksum from migration").fetchall()
        migrations.check([dict(zip(("number", "name", "checksum"), row, strict=True)) for row in rows])
        if not is_shared:
            _check_alone(db)
        if db.execute("select from move where ended_at is null").fetchone() is not None:
            raise errors.WrongState("The database is itself the goal of a move that was not finished.")
        yield PostgresReader(db, _name(db))


@contextlib.contextmanager
def postgres_goal(url: str) -> Iterator[PostgresGoal]:
    """The store to be, in this database, whose schema is made or brought up to date.

    Raises WrongState while somebody lives on it or another move is under way, StorageError when it can't be written.
    """
    import psycopg

    migrations.apply(url)
    with _connected(url) as db:
        try:
            db.execute("select pg_advisory_lock(%s)", (LOCK,))
        except psycopg.errors.LockNotAvailable:
            raise errors.WrongState("Another move to this database is under way: wait until it has ended.") from None
        _check_alone(db)
        yield PostgresGoal(db)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Connection]:
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            connection.execute(_SESSION)
            yield connection
    except psycopg.errors.LockNotAvailable as error:
        raise errors.WrongState(
            "Somebody writes to the database: stop every server and worker, then run it again."
        ) from error
    except psycopg.Error as error:
        raise errors.StorageError(f"PostgreSQL: {error}".strip()) from error


def _check_alone(db: Connection) -> None:
    row = db.execute(_LIVING, {"seconds": LIVING_SECONDS}).fetchone()
    if row is not None:
        raise errors.WrongState(
            f"The worker {row[0]} works on the database: stop every server and worker first. One that was killed is known to"
            f" be gone in {max(1, row[1]):.0f} seconds."
        )


def _name(db: Connection) -> str:
    return f"the database {db.info.dbname} on {db.info.host or 'this machine'}"


def _value(db: Connection, query: Any, values: Sequence[Any] = ()) -> Any:
    row = db.execute(query, values).fetchone()
    assert row is not None
    return row[0]


class PostgresReader:
    """`Reader` over a connection."""

    def __init__(self, db: Connection, name: str) -> None:
        self._db = db
        self.name = name

    def columns(self) -> Columns:
        found: dict[str, list[Found]] = {}
        for table, name, kind, key, is_numbered in self._db.execute(_COLUMNS):
            found.setdefault(table, []).append(Found(name, kind.rpartition(".")[2], key, is_numbered))
        return found

    def count(self, table: Table) -> int:
        return int(_value(self._db, _query(f"select count(*) from {table.name}")))

    def rows(self, table: Table, after: Key | None = None) -> Iterator[Row]:
        names, key = ", ".join(_as_sent(column.name, column.kind) for column in table.columns), _listed(table.key_names)
        behind = "" if after is None else f" where ({key}) > ({', '.join(['%s'] * len(after))})"
        query = _query(f"select {names} from {table.name}{behind} order by {key}")
        read = {place: _READ[column.kind] for place, column in enumerate(table.columns) if column.kind in _READ}
        with self._db.cursor(binary=True) as cursor:
            for row in cursor.stream(query, after or (), size=READ_ROWS):
                yield row if not read else _converted(row, read)

    def highest_number(self, table: Table) -> int:
        sequence = _value(self._db, "select pg_get_serial_sequence(%s, %s)", (f"gleanery.{table.name}", table.numbered))
        given = _value(self._db, _query(f"select case when is_called then last_value else 0 end from {sequence}"))
        there = _value(self._db, _query(f"select coalesce(max({table.numbered}), 0) from {table.name}"))
        return max(int(given), int(there))

    def secret(self) -> str | None:
        row = self._db.execute("select value from common where name = %s", (SECRET,)).fetchone()
        return None if row is None else row[0]


class PostgresGoal:
    """`Goal` over a connection."""

    keeps_nul = False

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.name = _name(db)
        self.reader: Reader = PostgresReader(db, self.name)

    def columns(self) -> Columns:
        return self.reader.columns()

    def begin(self, inventory: Inventory, *, is_afresh: bool) -> bool:
        said = json.dumps(asdict(inventory), sort_keys=True)
        with self._db.transaction():
            begun = self._db.execute("select inventory from move where ended_at is null").fetchone()
            if begun is not None and not is_afresh:
                if begun[0] != said:
                    raise errors.WrongState(
                        f"A move of another source to {self.name} was begun, or its source has changed since:"
                        " say --afresh to drop what was copied and begin anew."
                    )
                return True
            if begun is None:
                self._check_empty(inventory.rows)
            self._drop_rows()
            self._db.execute(
                "insert into move (inventory, indexes, begun_at) values (%s, %s, extract(epoch from clock_timestamp()))"
                " on conflict (is_only) do update set inventory = excluded.inventory, ended_at = null,"
                " indexes = move.indexes || excluded.indexes, begun_at = excluded.begun_at",
                (said, self._drop_indexes()),
            )
        return False

    def _check_empty(self, tables: Iterable[str]) -> None:
        filled = [
            name
            for name in tables
            if name not in MADE_AT_A_START
            and self._db.execute(_query(f"select from {name} limit 1")).fetchone() is not None
        ]
        if filled:
            raise errors.WrongState(
                f"{self.name} is not empty (there are rows in {', '.join(filled)}): take a project of its own.",
                tables=filled,
            )

    def _drop_rows(self) -> None:
        self._db.execute(_query(f"truncate {_listed(self._names())} restart identity"))

    def _names(self) -> Sequence[str]:
        """All tables but those that are of this database alone."""
        rows = self._db.execute(
            "select tablename from pg_tables where schemaname = 'gleanery' and tablename not in ('migration', 'move')"
        )
        return [name for (name,) in rows]

    def _drop_indexes(self) -> Sequence[str]:
        """They are made again when all rows are there."""
        with _without_path(self._db):
            found = self._db.execute(_INDEXES).fetchall()
            for name, _ in found:
                self._db.execute(_query(f"drop index {name}"))
        return [definition for _, definition in found]

    def last_key(self, table: Table) -> Key | None:
        newest = ", ".join(f'"{name}" desc' for name in table.key_names)
        query = f"select {_listed(table.key_names)} from {table.name} order by {newest} limit 1"
        return self._db.execute(_query(query)).fetchone()

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        names = [column.name for column in table.columns]
        query = _query(f"copy {table.name} ({_listed(names)}) from stdin (format binary)")
        with self._db.transaction():
            with self._db.cursor().copy(query) as copy:
                copy.write(_HEAD + b"".join(_packed(table, row) for row in rows) + _TAIL)
            if (made := _WORDS.get(table.name)) is not None:
                shelf, function, words_of = made
                by_name = (dict(zip(names, row, strict=True)) for row in rows)
                words = [{"row_id": row["row_id"], "words": vector_of(shelf, words_of(row))} for row in by_name]
                self._db.execute(_query(f"select {function}(%s::jsonb)"), (json.dumps(words),))

    def settle(self, numbers: Mapping[Table, int]) -> None:
        for table, number in numbers.items():
            self._db.execute(
                "select setval(pg_get_serial_sequence(%s, %s), %s, %s)",
                (f"gleanery.{table.name}", table.numbered, max(1, number), number > 0),
            )
        self._make_indexes()
        for shelf in Shelf:
            args = json.dumps({"shelf": shelf, "most": COUNTED_AT_ONCE})
            while _value(self._db, "select public.gleanery_search_count_words(%s::jsonb) ->> 'value'", (args,)) != "0":
                pass
        self._db.execute(_query(f"analyze {_listed(self._names())}"))

    def _make_indexes(self) -> None:
        definitions = _value(self._db, "select indexes from move")
        with _without_path(self._db):
            there = {definition for _, definition in self._db.execute(_INDEXES)}
            for definition in definitions:
                if definition not in there:
                    self._db.execute(_query(definition))
                    there.add(definition)

    def keep_secret(self, secret: str) -> None:
        self._db.execute(
            "insert into common values (%s, %s) on conflict (name) do update set value = excluded.value",
            (SECRET, secret),
        )

    def derived(self) -> Sequence[str]:
        wrong = []
        for words, rows, shelf in (("chunk_words", "chunk", Shelf.CHUNKS), ("code_words", "code_example", Shelf.CODE)):
            wanted = _value(self._db, _query(f"select count(*) from {rows}"))
            found = _value(self._db, _query(f"select count(*) from {words} join {rows} using (row_id, page_row)"))
            counted = _value(self._db, "select coalesce(sum(rows), 0) from shelf where shelf = %s", (shelf,))
            if not wanted == found == counted:
                wrong.append(f"{words} has the words of {found} rows of {wanted}, {counted} of them counted.")
        return wrong

    def finish(self) -> None:
        self._db.execute("update move set ended_at = extract(epoch from clock_timestamp()), indexes = '{}'")


@contextlib.contextmanager
def _without_path(db: Connection) -> Iterator[None]:
    """All names are said in full, and mean the same wherever they are read again."""
    db.execute("set search_path = pg_catalog")
    yield
    db.execute(_query(f"set search_path = {_PATH}"))


def _query(sql: str) -> Any:
    """psycopg's type of a query is a literal string: this one is made of names that the database has told."""
    return sql


def _listed(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _as_sent(name: str, kind: Kind) -> str:
    match kind:
        case Kind.HALVES:
            return f'halfvec_send("{name}")'
        case Kind.JSON:
            return f'"{name}"::text'
        case _:
            return f'"{name}"'


def _sorted_json(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_READ: Mapping[Kind, Callable[[Any], Any]] = {Kind.HALVES: from_sent, Kind.JSON: _sorted_json, Kind.FLAG: int}


def _converted(row: Row, read: Mapping[int, Callable[[Any], Any]]) -> Row:
    return tuple(value if value is None or place not in read else read[place](value) for place, value in enumerate(row))


_PACK: Mapping[Kind, Callable[[Any], bytes]] = {
    Kind.INTEGER: struct.Struct(">q").pack,
    Kind.REAL: struct.Struct(">d").pack,
    Kind.TEXT: str.encode,
    Kind.BYTES: bytes,
    Kind.FLAG: lambda value: b"\1" if value else b"\0",
    Kind.HALVES: to_send,
    Kind.JSON: lambda value: b"\1" + value.encode(),
}
"""A value as COPY takes it. https://www.postgresql.org/docs/current/sql-copy.html"""


def _packed(table: Table, row: Row) -> bytes:
    parts = [struct.pack(">h", len(row))]
    for column, value in zip(table.columns, row, strict=True):
        if value is None:
            parts.append(_NULL)
            continue
        try:
            data = _PACK[column.kind](value)
        except (struct.error, TypeError, AttributeError, ValueError) as error:
            key = ", ".join(str(row[place]) for place in table.key)
            raise errors.StorageError(
                f"{column.name} of {table.name} ({key[:200]}) can't be moved: it is no {column.kind} but a"
                f" {type(value).__name__}."
            ) from error
        parts += (struct.pack(">i", len(data)), data)
    return b"".join(parts)
