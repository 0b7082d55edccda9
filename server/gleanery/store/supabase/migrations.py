"""The schema in Supabase: numbered SQL files, applied once each, and the check that a server makes at its start.

A file that was released never changes (tests/store/released_migrations.txt has them); a new one is added, with a higher number.
`gleanery.migration` keeps the number and checksum of each. Servers that run go on while a newer schema is applied: so a file
that adds a column gives it no `not null`, or replaces the functions that insert, and one that takes something away waits
until no version that works with it can be running.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gleanery import errors
from gleanery.store.supabase import procrastinate_schema

if TYPE_CHECKING:
    import psycopg

PREPARE = """create schema if not exists gleanery;
create table if not exists gleanery.migration (
    number     integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now()
);
"""
FINISH = "select gleanery.secure();\nnotify pgrst, 'reload schema';\n"
UNHURRIED = "set local statement_timeout = 0"
"""A step may take long, whatever bound the role has."""
LOCK = 7364251800
"""Whoever migrates holds this advisory lock: a second one waits and finds nothing to do."""


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@functools.cache
def known() -> tuple[Migration, ...]:
    """The files that come along, in order."""
    folder = files("gleanery.store.supabase") / "sql"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(
        Migration(int(file.name[:3]), file.name[4:].removesuffix(".sql"), file.read_text("utf-8")) for file in found
    )


def apply(database_url: str, ours: Sequence[Migration] | None = None) -> Sequence[str]:
    """Bring the database to this gleanery's schema (or to `ours`); the names of what was applied. Raises StorageError."""
    import psycopg

    try:
        with psycopg.connect(database_url) as connection:
            connection.execute(UNHURRIED)
            connection.execute(f"select pg_advisory_xact_lock({LOCK})")
            connection.execute(PREPARE)
            rows = connection.execute("select number, name, checksum from gleanery.migration").fetchall()
            missing = to_apply([{"number": row[0], "name": row[1], "checksum": row[2]} for row in rows], ours)
            for migration in missing:
                connection.execute(_as_query(migration.sql))
                connection.execute(
                    "insert into gleanery.migration (number, name, checksum) values (%s, %s, %s)",
                    (migration.number, migration.name, migration.checksum),
                )
            doorbells = _apply_procrastinate(connection)
            connection.execute(FINISH)
    except psycopg.Error as error:
        raise errors.StorageError(f"The database could not be migrated: {error}".strip()) from error
    return [*(f"{migration.number:03d}_{migration.name}" for migration in missing), *doorbells]


def _apply_procrastinate(connection: psycopg.Connection[Any]) -> Sequence[str]:
    connection.execute(_as_query(procrastinate_schema.PREPARE))
    rows = connection.execute(_as_query(f"select name from {procrastinate_schema.SCHEMA}.step")).fetchall()
    missing = procrastinate_schema.steps([row[0] for row in rows])
    connection.execute(_as_query(f"set local search_path = {procrastinate_schema.SCHEMA}, pg_temp"))
    for _, sql in missing:
        connection.execute(_as_query(sql))
    connection.execute("set local search_path to default")
    return [name for name, _ in missing]


def _as_query(sql: str) -> Any:
    """psycopg's type of a query is a literal string: this one is read from our own files."""
    return sql


def script() -> str:
    """All of it as one file for Supabase's SQL editor. It may be run again, and then does nothing."""
    parts = [f"begin;\n{UNHURRIED};\nselect pg_advisory_xact_lock({LOCK});\n{PREPARE}"]
    for one in known():
        row = f"({one.number}, '{one.name}', '{one.checksum}')"
        parts.append(
            "do $gleanery_step$ begin\n"
            f"if not exists (select from gleanery.migration where number = {one.number}) then\n"
            f"execute $gleanery_migration$\n{one.sql}$gleanery_migration$;\n"
            f"insert into gleanery.migration (number, name, checksum) values {row};\n"
            "end if;\nend $gleanery_step$;\n"
        )
    return "\n".join([*parts, procrastinate_schema.script(), f"{FINISH}commit;\n"])


def to_apply(applied: Sequence[Mapping[str, Any]], ours: Sequence[Migration] | None = None) -> Sequence[Migration]:
    """The migrations that a database with these (`number`, `name`, `checksum`) lacks. Raises StorageError for a schema that
    this gleanery doesn't know."""
    by_number = {migration.number: migration for migration in (known() if ours is None else ours)}
    for row in applied:
        mine = by_number.get(row["number"])
        if mine is None:
            raise errors.StorageError(
                f"The database has the migration {row['number']} ({row['name']}), which this gleanery doesn't know:"
                " run the newer gleanery that made it.",
                found=row["number"],
                known=max(by_number),
            )
        if mine.checksum != row["checksum"]:
            raise errors.StorageError(
                f"The migration {row['number']} ({row['name']}) of the database is another one than this gleanery's:"
                " run the gleanery that made it, or take a database of its own.",
                found=row["number"],
                known=max(by_number),
            )
    numbers = {row["number"] for row in applied}
    return [migration for number, migration in sorted(by_number.items()) if number not in numbers]


def check(applied: Sequence[Mapping[str, Any]]) -> None:
    """Raises StorageError unless the database has exactly this gleanery's schema."""
    missing = to_apply(applied)
    if missing:
        raise errors.StorageError(
            f"The database lacks {len(missing)} migrations of this gleanery, the first is {missing[0].number}"
            f" ({missing[0].name}): run `gleanery migrate`, then start it again.",
            found=len(applied),
            known=len(known()),
        )
