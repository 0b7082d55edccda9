"""What a task type brings along (`Handler`) and what it gets to work with (`TaskContext`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from gleanery.engine.retry import RetryPolicy
from gleanery.model import Fence, NewEvent, Progress, Task
from gleanery.store.base import TaskStore


@dataclass(frozen=True)
class Outcome:
    """How a task ended well: its result, the progress as it stands then, and a sentence for the log."""

    result: Mapping[str, Any]
    progress: Progress
    message: str


class TaskContext:
    """One attempt of a task. Every write through it is fenced: LeaseLost when another worker has taken over."""

    def __init__(self, task: Task, store: TaskStore) -> None:
        self.task = task
        self.fence = Fence(task.task_id, task.attempt)
        self._store = store

    @property
    def is_resumed(self) -> bool:
        return self.task.attempt > 1

    async def report(self, progress: Progress, *events: NewEvent) -> None:
        """Store the progress and the events that it belongs to, in one transaction; then they are told."""
        await self._store.report(self.fence, events, progress)


class Handler(Protocol):
    """A task type. A new one is one file with a class of this shape, and one line in `app`."""

    task_type: str
    retry: RetryPolicy
    timeout_seconds: float | None

    def parse(self, payload: Mapping[str, Any]) -> BaseModel:
        """The payload as its model. Raises InvalidInput naming the field."""
        ...

    async def run(self, ctx: TaskContext) -> Outcome:
        """Do the work. Cancelled by asyncio when the task is to stop; what it raises goes through `retry`."""
        ...


def by_type(handlers: Sequence[Handler]) -> Mapping[str, Handler]:
    return {handler.task_type: handler for handler in handlers}
