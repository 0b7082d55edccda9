"""What changing a crawl's limits comes to: pure, the same for every store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gleanery import errors
from gleanery.model import EventType, NewEvent, Task


def changed_limits(task: Task, limits: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those that are otherwise now. Raises WrongState for a task that has ended or is no crawl."""
    if task.task_type != "crawl":
        raise errors.WrongState("Only crawls have limits.", task_id=task.task_id, task_type=task.task_type)
    if task.status.is_final:
        raise errors.WrongState(
            f"The task is {task.status} already: its limits hold no more. Start another crawl.",
            task_id=task.task_id,
            status=task.status,
        )
    return {name: value for name, value in limits.items() if task.payload.get(name) != value}


def change_event(task: Task, changed: Mapping[str, Any]) -> NewEvent:
    """Tells what was, and is now."""
    was = {name: task.payload.get(name) for name in changed}
    parts = [f"{name} {_told(was[name])} → {_told(value)}" for name, value in changed.items()]
    return NewEvent(EventType.TASK_CHANGED, f"Limits changed: {', '.join(parts)}", {"changed": changed, "was": was})


def _told(value: Any) -> str:
    return "none" if value is None else f"{value:,g}" if isinstance(value, float) else f"{value:,}"
