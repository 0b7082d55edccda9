"""Tasks, their events and figures, as they pass the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from gleanery import model
from gleanery.api.wire import ErrorBody, Request, Shape
from gleanery.engine.handler import Work

SeedStatus = Literal[
    "queued",
    "starting",
    "analyzing",
    "crawling",
    "embedding",
    "retrying",
    "paused",
    "running",
    "complete",
    "error",
    "cancelled",
]


class StageShape(Shape):
    done: int
    total: int | None = Field(None, description="None while it is not known.")


class ProgressShape(Shape):
    percentage: float = Field(description="0 to 100; never goes back.")
    stage: str
    stages: dict[str, StageShape] = Field(
        description="For a crawl: discovered, fetched, extracted, chunked, stored, embedded; all in pages."
    )
    message: str
    eta_seconds: float | None
    rate_per_second: float | None = Field(
        description="Pages (or steps) per second of late; None while it can't be known."
    )
    current_url: str | None
    failed: int
    skipped: int


class ProgressDetails(Shape):
    current_step: str
    progress: float


class TaskShape(Shape):
    task_id: str
    task_type: str
    title: str
    description: str
    status: model.TaskStatus
    priority: int = Field(description="0 to 100, higher first.")
    queue_name: str
    payload: dict[str, Any]
    result: dict[str, Any] | None
    error: ErrorBody | None
    progress: ProgressShape
    progress_details: ProgressDetails
    retry_attempts: int
    max_retries: int
    run_at: datetime
    created_at: datetime
    processing_started_at: datetime | None
    processing_completed_at: datetime | None
    estimated_completion_at: datetime | None
    last_error_at: datetime | None
    error_details: ErrorBody | None = Field(description="The last error, also of an attempt that was retried.")
    worker_id: str | None
    background_task_id: str | None
    browser_session_id: str | None
    memory_usage_mb: float | None
    depends_on: list[str]
    coalesce_key: str | None
    parent_task_id: str | None
    webhook_url: str | None
    webhook_states: list[model.TaskStatus] = Field(description="States that the webhook hears of.")
    on_dependency_failure: model.DependencyFailure
    waits_for: int = Field(description="How many tasks of `depends_on` are not complete.")
    serial_key: str | None = Field(description="At most one task of a key runs at a time.")
    schedule_id: str | None = Field(description="The schedule whose tick it is.")
    is_cancel_requested: bool
    is_pause_requested: bool
    waited_seconds: float | None = Field(description="From being due to the first start.")
    ran_seconds: float = Field(description="Sum over the attempts that have ended.")
    first_seq: int = Field(description="Number of the oldest event that is still kept.")
    last_seq: int = Field(description="Number of the newest event.")


class TaskRequest(Request):
    """A task to start."""

    task_type: str = Field(min_length=1, max_length=100, description="One of `GET /task-types`.")
    payload: dict[str, Any] = Field(default_factory=dict, description="What the type asks for.")
    title: str = Field("", max_length=500)
    description: str = Field("", max_length=5000)
    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    queue_name: str = Field("default", min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")
    run_at: AwareDatetime | None = Field(None, description="Not before this time.")
    depends_on: list[str] = Field(default_factory=list, max_length=1000, description="Tasks that must complete first.")
    on_dependency_failure: model.DependencyFailure = Field(
        model.DependencyFailure.FAIL, description="When one of them fails: `fail` too, or `wait` for its retry."
    )
    coalesce_key: str | None = Field(
        None, min_length=1, max_length=500, description="The newest queued task of a key stands for all."
    )
    parent_task_id: str | None = Field(None, max_length=100)
    max_retries: int | None = Field(None, ge=0, le=100, description="Unset: as many as the type has.")
    webhook_url: str | None = Field(None, min_length=1, max_length=2048, description="Called on `webhook_states`.")
    webhook_states: list[model.TaskStatus] = Field(default_factory=lambda: list(model.WEBHOOK_STATES), min_length=1)


class TaskChange(Request):
    """What can be changed of a task that waits."""

    priority: int | None = Field(None, ge=0, le=100)
    depends_on: list[str] | None = Field(None, max_length=1000)


class TaskSelection(Request):
    """Which tasks: all that fit every field that is given."""

    status: list[model.TaskStatus] = Field(default_factory=list)
    task_type: str | None = None
    queue_name: str | None = None
    parent_task_id: str | None = None
    schedule_id: str | None = None
    created_before: AwareDatetime | None = None
    task_ids: list[str] = Field(default_factory=list, max_length=1000, description="Only these.")
    error_code: str | None = Field(None, max_length=100, description="Only those that ended with this error.")


class Steered(Shape):
    matched: int
    changed: int
    passed_over: int = Field(description="They had moved on before it came to them.")


class TaskType(Shape):
    task_type: str
    description: str
    can_pause: bool
    work: Work = Field(description="What it mostly needs; `gleanery worker --task-types` takes these names too.")
    concurrency: int | None = Field(description="At once over all workers.")
    worker_concurrency: int | None = Field(description="At once in one worker.")
    timeout_seconds: float | None
    max_retries: int
    payload_schema: dict[str, Any] = Field(description="JSON Schema of the payload.")


class TaskTypes(Shape):
    items: list[TaskType]


class SpreadShape(Shape):
    count: int
    p50: float | None = Field(description="Seconds.")
    p95: float | None = Field(description="Seconds.")


class TaskStatsShape(Shape):
    window_seconds: float
    by_status: dict[str, int]
    by_type: dict[str, dict[str, int]]
    by_queue: dict[str, dict[str, int]]
    due: int = Field(description="Queued tasks that may run now.")
    oldest_due_seconds: float | None
    ended: dict[str, int] = Field(description="Within the window, by state.")
    throughput_per_second: float = Field(description="Tasks that ended within the window.")
    retries: int = Field(description="Of tasks that ended within the window.")
    coalesced: int = Field(description="Superseded within the window.")
    skipped: int = Field(description="Ticks of schedules that were passed over, ever.")
    waiting: SpreadShape
    running: SpreadShape
    waiting_by_type: dict[str, SpreadShape]
    running_by_type: dict[str, SpreadShape]


class TaskCounts(Shape):
    by_status: dict[model.TaskStatus, int] = Field(description="Tasks in each state, also where there are none.")


class TimelineBucketShape(Shape):
    at: datetime = Field(description="Its end; in the last one, now.")
    queued: int = Field(description="At `at`: not started yet.")
    running: int = Field(description="At `at`.")
    retrying: int = Field(description="At `at`: started, and waiting for another try, paused or put back.")
    completed: int = Field(description="Ended so within the bucket; the next two too.")
    failed: int
    cancelled: int


class TimelineShape(Shape):
    window_seconds: float
    bucket_seconds: float
    is_whole: bool = Field(description="False where over 50,000 tasks ended: the oldest buckets then lack some.")
    buckets: list[TimelineBucketShape] = Field(description="Oldest first.")


class PruneRequest(Request):
    older_than_days: float = Field(ge=0, le=36500, description="Ended at least so long ago.")
    status: list[model.TaskStatus] = Field(
        default_factory=lambda: list(model.WEBHOOK_STATES), description="Only tasks that ended so."
    )
    dry_run: bool = Field(False, description="Only count.")


class Pruned(Shape):
    tasks: int
    events: int
    dry_run: bool


class TaskPage(Shape):
    items: list[TaskShape]
    next_cursor: str | None


class EventShape(Shape):
    seq: int = Field(description="From 1, without gaps, within the task.")
    at: datetime
    type: model.EventType | str = Field(description="A task type may have others of its own.")
    message: str
    data: dict[str, Any]


class EventPage(Shape):
    items: list[EventShape]
    next_cursor: str | None


class RetryRequest(Request):
    only: Literal["failed"] | None = Field(None, description="`failed` retries just the failed pages of a crawl.")
    reason: str | None = Field(
        None, min_length=1, max_length=100, description="Just the pages that failed for this reason."
    )
