"""Rows of the engine's tables as values, and values as rows: the same for every store.

Times are seconds since 1970; JSON columns hold text, and it is compact; booleans may be 0 and 1.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gleanery.model import (
    GETS_ON,
    Delivery,
    DeliveryState,
    DependencyFailure,
    ErrorInfo,
    Event,
    Fence,
    HostUse,
    MissedTicks,
    NewEvent,
    NewTask,
    Progress,
    Schedule,
    StageCount,
    Task,
    TaskStatus,
    WorkerInfo,
)
from gleanery.store.values import Change

Row = Mapping[str, Any]

DEFAULT_RETRIES = 3


def time_of(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def certain_time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def dump_progress(progress: Progress) -> str:
    return compact(
        {**vars(progress), "stages": {name: [count.done, count.total] for name, count in progress.stages.items()}}
    )


@functools.lru_cache(256)
def load_progress(text: str) -> Progress:
    data = json.loads(text)
    return Progress(**{**data, "stages": {name: StageCount(*pair) for name, pair in data["stages"].items()}})


def progress_mark(progress: Progress) -> float:
    """A number that grows when the work gets on: a task that loses its worker again and again without that is poison."""
    done = sum(count.done for count in progress.stages.values())
    return progress.percentage + done + progress.failed + progress.skipped


def dump_error(error: ErrorInfo | None) -> str | None:
    return None if error is None else compact(asdict(error))


def load_error(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo(**json.loads(text))


@functools.lru_cache(64)
def _statuses(text: str) -> tuple[TaskStatus, ...]:
    return tuple(map(TaskStatus, json.loads(text)))


def task_from(row: Row) -> Task:
    return Task(
        task_id=row["task_id"],
        task_type=row["task_type"],
        title=row["title"],
        description=row["description"],
        status=TaskStatus(row["status"]),
        priority=row["priority"],
        queue_name=row["queue_name"],
        payload=json.loads(row["payload"]),
        result=None if row["result"] is None else json.loads(row["result"]),
        error=load_error(row["error"]),
        progress=load_progress(row["progress"]),
        attempt=row["attempt"],
        retry_attempts=row["retry_attempts"],
        max_retries=row["max_retries"],
        run_at=certain_time(row["run_at"]),
        created_at=certain_time(row["created_at"]),
        processing_started_at=time_of(row["processing_started_at"]),
        processing_completed_at=time_of(row["processing_completed_at"]),
        last_error_at=time_of(row["last_error_at"]),
        last_error=load_error(row["last_error"]),
        worker_id=row["worker_id"],
        lease_until=time_of(row["lease_until"]),
        is_cancel_requested=bool(row["is_cancel_requested"]),
        memory_usage_mb=row["memory_usage_mb"],
        depends_on=() if row["depends_on"] == "[]" else tuple(json.loads(row["depends_on"])),
        coalesce_key=row["coalesce_key"],
        parent_task_id=row["parent_task_id"],
        webhook_url=row["webhook_url"],
        last_seq=row["last_seq"],
        first_seq=row["first_seq"],
        serial_key=row["serial_key"],
        waits_for=row["waits_for"],
        on_dependency_failure=DependencyFailure(row["on_dependency_failure"]),
        webhook_states=_statuses(row["webhook_states"]),
        is_pause_requested=bool(row["is_pause_requested"]),
        schedule_id=row["schedule_id"],
        attempt_started_at=time_of(row["attempt_started_at"]),
        waited_seconds=row["waited_seconds"],
        ran_seconds=row["ran_seconds"],
        recoveries=() if row["recoveries"] == "[]" else tuple(json.loads(row["recoveries"])),
        browser_session_id=row["browser_session_id"],
    )


def event_from(row: Row) -> Event:
    return Event(row["seq"], certain_time(row["at"]), row["type"], row["message"], json.loads(row["data"]))


def change_from(row: Row) -> Change:
    """Of {task, events, number}, as a store that is asked over a network tells of changes."""
    return Change(task_from(row["task"]), tuple(map(event_from, row["events"])), row["number"])


def event_row(event: NewEvent) -> dict[str, Any]:
    return {"type": event.type, "message": event.message, "data": compact(dict(event.data))}


def seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def schedule_from(row: Row) -> Schedule:
    return Schedule(
        schedule_id=row["schedule_id"],
        name=row["name"],
        task_type=row["task_type"],
        payload=json.loads(row["payload"]),
        cron=row["cron"],
        interval_seconds=row["interval_seconds"],
        time_zone=row["time_zone"],
        jitter_seconds=row["jitter_seconds"],
        missed_ticks=MissedTicks(row["missed_ticks"]),
        priority=row["priority"],
        queue_name=row["queue_name"],
        max_retries=row["max_retries"],
        webhook_url=row["webhook_url"],
        source_id=row["source_id"],
        is_paused=bool(row["is_paused"]),
        created_at=certain_time(row["created_at"]),
        next_at=time_of(row["next_at"]),
        last_at=time_of(row["last_at"]),
        last_task_id=row["last_task_id"],
        skipped_count=row["skipped_count"],
        last_error=load_error(row["last_error"]),
    )


def schedule_row(schedule: Schedule) -> dict[str, Any]:
    """What a client sets of it; what has run is the store's own."""
    return {
        "schedule_id": schedule.schedule_id,
        "name": schedule.name,
        "task_type": schedule.task_type,
        "payload": compact(dict(schedule.payload)),
        "cron": schedule.cron,
        "interval_seconds": schedule.interval_seconds,
        "time_zone": schedule.time_zone,
        "jitter_seconds": schedule.jitter_seconds,
        "missed_ticks": schedule.missed_ticks,
        "priority": schedule.priority,
        "queue_name": schedule.queue_name,
        "max_retries": schedule.max_retries,
        "webhook_url": schedule.webhook_url,
        "source_id": schedule.source_id,
        "is_paused": schedule.is_paused,
        "created_at": schedule.created_at.timestamp(),
        "next_at": seconds(schedule.next_at),
    }


