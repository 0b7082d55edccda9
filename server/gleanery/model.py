"""The nouns of gleanery as frozen values without I/O: tasks, events, sources, pages, chunks, the crawl's frontier.

All times are aware UTC. Ids are opaque strings with a prefix that tells their kind (`tsk_`, `src_`, `pg_`, `ch_`, `cx_`).
The ids of pages, chunks and code examples are hashes of what they stand for, so storing the same thing twice gives one row.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

Clock = Callable[[], datetime]
"""Where the present comes from: `utc_now`, or a clock that a test sets."""


def utc_now() -> datetime:
    """The present as an aware UTC time."""
    return datetime.now(UTC)


def after(start: datetime, seconds: float | None) -> datetime | None:
    """The time `seconds` after `start`; None when that isn't known."""
    return None if seconds is None else start + timedelta(seconds=seconds)


def new_id(prefix: str) -> str:
    """A fresh id: the prefix, the milliseconds since 1970 and 48 random bits, in 24 hexadecimal digits.

    Those made one after the other are near each other, so that a database touches few pages for them.
    """
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


def content_id(prefix: str, *parts: str) -> str:
    """The id of something that is what its parts say: the same parts always give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{prefix}_{digest[:24]}"


def text_hash(title: str, heading_path: Sequence[str], context: str, content: str) -> bytes:
    """What tells one text to embed from another: 16 bytes. Equal texts have one vector, wherever they stand."""
    said = "\x1f".join((title, "\x1e".join(heading_path), context, content))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:16]


FOREVER = 1 << 62
"""The generation in which what has not been replaced will go, and in which what is not there yet will come."""


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
    TASK_STARTED = "task_started"  # {attempt, worker_id}
    TASK_RESUMED = "task_resumed"  # {attempt, worker_id}: taken up again where it stopped
    TASK_PROGRESSED = "task_progressed"  # {stage, done, total}
    TASK_STEP_COMPLETED = "task_step_completed"  # {step}
    TASK_RETRY_SCHEDULED = "task_retry_scheduled"  # {attempt, run_at, error, recovery?}
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


class UrlState(StrEnum):
    """Where a URL of a crawl stands."""

    QUEUED = "queued"
    STORED = "stored"
    SKIPPED = "skipped"
    FAILED = "failed"


class UrlOrigin(StrEnum):
    """How a crawl came to know a URL."""

    START = "start"
    LINK = "link"
    SITEMAP = "sitemap"
    LLMS = "llms"
    FEED = "feed"
    CANONICAL = "canonical"
    PART = "part"


class FetchedBy(StrEnum):
    """How a page was got: over HTTP, in the browser, as the Markdown that the site offers of it, or not at all, since the
    site said that it is unchanged."""

    HTTP = "http"
    BROWSER = "browser"
    MARKDOWN = "markdown"
    UNCHANGED = "unchanged"


class GenerationState(StrEnum):
    """Where a state of a source's pages stands: being built, whole, whole and refused by the gate, or given up with its pages."""

    BUILDING = "building"
    COMPLETE = "complete"
    REJECTED = "rejected"
    DISCARDED = "discarded"


class PageChange(StrEnum):
    """What became of a page from one generation to the next."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class StoredAs(StrEnum):
    """What storing a page came to: a new page, another version of a known one, the version that was there, or a page that
    the same task has stored before."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    BEFORE = "before"


class CrawlStage(StrEnum):
    """The counters of a crawl, in the order in which a page passes them. All count pages."""

    DISCOVERED = "discovered"
    FETCHED = "fetched"
    EXTRACTED = "extracted"
    CHUNKED = "chunked"
    STORED = "stored"
    EMBEDDED = "embedded"


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
    `ran_seconds` the sum over all attempts that have ended.
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
    """The right to write for a task: valid only while this attempt is the running one."""

    task_id: str
    attempt: int


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


@dataclass(frozen=True)
class Heading:
    """A heading of a page. `offset` is the character position of its line in the page's Markdown."""

    level: int
    text: str
    anchor: str | None
    offset: int


@dataclass(frozen=True)
class Source:
    source_id: str
    url: str
    title: str
    tags: tuple[str, ...]
    knowledge_type: str
    options: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    last_task_id: str | None
    page_count: int = 0
    chunk_count: int = 0
    code_example_count: int = 0
    embedded_chunk_count: int = 0
    size_bytes: int = 0
    description: str = ""
    generation: int = 1


