"""`ProcessStore` over Supabase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from gleanery.store.processes import Holder, Life, Seen
from gleanery.store.supabase.client import Rest


class SupabaseProcesses:
    """`ProcessStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def hold(self, life: Life, lease_seconds: float, *, gone: str | None = None) -> Holder | None:
        asked = {**asdict(life), "lease_seconds": lease_seconds}
        other = await self._rest.write("presence_hold", presence=asked, gone=gone)
        return None if other is None else Holder(**other)

    async def look(self, worker_id: str, life: str) -> Sequence[Seen]:
        rows = await self._rest.write("presence_look", worker_id=worker_id, life=life)
        return [Seen(**row) for row in rows]

    async def release(self, worker_id: str, life: str) -> None:
        await self._rest.write("presence_release", worker_id=worker_id, life=life)

    async def common(self, name: str, value: str) -> str:
        return str(await self._rest.write("common", name=name, value=value))
