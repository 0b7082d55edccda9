"""The scheduler: makes the tasks of schedules whose ticks have come.

Any number of them may run over one store. A tick's name is the idempotency key of its task, so it makes one task however
many processes come upon it and wherever one of them dies; only then the schedule moves on, by compare-and-set.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from gleanery import errors, log
from gleanery.engine.handler import handler_of
from gleanery.engine.schedule import Due, run_at, tick_name, ticks_due
from gleanery.engine.submit import Submitter
from gleanery.model import Clock, ErrorInfo, MissedTicks, NewTask, Schedule, Task, utc_now
from gleanery.store.base import ScheduleStore
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Idempotency

_log = log.get(__name__)

LOOK_SECONDS = 1.0
"""Longest time between two looks: another process may have kept a schedule."""
SCHEDULES_AT_ONCE = 100
LONG_BACKLOG = timedelta(hours=2)
"""Ticks of a longer time are counted in a thread: there may be a year of minutes."""


class Scheduler:
    """`start` and `stop` it; `wake` when a schedule was kept or changed. `look` is one round of it."""

    def __init__(
        self, schedules: ScheduleStore, tasks: TaskStore, submitter: Submitter, clock: Clock = utc_now
    ) -> None:
        self._schedules = schedules
        self._tasks = tasks
        self._submitter = submitter
        self._clock = clock
        self._bell = asyncio.Event()
        self._job: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._job = asyncio.create_task(self._look_forever(), name="scheduler")

    async def stop(self) -> None:
        """A tick that is under way is taken up at the next start, without a second task."""
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)
            self._job = None

    def wake(self) -> None:
        self._bell.set()

    async def _look_forever(self) -> None:
        while True:
            self._bell.clear()
            try:
                seconds = await self._seconds_to_next()
                if seconds <= 0:
                    is_done = await self.look()
                    seconds = await self._seconds_to_next() if is_done else LOOK_SECONDS
            except errors.StorageError as error:
                _log.error("schedules not looked at", extra={"code": error.code, "reason": error.message})
                seconds = LOOK_SECONDS
            try:
                async with asyncio.timeout(seconds):
                    await self._bell.wait()
            except TimeoutError:
                pass

    async def _seconds_to_next(self) -> float:
        next_at = await self._schedules.next_at()
        if next_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.0, (next_at - self._clock()).total_seconds()))

    async def look(self) -> bool:
        """Make the tasks of all ticks that have come. False when some stay due: the queue was full. Raises StorageError."""
        while True:
            due = await self._schedules.due(SCHEDULES_AT_ONCE)
            for schedule in due:
                try:
                    await self._take_up(schedule)
                except errors.QueueFull as error:
                    _log.warning(
                        "tick waits for room in the queue",
                        extra={"schedule_id": schedule.schedule_id, "reason": error.message},
                    )
                    return False
            if len(due) < SCHEDULES_AT_ONCE:
                return True

    async def _take_up(self, schedule: Schedule) -> None:
        """Make the tasks of one schedule that is due, and move it on. Raises QueueFull: what has no task yet stays due."""
        now, expected = self._clock(), schedule.next_at
        if expected is None or expected > now:
            return
        try:
            due = await self._due(schedule, now)
        except errors.InvalidInput as error:  # its zone or cron can't be read any more
            _log.error("schedule halted", extra={"schedule_id": schedule.schedule_id, "reason": error.message})
            await self._schedules.advance(schedule.schedule_id, expected, None, error=_info(error))
            return
        skipped = due.skipped
        if due.to_run and await self._is_to_pass_over(schedule):
            _log.info("tick passed over", extra={"schedule_id": schedule.schedule_id, "reason": "still running"})
            due, skipped = replace(due, to_run=()), skipped + len(due.to_run)
        if not due.to_run:
            await self._schedules.advance(schedule.schedule_id, expected, due.next_at, skipped=skipped)
        for tick, next_at in zip(due.to_run, (*due.to_run[1:], due.next_at), strict=False):
            if not await self._run(schedule, tick, expected, next_at, skipped) or next_at is None:
                return  # another process was first, and does the rest; or no tick comes any more
            expected, skipped = next_at, 0

    async def _due(self, schedule: Schedule, now: datetime) -> Due:
        if schedule.next_at is not None and now - schedule.next_at > LONG_BACKLOG:
            return await asyncio.to_thread(ticks_due, schedule, now)
        return ticks_due(schedule, now)

    async def _is_to_pass_over(self, schedule: Schedule) -> bool:
        """Whether the schedule's last task hasn't ended and no second one is wanted beside it."""
        if schedule.last_task_id is None or schedule.missed_ticks is MissedTicks.ALL:
            return False
        try:
            return not (await self._tasks.get(schedule.last_task_id)).status.is_final
        except errors.NotFound:  # ended, and removed since
            return False

    async def _run(
        self, schedule: Schedule, tick: datetime, expected: datetime, next_at: datetime | None, skipped: int
    ) -> bool:
        """Make a tick's task, then move the schedule on; False when another process has done that already.

        Raises QueueFull and StorageError, with the tick still due; any other refusal is kept and the tick passed over.
        """
        name = tick_name(schedule.schedule_id, tick)
        key = Idempotency(name, hashlib.sha256(name.encode()).hexdigest())
        task: Task | None = None
        refusal: ErrorInfo | None = None
        try:
            new = replace(task_of(schedule, self._submitter), run_at=run_at(schedule, tick))
            task = await self._submitter.submit(new, key)
        except (errors.QueueFull, errors.StorageError):
            raise
        except errors.GleaneryError as error:
            _log.error("tick refused", extra={"schedule_id": schedule.schedule_id, "reason": error.message})
            refusal = _info(error)
        return await self._schedules.advance(
            schedule.schedule_id,
            expected,
            next_at,
            task_id=None if task is None else task.task_id,
            skipped=skipped + (task is None),
            error=refusal,
        )


def task_of(schedule: Schedule, submitter: Submitter) -> NewTask:
    """The task of a schedule, to run at once. Raises InvalidInput for a type that nobody knows (any more)."""
    handler_of(submitter.handlers, schedule.task_type)
    return NewTask(
        task_type=schedule.task_type,
        payload=schedule.payload,
        title=schedule.name,
        priority=schedule.priority,
        queue_name=schedule.queue_name,
        max_retries=schedule.max_retries,
        webhook_url=schedule.webhook_url,
        schedule_id=schedule.schedule_id,
    )


def _info(error: errors.GleaneryError) -> ErrorInfo:
    return ErrorInfo(error.code, error.message, error.details)
