"""Sources, their states, pages, chunks and code examples, as they pass the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from gleanery import model
from gleanery.api.wire import Request, Shape
from gleanery.handlers.crawl.payload import Tag


class LastCrawlShape(Shape):
    """The newest task that fills the source."""

    task_id: str
    task_type: Literal["crawl", "upload", "import"]
    status: model.TaskStatus
    created_at: datetime
    ended_at: datetime | None
    error_code: str | None = Field(description="Why it failed; `refresh_rejected`: the gate refused it.")


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
    description: str = Field(description="As somebody gave it, else by a chat model, where one is set.")
    generation: int = Field(description="The number of the state that is seen.")
    last_crawl: LastCrawlShape | None = Field(description="None where its tasks are not kept any more.")


class SourceChangeRequest(Request):
    """What is to change of a source; what isn't given stays."""

    title: Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)] | None = Field(
        None,
        description="Stays, whatever its pages are called. Empty: by its first page again, from the next crawl on.",
    )
    description: Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True)] | None = Field(
        None, description="Empty: left to a chat model again."
    )
    tags: list[Tag] | None = Field(None, max_length=50)
    knowledge_type: Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)] | None = None


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


class PageLookupRequest(Request):
    urls: list[Annotated[str, Field(max_length=8000)]] = Field(
        max_length=500, description="Absolute; fragments don't count."
    )


class PageLookup(Shape):
    pages: dict[str, str] = Field(description="URL as it was given → `page_id`, of those that are stored and seen.")


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
