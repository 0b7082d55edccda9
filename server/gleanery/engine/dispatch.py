"""Doorbells: `task X may be runnable, or something is asked of it`. They carry no truth.

A doorbell may be lost, late, doubled or out of order, and nothing breaks: whoever hears one looks at the rows, and the
worker looks by itself once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gleanery.engine.events import Listener
from gleanery.model import EventType, TaskStatus
from gleanery.store.values import Change

Hear = Callable[[str], None]


class Dispatcher(Protocol):
    """Carries doorbells between whoever writes tasks and whoever runs them."""

    def ring(self, task_id: str) -> None:
        """Never fails and never waits: a doorbell that can't be carried is lost."""
        ...

    def listen(self, hear: Hear) -> Callable[[], None]:
        """Hear every doorbell from now on, in the loop; call what is returned to stop. `hear` must be quick."""
        ...

    async def start(self) -> None:
        """Begin to deliver; never fails: what can't be delivered yet is lost."""
        ...

    async def drain(self) -> None:
        """Deliver no more; returns when none is under way."""
        ...

    @property
    def problem(self) -> str | None:
        """Why doorbells don't come, if so: then work begins a second later."""
        ...

    def health(self) -> str:
        """One sentence."""
        ...


class LocalDispatcher:
    """`Dispatcher` within one process. Other processes' changes come in by the tail of the event log, which rings here."""

    def __init__(self) -> None:
        self._hearers: list[Hear] = []
        self._is_drained = False

    def ring(self, task_id: str) -> None:
        if not self._is_drained:
            for hear in tuple(self._hearers):
                hear(task_id)

    def listen(self, hear: Hear) -> Callable[[], None]:
        self._hearers.append(hear)
        return lambda: self._hearers.remove(hear)

    async def start(self) -> None:
        return

    async def drain(self) -> None:
        self._is_drained = True

    @property
    def problem(self) -> str | None:
        return "drained" if self._is_drained else None

    def health(self) -> str:
        return "drained" if self._is_drained else f"in this process, {len(self._hearers)} listening"


def ringing(dispatcher: Dispatcher) -> Listener:
    """A listener that rings for every change that may let a task run, or that asks something of one."""

    def hear(changes: Sequence[Change]) -> None:
        for change in changes:
            if _is_worth_it(change):
                dispatcher.ring(change.task.task_id)

    return hear


def _is_worth_it(change: Change) -> bool:
    """Runnable; or asked to stop, or for something else; or no longer running, which frees a slot, a serial key or those that
    waited for it."""
    task = change.task
    if task.status is TaskStatus.RUNNING:
        is_changed = any(event.type == EventType.TASK_CHANGED for event in change.events)
        return task.is_cancel_requested or task.is_pause_requested or is_changed
    return True
