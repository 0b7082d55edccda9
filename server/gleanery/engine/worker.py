"""The worker: claims due tasks, runs their handlers, keeps their leases and writes how they ended.

Nothing polls while nothing happens: changes of the store ring, and a timer wakes for the next `run_at` or sweep.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from gleanery import errors, log
from gleanery.engine.handler import Handler, Outcome, TaskContext
from gleanery.model import ErrorInfo, EventType, Fence, NewEvent, Task, TaskStatus, utc_now
from gleanery.store.base import Change, TaskStore

_log = log.get(__name__)

LOST_LIMIT = 5
"""Losses in a row without progress after which a task is taken for poison."""
GRACE_SECONDS = 2.0


class Stop(Enum):
    """Why a running attempt is interrupted."""

    CANCEL = auto()
    SHUTDOWN = auto()
    LEASE_LOST = auto()


@dataclass
class _Run:
    task: Task
    job: asyncio.Task[None] | None = None
    stop: Stop | None = None
    is_begun: bool = False
    fence: Fence = field(init=False)

    def __post_init__(self) -> None:
        self.fence = Fence(self.task.task_id, self.task.attempt)

    def interrupt(self, why: Stop) -> None:
        if self.stop is not None:
            return
        self.stop = why
        # A job that is cancelled before its first step never runs, and nobody would write its end: it looks for itself.
        if self.is_begun and self.job is not None:
            self.job.cancel()


class Worker:
    """Runs up to `concurrency` tasks at once in this loop. `start` and `stop` it; feed it the store's changes."""

    def __init__(
        self,
        store: TaskStore,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int,
        lease_seconds: float,
        worker_id: str | None = None,
    ) -> None:
        self.worker_id = worker_id or f"{os.uname().nodename}-{os.getpid()}"
        self._store = store
        self._handlers = handlers
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._runs: dict[str, _Run] = {}
        self._bell = asyncio.Event()
        self._random = random.Random()
        self._loop_job: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def running(self) -> int:
        return len(self._runs)

    @property
    def concurrency(self) -> int:
        return self._concurrency

    async def start(self) -> None:
        """Take back what the last process left running, then begin to claim."""
        for task in await self._store.reap(utc_now(), all_running=True, lost_limit=LOST_LIMIT):
            _log.info("task taken back after restart", extra={"task_id": task.task_id, "status": str(task.status)})
        if self._concurrency:
            self._loop_job = asyncio.create_task(self._claim_forever(), name="worker")

    async def stop(self) -> None:
        """Stop claiming, put the running tasks back as if they had not run, wait for their last writes."""
        self._is_stopping = True
        self._bell.set()
        if self._loop_job is not None:
            # Not cancelled at once: a claim that is under way would leave its task running by the row alone.
            await asyncio.wait([self._loop_job], timeout=GRACE_SECONDS)
            self._loop_job.cancel()
        runs = list(self._runs.values())
        for run in runs:
            run.interrupt(Stop.SHUTDOWN)
        jobs = [run.job for run in runs if run.job is not None]
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=GRACE_SECONDS)
            for job in late:
                _log.warning("task did not stop in time", extra={"job": job.get_name()})

    def hear(self, changes: Sequence[Change]) -> None:
        """Called with every change of the store: rings for what may be runnable, interrupts what is to be cancelled."""
        for change in changes:
            run = self._runs.get(change.task.task_id)
            if run is not None and change.task.is_cancel_requested:
                run.interrupt(Stop.CANCEL)
            if change.task.status is not TaskStatus.RUNNING:
                self._bell.set()

    async def _claim_forever(self) -> None:
        loop = asyncio.get_running_loop()
        sweep_at = loop.time() + self._lease_seconds / 2
        while not self._is_stopping:
            self._bell.clear()
            if loop.time() >= sweep_at:
                await self._sweep()
                sweep_at = loop.time() + self._lease_seconds / 2
            now = utc_now()
            try:
                await self._claim_due(now)
                wait = await self._seconds_to_next(now)
            except errors.StorageError as error:
                _log.error("store did not answer the worker", extra={"code": error.code, "reason": error.message})
                wait = 1.0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), min(wait, sweep_at - loop.time()))

    async def _sweep(self) -> None:
        try:
            await self._store.reap(utc_now(), all_running=False, lost_limit=LOST_LIMIT)
        except errors.StorageError as error:
            _log.error("sweep failed", extra={"code": error.code, "reason": error.message})

    async def _claim_due(self, now: datetime) -> None:
        # Of two that are due one claim may bar the other, by their serial key: what is due is asked again for the slots left.
        while (free := self._concurrency - len(self._runs)) > 0:
            due = await self._store.due(now, tuple(self._handlers), free)
            if not any([await self._claim(task.task_id) for task in due]):
                return

    async def _claim(self, task_id: str) -> bool:
        if self._is_stopping:
            return False
        task = await self._store.claim(task_id, self.worker_id, self._lease_seconds)
        if task is None:
            return False
        old = self._runs.get(task_id)
        if old is not None:  # its lease ran out before it could beat, as when the machine slept
            old.interrupt(Stop.LEASE_LOST)
        run = self._runs[task_id] = _Run(task)
        run.job = asyncio.create_task(self._run(run), name=task_id)
        return True

    async def _seconds_to_next(self, now: datetime) -> float:
        """Until something is due that wasn't at `now`. What was and is not claimed waits for another's end, which rings."""
        if len(self._runs) >= self._concurrency:
            return self._lease_seconds
        due_at = await self._store.next_due_at(now, tuple(self._handlers))
        return self._lease_seconds if due_at is None else (due_at - utc_now()).total_seconds()

    async def _run(self, run: _Run) -> None:
        beat = asyncio.create_task(self._beat(run), name=f"beat {run.task.task_id}")
        try:
            await self._attempt(run)
        finally:
            beat.cancel()
            if self._runs.get(run.task.task_id) is run:
                del self._runs[run.task.task_id]
            self._bell.set()

    async def _attempt(self, run: _Run) -> None:
        handler = self._handlers[run.task.task_type]
        run.is_begun = True
        if run.stop is not None:
            await self._stopped(run, handler)
            return
        try:
            async with asyncio.timeout(handler.timeout_seconds):
                outcome = await handler.run(TaskContext(run.task, self._store))
        except asyncio.CancelledError:
            await self._stopped(run, handler)
        except errors.LeaseLost:
            _log.warning("lease lost", extra={"task_id": run.task.task_id, "attempt": run.task.attempt})
        except Exception as error:  # noqa: BLE001 - a handler may raise anything: the task's row says what
            await self._failed(run, handler, error)
        else:
            await self._completed(run, handler, outcome)

    async def _completed(self, run: _Run, handler: Handler, outcome: Outcome) -> None:
        event = NewEvent(EventType.TASK_COMPLETED, outcome.message, {"result": dict(outcome.result)})
        try:
            await self._end(run, TaskStatus.COMPLETED, event, progress=outcome.progress, result=outcome.result)
        except (TypeError, ValueError) as error:  # a result that is no JSON
            await self._failed(run, handler, error)

    async def _stopped(self, run: _Run, handler: Handler) -> None:
        match run.stop:
            case Stop.CANCEL:
                await self._end(
                    run, TaskStatus.CANCELLED, NewEvent(EventType.TASK_CANCELLED, "Cancelled; what was stored stays")
                )
            case Stop.SHUTDOWN:
                await self._end(
                    run, TaskStatus.QUEUED, NewEvent(EventType.TASK_QUEUED, "Put back: the server is shutting down")
                )
            case Stop.LEASE_LOST:
                _log.warning("lease lost", extra={"task_id": run.task.task_id, "attempt": run.task.attempt})
            case None:
                await self._failed(run, handler, RuntimeError("the handler cancelled itself"))

    async def _failed(self, run: _Run, handler: Handler, error: Exception) -> None:
        info = error_info(error)
        if not isinstance(error, errors.GleaneryError):
            _log.exception("handler failed", extra={"task_id": run.task.task_id, "task_type": run.task.task_type})
        wait = handler.retry.decide(error, run.task.retry_attempts, self._random)
        if wait is None or run.task.retry_attempts >= run.task.max_retries:
            event = NewEvent(EventType.TASK_FAILED, info.message, {"error": asdict(info)})
            await self._end(run, TaskStatus.FAILED, event, error=info)
            return
        run_at = utc_now() + timedelta(seconds=wait)
        data = {"attempt": run.task.attempt, "run_at": run_at.isoformat(), "error": asdict(info)}
        event = NewEvent(EventType.TASK_RETRY_SCHEDULED, f"{info.message} Trying again in {wait:.0f} s.", data)
        await self._end(run, TaskStatus.QUEUED, event, error=info, run_at=run_at)

    async def _end(self, run: _Run, status: TaskStatus, event: NewEvent, **fields: object) -> None:
        """Write the end of the attempt. A store that can't (a full disk) is asked again until it can."""
        wait = 0.5
        while True:
            try:
                await self._store.finish(run.fence, status, [event], **fields)  # type: ignore[arg-type]
                break
            except errors.LeaseLost:
                _log.warning("lease lost at the end", extra={"task_id": run.task.task_id})
                return
            except errors.StorageError as error:
                _log.error("end of task not stored yet", extra={"task_id": run.task.task_id, "code": error.code})
                if run.stop is Stop.SHUTDOWN:
                    return
                await asyncio.sleep(wait)
                wait = min(30.0, wait * 2)
        _log.info(
            "task ended", extra={"task_id": run.task.task_id, "task_type": run.task.task_type, "status": str(status)}
        )

    async def _beat(self, run: _Run) -> None:
        # The first beat comes at once: a cancel that was asked for between claim and now is seen by it.
        while True:
            try:
                if await self._store.beat(run.fence, self._lease_seconds, memory_mb()):
                    run.interrupt(Stop.CANCEL)
            except errors.LeaseLost:
                run.interrupt(Stop.LEASE_LOST)
                return
            except errors.StorageError as error:
                _log.error("heartbeat not stored", extra={"task_id": run.task.task_id, "code": error.code})
            await asyncio.sleep(self._lease_seconds / 4)


def error_info(error: Exception) -> ErrorInfo:
    """The error as tasks keep it. One of ours speaks for itself; of any other only its type is told."""
    if isinstance(error, errors.GleaneryError):
        # Whatever a handler put into it, the end of its task must be storable.
        text = json.dumps([error.message, error.details], default=str, ensure_ascii=False)
        message, details = json.loads(text.encode("utf-8", "replace"))
        return ErrorInfo(error.code, message, details)
    if isinstance(error, TimeoutError):
        return ErrorInfo("task_timed_out", "The task took longer than its limit.")
    return ErrorInfo(
        "internal_error", f"An unexpected {type(error).__name__} stopped the task; the log has the details."
    )


def memory_mb() -> float:
    """Resident memory of this process in MB, at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
