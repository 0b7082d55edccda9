"""`WorkerStore` over SQLite: the processes that work, as they last told of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.model import WorkerInfo
from gleanery.store.rows import worker_from, worker_row
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import marks


class SqliteWorkers:
    """`WorkerStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, worker: WorkerInfo) -> None:
        await self._db.write(lambda tx: _put(tx, worker), is_durable=False)

    async def list(self) -> Sequence[WorkerInfo]:
        return await self._db.read(
            lambda db: [
                worker_from(dict(row)) for row in db.execute("SELECT * FROM worker ORDER BY started_at, worker_id")
            ]
        )

    async def remove(self, worker_ids: Sequence[str]) -> None:
        await self._db.write(
            lambda tx: tx.db.execute(f"DELETE FROM worker WHERE worker_id IN ({marks(worker_ids)})", worker_ids),
            is_durable=False,
        )


def _put(tx: Tx, worker: WorkerInfo) -> None:
    columns = worker_row(worker)
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "worker_id")
    tx.db.execute(
        f"INSERT INTO worker ({', '.join(columns)}) VALUES ({marks([*columns])})"
        f" ON CONFLICT (worker_id) DO UPDATE SET {changed}",
        tuple(columns.values()),
    )
