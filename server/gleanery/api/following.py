"""A task's events as a reader follows them: as they are told, and from the store what was missed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from gleanery.engine.events import ChangeFeed
from gleanery.model import Event, Task
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Change

CHANGES_KEPT = 200
"""Changes that a reader has not come to yet; of one that is slower the store is asked."""


class Following:
    """Use with `with`. `news` is set when something was told that `after` was not asked for yet."""

    def __init__(self, tasks: TaskStore, feed: ChangeFeed, task_id: str, limit: int) -> None:
        self._tasks = tasks
        self._feed = feed
        self._task_id = task_id
        self._limit = limit
        self._told: deque[Change] = deque(maxlen=CHANGES_KEPT)
        self.news = asyncio.Event()

    def __enter__(self) -> Self:
        self._stop = self._feed.listen(self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.task.task_id == self._task_id:
                self._told.append(change)
                self.news.set()

    async def after(self, seq: int) -> tuple[Task, Sequence[Event]]:
        """The task, and its events after that number. The store is asked unless they follow on in what was told, so that
        events that come cost it nothing, however many read. Raises StorageError and NotFound."""
        self.news.clear()
        told = tuple(self._told)
        self._told.clear()
        events = [event for change in told for event in change.events if event.seq > seq]
        if events and [event.seq for event in events] == list(range(seq + 1, told[-1].task.last_seq + 1)):
            return told[-1].task, events
        task = await self._tasks.get(self._task_id)
        first = max(0 if seq > task.last_seq else seq, task.first_seq - 1)
        return task, await self._tasks.events(self._task_id, after=first, before=None, limit=self._limit)
