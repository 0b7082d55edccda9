"""`WorkerStore` over Supabase."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.model import WorkerInfo
from gleanery.store.rows import worker_from, worker_row
from gleanery.store.supabase.client import Rest


class SupabaseWorkers:
    """`WorkerStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def put(self, worker: WorkerInfo) -> None:
        await self._rest.write("workers_put", worker=worker_row(worker))

    async def list(self) -> Sequence[WorkerInfo]:
        return [worker_from(row) for row in await self._rest.call("workers_list")]

    async def remove(self, worker_ids: Sequence[str]) -> None:
        await self._rest.write("workers_remove", worker_ids=list(worker_ids))
