"""A plain model of the task store, as its contract says tasks go on, and the clock that it is played with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gleanery.model import DependencyFailure, Fence, Task, TaskStatus
from gleanery.store.values import SUSPECT_LOSSES, SUSPECT_SECONDS

QUEUED, RUNNING, PAUSED, COMPLETED, FAILED, CANCELLED = TaskStatus
WAITING = (QUEUED, PAUSED)
UNFINISHED = (QUEUED, RUNNING, PAUSED)


class TickingClock:
    """A millisecond later at each look, so that no two times are the same; it may be set ahead."""

    def __init__(self) -> None:
        self._base = datetime(2026, 1, 1, tzinfo=UTC)
        self._ticks = itertools.count()

    def __call__(self) -> datetime:
        return self._base + timedelta(milliseconds=next(self._ticks))

    def jump(self, seconds: float) -> None:
        self._base += timedelta(seconds=seconds)


@dataclass
class Mirror:
    """What a task should be."""

    task_id: str
    task_type: str
    created_at: datetime
    run_at: datetime
    priority: int
    max_retries: int
    depends_on: tuple[str, ...]
    on_failure: DependencyFailure
    coalesce_key: str | None
    serial_key: str | None
    status: TaskStatus = QUEUED
    attempt: int = 0
    retries: int = 0
    losses: int = 0
    mark: float = 0.0
    worker_id: str | None = None
    lease_until: datetime | None = None
    started_at: datetime | None = None
    wakes_at: datetime | None = None
    is_cancel_requested: bool = False
    is_pause_requested: bool = False
    error_code: str | None = None
    steps: dict[str, int] = field(default_factory=dict)
    is_due_anew: bool = False
    """It has become due by what was done last: when exactly, only the store's clock knows."""

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "attempt": self.attempt,
            "retry_attempts": self.retries,
            "priority": self.priority,
            "run_at": self.run_at,
            "depends_on": self.depends_on,
            "worker_id": self.worker_id,
            "is_cancel_requested": self.is_cancel_requested,
            "is_pause_requested": self.is_pause_requested,
            "error_code": self.error_code,
        }


def facts_of(task: Task) -> dict[str, Any]:
    return {
        "status": task.status,
        "attempt": task.attempt,
        "retry_attempts": task.retry_attempts,
        "priority": task.priority,
        "run_at": task.run_at,
        "depends_on": task.depends_on,
        "worker_id": task.worker_id,
        "is_cancel_requested": task.is_cancel_requested,
        "is_pause_requested": task.is_pause_requested,
        "error_code": None if task.error is None else task.error.code,
    }


class Model:
    """Tasks as the contract says they go on, in plain Python."""

    def __init__(self) -> None:
        self.tasks: dict[str, Mirror] = {}

    def unfinished(self, depends_on: Sequence[str]) -> int:
        return sum(name in self.tasks and self.tasks[name].status is not COMPLETED for name in set(depends_on))

    def has_failed_dependency(self, task: Mirror) -> bool:
        return any(name in self.tasks and self.tasks[name].status in (FAILED, CANCELLED) for name in task.depends_on)

    def waiting_for(self, task_id: str) -> list[Mirror]:
        return [task for task in self.tasks.values() if task_id in task.depends_on and task.status in WAITING]

    def reaches(self, start: str, goal: str) -> bool:
        """Whether `start` waits for `goal`, by whatever way."""
        above = self.tasks[start].depends_on if start in self.tasks else ()
        return goal in above or any(self.reaches(name, goal) for name in above)

    def takes_the_place_of_what_it_waits_for(self, coalesce_key: str | None, depends_on: Sequence[str]) -> bool:
        superseded = [
            task.task_id
            for task in self.tasks.values()
            if coalesce_key is not None and task.coalesce_key == coalesce_key and task.status is QUEUED
        ]
        return any(goal in depends_on or any(self.reaches(n, goal) for n in depends_on) for goal in superseded)

    def end(self, task: Mirror, status: TaskStatus, error_code: str | None = None) -> None:
        task.status, task.error_code = status, error_code
        task.worker_id = task.lease_until = None
        task.is_cancel_requested = task.is_pause_requested = False
        if status is COMPLETED:
            for other in self.waiting_for(task.task_id):
                other.is_due_anew = self.unfinished(other.depends_on) == 0
        if status in (FAILED, CANCELLED):
            for other in self.waiting_for(task.task_id):
                self.fail_if_orphaned(other)

    def fail_if_orphaned(self, task: Mirror) -> None:
        is_waiting = task.status in WAITING
        if is_waiting and task.on_failure is DependencyFailure.FAIL and self.has_failed_dependency(task):
            self.end(task, FAILED, "dependency_failed")

    def add(self, new: Mirror) -> None:
        self._stand_for(new, self._queued_like(new))
        self.tasks[new.task_id] = new
        self.fail_if_orphaned(new)

    def queue(self, task: Mirror) -> None:
        """Back to the queue: of those of its coalesce key the newest stays."""
        self.end(task, QUEUED)
        others = self._queued_like(task)
        newest = max([task, *others], key=lambda each: each.created_at)
        if newest is task:
            self._stand_for(task, others)
        else:
            self._stand_for(newest, [task])

    def _queued_like(self, task: Mirror) -> list[Mirror]:
        if task.coalesce_key is None:
            return []
        return [
            other
            for other in self.tasks.values()
            if other is not task and other.status is QUEUED and other.coalesce_key == task.coalesce_key
        ]

    def _stand_for(self, newest: Mirror, others: Sequence[Mirror]) -> None:
        for old in others:
            if not newest.depends_on:
                for other in self.waiting_for(old.task_id):
                    other.depends_on = tuple(newest.task_id if n == old.task_id else n for n in other.depends_on)
            self.end(old, CANCELLED, "superseded")

    def may_run(self, task: Mirror, now: datetime) -> bool:
        return (
            task.status is QUEUED
            and self.unfinished(task.depends_on) == 0
            and (task.wakes_at is None or task.wakes_at <= now)
            and not (
                task.serial_key is not None
                and any(o.serial_key == task.serial_key and o.status is RUNNING for o in self.tasks.values())
            )
        )

    def start(self, claimed: Task) -> None:
        task = self.tasks[claimed.task_id]
        task.status, task.attempt, task.wakes_at = RUNNING, task.attempt + 1, None
        task.worker_id, task.lease_until = claimed.worker_id, claimed.lease_until
        task.started_at = claimed.attempt_started_at

    def is_suspect_watched(self, now: datetime) -> bool:
        """Whether one has just begun to run that may be what ends its workers."""
        since = now - timedelta(seconds=SUSPECT_SECONDS)
        running = (task for task in self.tasks.values() if task.status is RUNNING)
        return any(t.losses >= SUSPECT_LOSSES and t.started_at is not None and t.started_at > since for t in running)

    def running(self, fence: Fence) -> Mirror | None:
        """The task that this fence may write for."""
        task = self.tasks.get(fence.task_id)
        return task if task is not None and task.status is RUNNING and task.attempt == fence.attempt else None

    def forgettable(self) -> set[str]:
        return {
            task.task_id
            for task in self.tasks.values()
            if task.status.is_final
            and not any(task.task_id in o.depends_on and o.status in UNFINISHED for o in self.tasks.values())
        }
