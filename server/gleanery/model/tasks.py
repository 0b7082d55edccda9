"""Tasks, their events and progress, schedules, webhook calls and workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gleanery.model.identity import new_id


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


class EventType(StrEnum):
    """What can be told of a task, in the past tense. `data` holds what the comment names."""

    TASK_QUEUED = "task_queued"  # {reason?}
    TASK_RELEASED = "task_released"  # {}: everything that it waited for is complete
    TASK_REPRIORITISED = "task_reprioritised"  # {priority, was}
    TASK_REBOUND = "task_rebound"  # {depends_on}: it waits for other tasks than before
    TASK_CHANGED = "task_changed"  # {changed, was}: what it is asked to do, by name
    TASK_STARTED = "task_started"  # {attempt, worker_id}
    TASK_RESUMED = "task_resumed"  # {attempt, worker_id}: taken up again where it stopped
    TASK_PROGRESSED = "task_progressed"  # {stage, done, total}
    TASK_STEP_COMPLETED = "task_step_completed"  # {step}
    TASK_RETRY_SCHEDULED = "task_retry_scheduled"  # {attempt, run_at, error, action, recovery?}
    TASK_PAUSE_REQUESTED = "task_pause_requested"  # {}
    TASK_PAUSED = "task_paused"  # {}
    TASK_CANCEL_REQUESTED = "task_cancel_requested"  # {}
    TASK_COMPLETED = "task_completed"  # {result}
    TASK_FAILED = "task_failed"  # {error}
    TASK_CANCELLED = "task_cancelled"  # {}
    TASK_SUPERSEDED = "task_superseded"  # {by}: a newer equal task stands for it
    STAGE_STARTED = "stage_started"  # {stage}
    PAGE_STORED = "page_stored"  # {url, page_id, title, status_code, seconds, chunks, code_examples}
    PAGE_SKIPPED = "page_skipped"  # {url, reason, status_code?}
    PAGE_FAILED = "page_failed"  # {url, reason, message, status_code?, attempts}
    PAGE_RETRY_SCHEDULED = "page_retry_scheduled"  # {url, reason, message, in_seconds, attempt}
    # {web_page_id, url, title, status_code, elements, size_bytes, timing}: parsed, and kept
    WEB_PAGE_STORED = "web_page_stored"
    PAGES_EMBEDDED = "pages_embedded"  # {pages, chunks}
    SOURCE_PUBLISHED = "source_published"  # {source_id, generation}: search answers from what was built
    SITE_SURVEYED = "site_surveyed"  # {mode, tried, urls}: what the site offers by itself, and how it is crawled
    RENDERING_CHOSEN = "rendering_chosen"  # {host, by}: pages are got another way from now on
    WARNING_RAISED = "warning_raised"  # {code, ...}


GETS_ON = frozenset(
    {
        EventType.TASK_STEP_COMPLETED,
        EventType.PAGE_STORED,
        EventType.PAGE_SKIPPED,
        EventType.PAGE_FAILED,
        EventType.WEB_PAGE_STORED,
        EventType.PAGES_EMBEDDED,
    }
)
"""Events of something that need not be done again: a task that tells one has got on, whatever becomes of its worker."""


class DependencyFailure(StrEnum):
    """What becomes of a task when one that it waits for fails or is cancelled."""

    FAIL = "fail"
    WAIT = "wait"


class MissedTicks(StrEnum):
    """What a schedule does about ticks that passed while no server ran."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class DeliveryState(StrEnum):
    """Where a webhook call stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class ErrorInfo:
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageCount:
    done: int = 0
    total: int | None = None


@dataclass(frozen=True)
class Progress:
    """How far a task is. `percentage` is 0 to 100 and never goes back; `eta_seconds` is None while it can't be known."""

    percentage: float = 0.0
    stage: str = ""
    stages: Mapping[str, StageCount] = field(default_factory=dict)
    message: str = ""
    eta_seconds: float | None = None
    rate_per_second: float | None = None
    current_url: str | None = None
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Event:
    seq: int
    at: datetime
    type: str
    message: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class NewEvent:
    """An event that has no number yet: the store gives it one in the transaction that it belongs to."""

    type: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One durable run.

    `attempt` counts claims and fences every write of a worker; `waits_for` counts dependencies that are not complete;
    `first_seq` is the oldest event that is still kept; `waited_seconds` is the time between being due and the first start,
    `ran_seconds` the sum over all attempts that have ended. `recoveries` are the names of the rules by which its failed
    attempts were tried again since it was asked for, oldest first.
    """

    task_id: str
    task_type: str
    title: str
    description: str
    status: TaskStatus
    priority: int
    queue_name: str
    payload: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: ErrorInfo | None
    progress: Progress
    attempt: int
    retry_attempts: int
    max_retries: int
    run_at: datetime
    created_at: datetime
    processing_started_at: datetime | None
    processing_completed_at: datetime | None
    last_error_at: datetime | None
    last_error: ErrorInfo | None
    worker_id: str | None
    lease_until: datetime | None
    is_cancel_requested: bool
    memory_usage_mb: float | None
    depends_on: tuple[str, ...]
    coalesce_key: str | None
    parent_task_id: str | None
    webhook_url: str | None
    last_seq: int
    first_seq: int = 1
    serial_key: str | None = None
    waits_for: int = 0
    on_dependency_failure: DependencyFailure = DependencyFailure.FAIL
    webhook_states: tuple[TaskStatus, ...] = ()
    is_pause_requested: bool = False
    schedule_id: str | None = None
    attempt_started_at: datetime | None = None
    waited_seconds: float | None = None
    ran_seconds: float = 0.0
    recoveries: tuple[str, ...] = ()
    browser_session_id: str | None = None


WEBHOOK_STATES = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
"""States that are told to a task's webhook unless it names others."""


