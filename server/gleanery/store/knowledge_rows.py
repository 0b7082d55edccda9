"""Rows of sources, pages, chunks, code and generations as values, and values as rows: the same for every store."""

from __future__ import annotations

import json
from typing import Any

from gleanery.model import (
    Chunk,
    FetchedBy,
    Generation,
    GenerationState,
    Heading,
    KnownPage,
    LastCrawl,
    Page,
    PageChange,
    PageDelta,
    PageVersion,
    Source,
    StoredCode,
    TaskStatus,
)
from gleanery.store.crawl_rows import Row
from gleanery.store.rows import certain_time, compact, time_of
from gleanery.store.values import FoundChunk, FoundCode

# Sources and generations


def source_from(row: Row, last_crawl: LastCrawl | None) -> Source:
    return Source(
        source_id=row["source_id"],
        url=row["url"],
        title=row["title"],
        tags=tuple(json.loads(row["tags"])),
        knowledge_type=row["knowledge_type"],
        options=json.loads(row["options"]),
        created_at=certain_time(row["created_at"]),
        updated_at=certain_time(row["updated_at"]),
        last_task_id=row["last_task_id"],
        page_count=row["page_count"],
        chunk_count=row["chunk_count"],
        code_example_count=row["code_count"],
        embedded_chunk_count=row["embedded_count"],
        size_bytes=row["size_bytes"],
        description=row["description"],
        generation=row["generation"],
        last_crawl=last_crawl,
    )


def last_crawl_from(row: Row) -> LastCrawl:
    return LastCrawl(
        row["task_id"],
        row["task_type"],
        TaskStatus(row["status"]),
        certain_time(row["created_at"]),
        time_of(row["processing_completed_at"]),
        row["error_code"],
    )


def source_row(source: Source, url_key: str) -> dict[str, Any]:
    """What a source is made with; the times are the store's own."""
    return {
        "source_id": source.source_id,
        "url": source.url,
        "url_key": url_key,
        "title": source.title,
        "tags": compact(list(source.tags)),
        "knowledge_type": source.knowledge_type,
        "options": compact(dict(source.options)),
    }


def generation_from(row: Row) -> Generation:
    return Generation(
        source_id=row["source_id"],
        number=row["number"],
        state=GenerationState(row["state"]),
        base=row["base"],
        task_id=row["task_id"],
        created_at=certain_time(row["created_at"]),
        completed_at=time_of(row["completed_at"]),
        result=json.loads(row["result"]),
    )


def delta_from(row: Row) -> PageDelta:
    return PageDelta(
        row["page_id"],
        row["url"],
        row["url_key"],
        row["title"],
        PageChange(row["change"]),
        row["old_row"],
        row["new_row"],
    )


def page_version_from(row: Row) -> PageVersion:
    return PageVersion(
        generation=row["number"],
        change=None if row["change"] is None else PageChange(row["change"]),
        at=time_of(row["at"]),
        task_id=row["task_id"],
        title=row["title"],
        chars=row["chars"],
        is_visible=bool(row["is_visible"]),
    )


# Pages


def page_from(row: Row, markdown: str) -> Page:
    return Page(
        page_id=row["page_id"],
        source_id=row["source_id"],
        url=row["url"],
        url_key=row["url_key"],
        title=row["title"],
        description=row["description"],
        language=row["language"],
        markdown=markdown,
        outline=tuple(Heading(*parts) for parts in json.loads(row["outline"])),
        content_hash=row["content_hash"],
        status_code=row["status_code"],
        content_type=row["content_type"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        size_bytes=row["size_bytes"],
        fetched_at=certain_time(row["fetched_at"]),
        task_id=row["task_id"],
        fetched_by=FetchedBy(row["fetched_by"]),
        version=row["version"],
        born=row["born"],
        missing_since=time_of(row["missing_since"]),
    )


def known_page_from(row: Row, links: bytes | None) -> KnownPage:
    return KnownPage(
        page_id=row["page_id"],
        url=row["url"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        links=links,
        fetched_by=FetchedBy(row["fetched_by"]),
        language=row["language"],
        is_met_by=row["seen_task_id"],
    )


# Chunks and code


def chunk_from(row: Row) -> Chunk:
    return Chunk(
        row["chunk_id"],
        row["page_id"],
        row["source_id"],
        row["ordinal"],
        row["start"],
        row["end"],
        tuple(json.loads(row["heading_path"])),
        row["content"],
        row["context"],
    )


def found_chunk(row: Row) -> FoundChunk:
    return FoundChunk(row["row_id"], chunk_from(row), row["url"], row["page_title"], row["outline"], row["text_row"])


def code_from(row: Row) -> StoredCode:
    return StoredCode(
        row["code_id"],
        row["page_id"],
        row["source_id"],
        row["ordinal"],
        row["language"],
        row["code"],
        tuple(json.loads(row["heading_path"])),
        row["context"],
        row["start"],
        row["end"],
        bool(row["is_guessed"]),
        row["summary"],
        row["name"],
    )


def found_code(row: Row, rank: float = 0.0) -> FoundCode:
    return FoundCode(row["row_id"], code_from(row), row["url"], row["page_title"], rank)
