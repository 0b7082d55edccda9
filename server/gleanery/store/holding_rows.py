"""Rows of what a source holds as values: the same for every store."""

from __future__ import annotations

import os.path
from collections.abc import Iterable

from gleanery.model import TaskStatus
from gleanery.store.crawl_rows import Row
from gleanery.store.holdings import Branch, Embedding, Folder, Held, Storage
from gleanery.store.knowledge_rows import page_from
from gleanery.store.rows import certain_time


def folder_of_all(first: str, last: str) -> str:
    """The innermost folder of all keys between these two, which begin alike as all of them do."""
    path = os.path.commonprefix([first, last])  # noqa: RUF071 - of texts, not of paths
    path = path.partition("?")[0].partition("#")[0]
    return path[: path.rfind("/") + 1]


def end_of(folder: str) -> str:
    """The first text after all that begin with the folder: its last character is a slash."""
    return f"{folder[:-1]}0" if folder else chr(0x10FFFF)


def branch_from(under: str, folders: Iterable[Row], pages: Iterable[Row]) -> Branch:
    return Branch(
        under,
        tuple(Folder(folder_of_all(row["first"], row["last"]), row["pages"], row["missing"]) for row in folders),
        tuple((page_from(row, ""), row["chars"]) for row in pages),
    )


def storage_from(sizes: Iterable[Row], languages: Iterable[Row], vectors: Row) -> Storage:
    """Of the sizes of versions that are seen and of those that are not (`is_seen`)."""
    by_seen = {bool(row["is_seen"]): row for row in sizes}
    seen, kept = by_seen.get(True), by_seen.get(False)
    return Storage(
        pages=_held(seen, "pages", "markdown_bytes"),
        chunks=_held(seen, "chunks", "chunk_bytes"),
        code=_held(seen, "code", "code_bytes"),
        vectors=Held(vectors["count"], vectors["size"]),
        kept=_held(kept, "pages", "markdown_bytes", "chunk_bytes", "code_bytes"),
        languages={row["language"]: row["count"] for row in languages},
    )


def _held(row: Row | None, count: str, *sizes: str) -> Held:
    return Held() if row is None else Held(row[count], sum(row[size] for size in sizes))


def embedding_from(row: Row) -> Embedding:
    return Embedding(
        row["task_id"],
        row["task_type"],
        TaskStatus(row["status"]),
        certain_time(row["created_at"]),
        row["model"],
        row["tokens"],
        row["generation"],
        row["saved_tokens"],
        row["saved_chunks"],
        row["not_fetched"],
    )
