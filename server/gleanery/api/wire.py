"""Every JSON shape that passes the doors. The OpenAPI document and the UI's types are made from these models.

Requests refuse fields they don't know. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

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
