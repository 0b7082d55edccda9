"""Parses of single pages, as they pass the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AnyHttpUrl, Field

from gleanery import model
from gleanery.api.wire import ErrorBody, Request, Shape
from gleanery.model.parses import ParsedPage, Size


class CookieBody(Request):
    name: str = Field(min_length=1, max_length=256)
    value: str = Field(max_length=4096)
    domain: str | None = Field(None, max_length=253, description="Unset: the host of the URL.")
    path: str = Field("/", max_length=1024)
    secure: bool = False
    http_only: bool = False


class ParseBody(Request):
    url: str = Field(max_length=8192, description="The page to parse.")
    wait_for: str | None = Field(None, max_length=1000, description="A CSS selector that must be visible first.")
    wait_until: Literal["settled", "domcontentloaded", "load", "networkidle"] = Field(
        "settled", description="When the page counts as shown."
    )
    timeout_seconds: float = Field(30.0, ge=1, le=300, description="Longest that one attempt may take.")
    viewport: Size | Literal["vary"] | None = Field(
        None,
        description="Width and height in CSS pixels, 1280 × 720 unless said; `vary` takes a common size by chance.",
    )
    full_page: bool = Field(True, description="Take the screenshot of the whole page, not just of the viewport.")
    screenshot: bool = Field(True, description="Take a screenshot.")
    include_dom: bool = Field(False, description="Give the compact tree of the document too.")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent to the host of the URL and to no other.")
    cookies: list[CookieBody] = Field(
        default_factory=list, max_length=50, description="There before the page is asked for."
    )
    user_agent: str | None = Field(
        None,
        max_length=512,
        description="How the browser names itself; unset: gleanery's own honest name; `vary`: as a common browser.",
    )
    force_refresh: bool = Field(False, description="Load the page anew, whatever is kept.")
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
        "`cleanup_and_retry`, `retry` or `fail_permanently`."
    )
    at: datetime


class ParseShape(Shape):
    """A parse and, once it is completed, the page."""

    task_id: str
    web_page_id: str | None = Field(description="The page as it is kept: equal for all parses that it answered.")
    url: str
    status: model.TaskStatus
    error: ErrorBody | None
    attempts: list[ParseAttempt] = Field(description="Those that failed, oldest first.")
    queue_position: int | None = Field(description="1: next. Null unless it waits.")
    created_at: datetime
    parsed_at: datetime | None = Field(description="When the page was loaded.")
    expires_at: datetime | None = Field(description="Until when it answers equal requests.")
    processing_time_ms: float | None
    cache_hit: bool
    cache_age_seconds: float | None = Field(description="How old the page was when it answered this parse.")
    screenshot_url: str | None
    page: ParsedPage | None
