"""Stores over a database that fails on demand."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gleanery.engine.events import ChangeFeed
from gleanery.model import Clock, utc_now
from gleanery.store.base import Store
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_tasks import SqliteTasks
from gleanery.store.sqlite_workers import SqliteWorkers
from gleanery.store.values import Change, OnChange
from tests.engine.stage import Stage


class Faults:
    """Which statements of the writer fail: from the n-th after `arm`, so many in a row."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._failing = range(0)
        self.failed: list[str] = []
        self.count = 0

    def arm(self, first: int, times: int) -> None:
        self._numbers = itertools.count(1)
        self._failing = range(first, first + times)

    def disarm(self) -> None:
        self._failing = range(0)

    def note(self, statement: str) -> None:
        self.count = next(self._numbers)
        if self.count in self._failing:
            self.failed.append(statement)
            raise sqlite3.OperationalError("disk I/O error")


class FailingConnection:
    """A connection whose statements fail as `faults` says, before they do anything."""

    def __init__(self, inner: sqlite3.Connection, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self._faults.note(sql)
        return self._inner.execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self._faults.note(sql)
        return self._inner.executemany(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class FaultyDatabase(Database):
    """A `Database` whose writer fails as `faults` says, and waits `busy_milliseconds` for another's lock."""

    def __init__(
        self,
        path: Path,
        on_change: OnChange,
        clock: Clock = utc_now,
        *,
        faults: Faults,
        busy_milliseconds: int = 10_000,
    ) -> None:
        super().__init__(path, on_change, clock)
        self._faults = faults
        self._busy_milliseconds = busy_milliseconds

    def _open(self) -> sqlite3.Connection:
        connection = super()._open()
        connection.execute(f"PRAGMA busy_timeout = {self._busy_milliseconds}")
        return cast(sqlite3.Connection, FailingConnection(connection, self._faults))


@dataclass(frozen=True)
class Parts:
    """What the engine works with of a store."""

    tasks: SqliteTasks
    workers: SqliteWorkers


@dataclass(frozen=True)
class FaultyStage:
    """A stage over a database that fails as `faults` says; `seqs` are the events that were told, by task."""

    stage: Stage
    database: FaultyDatabase
    faults: Faults
    seqs: dict[str, list[int]]

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.seqs.setdefault(change.task.task_id, []).extend(event.seq for event in change.events)


@asynccontextmanager
async def faulty_stage(folder: Path, *, busy_milliseconds: int = 10_000) -> AsyncIterator[FaultyStage]:
    feed, faults = ChangeFeed(), Faults()
    path = folder / "gleanery.db"
    async with FaultyDatabase(path, feed.publish, faults=faults, busy_milliseconds=busy_milliseconds) as database:
        parts = Parts(SqliteTasks(database), SqliteWorkers(database))
        it = FaultyStage(Stage(cast(Store, parts), feed, folder), database, faults, {})
        feed.listen(it.hear)
        yield it
