"""One attempt: runs the handler and writes how it ended, whatever happened."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from gleanery import errors, log
from gleanery.engine.handler import Handler, Outcome, TaskContext
from gleanery.engine.memory import MemoryWatch
from gleanery.engine.retry import Retry
from gleanery.model import Clock, ErrorInfo, EventType, Fence, NewEvent, Progress, Task, TaskStatus
from gleanery.store.task_store import TaskStore

_log = log.get(__name__)

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
RECOVERY_SECONDS = 60.0
DATABASE_AWAY = "database_away"
MOST_PUT_BACK = 50
"""So often a database that is away costs a task no retry; one that only this task drives away must not be asked for ever."""
PATIENCE_SECONDS = 10.0
"""How long a handler may take to clear up before it is interrupted again: some code swallows the first time."""


_UNSTORABLE = (TypeError, ValueError, RecursionError)
"""What the store raises for values that are no JSON: other types, text without a UTF-8 form, circles, endless nesting."""
_OUT_OF_TIME = ErrorInfo("task_timed_out", "The task took longer than its limit.")


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
    patience_seconds: float = PATIENCE_SECONDS
    job: asyncio.Task[None] | None = None
    stop: Stop | None = None
    interrupted_at: float = 0.0
    ctx: TaskContext | None = None
    is_begun: bool = False
    is_ending: bool = False
    ended: Task | None = None
    is_lost: bool = False
    fence: Fence = field(init=False)

    def __post_init__(self) -> None:
        self.fence = Fence(self.task.task_id, self.task.attempt)

    def hear(self, payload: Mapping[str, Any]) -> None:
        """The payload as the row has it; where that is news the handler is told."""
        if payload != self.task.payload:
            self.task = replace(self.task, payload=payload)
            if self.ctx is not None:
                self.ctx.change(payload)

    def interrupt(self, why: Stop) -> None:
        """Stop the handler: what it does about that is its own, what the row says is the first `why`'s. Asked again it waits
        until the handler has had its time."""
        now = time.monotonic()
        if self.is_ending or (self.stop is not None and now - self.interrupted_at < self.patience_seconds):
            return
        self.stop, self.interrupted_at = self.stop or why, now
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
            run.is_ending = True
            await self._stopped(run, handler, None)
            return
        ctx = run.ctx = TaskContext(run.task, self._store, run.memory)
        limit = asyncio.timeout(handler.spec.timeout_seconds)
        try:
            payload = handler.spec.parse(run.task.payload)
            async with limit:
                outcome = await handler.run(ctx, payload)
            run.is_ending = True
        except asyncio.CancelledError:
            await self._stopped(run, handler, await _over(run, ctx))
        except errors.LeaseLost:
            await _over(run, ctx)
            _lost(run)
        except Exception as error:  # noqa: BLE001 - a handler may raise anything: the task's row says what
            held = await _over(run, ctx)
            is_out_of_time = isinstance(error, TimeoutError) and limit.expired()
            await self._failed(run, handler, error, held, is_out_of_time=is_out_of_time)
        else:
            await ctx.close()
            await self._completed(run, handler, outcome, ctx.progress)

    async def _completed(self, run: Run, handler: Handler, outcome: Outcome, progress: Progress) -> None:
        event = NewEvent(EventType.TASK_COMPLETED, outcome.message, {"result": dict(outcome.result)})
        told = outcome.progress or _all_done(progress, outcome.message)
        try:
            await self._end(run, TaskStatus.COMPLETED, event, progress=told, result=outcome.result)
        except _UNSTORABLE as error:  # a result that is no JSON
            await self._failed(run, handler, error, progress)

    async def _stopped(self, run: Run, handler: Handler, progress: Progress | None) -> None:
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

    async def _failed(
        self, run: Run, handler: Handler, error: Exception, progress: Progress | None, *, is_out_of_time: bool = False
    ) -> None:
        info = _OUT_OF_TIME if is_out_of_time else error_info(error)
        if not isinstance(error, errors.GleaneryError):
            _log.error(
                "handler failed",
                extra={"task_id": run.task.task_id, "task_type": run.task.task_type},
                exc_info=error,
            )
        task = run.task
        if isinstance(error, errors.StorageAway) and task.recoveries.count(DATABASE_AWAY) < MOST_PUT_BACK:
            told = {"reason": DATABASE_AWAY, "error": asdict(info)}
            event = NewEvent(EventType.TASK_QUEUED, f"Put back: {info.message}", told)
            await self._end(run, TaskStatus.QUEUED, event, progress=progress, recovery=DATABASE_AWAY)
            return
        retry = handler.spec.retry.decide(error, task.retry_attempts, self._random, task.max_retries, task.recoveries)
        if retry is None:
            event = NewEvent(EventType.TASK_FAILED, info.message, {"error": asdict(info), "attempt": task.attempt})
            await self._end(run, TaskStatus.FAILED, event, error=info, progress=progress)
            return
        name = "" if retry.rule is None else retry.rule.name
        data: dict[str, Any] = {"attempt": task.attempt, "error": asdict(info), "action": name or "retry"}
        if retry.rule is not None and retry.rule.recovery is not None:
            data["recovery"] = await self._recover(run, retry, error)
        run_at = self._clock() + timedelta(seconds=retry.seconds)
        message = f"{info.message} Trying again in {retry.seconds:.0f} s."
        event = NewEvent(EventType.TASK_RETRY_SCHEDULED, message, {**data, "run_at": run_at.isoformat()})
        await self._end(run, TaskStatus.QUEUED, event, error=info, run_at=run_at, progress=progress, recovery=name)

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
        """Write the end of the attempt. A store that can't (a full disk) is asked again until it can. Progress that can't be
        stored is left as it is: the end must be told.
        """
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
            except _UNSTORABLE:
                if fields.get("progress") is None:
                    raise
                fields["progress"] = None
            else:
                ended = {"task_id": task.task_id, "task_type": task.task_type, "status": str(task.status)}
                _log.info("task ended", extra=ended)
                return


def _plain(value: Any) -> Any:
    """As JSON would give it back, without what has no UTF-8 form."""
    return json.loads(json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace"))


async def _over(run: Run, ctx: TaskContext) -> Progress | None:
    """From now on nothing interrupts the attempt: it writes its end. Gives the progress that was not stored yet."""
    run.is_ending = True
    return await ctx.close()


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
        try:
            details = _plain(error.details)
        except _UNSTORABLE:
            details = {}
        return ErrorInfo(error.code, str(_plain(str(error.message))), details)
    return ErrorInfo(
        "internal_error", f"An unexpected {type(error).__name__} stopped the task; the log has the details."
    )