@dataclass(frozen=True)
class NewTask:
    """A task to be. At most one of a `serial_key` runs at a time; a queued one of the same `coalesce_key` is superseded."""

    task_type: str
    payload: Mapping[str, Any]
    title: str = ""
    description: str = ""
    priority: int = 50
    queue_name: str = "default"
    max_retries: int | None = None
    run_at: datetime | None = None
    depends_on: tuple[str, ...] = ()
    on_dependency_failure: DependencyFailure = DependencyFailure.FAIL
    coalesce_key: str | None = None
    serial_key: str | None = None
    webhook_url: str | None = None
    webhook_states: tuple[TaskStatus, ...] = WEBHOOK_STATES
    parent_task_id: str | None = None
    schedule_id: str | None = None
    task_id: str = field(default_factory=lambda: new_id("tsk"))


@dataclass(frozen=True)
class Fence:
    """The right to write for a task: valid only while this attempt is the running one. With a `helper` it is that of one who
    works on it beside the worker that runs it: the task's progress is not for it to say."""

    task_id: str
    attempt: int
    helper: str | None = None


@dataclass(frozen=True)
class Schedule:
    """A recurring task: by `cron` in `time_zone`, or every `interval_seconds` from its creation. `payload` is what a client
    would send. `next_at` is the next nominal tick, None when there is none; each tick runs up to `jitter_seconds` later."""

    schedule_id: str
    name: str
    task_type: str
    payload: Mapping[str, Any]
    cron: str | None
    interval_seconds: float | None
    time_zone: str
    jitter_seconds: float
    missed_ticks: MissedTicks
    priority: int
    queue_name: str
    max_retries: int | None
    webhook_url: str | None
    source_id: str | None
    is_paused: bool
    created_at: datetime
    next_at: datetime | None
    last_at: datetime | None = None
    last_task_id: str | None = None
    skipped_count: int = 0
    last_error: ErrorInfo | None = None


@dataclass(frozen=True)
class Delivery:
    """One webhook call: written with the state that it tells of, sent until it is taken or given up."""

    delivery_id: str
    task_id: str
    url: str
    type: str
    body: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None
    settled_at: datetime | None
    last_status_code: int | None
    last_error: str | None


@dataclass(frozen=True)
class WorkerInfo:
    """A process that runs tasks, as it last told of itself."""

    worker_id: str
    host: str
    pid: int
    version: str
    task_types: tuple[str, ...]
    concurrency: int
    running: int
    memory_mb: float
    state: str
    started_at: datetime
    beat_at: datetime
