"""`HostStore` over Supabase."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gleanery.model import HostUse
from gleanery.store.rows import host_use_from, host_use_row
from gleanery.store.supabase.client import Rest


class SupabaseHosts:
    """`HostStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def use(self, rows: Sequence[HostUse]) -> None:
        if rows:
            await self._rest.write("hosts_use", rows=[host_use_row(row) for row in rows])

    async def used(self, hosts: Sequence[str], since: datetime) -> Sequence[HostUse]:
        found = await self._rest.call("hosts_used", hosts=list(hosts), since=since.timestamp())
        return [host_use_from(row) for row in found]

    async def forget(self, worker_id: str) -> None:
        await self._rest.write("hosts_forget", worker_id=worker_id)

    async def prune(self, before: datetime) -> int:
        return int(await self._rest.write("hosts_prune", before=before.timestamp()))
