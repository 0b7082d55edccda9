"""`HostStore` over SQLite: which processes use a host now, so that they share its places, delays and pauses."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gleanery.model import HostUse
from gleanery.store.rows import host_use_from, host_use_row
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import marks

MAX_HOSTS = 500
"""Asked for at once: SQLite takes no more than so many parameters on every build."""


class SqliteHosts:
    """`HostStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def use(self, rows: Sequence[HostUse]) -> None:
        """Set these rows as of now, each in place of the one that the worker had for the host."""
        if rows:
            await self._db.write(lambda tx: _use(tx, rows), is_durable=False)

    async def used(self, hosts: Sequence[str], since: datetime) -> Sequence[HostUse]:
        """The rows of these hosts that were set at `since` or later, or whose pause lasts longer than that."""
        return await self._db.read(lambda db: _used(db, hosts, since))

    async def forget(self, worker_id: str) -> None:
        """The worker uses no host any more. What it was told of pauses still holds for the others."""
        await self._db.write(lambda tx: _forget(tx, worker_id), is_durable=False)

    async def prune(self, before: datetime) -> int:
        """Remove the rows that were set before that and hold nobody back; how many."""
        return await self._db.write(lambda tx: _prune(tx, before), is_durable=False)


def _use(tx: Tx, rows: Sequence[HostUse]) -> None:
    tx.db.executemany(
        "INSERT INTO host_use (host, worker_id, users, pause_until, delay_seconds, beat_at)"
        " VALUES (:host, :worker_id, :users, :pause_until, :delay_seconds, :beat_at)"
        " ON CONFLICT (host, worker_id) DO UPDATE SET users = excluded.users, pause_until = excluded.pause_until,"
        " delay_seconds = excluded.delay_seconds, beat_at = excluded.beat_at",
        [host_use_row(replace(row, beat_at=tx.now)) for row in rows],
    )


def _used(db: sqlite3.Connection, hosts: Sequence[str], since: datetime) -> Sequence[HostUse]:
    found: list[HostUse] = []
    for start in range(0, len(hosts), MAX_HOSTS):
        some = hosts[start : start + MAX_HOSTS]
        rows = db.execute(
            f"SELECT * FROM host_use WHERE host IN ({marks(some)}) AND (beat_at >= ? OR pause_until > ?)"
            " ORDER BY host, worker_id",
            (*some, since.timestamp(), since.timestamp()),
        )
        found.extend(host_use_from(dict(row)) for row in rows)
    return found


def _forget(tx: Tx, worker_id: str) -> None:
    now = tx.now.timestamp()
    tx.db.execute(
        "DELETE FROM host_use WHERE worker_id = ? AND (pause_until IS NULL OR pause_until <= ?)", (worker_id, now)
    )
    tx.db.execute("UPDATE host_use SET users = 0 WHERE worker_id = ?", (worker_id,))


def _prune(tx: Tx, before: datetime) -> int:
    return tx.db.execute(
        "DELETE FROM host_use WHERE beat_at < ? AND (pause_until IS NULL OR pause_until <= ?)",
        (before.timestamp(), tx.now.timestamp()),
    ).rowcount
