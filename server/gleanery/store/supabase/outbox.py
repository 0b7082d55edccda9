"""`OutboxStore` over Supabase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gleanery.model import Delivery, DeliveryState
from gleanery.store.rows import delivery_from, seconds, time_of
from gleanery.store.supabase.client import Rest
from gleanery.store.values import HOLDING_ATTEMPTS


class SupabaseOutbox:
    """`OutboxStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def claim(self, limit: int, hold_seconds: float, *, passing_over: Sequence[str] = ()) -> Sequence[Delivery]:
        rows = await self._rest.write(
            "outbox_claim",
            limit=limit,
            hold_seconds=hold_seconds,
            passing_over=list(passing_over),
            holding_attempts=HOLDING_ATTEMPTS,
        )
        return [delivery_from(row) for row in rows]

    async def next_at(self, *, passing_over: Sequence[str] = ()) -> datetime | None:
        found = await self._rest.call(
            "outbox_next_at", passing_over=list(passing_over), holding_attempts=HOLDING_ATTEMPTS
        )
        return time_of(found)

    async def settle(
        self,
        delivery: Delivery,
        state: DeliveryState,
        *,
        status_code: int | None,
        error: str | None,
        next_at: datetime | None = None,
    ) -> bool:
        written = await self._rest.write(
            "outbox_settle",
            delivery_id=delivery.delivery_id,
            attempts=delivery.attempts,
            state=state,
            status_code=status_code,
            error=error,
            next_at=seconds(next_at),
        )
        return bool(written)

    async def get(self, delivery_id: str) -> Delivery:
        return delivery_from(await self._rest.call("outbox_get", delivery_id=delivery_id))

    async def list(
        self, *, state: DeliveryState | None, task_id: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Delivery]:
        rows = await self._rest.call("outbox_list", state=state, task_id=task_id, after=after, limit=limit)
        return [delivery_from(row) for row in rows]

    async def retry(self, delivery_id: str) -> Delivery:
        return delivery_from(await self._rest.write("outbox_retry", delivery_id=delivery_id))

    async def count_by_state(self) -> Mapping[str, int]:
        counts: Mapping[str, int] = await self._rest.call("outbox_count_by_state")
        return counts
