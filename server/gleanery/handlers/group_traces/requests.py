"""`GroupingRequests`: traces have come, so a grouping is asked for; often enough, and no oftener.

A place with new traces is noted at once and its task made within half a second, one for all that came meanwhile. Notes carry
no truth: a place that is not noted, since there are too many, or since the server ended, is found by its rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gleanery import errors, log
from gleanery.engine.submit import Submitter
from gleanery.handlers.group_traces.payload import TASK_TYPE, GroupTracesPayload
from gleanery.model import NewTask, TaskStatus
from gleanery.store.traces import Place, TraceStore
from gleanery.store.values import Change

_log = log.get(__name__)

GATHER_SECONDS = 0.5
AGAIN_SECONDS = 5.0
LOOK_SECONDS = 60.0
"""How often the rows are looked at, whatever was noted."""


class GroupingRequests:
    """`note` for what arrived, `hear` for the change feed, `run` does it. `queue_size` bounds the places that are noted."""

    def __init__(self, store: TraceStore, *, queue_size: int, is_on: bool) -> None:
        self._store = store
        self._queue_size = queue_size
        self.is_on = is_on
        self.requested = 0
        self.skipped = 0
        self.problem: str | None = None
        self._noted: dict[Place, None] = {}
        self._is_overflowing = True  # what was stored before the start is looked for too
        self._bell = asyncio.Event()

    @property
    def depth(self) -> int:
        """Places that wait for their task to be made."""
        return len(self._noted)

    def note(self, places: Sequence[Place]) -> None:
        if not self.is_on:
            return
        for place in places:
            self.requested += 1
            if place in self._noted:
                self.skipped += 1
            elif len(self._noted) < self._queue_size:
                self._noted[place] = None
            else:
                self._is_overflowing = True
        self._bell.set()

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.task.task_type != TASK_TYPE or not change.task.status.is_final:
                continue
            if change.task.status is TaskStatus.CANCELLED and change.task.error is not None:
                self.skipped += change.task.error.code == "superseded"
            elif change.task.status is TaskStatus.FAILED and change.task.error is not None:
                self.problem = f"The last grouping failed: {change.task.error.message}"
            elif change.task.status is TaskStatus.COMPLETED:
                self.problem = None

    async def run(self, submitter: Submitter) -> None:
        while self.is_on:
            try:
                await self._look()
                await self._submit(submitter)
                async with asyncio.timeout(AGAIN_SECONDS if self._is_overflowing else LOOK_SECONDS):
                    await self._bell.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                self._is_overflowing = True
            except (errors.StorageError, errors.QueueFull) as error:
                _log.error("grouping not requested yet", extra={"code": error.code, "reason": error.message})
                await asyncio.sleep(AGAIN_SECONDS)

    async def _look(self) -> None:
        """Note the places whose rows wait, where some may have been passed over."""
        if self._is_overflowing and not self._noted:
            found = await self._store.places_waiting(self._queue_size)
            self._is_overflowing = len(found) == self._queue_size
            self._noted.update(dict.fromkeys(found))

    async def _submit(self, submitter: Submitter) -> None:
        self._bell.clear()
        for place in list(self._noted):
            # Not noted any more before its task is made: what arrives from now on may come too late for that one.
            del self._noted[place]
            payload = GroupTracesPayload(project_id=place.project_id, path=place.path)
            title = f"Group traces of {place.project_id} {place.path}"[:500]
            try:
                await submitter.submit(NewTask(TASK_TYPE, payload.model_dump(), title=title))
            except (errors.StorageError, errors.QueueFull):
                self._noted[place] = None
                raise
