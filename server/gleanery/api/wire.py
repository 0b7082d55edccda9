"""Every JSON shape that passes the doors. The OpenAPI document and the UI's types are made from these models.

Requests refuse fields they don't know. Times are ISO 8601 in UTC. `of_*` functions map the nouns of `model` to shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gleanery import model
from gleanery.handlers.crawl.payload import Tag

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
    last_seq: int = Field(description="Number of the newest event.")


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


class SourcePage(Shape):
    items: list[SourceShape]
    next_cursor: str | None


class PageSummary(Shape):
    page_id: str
    source_id: str
    url: str
    title: str
    language: str | None
    chars: int
    fetched_at: datetime


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


class ChunkShape(Shape):
    chunk_id: str
    page_id: str
    source_id: str
    ordinal: int
    start: int = Field(description="`page.markdown[start:end]` is `content`; in code points.")
    end: int
    heading_path: list[str]
    content: str


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


class CodeExamplePage(Shape):
    items: list[CodeExampleShape]
    next_cursor: str | None


class SearchRequest(Request):
    query: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
    mode: Literal["hybrid", "vector", "keyword"] = "hybrid"
    source_id: str | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="Only sources that have all of them.")
    limit: int = Field(10, ge=1, le=100)


class HitShape(Shape):
    chunk_id: str
    page_id: str
    source_id: str
    url: str = Field(description="With the anchor of the nearest heading, where there is one.")
    title: str
    heading_path: list[str]
    content: str
    highlights: list[tuple[int, int]] = Field(description="Ranges of `content` to mark, in code points.")
    score: float
    scores: dict[str, float] = Field(description="The parts of the score: rank and raw score by words and by meaning.")


class SearchReply(Shape):
    hits: list[HitShape]
    took_ms: float
    mode: Literal["hybrid", "vector", "keyword"] = Field(
        description="What was searched by: keyword while no vectors are there."
    )


class CodeSearchRequest(Request):
    query: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
    language: str | None = Field(None, max_length=64)
    source_id: str | None = None
    limit: int = Field(10, ge=1, le=100)


class CodeHit(CodeExampleShape):
    highlights: list[tuple[int, int]] = Field(description="Ranges of `code` to mark, in code points.")
    score: float


class CodeSearchReply(Shape):
    hits: list[CodeHit]
    took_ms: float


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


def of_error(error: model.ErrorInfo | None) -> ErrorBody | None:
    return None if error is None else ErrorBody(code=error.code, message=error.message, details=dict(error.details))


def of_progress(progress: model.Progress) -> ProgressShape:
    return ProgressShape(
        percentage=round(progress.percentage, 1),
        stage=progress.stage,
        stages={name: StageShape(done=count.done, total=count.total) for name, count in progress.stages.items()},
        message=progress.message,
        eta_seconds=progress.eta_seconds,
        rate_per_second=progress.rate_per_second,
        current_url=progress.current_url,
        failed=progress.failed,
        skipped=progress.skipped,
    )


def of_task(task: model.Task, now: datetime) -> TaskShape:
    """The task as clients see it; `now` turns the ETA into `estimated_completion_at`."""
    progress = of_progress(task.progress)
    return TaskShape(
        task_id=task.task_id,
        task_type=task.task_type,
        title=task.title,
        description=task.description,
        status=task.status,
        priority=task.priority,
        queue_name=task.queue_name,
        payload=dict(task.payload),
        result=None if task.result is None else dict(task.result),
        error=of_error(task.error),
        progress=progress,
        progress_details=ProgressDetails(current_step=progress.stage, progress=progress.percentage),
        retry_attempts=task.retry_attempts,
        max_retries=task.max_retries,
        run_at=task.run_at,
        created_at=task.created_at,
        processing_started_at=task.processing_started_at,
        processing_completed_at=task.processing_completed_at,
        estimated_completion_at=model.after(now, progress.eta_seconds),
        last_error_at=task.last_error_at,
        error_details=of_error(task.last_error),
        worker_id=task.worker_id,
        background_task_id=None if task.worker_id is None else f"{task.worker_id}:{task.attempt}",
        browser_session_id=None,
        memory_usage_mb=task.memory_usage_mb,
        depends_on=list(task.depends_on),
        coalesce_key=task.coalesce_key,
        parent_task_id=task.parent_task_id,
        webhook_url=task.webhook_url,
        last_seq=task.last_seq,
    )


def of_event(event: model.Event) -> EventShape:
    return EventShape(seq=event.seq, at=event.at, type=event.type, message=event.message, data=dict(event.data))


def of_url(row: model.FrontierUrl) -> UrlShape:
    return UrlShape(
        url=row.url,
        state=row.state,
        reason=row.reason,
        message=row.message,
        status_code=row.status_code,
        depth=row.depth,
        attempts=row.attempts,
        found_on=row.found_on,
        page_id=row.page_id,
        chunks=row.chunk_count,
        code_examples=row.code_example_count,
        elapsed_seconds=row.elapsed_seconds,
        settled_at=row.settled_at,
    )


def of_source(source: model.Source) -> SourceShape:
    return SourceShape(
        source_id=source.source_id,
        url=source.url,
        title=source.title,
        tags=list(source.tags),
        knowledge_type=source.knowledge_type,
        options=dict(source.options),
        created_at=source.created_at,
        updated_at=source.updated_at,
        last_task_id=source.last_task_id,
        pages=source.page_count,
        chunks=source.chunk_count,
        code_examples=source.code_example_count,
        embedded_chunks=source.embedded_chunk_count,
        size_bytes=source.size_bytes,
    )


def of_page_summary(page: model.Page, chars: int) -> PageSummary:
    return PageSummary(
        page_id=page.page_id,
        source_id=page.source_id,
        url=page.url,
        title=page.title,
        language=page.language,
        chars=chars,
        fetched_at=page.fetched_at,
    )


def of_page(page: model.Page) -> PageShape:
    return PageShape(
        **of_page_summary(page, len(page.markdown)).model_dump(),
        description=page.description,
        markdown=page.markdown,
        outline=[HeadingShape(level=h.level, text=h.text, anchor=h.anchor, offset=h.offset) for h in page.outline],
        content_hash=page.content_hash,
        status_code=page.status_code,
        content_type=page.content_type,
        etag=page.etag,
        last_modified=page.last_modified,
        size_bytes=page.size_bytes,
        task_id=page.task_id,
    )


def of_chunk(chunk: model.Chunk) -> ChunkShape:
    return ChunkShape(
        chunk_id=chunk.chunk_id,
        page_id=chunk.page_id,
        source_id=chunk.source_id,
        ordinal=chunk.ordinal,
        start=chunk.start,
        end=chunk.end,
        heading_path=list(chunk.heading_path),
        content=chunk.content,
    )


def of_code(code: model.StoredCode, url: str, title: str) -> CodeExampleShape:
    return CodeExampleShape(
        code_id=code.code_id,
        page_id=code.page_id,
        source_id=code.source_id,
        url=url,
        title=title,
        ordinal=code.ordinal,
        language=code.language,
        code=code.code,
        heading_path=list(code.heading_path),
        context=code.context,
        start=code.start,
        end=code.end,
    )


_SEED_WORDS: Mapping[model.TaskStatus, SeedStatus] = {
    model.TaskStatus.PAUSED: "paused",
    model.TaskStatus.COMPLETED: "complete",
    model.TaskStatus.FAILED: "error",
    model.TaskStatus.CANCELLED: "cancelled",
}
_SEED_STAGES: Mapping[str, SeedStatus] = {
    "analyzing": "analyzing",
    "crawling": "crawling",
    "embedding": "embedding",
    "": "starting",
}


def seed_status(task: model.Task) -> SeedStatus:
    """The state in the words that progress clients know: a running task is named by its stage."""
    if task.status is model.TaskStatus.QUEUED:
        return "retrying" if task.last_error is not None else "queued"
    if task.status is model.TaskStatus.RUNNING:
        return _SEED_STAGES.get(task.progress.stage, "running")
    return _SEED_WORDS[task.status]


def of_update(task: model.Task, prev_seq: int, events: list[model.Event]) -> dict[str, Any]:
    """A room's message: all events after `prev_seq` and the task as it stood after the last of them."""
    progress = of_progress(task.progress)
    failed = task.status is model.TaskStatus.FAILED
    return {
        "progressId": task.task_id,
        "prevSeq": prev_seq,
        "seq": events[-1].seq if events else prev_seq,
        "events": [of_event(event).model_dump(mode="json") for event in events],
        "status": seed_status(task),
        "taskStatus": str(task.status),
        "percentage": -1 if failed else progress.percentage,
        "stage": progress.stage,
        "stages": {name: stage.model_dump() for name, stage in progress.stages.items()},
        "currentUrl": progress.current_url,
        "log": events[-1].message if events else progress.message,
        "etaSeconds": progress.eta_seconds,
        "ratePerSecond": progress.rate_per_second,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "error": None if task.error is None else of_error(task.error).model_dump(),  # type: ignore[union-attr]
    }
