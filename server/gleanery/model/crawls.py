"""The frontier of a crawl: URLs with their decisions, and what hosts are used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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


class CrawlStage(StrEnum):
    """The counters of a crawl, in the order in which a page passes them. All count pages."""

    DISCOVERED = "discovered"
    FETCHED = "fetched"
    EXTRACTED = "extracted"
    CHUNKED = "chunked"
    STORED = "stored"
    EMBEDDED = "embedded"


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
class UrlCount:
    """How many URLs of a crawl are in a state for a reason."""

    state: UrlState
    reason: str | None
    count: int


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
