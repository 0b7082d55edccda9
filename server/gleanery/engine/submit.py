"""The door of the engine: what is asked for becomes a queued task, or is refused with the field's name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gleanery.engine.handler import Handler, handler_of
from gleanery.errors import InvalidInput
from gleanery.model import NewTask, Task
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Idempotency

Create = Callable[[NewTask, Idempotency | None, int], Awaitable[Task]]
"""Keeps a task that needs more than its row (a crawl its source) in one transaction; the number is the queue's limit."""


Check = Callable[[Any], object]
"""Raises InvalidInput for a payload (the type's model) whose values can't be: what its form alone doesn't say."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Times that every part can reckon with, in any zone."""


class Submitter:
    """`submit` is the one way in, for REST, schedules and handlers alike. `creators` and `checks` by task type."""

    def __init__(
        self,
        tasks: TaskStore,
        handlers: Mapping[str, Handler],
        *,
        queue_limit: int,
        creators: Mapping[str, Create] | None = None,
        checks: Mapping[str, Check] | None = None,
    ) -> None:
        self.handlers = handlers
        self._tasks = tasks
        self._queue_limit = queue_limit
        self._creators = creators or {}
        self._checks = checks or {}

    async def submit(self, new: NewTask, idempotency: Idempotency | None = None) -> Task:
        """The task, queued; the one it was before when the idempotency key is known.

        Raises InvalidInput (unknown type, wrong payload, unknown dependency), QueueFull and IdempotencyConflict.
        """
        ready = self.prepared(new)
        create = self._creators.get(new.task_type)
        if create is not None:
            return await create(ready, idempotency, self._queue_limit)
        return await self._tasks.create(ready, idempotency=idempotency, queue_limit=self._queue_limit)

    def prepared(self, new: NewTask) -> NewTask:
        """The task with its payload checked and completed, and with its type's keys. Raises InvalidInput."""
        spec = handler_of(self.handlers, new.task_type).spec
        payload = spec.parse(new.payload)
        if (check := self._checks.get(new.task_type)) is not None:
            check(payload)
        if new.run_at is not None and not EARLIEST <= new.run_at < LATEST:
            raise InvalidInput("run_at", f"must be from {EARLIEST.year} to {LATEST.year - 1}")
        coalesce_key = new.coalesce_key or spec.coalesce_key(payload)
        return replace(
            new,
            payload=payload.model_dump(mode="json"),
            title=new.title or spec.description or spec.task_type,
            max_retries=spec.retry.max_retries if new.max_retries is None else new.max_retries,
            coalesce_key=coalesce_key,
            serial_key=new.serial_key or spec.serial_key(payload) or coalesce_key,
        )
