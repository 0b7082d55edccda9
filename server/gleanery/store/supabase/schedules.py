"""`ScheduleStore` over Supabase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from gleanery.model import ErrorInfo, Schedule
from gleanery.store.rows import dump_error, schedule_from, schedule_row, seconds, time_of
from gleanery.store.supabase.client import Rest
from gleanery.store.values import Idempotency


class SupabaseSchedules:
    """`ScheduleStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def create(self, schedule: Schedule, idempotency: Idempotency | None) -> Schedule:
        row = await self._rest.write(
            "schedules_create",
            schedule=schedule_row(schedule),
            idempotency=None if idempotency is None else asdict(idempotency),
        )
        return schedule_from(row)

    async def put(self, schedule: Schedule) -> Schedule:
        return schedule_from(await self._rest.write("schedules_put", schedule=schedule_row(schedule)))

    async def get(self, schedule_id: str) -> Schedule:
        return schedule_from(await self._rest.call("schedules_get", schedule_id=schedule_id))

    async def list(self, *, after: str | None, limit: int) -> Sequence[Schedule]:
        return [schedule_from(row) for row in await self._rest.call("schedules_list", after=after, limit=limit)]

    async def delete(self, schedule_id: str) -> None:
        await self._rest.write("schedules_delete", schedule_id=schedule_id)

    async def due(self, limit: int) -> Sequence[Schedule]:
        return [schedule_from(row) for row in await self._rest.call("schedules_due", limit=limit)]

    async def next_at(self) -> datetime | None:
        return time_of(await self._rest.call("schedules_next_at"))

    async def advance(
        self,
        schedule_id: str,
        expected: datetime,
        next_at: datetime | None,
        *,
        task_id: str | None = None,
        skipped: int = 0,
        error: ErrorInfo | None = None,
    ) -> bool:
        written = await self._rest.write(
            "schedules_advance",
            schedule_id=schedule_id,
            expected=expected.timestamp(),
            next_at=seconds(next_at),
            task_id=task_id,
            skipped=skipped,
            error=dump_error(error),
        )
        return bool(written)
