"""Tasks of type `forget_traces`: the traces of a project and a path are taken away, a few at a time, the oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field

from gleanery import errors, log
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.submit import Submitter
from gleanery.handlers.group_traces.payload import GroupTracesPayload, key_of
from gleanery.model import Clock, NewTask, Task
from gleanery.store.traces import Extent, Place, TraceStore

_log = log.get(__name__)

TASK_TYPE = "forget_traces"
EVERY_SECONDS = 3600.0
PLACES_AT_ONCE = 100
TOLD_EVERY = 1000
AFTER_THE_LAST = timedelta(milliseconds=1)


class ForgetTracesPayload(GroupTracesPayload):
    before: AwareDatetime = Field(description="Those that started before that.")


class ForgetTracesHandler:
    """`Handler` for tasks of type `forget_traces`. None runs beside a grouping of the same place."""

    def __init__(self, store: TraceStore) -> None:
        self.spec = TaskSpec(
            TASK_TYPE,
            ForgetTracesPayload,
            description="Takes traces away for good",
            retry=RetryPolicy(max_retries=3),
            can_pause=True,
            serial_key=key_of,
        )
        self._store = store

    async def run(self, ctx: TaskContext, payload: ForgetTracesPayload) -> Outcome:
        place, gone, told = Place(payload.project_id, payload.path), 0, 0
        while not (step := await self._store.forget(ctx.fence, place, payload.before)).is_done:
            gone += step.traces
            if gone - told >= TOLD_EVERY:
                told = gone
                await ctx.advance("forgetting", gone, None, f"{gone:,} traces are gone")
        result = {"project_id": place.project_id, "path": place.path, "traces": gone}
        return Outcome(result, None, f"{gone:,} traces are gone")


class TraceForgetting:
    """Asks for traces to be forgotten: those that somebody names, and those that are older than `keep_days`."""

    def __init__(self, store: TraceStore, submitter: Submitter, keep_days: float | None, clock: Clock) -> None:
        self._store = store
        self._submitter = submitter
        self._keep_days = keep_days
        self._clock = clock

    async def forget(self, project_id: str, path: str | None, before: datetime | None) -> Sequence[tuple[Extent, Task]]:
        """A task for each place; without `before` all that it holds now goes. Raises NotFound, QueueFull."""
        extents = await self._store.extents(project_id, path)
        if not extents:
            raise errors.NotFound("traces", project_id if path is None else f"{project_id} {path}")
        return [(one, await self._submit(one.place, before or one.last_at + AFTER_THE_LAST)) for one in extents]

    async def run(self) -> None:
        """At once, then every hour."""
        while self._keep_days is not None:
            try:
                await self._forget_old(timedelta(days=self._keep_days))
            except (errors.StorageError, errors.QueueFull) as error:
                _log.error("old traces not forgotten yet", extra={"code": error.code, "reason": error.message})
            await asyncio.sleep(EVERY_SECONDS)

    async def _forget_old(self, age: timedelta) -> None:
        before = self._clock() - age
        for place in await self._store.aged(before, PLACES_AT_ONCE):
            await self._submit(place, before)

    async def _submit(self, place: Place, before: datetime) -> Task:
        payload = ForgetTracesPayload(project_id=place.project_id, path=place.path, before=before)
        title = f"Forget traces of {place.project_id} {place.path}"[:500]
        return await self._submitter.submit(NewTask(TASK_TYPE, payload.model_dump(mode="json"), title=title))
