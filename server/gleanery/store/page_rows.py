"""A page and what is cut from it as rows: the same for every store, with their words, and the parts that a large one is
written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gleanery.model import Chunk, Page, PageBundle, StoredCode, text_hash
from gleanery.store.rows import compact
from gleanery.store.words import fts_body, fts_code, fts_names, fts_text

Words = tuple[str, str, str, str, str, str]
"""What the columns of the full-text index have of a row."""

ROWS_AT_ONCE = 20
"""Chunks or code examples that one transaction adds: others never wait long for it."""


def outline_text(page: Page) -> str:
    return compact([[h.level, h.text, h.anchor, h.offset] for h in page.outline])


def page_row(bundle: PageBundle) -> dict[str, Any]:
    """The columns of a new version but for those that the store counts (`page_row`, `born`, `died`) and its `links`."""
    page = bundle.page
    return {
        "page_id": page.page_id,
        "source_id": page.source_id,
        "url": page.url,
        "url_key": page.url_key,
        "title": page.title,
        "description": page.description,
        "language": page.language,
        "version": page.version,
        "markdown": page.markdown,
        "chars": len(page.markdown),
        "outline": outline_text(page),
        "content_hash": page.content_hash,
        "status_code": page.status_code,
        "content_type": page.content_type,
        "etag": page.etag,
        "last_modified": page.last_modified,
        "size_bytes": page.size_bytes,
        "fetched_at": page.fetched_at.timestamp(),
        "task_id": page.task_id,
        "fetched_by": page.fetched_by,
        "chunk_count": len(bundle.chunks),
        "code_count": len(bundle.code_examples),
        "seen_task_id": page.task_id,
    }


def size_row(bundle: PageBundle) -> dict[str, int]:
    """Bytes of the text of a version."""
    return {
        "markdown_bytes": _bytes(bundle.page.markdown),
        "chunk_bytes": sum(_bytes(chunk.content) for chunk in bundle.chunks),
        "code_bytes": sum(_bytes(each.code) for each in bundle.code_examples),
    }


def _bytes(text: str) -> int:
    return len(text.encode())


def chunk_row(chunk: Chunk, title: str) -> dict[str, Any]:
    """The columns of a chunk of a page with that title, but for its rows."""
    return {
        "chunk_id": chunk.chunk_id,
        "page_id": chunk.page_id,
        "source_id": chunk.source_id,
        "ordinal": chunk.ordinal,
        "start": chunk.start,
        "end": chunk.end,
        "heading_path": compact(chunk.heading_path),
        "title": title,
        "headings": " ".join(chunk.heading_path),
        "content": chunk.content,
        "context": chunk.context,
    }


def code_row(code: StoredCode, title: str) -> dict[str, Any]:
    """The same of a code example."""
    return {
        "code_id": code.code_id,
        "page_id": code.page_id,
        "source_id": code.source_id,
        "ordinal": code.ordinal,
        "language": code.language,
        "heading_path": compact(code.heading_path),
        "title": title,
        "headings": " ".join(code.heading_path),
        "context": code.context,
        "code": code.code,
        "start": code.start,
        "end": code.end,
        "is_guessed": code.is_guessed,
        "name": code.name,
        "summary": code.summary,
    }


def chunk_words(chunk: Chunk, title: str) -> Words:
    return chunk_row_words(chunk_row(chunk, title))


def chunk_row_words(row: Mapping[str, Any]) -> Words:
    """Title, headings, body, code, names, context."""
    content = row["content"]
    return (
        fts_text(row["title"]),
        fts_text(row["headings"]),
        fts_body(content),
        fts_code(content),
        fts_names(content),
        fts_text(row["context"]),
    )


def code_words(code: StoredCode, title: str) -> Words:
    return code_row_words(code_row(code, title))


def code_row_words(row: Mapping[str, Any]) -> Words:
    """Title, headings, context, code, names, summary."""
    return (
        fts_text(row["title"]),
        fts_text(row["headings"]),
        fts_text(row["context"]),
        fts_text(row["code"]),
        fts_names(row["code"]),
        fts_text(f"{row['name']} {row['summary']}"),
    )


def chunk_text_hash(chunk: Chunk, title: str) -> bytes:
    return text_hash(title, chunk.heading_path, chunk.context, chunk.content)


def parts_ahead(bundle: PageBundle) -> Sequence[PageBundle]:
    """What goes ahead of a page with many rows, a few at a time; the rest is left to the page's own transaction."""
    chunks = [
        PageBundle(bundle.page, bundle.chunks[start : start + ROWS_AT_ONCE], ())
        for start in range(0, len(bundle.chunks) - ROWS_AT_ONCE, ROWS_AT_ONCE)
    ]
    code = [
        PageBundle(bundle.page, (), bundle.code_examples[start : start + ROWS_AT_ONCE])
        for start in range(0, len(bundle.code_examples) - ROWS_AT_ONCE, ROWS_AT_ONCE)
    ]
    return [*chunks, *code]


def rest_of(bundle: PageBundle, ahead: Sequence[PageBundle]) -> PageBundle:
    """What the page's own transaction adds."""
    return PageBundle(
        bundle.page,
        bundle.chunks[sum(len(part.chunks) for part in ahead) :],
        bundle.code_examples[sum(len(part.code_examples) for part in ahead) :],
        bundle.links,
    )


def with_what_was_said(
    part: PageBundle, contexts: Mapping[str, str], names: Mapping[str, tuple[str, str]]
) -> PageBundle:
    """What a chat model has said of rows that were in the version before is theirs again: contexts by chunk, name and summary
    by code example."""
    chunks = [replace(chunk, context=chunk.context or contexts.get(chunk.chunk_id, "")) for chunk in part.chunks]
    code = [
        replace(each, name=said[0], summary=said[1]) if (said := names.get(each.code_id)) else each
        for each in part.code_examples
    ]
    return PageBundle(part.page, tuple(chunks), tuple(code), part.links)
