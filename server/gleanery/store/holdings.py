"""What a source holds: its pages as a tree by path, what it takes on the disk, and what its vectors cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gleanery.model import Page, TaskStatus


@dataclass(frozen=True)
class Folder:
    """A folder of pages. `path` begins with `//` and the host, and ends with a slash; folders that hold nothing but one
    folder are one with it. `missing` of its pages were not met by the last refresh."""

    path: str
    pages: int
    missing: int


@dataclass(frozen=True)
class Branch:
    """What is right below a folder. `pages` come with their length in characters, without their Markdown."""

    under: str
    folders: tuple[Folder, ...]
    pages: tuple[tuple[Page, int], ...]


@dataclass(frozen=True)
class Held:
    """How many of something, and the bytes of their text or vectors; what a database needs around them isn't counted."""

    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Storage:
    """Visible pages, chunks and code examples, vectors of all that there is, and `kept`: versions of pages, with chunks and
    code, that only other generations have. `languages` counts visible code examples; None: of no known language."""

    pages: Held
    chunks: Held
    code: Held
    vectors: Held
    kept: Held
    languages: Mapping[str | None, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Embedding:
    """What a task that has ended took of an embedder: tokens as charged. A crawl also says what it did not need again."""

    task_id: str
    task_type: str
    status: TaskStatus
    created_at: datetime
    model: str | None
    tokens: int
    generation: int | None
    saved_tokens: int
    saved_chunks: int
    pages_not_fetched: int


class HoldingStore(Protocol):
    async def branch(self, source_id: str, under: str | None, *, after: str | None, limit: int) -> Branch:
        """All folders and the next `limit` pages right below `under`, by path; None is the innermost folder that has all pages.
        `after` is the key of the last page seen, and then no folders are told. Raises NotFound."""
        ...

    async def storage(self, source_id: str) -> Storage:
        """Raises NotFound."""
        ...

    async def embeddings(self, source_id: str) -> Sequence[Embedding]:
        """Of the tasks that are still kept, newest first. Raises NotFound."""
        ...
