"""Parses of single pages, as they pass the doors."""

from __future__ import annotations

from datetime import datetime

from pydantic import AnyHttpUrl, Field

from gleanery import model
from gleanery.api.wire import ErrorBody, Shape
from gleanery.handlers.parse.payload import ParsePayload
from gleanery.model.parses import PageKind, ParsedPage


class ParseBody(ParsePayload):
    """A page to parse, and what any task may be told."""

    priority: int = Field(50, ge=0, le=100, description="0 to 100, higher first.")
    webhook_url: AnyHttpUrl | None = None


class ParseStarted(Shape):
    task_id: str
    status: str = Field(description="`queued`.")
    estimated_duration_seconds: float = Field(description="By the last parses; the wait in the queue counts.")


class ParseAttempt(Shape):
    """An attempt that failed, and what was done about it."""

    attempt: int
    error: ErrorBody
    action: str = Field(
        description="`retry_with_longer_timeout`, `restart_browser_and_retry`, `rotate_user_agent_and_retry`, "
        "`cleanup_and_retry`, `wait_for_browser_and_retry`, `retry` or `fail_permanently`."
    )
    at: datetime


class ParseSummary(Shape):
    """A parse, as listings show it. What is said of the page is null until there is one."""

    task_id: str
    web_page_id: str | None = Field(description="The page as it is kept: equal for all parses that it answered.")
    url: str
    status: model.TaskStatus
    error: ErrorBody | None
    created_at: datetime
    parsed_at: datetime | None = Field(description="When the page was loaded.")
    expires_at: datetime | None = Field(description="Until when it answers equal requests.")
    processing_time_ms: float | None
    cache_hit: bool
    cache_age_seconds: float | None = Field(description="How old the page was when it answered this parse.")
    screenshot_url: str | None
    final_url: str | None
    title: str | None
    kind: PageKind | None
    http_status: int | None
    element_count: int | None
    is_kept: bool = Field(description="Whether the page is still there. The oldest go when all take too much room.")


class ParsePage(Shape):
    items: list[ParseSummary]
    next_cursor: str | None


class ParseShape(ParseSummary):
    """A parse and, once it is completed, the page."""

    attempts: list[ParseAttempt] = Field(description="Those that failed, oldest first.")
    queue_position: int | None = Field(description="1: next. Null unless it waits.")
    browser_session_id: str | None = Field(description="The browser context that it had for itself.")
    memory_usage_mb: float | None = Field(description="Most that the page's processes held.")
    page: ParsedPage | None
