"""What a task type brings along (`TaskSpec`, `Handler`) and what it gets to work with (`TaskContext`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from gleanery import errors
from gleanery.engine.memory import MemoryWatch
from gleanery.engine.retry import RetryPolicy
from gleanery.model import EventType, Fence, NewEvent, Progress, StageCount, Task
from gleanery.store.task_store import TaskStore

HearPayload = Callable[[Mapping[str, Any]], None]

REPORT_SECONDS = 0.25
"""Least time between two stored reports of `advance`."""


@dataclass(frozen=True)
class Outcome:
    """How a task ended well: its result, a sentence for the log, and the progress as it stands then (None: all done)."""

    result: Mapping[str, Any]
    progress: Progress | None
    message: str


class Work(StrEnum):
    """What a task type mostly needs, so that machines can be had for it: a worker may run the types of some of these only."""

    CRAWL = "crawl"
    BROWSER = "browser"
    CPU = "cpu"
    AGENTS = "agents"


def _no_key(_: Any) -> str | None:
    return None


@dataclass(frozen=True)
class TaskSpec:
    """What the engine knows of a task type.

    `concurrency` is how many may run at once over all workers, `worker_concurrency` in each of them, `memory_limit_mb` what
    the processes that an attempt starts may take together. Only a type that goes on where it stopped says `can_pause`; it is
    also interrupted at once when the server stops, others get a grace time. One that `runs_apart` is a help to its parent task,
    and nothing for the worker that runs that. Keys are made of the payload: at most one task
    of a serial key runs, and a queued one is superseded by a newer one of its coalesce key, which is its serial key too
    unless there is another.
    """

    task_type: str
    payload: type[BaseModel]
    work: Work = Work.CPU
    description: str = ""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_seconds: float | None = None
    concurrency: int | None = None
    worker_concurrency: int | None = None
    memory_limit_mb: float | None = None
    can_pause: bool = False
    runs_apart: bool = False
    coalesce_key: Callable[[Any], str | None] = _no_key
    serial_key: Callable[[Any], str | None] = _no_key

    def parse(self, payload: Mapping[str, Any]) -> BaseModel:
        """The payload as its model. Raises InvalidInput naming the field."""
        try:
            return self.payload.model_validate(payload)
        except ValidationError as error:
            first = error.errors()[0]
            reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
            raise errors.InvalidInput(
                ".".join(filter(None, ("payload", field_of(first["loc"], payload)))), reason
            ) from None


def field_of(path: Sequence[int | str], data: object) -> str:
    """The name of a field as its sender wrote it. Where a value may have several forms, pydantic's `path` to it in `data` also
    has the names of these."""
    names: list[str] = []
    for place, part in enumerate(path):
        if isinstance(data, Mapping):
            is_there, last = part in data, place == len(path) - 1
        else:
            is_there, last = isinstance(data, list) and isinstance(part, int), False
        if is_there or last:
            names.append(str(part))
        if is_there:
            data = data[part]  # type: ignore[index]
    return ".".join(names)


class TaskContext:
    """One attempt of a task. Every write through it is fenced: LeaseLost when another worker has taken over."""

    def __init__(self, task: Task, store: TaskStore, memory: MemoryWatch | None = None) -> None:
        self.task = task
        self.fence = Fence(task.task_id, task.attempt)
        self.memory = memory or MemoryWatch()
        self._store = store
        self._progress = task.progress
        self._held: tuple[Progress, NewEvent] | None = None
        self._written_at = 0.0
        self._later: asyncio.Task[None] | None = None
        self._hear: HearPayload | None = None
        self._payload: Mapping[str, Any] | None = None

    def listen(self, hear: HearPayload) -> None:
        """Hear from now on, in the loop, when the payload of the running task is changed; at once if it was already. `hear`
        must be quick. A handler that doesn't listen keeps to what it began with."""
        self._hear = hear
        if self._payload is not None:
            hear(self._payload)

    def change(self, payload: Mapping[str, Any]) -> None:
        """The payload is another one from now on."""
        self._payload = payload
        if self._hear is not None:
            self._hear(payload)

    @property
    def is_resumed(self) -> bool:
        return self.task.attempt > 1

    def idempotency_key(self, step: str) -> str:
        """The key of an effect outside: the same in every attempt of this task, another for every step."""
        return f"{self.task.task_id}:{step}"

    async def report(self, progress: Progress, *events: NewEvent) -> None:
        """Store the progress and the events that it belongs to, in one transaction; then they are told."""
        self._progress, self._held = progress, None
        await self._store.report(self.fence, events, progress)

    async def advance(
        self, stage: str, done: int, total: int | None = None, message: str = "", *, percentage: float | None = None
    ) -> None:
        """Say how far a stage is. Stored and told four times a second at most, the last one always.

        Without `percentage` it is that of this stage (0 to 100); it never goes back.
        """
        if percentage is None:
            percentage = 100.0 * done / total if total else 0.0
        self._progress = replace(
            self._progress,
            percentage=max(self._progress.percentage, min(100.0, percentage)),
            stage=stage,
            stages={**self._progress.stages, stage: StageCount(done, total)},
            message=message or self._progress.message,
        )
        data = {"stage": stage, "done": done, "total": total}
        self._held = self._progress, NewEvent(EventType.TASK_PROGRESSED, message or stage, data)
        wait = self._written_at + REPORT_SECONDS - time.monotonic()
        if wait <= 0:
            await self.flush()
        elif self._later is None or self._later.done():
            self._later = asyncio.create_task(self._flush_in(wait), name=f"progress {self.task.task_id}")

    async def note(self, *, browser_session_id: str | None = None, memory_usage_mb: float | None = None) -> None:
        """Say what the attempt works with. It is not told to anybody; what is None stays as it is."""
        await self._store.note(self.fence, browser_session_id=browser_session_id, memory_usage_mb=memory_usage_mb)

    async def flush(self) -> None:
        """Store what `advance` holds back."""
        if self._held is not None:
            (progress, event), self._held = self._held, None
            self._written_at = time.monotonic()
            await self._store.report(self.fence, [event], progress)

    async def _flush_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await self.flush()
        except (errors.LeaseLost, errors.StorageError):
            return  # the attempt's next write of its own says the same, to someone who can act on it

    @property
    def progress(self) -> Progress:
        """As it was last told of through this context."""
        return self._progress

    async def close(self) -> Progress | None:
        """The attempt is over: nothing is written late. Gives what `advance` still held back, if anything."""
        held, self._held = self._held, None
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)
        return None if held is None else held[0]

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What `work` gives (JSON), worked out once in the task's life: a later attempt gets the stored value.

        Raises TypeError for a value that is no JSON.
        """
        known = await self._store.step(self.task.task_id, name)
        if known is not None:
            return known[0]
        value = await work()
        await self._store.keep_step(self.fence, name, value)
        return value


class Handler(Protocol):
    """A task type. A new one is one file with a class of this shape, and one line in `app`."""

    @property
    def spec(self) -> TaskSpec: ...

    async def run(self, ctx: TaskContext, payload: Any) -> Outcome:
        """Do the work; `payload` is the spec's model. Cancelled by asyncio when the task is to stop; what it raises goes
        through the spec's retry policy."""
        ...


def by_type(handlers: Sequence[Handler]) -> Mapping[str, Handler]:
    return {handler.spec.task_type: handler for handler in handlers}


def handler_of(handlers: Mapping[str, Handler], task_type: str) -> Handler:
    """Raises InvalidInput for a type that nobody registered."""
    try:
        return handlers[task_type]
    except KeyError:
        known = ", ".join(sorted(handlers))
        raise errors.InvalidInput("task_type", f"must be one of {known}") from None
