"""The checker of event histories: what may follow what in the life of a task, whatever happened to its workers."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.model import Event, EventType, Task, TaskStatus
from gleanery.store.task_store import TaskStore
from gleanery.store.values import TaskFilter

ALL = 100_000
FINAL = {
    EventType.TASK_COMPLETED: TaskStatus.COMPLETED,
    EventType.TASK_FAILED: TaskStatus.FAILED,
    EventType.TASK_CANCELLED: TaskStatus.CANCELLED,
    EventType.TASK_SUPERSEDED: TaskStatus.CANCELLED,
}
_STARTS = {EventType.TASK_STARTED, EventType.TASK_RESUMED}
_WAITING = {TaskStatus.QUEUED, TaskStatus.PAUSED}
# What changes the state: from which ones it may come, and to which it leads. A final state has no way out but a retry.
_MOVES = {
    EventType.TASK_STARTED: ({TaskStatus.QUEUED}, TaskStatus.RUNNING),
    EventType.TASK_RESUMED: ({TaskStatus.QUEUED}, TaskStatus.RUNNING),
    EventType.TASK_RETRY_SCHEDULED: ({TaskStatus.RUNNING}, TaskStatus.QUEUED),
    EventType.TASK_PAUSED: ({TaskStatus.QUEUED, TaskStatus.RUNNING}, TaskStatus.PAUSED),
    EventType.TASK_COMPLETED: ({TaskStatus.RUNNING}, TaskStatus.COMPLETED),
    EventType.TASK_FAILED: ({*_WAITING, TaskStatus.RUNNING}, TaskStatus.FAILED),
    EventType.TASK_CANCELLED: ({*_WAITING, TaskStatus.RUNNING}, TaskStatus.CANCELLED),
    EventType.TASK_SUPERSEDED: ({TaskStatus.QUEUED}, TaskStatus.CANCELLED),
}
_WHILE_WAITING = {EventType.TASK_RELEASED, EventType.TASK_REPRIORITISED, EventType.TASK_REBOUND}


class _Life:
    """The state of one task, as its events tell it."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self.status: TaskStatus | None = None
        self.attempt = 0

    def take(self, event: Event) -> None:
        kind = EventType(event.type)
        if kind is EventType.TASK_QUEUED:
            self._queued(event)
        elif kind in _MOVES:
            before, after = _MOVES[kind]
            self._expect(event, before)
            if kind in _STARTS:
                self._started(event, kind)
            self.status = after
        else:
            self._expect(event, _WAITING if kind in _WHILE_WAITING else {TaskStatus.RUNNING})

    def _queued(self, event: Event) -> None:
        """The first of all, put back, resumed, or queued again by request: only that begins a new life."""
        reason = event.data.get("reason")
        if self.status is None:
            assert event.seq == 1, self._where(event)
        elif self.status.is_final:
            assert reason == "retry", self._where(event)
        elif reason == "resume":
            self._expect(event, {TaskStatus.PAUSED, TaskStatus.RUNNING})
            if self.status is TaskStatus.RUNNING:
                return  # a pause that was only asked for is taken back: it runs on
        else:
            self._expect(event, {TaskStatus.RUNNING})
        self.status = TaskStatus.QUEUED

    def _started(self, event: Event, kind: EventType) -> None:
        self.attempt += 1
        assert event.data["attempt"] == self.attempt, self._where(event)
        assert (kind is EventType.TASK_STARTED) == (self.attempt == 1), self._where(event)

    def _expect(self, event: Event, statuses: set[TaskStatus]) -> None:
        assert self.status in statuses, self._where(event)

    def _where(self, event: Event) -> str:
        return f"{self._task_id}: {event.type} (seq {event.seq}) while {self.status}, attempt {self.attempt}"


def check(task: Task, events: Sequence[Event]) -> None:
    """Raise AssertionError unless the events are numbered without a gap and tell one possible life that ends as the row says.

    One final event for each life (a retry by request begins a new one), nothing after it; attempts from 1 without a gap.
    """
    assert [event.seq for event in events] == list(range(1, task.last_seq + 1)), task.task_id
    life = _Life(task.task_id)
    for event in events:
        life.take(event)
    assert (life.status, life.attempt) == (task.status, task.attempt), task.task_id
    assert (task.processing_completed_at is not None) == task.status.is_final, task.task_id
    assert (task.worker_id is not None) == (task.status is TaskStatus.RUNNING), task.task_id


async def check_all(tasks: TaskStore) -> Sequence[Task]:
    """Check every task of the store; all of them, newest first."""
    rows = await tasks.list(TaskFilter(), after=None, limit=ALL)
    for task in rows:
        check(task, await tasks.events(task.task_id, after=None, before=None, limit=ALL))
    return rows


def finals(events: Sequence[Event]) -> list[str]:
    """The types of the events that end a life."""
    return [event.type for event in events if event.type in FINAL]
