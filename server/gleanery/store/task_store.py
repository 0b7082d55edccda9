"""The contract of the part of a store that keeps tasks with their events. What holds for all: `store.base`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gleanery.model import (
    ErrorInfo,
    Event,
    Fence,
    NewEvent,
    NewTask,
    Progress,
    Task,
    TaskStatus,
)
from gleanery.store.values import (
    Asked,
    Change,
    Idempotency,
    Removed,
    Retention,
    TaskFilter,
    TaskStats,
    Timeline,
    Wanted,
)


class TaskStore(Protocol):
    async def create(
        self,
        new: NewTask,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        """Keep a task as `queued` with its first event; queued ones of its coalesce key are superseded.

        The same idempotency key with the same request gives the task that it made before; with another request it raises
        IdempotencyConflict. Raises QueueFull at `queue_limit` waiting tasks, InvalidInput for an unknown dependency. A
        dependency that has failed already fails the new task too, if that is what it declares.
        """
        ...

    async def known_start(self, idempotency: Idempotency) -> Task | None:
        """The task that this key has made before, or None. Raises IdempotencyConflict as `create` does."""
        ...

    async def get(self, task_id: str) -> Task:
        """The task. Raises NotFound."""
        ...

    async def list(self, wanted: TaskFilter, *, after: tuple[float, str] | None, limit: int) -> Sequence[Task]:
        """Newest first."""
        ...

    async def in_order(
        self, wanted: TaskFilter, *, after: tuple[int, float, float, str] | None, limit: int
    ) -> Sequence[Task]:
        """As waiting tasks are chosen: best priority first, then by `run_at`, then the oldest. `after` is these three, the
        times in seconds, and the id."""
        ...

    async def count_by_status(self) -> Mapping[str, int]:
        """How many tasks are in each state that any task is in."""
        ...

    async def stats(self, *, window_seconds: float) -> TaskStats: ...

    async def timeline(self, *, window_seconds: float, buckets: int) -> Timeline:
        """How many tasks were in each state at the end of each bucket, oldest first, as the times of their rows tell; the last
        one ends now. Tasks that are removed are not counted, ended ones that were queued again only as they stand."""
        ...

    async def next_due_at(self, task_types: Sequence[str]) -> datetime | None:
        """When the next queued task of these types becomes due that isn't yet; None when none waits."""
        ...

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        """Compare-and-set of one task from `queued` to `running` with attempt + 1 and a lease. None when it isn't due or
        queued any more, waits for others, or when another task of its serial key runs."""
        ...

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        """Claim up to `limit` tasks that are due, best priority first, then oldest, within the limits. Of those that lost
        their workers several times in a row one begins at a time: it may be what ends them."""
        ...

    async def beat(
        self, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
    ) -> Mapping[str, Asked]:
        """Prolong the leases of attempts; what was asked of each by task id. One that is missing has lost its lease."""
        ...

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        """Append events and set the progress they tell of."""
        ...

    async def note(
        self, fence: Fence, *, browser_session_id: str | None = None, memory_usage_mb: float | None = None
    ) -> None:
        """Keep what the attempt works with; what is None stays as it is."""
        ...

    async def finish(
        self,
        fence: Fence,
        status: TaskStatus,
        events: Sequence[NewEvent],
        *,
        progress: Progress | None = None,
        result: Mapping[str, Any] | None = None,
        error: ErrorInfo | None = None,
        run_at: datetime | None = None,
        recovery: str = "",
    ) -> Task:
        """End the attempt: a final status, `paused`, or `queued`: with `error` and `run_at` for another try, which counts as
        a retry (by the rule named `recovery`, which is added to its recoveries), without them put back as if it had not run. One that
        was asked to be cancelled (or paused) meanwhile is
        not queued but cancelled (paused); the answer says which. What depends on it is released, or fails too."""
        ...

    async def step(self, task_id: str, name: str) -> tuple[Any] | None:
        """The stored value (JSON) of a step of this task in a tuple, None when it isn't done."""
        ...

    async def keep_step(self, fence: Fence, name: str, value: Any) -> None:
        """Keep a step's value with its event; a step that is there stays as it is."""
        ...

    async def request_cancel(self, task_id: str) -> Task:
        """A queued or paused task is cancelled at once, a running one is marked. Raises NotFound, and WrongState when it
        has already ended."""
        ...

    async def request_pause(self, task_id: str) -> Task:
        """A queued task is paused at once, a running one is marked. Raises NotFound, and WrongState when it has ended."""
        ...

    async def resume(self, task_id: str) -> Task:
        """A paused task is queued again; a pause that was only asked for is taken back. Raises NotFound and WrongState."""
        ...

    async def retry(self, task_id: str, *, only_failed: bool, reason: str | None = None) -> Task:
        """Queue an ended task again, with fresh retries. Failed URLs of its frontier are queued again; a completed task
        can be retried only for those. With `reason` only those that failed for it. Raises NotFound and WrongState (also
        while a dependency of it has failed)."""
        ...

    async def change(
        self, task_id: str, *, priority: int | None = None, depends_on: Sequence[str] | None = None
    ) -> Task:
        """Change a task that waits. Raises NotFound, WrongState when it runs or has ended, InvalidInput for an unknown
        dependency or a circle of them."""
        ...

    async def asked_of(self, worker_id: str) -> Sequence[str]:
        """Tasks that run with this worker and are to be cancelled or paused."""
        ...

    async def owners(self) -> Sequence[str]:
        """The workers that running tasks belong to by their rows."""
        ...

    async def reap(self, *, gone: Sequence[str], spare: Sequence[str]) -> Sequence[Task]:
        """Take back tasks whose lease ran out or whose worker is `gone`, except the ids in `spare`. They are queued again,
        or failed with `worker_lost` when that happened more often in a row, without progress, than they have retries. A row
        that another call holds right then is left for the next look."""
        ...

    async def prune(self, retention: Retention, limit: int) -> Removed:
        """Remove up to `limit` rows of each kind that `retention` gives up; what went. Tasks that others wait for stay."""
        ...

    async def prunable(self, retention: Retention) -> Removed:
        """What `prune` would remove in the end."""
        ...

    async def events(self, task_id: str, *, after: int | None, before: int | None, limit: int) -> Sequence[Event]:
        """Ascending: the first `limit` after `after`, or the last `limit` before `before`."""
        ...

    async def changes_after(self, number: int, limit: int) -> Sequence[Change]:
        """What was told after that event of the order of all tasks, whichever process wrote it."""
        ...

    async def last_number(self) -> int:
        """The newest event's number in the order of all tasks."""
        ...