def delivery_from(row: Row) -> Delivery:
    return Delivery(
        delivery_id=row["delivery_id"],
        task_id=row["task_id"],
        url=row["url"],
        type=row["type"],
        body=row["body"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        created_at=certain_time(row["created_at"]),
        next_at=time_of(row["next_at"]),
        settled_at=time_of(row["settled_at"]),
        last_status_code=row["last_status_code"],
        last_error=row["last_error"],
    )


def worker_from(row: Row) -> WorkerInfo:
    return WorkerInfo(
        worker_id=row["worker_id"],
        host=row["host"],
        pid=row["pid"],
        version=row["version"],
        task_types=tuple(json.loads(row["task_types"])),
        concurrency=row["concurrency"],
        running=row["running"],
        memory_mb=row["memory_mb"],
        state=row["state"],
        started_at=certain_time(row["started_at"]),
        beat_at=certain_time(row["beat_at"]),
    )


def worker_row(worker: WorkerInfo) -> dict[str, Any]:
    return {
        "worker_id": worker.worker_id,
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "task_types": compact(list(worker.task_types)),
        "concurrency": worker.concurrency,
        "running": worker.running,
        "memory_mb": worker.memory_mb,
        "state": worker.state,
        "started_at": worker.started_at.timestamp(),
        "beat_at": worker.beat_at.timestamp(),
    }


def host_use_from(row: Row) -> HostUse:
    return HostUse(
        host=row["host"],
        worker_id=row["worker_id"],
        users=row["users"],
        pause_until=time_of(row["pause_until"]),
        delay_seconds=row["delay_seconds"],
        beat_at=certain_time(row["beat_at"]),
    )


def host_use_row(row: HostUse) -> dict[str, Any]:
    return {
        "host": row.host,
        "worker_id": row.worker_id,
        "users": row.users,
        "pause_until": seconds(row.pause_until),
        "delay_seconds": row.delay_seconds,
        "beat_at": row.beat_at.timestamp(),
    }


def fence_row(fence: Fence) -> dict[str, Any]:
    own: dict[str, Any] = {"task_id": fence.task_id, "attempt": fence.attempt}
    return own if fence.helper is None else {**own, "helper": fence.helper}


def progress_row(progress: Progress, events: Sequence[NewEvent]) -> dict[str, Any]:
    """What a report sets, with what tells whether the work gets on."""
    gets_on = any(event.type in GETS_ON for event in events)
    return {"text": dump_progress(progress), "mark": progress_mark(progress), "gets_on": gets_on}


def new_task_row(new: NewTask) -> dict[str, Any]:
    """The columns that a new task sets; `run_at` null is now."""
    return {
        "task_id": new.task_id,
        "task_type": new.task_type,
        "title": new.title,
        "description": new.description,
        "priority": new.priority,
        "queue_name": new.queue_name,
        "payload": compact(dict(new.payload)),
        "progress": dump_progress(Progress()),
        "max_retries": DEFAULT_RETRIES if new.max_retries is None else new.max_retries,
        "run_at": seconds(new.run_at),
        "depends_on": compact(list(new.depends_on)),
        "on_dependency_failure": new.on_dependency_failure,
        "coalesce_key": new.coalesce_key,
        "serial_key": new.serial_key,
        "parent_task_id": new.parent_task_id,
        "webhook_url": new.webhook_url,
        "webhook_states": compact(list(new.webhook_states)),
        "schedule_id": new.schedule_id,
    }
