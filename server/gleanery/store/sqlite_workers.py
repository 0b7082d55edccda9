"""`WorkerStore` over SQLite: the processes that work, as they last told of themselves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from gleanery.model import WorkerInfo
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import certain_time, compact, marks


class SqliteWorkers:
    """`WorkerStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, worker: WorkerInfo) -> None:
        await self._db.write(lambda tx: _put(tx, worker), is_durable=False)

    async def list(self) -> Sequence[WorkerInfo]:
        return await self._db.read(
            lambda db: [_worker(row) for row in db.execute("SELECT * FROM worker ORDER BY started_at, worker_id")]
        )

    async def remove(self, worker_ids: Sequence[str]) -> None:
        await self._db.write(
            lambda tx: tx.db.execute(f"DELETE FROM worker WHERE worker_id IN ({marks(worker_ids)})", worker_ids),
            is_durable=False,
        )


def _put(tx: Tx, worker: WorkerInfo) -> None:
    tx.db.execute(
        "INSERT INTO worker VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (worker_id) DO UPDATE SET"
        " host = excluded.host, pid = excluded.pid, version = excluded.version, task_types = excluded.task_types,"
        " concurrency = excluded.concurrency, running = excluded.running, memory_mb = excluded.memory_mb,"
        " state = excluded.state, started_at = excluded.started_at, beat_at = excluded.beat_at",
        (
            worker.worker_id,
            worker.host,
            worker.pid,
            worker.version,
            compact(list(worker.task_types)),
            worker.concurrency,
            worker.running,
            worker.memory_mb,
            worker.state,
            worker.started_at.timestamp(),
            worker.beat_at.timestamp(),
        ),
    )


def _worker(row: sqlite3.Row) -> WorkerInfo:
    return WorkerInfo(
        worker_id=row["worker_id"],
        host=row["host"],
        pid=row["pid"],
        version=row["version"],
        task_types=tuple(json.loads(row["task_types"])),
        concurrency=row["concurrency"],
        running=row["running"],
        memory_mb=row["memory_mb"],
        state=row["state"],
        started_at=certain_time(row["started_at"]),
        beat_at=certain_time(row["beat_at"]),
    )
