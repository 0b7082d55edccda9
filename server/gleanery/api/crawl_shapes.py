"""What a crawl would do, does and did with each URL, as it passes the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from gleanery import model
from gleanery.api.task_shapes import ProgressShape, SeedStatus
from gleanery.api.wire import Shape
from gleanery.web.discover import Outcome, Target


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
    target: Target
    outcome: Outcome
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
    seconds: float = Field(description="Until all is stored and found by words.")
    tokens: int
    model: str | None = Field(description="What embeds them; null: nothing does.")
    embed_seconds: float = Field(description="What that takes, beside the crawl.")
    cost_usd: float | None = Field(description="What that costs: 0 on this machine, null where the price isn't known.")


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
