"""Forgetting: what the retention settings give up is removed, a little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gleanery import errors, log
from gleanery.model import Clock
from gleanery.store.base import Store
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Removed, Retention

_log = log.get(__name__)

AT_ONCE = 100
PAGES_AT_ONCE = 4
OLD_AT_ONCE = 10
EVERY_SECONDS = 3600.0
IDEMPOTENCY_DAYS = 7.0
DELIVERY_DAYS = 7.0


Prune = Callable[[datetime, int], Awaitable[int]]


@dataclass(frozen=True)
class KeepPolicy:
    """How long ended tasks, their events, stories and reports are kept, in days; how many events of one task. None keeps for
    good. `parsed_bytes` is what all parsed pages may take."""

    tasks_days: float | None
    events_days: float | None
    events_per_task: int | None
    stories_days: float | None
    reports_days: float | None
    parsed_bytes: int


class Housekeeping:
    """Prunes by the policy, at once and then every hour."""

    def __init__(self, store: Store, policy: KeepPolicy, clock: Clock) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                removed = await self.once()
                if removed != Removed():
                    _log.info("pruned", extra={"tasks": removed.tasks, "events": removed.events})
            except errors.StorageError as error:
                _log.error("pruning failed", extra={"code": error.code, "reason": error.message})
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self) -> Removed:
        await self._store.hosts.prune(self._clock() - timedelta(seconds=EVERY_SECONDS))
        removed = await prune(self._store.tasks, self._retention())
        await self._prune(self._store.stories.prune, self._policy.stories_days)
        await self._prune(self._store.compliance.prune, self._policy.reports_days)
        while await self._store.parses.evict(self._policy.parsed_bytes, PAGES_AT_ONCE):
            pass
        while await self._store.parses.forget(PAGES_AT_ONCE):
            pass
        return removed

    async def _prune(self, prune: Prune, days: float | None) -> None:
        while days is not None and await prune(self._clock() - timedelta(days=days), OLD_AT_ONCE):
            pass

    def _retention(self) -> Retention:
        now, policy = self._clock(), self._policy
        return Retention(
            tasks_before=None if policy.tasks_days is None else now - timedelta(days=policy.tasks_days),
            events_before=None if policy.events_days is None else now - timedelta(days=policy.events_days),
            events_per_task=policy.events_per_task,
            deliveries_before=now - timedelta(days=DELIVERY_DAYS),
            idempotency_before=now - timedelta(days=IDEMPOTENCY_DAYS),
        )


async def prune(tasks: TaskStore, retention: Retention) -> Removed:
    """Remove all that `retention` gives up, in short transactions; what went."""
    total = Removed()
    while (removed := await tasks.prune(retention, AT_ONCE)) != Removed():
        total = Removed(
            total.tasks + removed.tasks,
            total.events + removed.events,
            total.deliveries + removed.deliveries,
            total.idempotency_keys + removed.idempotency_keys,
            total.urls + removed.urls,
        )
    return total
