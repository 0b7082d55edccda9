"""What a test sees of several machines: their tasks and events, and whether the engine's promise was kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gleanery import errors
from gleanery.model import NewTask, Task, TaskStatus
from gleanery.store.supabase import SupabaseStore
from gleanery.store.values import Change
from tests.engine.faults import history
from tests.ground.supabase import Gateway, Project

PATIENCE_SECONDS = 90.0
"""A machine may be busy; nothing here depends on speed."""


@dataclass
class Cluster:
    project: Project
    gateway: Gateway
    store: SupabaseStore
    folder: Path
    heard: dict[str, list[int]] = field(default_factory=dict)
    """Task → the numbers of its events as this process heard of them."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.heard.setdefault(change.task.task_id, []).extend(event.seq for event in change.events)
        self._news.set()

    async def enqueue(self, task_type: str = "steps", *, max_retries: int = 50, **payload: Any) -> Task:
        new = NewTask(task_type, payload, max_retries=max_retries, serial_key=payload.get("key"))
        return await self.store.tasks.create(new)

    async def ended(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """All of them, once all have ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return [await self._ended(task) for task in tasks]

    async def _ended(self, task: Task) -> Task:
        while True:
            try:
                row = await self.store.tasks.get(task.task_id)
            except errors.StorageError:
                continue
            if row.status.is_final:
                return row
            await self.news()

    async def running(self, task: Task, worker_id: str) -> Task:
        """The task once that worker runs it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (row := await self.store.tasks.get(task.task_id)).worker_id != worker_id:
                await self.news()
        return row

    async def news(self) -> None:
        """Wait for the next change, a second at most."""
        self._news.clear()
        try:
            async with asyncio.timeout(1.0):
                await self._news.wait()
        except TimeoutError:
            return

    async def check(self, tasks: Sequence[Task]) -> None:
        """The promise: all that was accepted has ended, each in one way that its events tell of; each step counts once;
        this process has heard each event once, in order."""
        rows = {task.task_id: task for task in await history.check_all(self.store.tasks)}
        assert set(rows) >= {task.task_id for task in tasks}, "accepted is durable"
        for task in tasks:
            row = rows[task.task_id]
            assert row.status is TaskStatus.COMPLETED, (row, row.error)
            events = await self.store.tasks.events(task.task_id, after=None, before=None, limit=history.ALL)
            assert len(history.finals(events)) == 1, "at most one accepted outcome"
            assert self.heard[task.task_id] == list(range(1, row.last_seq + 1)), "no event missing or out of order"
            self._check_steps(row)
        await self._check_keys(rows)

    def _check_steps(self, task: Task) -> None:
        """A step that was accepted in an attempt happened in none after it, and no more often than there were attempts."""
        assert task.result is not None
        accepted = task.result["attempts"]
        assert accepted == sorted(accepted)
        effects = Counter((self.folder / "effects").read_text().split())
        for n, attempt in enumerate(accepted):
            assert 1 <= effects[f"{task.task_id}:s{n}"] <= attempt

    async def _check_keys(self, rows: dict[str, Task]) -> None:
        """One running per key, by the events of all tasks in the order of their numbers."""
        running: dict[str, str] = {}
        number = 0
        while changes := await self.store.tasks.changes_after(number, 1000):
            number = changes[-1].number
            for change in changes:
                key = rows[change.task.task_id].serial_key
                for event in change.events if key is not None else ():
                    assert key is not None
                    if event.type in ("task_started", "task_resumed"):
                        assert key not in running, f"two of {key} at once"
                        running[key] = change.task.task_id
                    elif running.get(key) == change.task.task_id and event.type not in (
                        "task_progressed",
                        "task_step_completed",
                    ):
                        del running[key]
