"""`TaskStore` over Supabase. What a method does is told in `base.py`, how in sql/004 to 011."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from json import loads
from typing import Any
from uuid import uuid4

from gleanery import errors
from gleanery.model import ErrorInfo, Event, Fence, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store import stats_rows, timeline
from gleanery.store.rows import (
    compact,
    dump_error,
    dump_progress,
    event_from,
    event_row,
    fence_row,
    new_task_row,
    progress_row,
    seconds,
    task_from,
    time_of,
)
from gleanery.store.supabase.client import Rest
from gleanery.store.values import (
    SUSPECT_LOSSES,
    SUSPECT_SECONDS,
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

EVENTS_OF_A_LOOK = 500


class SupabaseTasks:
    """`TaskStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._given_up: dict[str, Mapping[str, Any]] = {}
        """The last claim of each worker, when it met StorageAway: what it claimed runs by its row, and is begun by the next."""

    async def create(
        self, new: NewTask, *, idempotency: Idempotency | None = None, queue_limit: int | None = None
    ) -> Task:
        row = await self._rest.write(
            "tasks_create",
            task=new_task_row(new),
            idempotency=None if idempotency is None else asdict(idempotency),
            queue_limit=queue_limit,
        )
        return task_from(row)

    async def known_start(self, idempotency: Idempotency) -> Task | None:
        row = await self._rest.call("tasks_known_start", idempotency=asdict(idempotency))
        return None if row is None else task_from(row)

    async def get(self, task_id: str) -> Task:
        return task_from(await self._rest.call("tasks_get", task_id=task_id))

    async def list(self, wanted: TaskFilter, *, after: tuple[float, str] | None, limit: int) -> Sequence[Task]:
        rows = await self._rest.call("tasks_list", wanted=_filter(wanted), after=after, limit=limit)
        return [task_from(row) for row in rows]

    async def in_order(
        self, wanted: TaskFilter, *, after: tuple[int, float, float, str] | None, limit: int
    ) -> Sequence[Task]:
        rows = await self._rest.call("tasks_in_order", wanted=_filter(wanted), after=after, limit=limit)
        return [task_from(row) for row in rows]

    async def count_by_status(self) -> Mapping[str, int]:
        counts: Mapping[str, int] = await self._rest.call("tasks_count_by_status")
        return counts

    async def stats(self, *, window_seconds: float) -> TaskStats:
        found = await self._rest.call("tasks_stats", window_seconds=window_seconds, sample=stats_rows.SAMPLE)
        return stats_rows.stats_from(found, window_seconds)

    async def timeline(self, *, window_seconds: float, buckets: int) -> Timeline:
        found = await self._rest.call(
            "tasks_timeline", window_seconds=window_seconds, buckets=buckets, most=timeline.MOST_ENDED
        )
        cut = timeline.cut(found["now"], window_seconds, buckets)
        return timeline.of_changes(cut, {(row["bucket"], row["kind"]): row["change"] for row in found["changes"]})

    async def next_due_at(self, task_types: Sequence[str]) -> datetime | None:
        return time_of(await self._rest.call("tasks_next_due_at", task_types=list(task_types)))

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        row = await self._rest.write("tasks_claim", task_id=task_id, worker_id=worker_id, lease_seconds=lease_seconds)
        return None if row is None else task_from(row)

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        asked = {**asdict(wanted), "suspect_losses": SUSPECT_LOSSES, "suspect_seconds": SUSPECT_SECONDS}
        given_up = self._given_up.pop(wanted.worker_id, None)
        call = given_up or {"call_id": uuid4().hex, "wanted": asked, "limit": limit}
        try:
            claimed = [task_from(row) for row in await self._rest.write("tasks_claim_due", **call)]
            return await self._still_running(claimed, wanted.lease_seconds) if given_up else claimed
        except errors.StorageAway:
            self._given_up[wanted.worker_id] = call
            raise

    async def _still_running(self, claimed: Sequence[Task], lease_seconds: float) -> Sequence[Task]:
        """Without those that were taken back meanwhile."""
        asked = await self.beat([Fence(task.task_id, task.attempt) for task in claimed], lease_seconds, {})
        return [task for task in claimed if task.task_id in asked]

    async def beat(
        self, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
    ) -> Mapping[str, Asked]:
        rows = [{**fence_row(fence), "memory_usage_mb": memory_usage_mb.get(fence.task_id)} for fence in fences]
        found = await self._rest.write("tasks_beat", fences=rows, lease_seconds=lease_seconds)
        return {row["task_id"]: asked_from(row) for row in found}

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        row = await self._rest.write(
            "tasks_report",
            fence=fence_row(fence),
            events=[event_row(event) for event in events],
            progress=progress_row(progress, events) if fence.helper is None else None,
        )
        return task_from(row)

    async def note(
        self, fence: Fence, *, browser_session_id: str | None = None, memory_usage_mb: float | None = None
    ) -> None:
        await self._rest.write(
            "tasks_note",
            fence=fence_row(fence),
            browser_session_id=browser_session_id,
            memory_usage_mb=memory_usage_mb,
        )

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
        ended = {
            "status": status,
            "events": [event_row(event) for event in events],
            "progress": None if progress is None else dump_progress(progress),
            "result": None if result is None else compact(dict(result)),
            "error": _error(error),
            "run_at": seconds(run_at),
            "recovery": recovery,
        }
        await self._rest.caught_up()  # what the attempt did last would be refused after its end
        return task_from(await self._rest.write("tasks_finish", fence=fence_row(fence), ended=ended))

    async def step(self, task_id: str, name: str) -> tuple[Any] | None:
        value = await self._rest.call("tasks_step", task_id=task_id, name=name)
        return None if value is None else (loads(value),)

    async def keep_step(self, fence: Fence, name: str, value: Any) -> None:
        text = compact(value)  # here: what is no JSON is the handler's error
        await self._rest.write("tasks_keep_step", fence=fence_row(fence), name=name, value=text)

    async def request_cancel(self, task_id: str) -> Task:
        return task_from(await self._rest.write("tasks_request_cancel", task_id=task_id))

    async def request_pause(self, task_id: str) -> Task:
        return task_from(await self._rest.write("tasks_request_pause", task_id=task_id))

    async def resume(self, task_id: str) -> Task:
        return task_from(await self._rest.write("tasks_resume", task_id=task_id))

    async def retry(self, task_id: str, *, only_failed: bool, reason: str | None = None) -> Task:
        return task_from(await self._rest.write("tasks_retry", task_id=task_id, only_failed=only_failed, reason=reason))

    async def change(
        self, task_id: str, *, priority: int | None = None, depends_on: Sequence[str] | None = None
    ) -> Task:
        names = None if depends_on is None else list(depends_on)
        return task_from(await self._rest.write("tasks_change", task_id=task_id, priority=priority, depends_on=names))

    async def asked_of(self, worker_id: str) -> Sequence[str]:
        ids: Sequence[str] = await self._rest.call("tasks_asked_of", worker_id=worker_id)
        return ids

    async def owners(self) -> Sequence[str]:
        ids: Sequence[str] = await self._rest.call("tasks_owners")
        return ids

    async def reap(self, *, gone: Sequence[str], spare: Sequence[str]) -> Sequence[Task]:
        # By a clock that was set since we heard of it, every lease looks over, or none: then nothing is taken back yet.
        rows = await self._rest.write(
            "tasks_reap", gone=list(gone), spare=list(spare), about=self._rest.clock().timestamp()
        )
        return [task_from(row) for row in rows]

    async def prune(self, retention: Retention, limit: int) -> Removed:
        return Removed(**await self._rest.write("tasks_prune", retention=_retention(retention), limit=limit))

    async def prunable(self, retention: Retention) -> Removed:
        return Removed(**await self._rest.call("tasks_prunable", retention=_retention(retention)))

    async def events(self, task_id: str, *, after: int | None, before: int | None, limit: int) -> Sequence[Event]:
        rows = await self._rest.call("tasks_events", task_id=task_id, after=after, before=before, limit=limit)
        return [event_from(row) for row in rows]

    async def changes_after(self, number: int, limit: int = EVENTS_OF_A_LOOK) -> Sequence[Change]:
        found = await self._rest.call("tasks_changes_after", number=number, limit=limit)
        tasks = {row["task_id"]: task_from(row) for row in found["tasks"]}
        changes = list[Change]()
        for row in found["events"]:
            if changes and changes[-1].task.task_id == row["task_id"]:
                last = changes.pop()
                changes.append(Change(last.task, (*last.events, event_from(row)), row["number"]))
            elif (task := tasks.get(row["task_id"])) is not None:
                changes.append(Change(task, (event_from(row),), row["number"]))
        return changes

    async def last_number(self) -> int:
        return int(await self._rest.call("tasks_last_number"))


def asked_from(row: Mapping[str, Any]) -> Asked:
    return Asked(row["is_cancel_requested"], row["is_pause_requested"], loads(row["payload"]))


def _error(error: ErrorInfo | None) -> str | None:
    """The database looks for the code, and reads no text with a NUL in it."""
    text = dump_error(error)
    return None if text is None else text.replace("\\u0000", "\ufffd")


def _filter(wanted: TaskFilter) -> dict[str, Any]:
    return {**asdict(wanted), "created_before": seconds(wanted.created_before)}


def _retention(retention: Retention) -> dict[str, Any]:
    return {
        **asdict(retention),
        "tasks_before": seconds(retention.tasks_before),
        "events_before": seconds(retention.events_before),
        "deliveries_before": seconds(retention.deliveries_before),
        "idempotency_before": seconds(retention.idempotency_before),
    }
