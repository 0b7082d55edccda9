"""Sources with their generations, pages, chunks and code examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gleanery.model.crawls import FetchedBy
from gleanery.model.tasks import TaskStatus

FOREVER = 1 << 62
"""The generation in which what has not been replaced will go. What is not there yet has this one or a later one to come in."""


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


@dataclass(frozen=True)
class Heading:
    """A heading of a page. `offset` is the character position of its line in the page's Markdown."""

    level: int
    text: str
    anchor: str | None
    offset: int


@dataclass(frozen=True)
class LastCrawl:
    """The newest task that fills a source: a crawl, a refresh, an upload or an import. `error_code` is why it failed."""

    task_id: str
    task_type: str
    status: TaskStatus
    created_at: datetime
    ended_at: datetime | None = None
    error_code: str | None = None


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
    last_crawl: LastCrawl | None = None


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
class PageVersion:
    """What a refresh did to a page: a version came with `generation`, or the page was gone from it on.

    `change` is None for the oldest version that is kept: what it took the place of, if anything, is not known any more.
    `at` is when the generation was complete, or begun where it is not; None where it is not kept. `chars` is the length of the
    Markdown, None where the page went.
    """

    generation: int
    change: PageChange | None
    at: datetime | None
    task_id: str
    title: str
    chars: int | None
    is_visible: bool


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
