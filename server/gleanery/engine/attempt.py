"""One attempt: runs the handler and writes how it ended, whatever happened."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from gleanery import errors, log
from gleanery.engine.handler import Handler, Outcome, TaskContext
from gleanery.engine.memory import MemoryWatch
from gleanery.engine.retry import Retry
from gleanery.model import Clock, ErrorInfo, EventType, Fence, NewEvent, Progress, Task, TaskStatus
from gleanery.store.base import TaskStore

_log = log.get(__name__)

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
RECOVERY_SECONDS = 60.0


class Stop(Enum):
    """Why a running attempt is interrupted."""

    CANCEL = auto()
    PAUSE = auto()
    SHUTDOWN = auto()
    LEASE_LOST = auto()
    MEMORY = auto()


@dataclass(eq=False)
class Run:
    """An attempt that a worker holds."""

    task: Task
    memory: MemoryWatch = field(default_factory=MemoryWatch)
    job: asyncio.Task[None] | None = None
    stop: Stop | None = None
    is_begun: bool = False
    is_ending: bool = False
    ended: Task | None = None
    is_lost: bool = False
    fence: Fence = field(init=False)

    def __post_init__(self) -> None:
        self.fence = Fence(self.task.task_id, self.task.attempt)

    def interrupt(self, why: Stop) -> None:
        """Stop the handler, once: what it does about that is its own, what the row says is `why`'s."""
        if self.stop is not None or self.is_ending:
            return
        self.stop = why
        # A job that is cancelled before its first step never runs, and nobody would write its end: it looks for itself.
        if self.is_begun and self.job is not None:
            self.job.cancel()


class Attempts:
    """Runs attempts of one worker."""

    def __init__(self, store: TaskStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._random = random.Random()

    async def run(self, run: Run, handler: Handler) -> None:
        run.is_begun = True
        if run.stop is not None:
            await self._stopped(run, handler, None)
            return
        ctx = TaskContext(run.task, self._store, run.memory)
        try:
            payload = handler.spec.parse(run.task.payload)
            async with asyncio.timeout(handler.spec.timeout_seconds):
                outcome = await handler.run(ctx, payload)
            run.is_ending = True
        except asyncio.CancelledError:
            await self._stopped(run, handler, await ctx.close())
        except errors.LeaseLost:
            await ctx.close()
            _lost(run)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything: the task's row says what
            await self._failed(run, handler, error, await ctx.close())
        else:
            await ctx.close()
            await self._completed(run, handler, outcome, ctx.progress)

    async def _completed(self, run: Run, handler: Handler, outcome: Outcome, progress: Progress) -> None:
        event = NewEvent(EventType.TASK_COMPLETED, outcome.message, {"result": dict(outcome.result)})
        told = outcome.progress or _all_done(progress, outcome.message)
        try:
            await self._end(run, TaskStatus.COMPLETED, event, progress=told, result=outcome.result)
        except (TypeError, ValueError) as error:  # a result that is no JSON
            await self._failed(run, handler, error, progress)

    async def _stopped(self, run: Run, handler: Handler, progress: Progress | None) -> None:
        run.is_ending = True
        match run.stop:
            case Stop.CANCEL:
                event = NewEvent(EventType.TASK_CANCELLED, "Cancelled; what was stored stays")
                await self._end(run, TaskStatus.CANCELLED, event, progress=progress)
            case Stop.PAUSE:
                # The store makes a pause of it, unless that was taken back while the handler stopped.
                event = NewEvent(
                    EventType.TASK_QUEUED, "Put back: resumed before it had stopped", {"reason": "put_back"}
                )
                await self._end(run, TaskStatus.QUEUED, event, progress=progress)
            case Stop.SHUTDOWN:
                event = NewEvent(EventType.TASK_QUEUED, "Put back: the server is shutting down", {"reason": "shutdown"})
                await self._end(run, TaskStatus.QUEUED, event, progress=progress)
            case Stop.MEMORY:
                limit = handler.spec.memory_limit_mb or 0.0
                message = f"The task's processes took more than its {limit:.0f} MB."
                await self._failed(run, handler, errors.MemoryLimitExceeded(message, limit_mb=limit), progress)
            case Stop.LEASE_LOST:
                _lost(run)
            case None:
                await self._failed(run, handler, RuntimeError("the handler cancelled itself"), progress)

    async def _failed(self, run: Run, handler: Handler, error: Exception, progress: Progress | None) -> None:
        run.is_ending = True
        info = error_info(error)
        if not isinstance(error, errors.GleaneryError):
            _log.error(
                "handler failed",
                extra={"task_id": run.task.task_id, "task_type": run.task.task_type},
                exc_info=error,
            )
        retry = handler.spec.retry.decide(error, run.task.retry_attempts, self._random)
        if retry is None or run.task.retry_attempts >= run.task.max_retries:
            event = NewEvent(EventType.TASK_FAILED, info.message, {"error": asdict(info)})
            await self._end(run, TaskStatus.FAILED, event, error=info, progress=progress)
            return
        data: dict[str, Any] = {"attempt": run.task.attempt, "error": asdict(info)}
        if retry.rule is not None:
            data["recovery"] = await self._recover(run, retry, error)
        run_at = self._clock() + timedelta(seconds=retry.seconds)
        message = f"{info.message} Trying again in {retry.seconds:.0f} s."
        event = NewEvent(EventType.TASK_RETRY_SCHEDULED, message, {**data, "run_at": run_at.isoformat()})
        await self._end(run, TaskStatus.QUEUED, event, error=info, run_at=run_at, progress=progress)

    async def _recover(self, run: Run, retry: Retry, error: Exception) -> dict[str, Any]:
        """What the recovery action did: it may fail itself, and the next try will show."""
        rule = retry.rule
        assert rule is not None
        assert rule.recovery is not None
        try:
            async with asyncio.timeout(RECOVERY_SECONDS):
                await rule.recovery(error)
        except Exception as failure:  # noqa: BLE001 - a vendor's restart may raise anything: the try after it tells
            _log.exception("recovery failed", extra={"task_id": run.task.task_id, "recovery": rule.name})
            return {"name": rule.name, "ok": False, "reason": type(failure).__name__}
        return {"name": rule.name, "ok": True}

    async def _end(self, run: Run, status: TaskStatus, event: NewEvent, **fields: Any) -> None:
        """Write the end of the attempt. A store that can't (a full disk) is asked again until it can."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                task = run.ended = await self._store.finish(run.fence, status, [event], **fields)
            except errors.LeaseLost:
                _lost(run)
                return
            except errors.StorageError as error:
                _log.error("end of task not stored yet", extra={"task_id": run.task.task_id, "code": error.code})
                if run.stop is Stop.SHUTDOWN:
                    return
                await asyncio.sleep(wait)
                wait = min(LONGEST_WAIT_SECONDS, wait * 2)
            else:
                ended = {"task_id": task.task_id, "task_type": task.task_type, "status": str(task.status)}
                _log.info("task ended", extra=ended)
                return


def _lost(run: Run) -> None:
    """Another worker owns the task now, or has ended it: this attempt goes without a word into the row."""
    run.is_lost = True
    _log.warning("lease lost", extra={"task_id": run.task.task_id, "attempt": run.task.attempt})


def _all_done(progress: Progress, message: str) -> Progress:
    return Progress(100.0, progress.stage, progress.stages, message, failed=progress.failed, skipped=progress.skipped)


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