@dataclass(frozen=True)
class Generation:
    """A state of a source's pages. `base` is the number of the one that it is built beside; None is seen as it is built.

    `result` tells what a complete one brought: pages added, changed, removed, unchanged and what was saved; of a rejected one
    also the reasons.
    """

    source_id: str
    number: int
    state: GenerationState
    base: int | None
    task_id: str
    created_at: datetime
    completed_at: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PageDelta:
    """A page that a generation has otherwise than its base: the rows of both versions, where there are such."""

    page_id: str
    url: str
    url_key: str
    title: str
    change: PageChange
    old_row: int | None
    new_row: int | None


@dataclass(frozen=True)
class Page:
    """A stored document, in one of its versions. `markdown` is its main content; `size_bytes` is what was fetched.

    `version` is what the site calls the version of what it documents, where its URL tells. It was `born` with a generation
    of its source. `missing_since` is when a crawl first came through without meeting it any more.
    """

    page_id: str
    source_id: str
    url: str
    url_key: str
    title: str
    description: str
    language: str | None
    markdown: str
    outline: tuple[Heading, ...]
    content_hash: str
    status_code: int
    content_type: str
    etag: str | None
    last_modified: str | None
    size_bytes: int
    fetched_at: datetime
    task_id: str
    fetched_by: FetchedBy = FetchedBy.HTTP
    version: str | None = None
    born: int = 1
    missing_since: datetime | None = None


@dataclass(frozen=True)
class KnownPage:
    """What is stored of a page that a crawl comes to again: enough to ask whether it has changed, and to go on from it.

    `is_met_by` is the task that has met it last.
    """

    page_id: str
    url: str
    etag: str | None
    last_modified: str | None
    links: bytes | None
    fetched_by: FetchedBy
    language: str | None = None
    is_met_by: str = ""


@dataclass(frozen=True)
class Chunk:
    """A slice of a page: `content == page.markdown[start:end]`, counted in code points. `context` says where it stands in
    its page: what introduced it, where it was cut off from that, or what a chat model said."""

    chunk_id: str
    page_id: str
    source_id: str
    ordinal: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    content: str
    context: str = ""


@dataclass(frozen=True)
class StoredCode:
    """A code example: the block byte for byte, its language as the page names it, and the prose before it."""

    code_id: str
    page_id: str
    source_id: str
    ordinal: int
    language: str | None
    code: str
    heading_path: tuple[str, ...]
    context: str
    start: int
    end: int
    is_guessed: bool = False
    summary: str = ""
    name: str = ""


@dataclass(frozen=True)
class PageBundle:
    """A page with everything that is cut from it: stored in one transaction or not at all.

    `links` is what it leads to, packed by whoever cut it; the store only keeps it.
    """

    page: Page
    chunks: tuple[Chunk, ...]
    code_examples: tuple[StoredCode, ...]
    links: bytes | None = None


@dataclass(frozen=True)
class FrontierUrl:
    """A URL of a crawl. `ordinal` is the order of discovery; `reason` says why it was skipped or failed.

    `lastmod` is what a sitemap says of it, `same_as` the key of the URL that it is the same as. One that `is_own` is stored
    whatever it says is its canonical URL.
    """

    url: str
    url_key: str
    depth: int
    state: UrlState
    ordinal: int = 0
    found_on: str | None = None
    reason: str | None = None
    message: str | None = None
    status_code: int | None = None
    attempts: int = 0
    page_id: str | None = None
    chunk_count: int | None = None
    code_example_count: int | None = None
    elapsed_seconds: float | None = None
    settled_at: datetime | None = None
    origin: UrlOrigin = UrlOrigin.LINK
    lastmod: datetime | None = None
    fetched_by: FetchedBy | None = None
    same_as: str | None = None
    is_own: bool = False


@dataclass(frozen=True)
class HostUse:
    """What one process does at a host: `users` requests under way or waiting, the delay it keeps, the pause it was told.

    `host` is `host` or `host:port`. One without users counts no more than its pause.
    """

    host: str
    worker_id: str
    users: int
    pause_until: datetime | None
    delay_seconds: float
    beat_at: datetime


@dataclass(frozen=True)
class CrawlCounts:
    """What the rows of a crawl say: URLs by state, pages whose vectors are all there, and found chunks and code."""

    queued: int
    stored: int
    skipped: int
    failed: int
    refused: int
    embedded: int
    chunks: int
    code_examples: int
    reasons: Mapping[str, int]
