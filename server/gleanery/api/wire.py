"""Every JSON shape that passes the doors. The OpenAPI document and the UI's types are made from these models.

Requests refuse fields they don't know. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gleanery import model

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


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=100_000)


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class ErrorBody(Shape):
    code: str = Field(description="Stable and machine-readable.")
    message: str = Field(description="One sentence for people.")
    details: dict[str, Any] = Field(default_factory=dict, description="Facts; `field` and `reason` for a wrong field.")


class ErrorReply(Shape):
    error: ErrorBody


# Tasks


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


class Steered(Shape):
    matched: int
    changed: int
    passed_over: int = Field(description="They had moved on before it came to them.")


class TaskType(Shape):
    task_type: str
    description: str
    can_pause: bool
    concurrency: int | None = Field(description="At once over all workers.")
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
    type: str
    message: str
    data: dict[str, Any]


class EventPage(Shape):
    items: list[EventShape]
    next_cursor: str | None


class UrlShape(Shape):
    url: str
    state: model.UrlState
    reason: str | None
    message: str | None
    status_code: int | None
    depth: int
    attempts: int
    found_on: str | None
    page_id: str | None
    chunks: int | None
    code_examples: int | None
    elapsed_seconds: float | None
    settled_at: datetime | None
    origin: model.UrlOrigin = Field(description="How the crawl came to know it.")
    lastmod: datetime | None = Field(description="What the sitemap says of it.")
    fetched_by: model.FetchedBy | None
    same_as: str | None = Field(description="Key of the URL that it is the same as.")


class UrlPage(Shape):
    items: list[UrlShape]
    next_cursor: str | None


class RetryRequest(Request):
    only: Literal["failed"] | None = Field(None, description="`failed` retries just the failed pages of a crawl.")


# Knowledge


class CrawlStarted(Shape):
    success: bool
    task_id: str
    progress_id: str
    source_id: str
    status: str
    message: str


class RobotsShape(Shape):
    crawl_delay_seconds: float | None
    sitemaps: list[str]


class TriedShape(Shape):
    url: str
    target: str = Field(description="`sitemap`, `llms.txt`, `llms-full.txt` or `feed`.")
    outcome: str = Field(
        description="`found`, `not_there`, `not_usable`, `refused`, `too_large`, `failed`, `not_asked`."
    )
    found: int
    wanted: int = Field(description="Of these, URLs in scope.")
    reason: str | None


class BranchShape(Shape):
    path: str
    pages: int = Field(description="Known URLs at or below it that would be taken.")
    children: list[BranchShape]


class EstimateShape(Shape):
    pages: int
    is_whole: bool = Field(description="False: these are the pages known so far, and there are more.")
    seconds: float
    tokens: int


class PreviewShape(Shape):
    url: str
    final_url: str = Field(description="Where the URL leads.")
    title: str
    generator: str = Field(description="What made the site, if its pages say so.")
    mode: Literal["single", "site", "recursive"]
    sentence: str = Field(description="Why that mode, for people.")
    rendering_sign: str | None = Field(description="Why the page must be rendered to be read; none: it need not.")
    robots: RobotsShape
    tried: list[TriedShape] = Field(description="What the site was asked for, and what came of it.")
    is_complete: bool = Field(description="Whether there was time for all of it.")
    estimate: EstimateShape
    scope: BranchShape
    skipped: dict[str, int] = Field(description="Known URLs that would not be taken, by reason.")
    examples: dict[str, list[str]] = Field(description="A few of these.")


class KnowledgeStatus(Shape):
    task_id: str
    progress_id: str
    status: SeedStatus
    done: bool
    cancelled: bool
    progress: ProgressShape
    last_seq: int


class SourceShape(Shape):
    source_id: str
    url: str
    title: str
    tags: list[str]
    knowledge_type: str
    options: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    last_task_id: str | None
    pages: int
    chunks: int
    code_examples: int
    embedded_chunks: int
    size_bytes: int
    description: str = Field(description="By a chat model, where one is set.")
    generation: int = Field(description="The number of the state that is seen.")


class SourcePage(Shape):
    items: list[SourceShape]
    next_cursor: str | None


class GenerationShape(Shape):
    source_id: str
    number: int
    state: model.GenerationState
    is_visible: bool = Field(description="Whether search and listings go by it.")
    base: int | None = Field(description="The one that it was built beside; none: it was seen while it was built.")
    task_id: str
    created_at: datetime
    completed_at: datetime | None
    result: dict[str, Any] = Field(
        description="`pages_added`, `pages_changed`, `pages_removed`, what was `saved`, the gate's `figures` and `reasons`."
    )


class GenerationPage(Shape):
    items: list[GenerationShape]
    next_cursor: str | None


class PageSummary(Shape):
    page_id: str
    source_id: str
    url: str
    title: str
    language: str | None
    version: str | None = Field(description="Of what it documents, as its URL tells.")
    chars: int
    fetched_at: datetime
    missing_since: datetime | None = Field(description="When a refresh first didn't meet it any more.")


class PageSummaryPage(Shape):
    items: list[PageSummary]
    next_cursor: str | None


class HeadingShape(Shape):
    level: int
    text: str
    anchor: str | None
    offset: int = Field(description="Character position of the heading's line in `markdown`.")


class PageShape(PageSummary):
    description: str
    markdown: str
    outline: list[HeadingShape]
    content_hash: str
    status_code: int
    content_type: str
    etag: str | None
    last_modified: str | None
    size_bytes: int
    task_id: str
    fetched_by: model.FetchedBy


class ChunkShape(Shape):
    chunk_id: str
    page_id: str
    source_id: str
    ordinal: int
    start: int = Field(description="`page.markdown[start:end]` is `content`; in code points.")
    end: int
    heading_path: list[str]
    content: str
    context: str = Field(
        description="What introduced it, where it was cut off from that, or what a chat model says of its place."
    )


class ChunkPage(Shape):
    items: list[ChunkShape]
    next_cursor: str | None


class CodeExampleShape(Shape):
    code_id: str
    page_id: str
    source_id: str
    url: str
    title: str
    ordinal: int
    language: str | None
    code: str
    heading_path: list[str]
    context: str = Field(description="The prose right before the block.")
    start: int
    end: int
    name: str = Field(description="What a chat model calls it; empty without one.")
    summary: str = Field(description="The sentence before the block, or what a chat model says of it.")
    is_guessed: bool = Field(description="The page names no language: this one was worked out from the code.")


class CodeExamplePage(Shape):
    items: list[CodeExampleShape]
    next_cursor: str | None


# Health


class PartHealth(Shape):
    status: Literal["ok", "degraded", "off", "failed"]
    message: str


class Health(Shape):
    status: Literal["ok", "degraded"]
    version: str
    started_at: datetime
    parts: dict[str, PartHealth] = Field(description="database, embedder, browser, worker.")
    example_url: str | None = Field(description="The bundled example's URL on this server, crawlable without internet.")
    needs_key: bool = Field(description="Whether clients must send an API key.")


class QueueHealth(Shape):
    by_status: dict[str, int] = Field(description="Tasks in each state.")
    due: int = Field(description="Queued tasks that may run now.")
    oldest_due_seconds: float | None


class ActiveTask(Shape):
    task_id: str
    task_type: str
    title: str
    status: model.TaskStatus
    worker_id: str | None
    attempt: int
    percentage: float
    stage: str
    attempt_started_at: datetime | None
    memory_usage_mb: float | None


class WorkerShape(Shape):
    worker_id: str
    host: str
    pid: int
    version: str
    task_types: list[str]
    concurrency: int = Field(description="Tasks at once; 0 in a server that leaves all to others.")
    running: int
    memory_mb: float
    state: str
    started_at: datetime
    beat_at: datetime = Field(description="When it last told of itself.")
    is_alive: bool


class BackgroundHealth(Shape):
    status: Literal["ok", "degraded"]
    reasons: list[str] = Field(description="Why it is degraded, in sentences.")
    queue: QueueHealth | None = Field(description="None while the store doesn't answer.")
    active_tasks: list[ActiveTask] = Field(description="What runs now, at most 100.")
    failures_last_hour: int
    store: PartHealth
    browser_pool: PartHealth
    workers: list[WorkerShape]
    webhooks: dict[str, int] = Field(description="Calls in each state: pending, delivered, dead.")
    dispatcher: str = Field(description="How doorbells travel, in a sentence.")
