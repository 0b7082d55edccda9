"""Steering: cancel, pause, resume, retry and change, of one task or of all that fit a filter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from gleanery import errors
from gleanery.engine.handler import Handler
from gleanery.model import Task, TaskStatus
from gleanery.store.task_store import TaskStore
from gleanery.store.values import TaskFilter

AT_ONCE = 100
UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.PAUSED)


@dataclass(frozen=True)
class Steered:
    """What a bulk call did: how many fitted, and how many of them had moved on before it came to them."""

    matched: int
    changed: int

    @property
    def passed_over(self) -> int:
        return self.matched - self.changed


class Steering:
    """Says no where a task's type or state does."""

    def __init__(self, tasks: TaskStore, handlers: Mapping[str, Handler]) -> None:
        self._tasks = tasks
        self._handlers = handlers

    async def pause(self, task_id: str) -> Task:
        """Raises NotFound, and WrongState when its type can't pause or it has ended."""
        task = await self._tasks.get(task_id)
        handler = self._handlers.get(task.task_type)
        if handler is None or not handler.spec.can_pause:
            raise errors.WrongState(
                f"Tasks of type {task.task_type} can't pause: they would begin anew. Cancel it instead.",
                task_id=task_id,
                status=task.status,
            )
        return await self._tasks.request_pause(task_id)

    async def cancel_all(self, wanted: TaskFilter) -> Steered:
        """Cancel all that fit; without states in the filter those that haven't ended."""
        return await self._each(_within(wanted, UNFINISHED), self._tasks.request_cancel)

    async def retry_all(self, wanted: TaskFilter) -> Steered:
        """Retry all that fit; without states in the filter the failed ones."""
        return await self._each(
            _within(wanted, (TaskStatus.FAILED,)), lambda task_id: self._tasks.retry(task_id, only_failed=False)
        )

    async def _each(self, wanted: TaskFilter, steer: Callable[[str], Awaitable[Task]]) -> Steered:
        after: tuple[float, str] | None = None
        matched = changed = 0
        while rows := await self._tasks.list(wanted, after=after, limit=AT_ONCE):
            after = (rows[-1].created_at.timestamp(), rows[-1].task_id)
            results = await asyncio.gather(*(_try(steer, row.task_id) for row in rows))
            matched, changed = matched + len(rows), changed + sum(results)
        return Steered(matched, changed)


def _within(wanted: TaskFilter, statuses: tuple[TaskStatus, ...]) -> TaskFilter:
    return wanted if wanted.statuses else replace(wanted, statuses=statuses)


async def _try(steer: Callable[[str], Awaitable[Task]], task_id: str) -> bool:
    try:
        await steer(task_id)
    except (errors.WrongState, errors.NotFound):
        return False
    return True
