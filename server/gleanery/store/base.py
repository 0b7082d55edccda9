"""The contract of a store. Three parts over one database: tasks with their events, crawls with their frontier, knowledge.

Every method is one transaction, durable when it returns. A method that takes a `Fence` raises LeaseLost and writes
nothing when that attempt no longer runs. Lists page by key: `after` is the cursor of the last row already seen.
Anything may raise StorageError; StorageFull when the disk has no room, and then nothing of the transaction is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from gleanery.model import (
    Chunk,
    CrawlCounts,
    ErrorInfo,
    Event,
    Fence,
    FrontierUrl,
    NewEvent,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Source,
    StoredCode,
    Task,
    TaskStatus,
    UrlState,
)


@dataclass(frozen=True)
class Change:
    """What one transaction did to a task: the row as it stands after it, and the events it appended."""

    task: Task
    events: tuple[Event, ...]


OnChange = Callable[[Sequence[Change]], None]


@dataclass(frozen=True)
class Idempotency:
    """A client's key for a start, with the hash of the request that it came with."""

    key: str
    request_hash: str


@dataclass(frozen=True)
class DueTask:
    task_id: str
    task_type: str
    priority: int
    run_at: datetime


@dataclass(frozen=True)
class ChunkText:
    """What the embedder needs of a chunk; `row` orders chunks by age."""

    row: int
    chunk_id: str
    page_id: str
    source_id: str
    title: str
    heading_path: tuple[str, ...]
    content: str


@dataclass(frozen=True)
class VectorRow:
    row: int
    chunk_id: str
    source_id: str
    vector: np.ndarray[Any, np.dtype[np.float16]]


@dataclass(frozen=True)
class WordHit:
    """A chunk found by words; `rank` is BM25 as FTS5 gives it (more negative is better)."""

    chunk_id: str
    rank: float


@dataclass(frozen=True)
class FoundChunk:
    """A chunk with what a hit shows of its page."""

    row: int
    chunk: Chunk
    url: str
    title: str
    outline: tuple[tuple[str | None, int], ...]


@dataclass(frozen=True)
class FoundCode:
    row: int
    code: StoredCode
    url: str
    title: str
    rank: float = 0.0


class TaskStore(Protocol):
    async def create(
        self,
        new: NewTask,
        *,
        serial_key: str | None = None,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        """Keep a task as `queued` with its first event. The same idempotency key with the same request gives the task that
        it made before; with another request it raises IdempotencyConflict. Raises QueueFull at `queue_limit` waiting tasks."""
        ...

    async def known_start(self, idempotency: Idempotency) -> Task | None:
        """The task that this key has made before, or None. Raises IdempotencyConflict as `create` does."""
        ...

    async def get(self, task_id: str) -> Task:
        """The task. Raises NotFound."""
        ...

    async def list(
        self, *, statuses: Sequence[TaskStatus], task_type: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Task]:
        """Newest first; empty `statuses` means all."""
        ...

    async def count_by_status(self) -> Mapping[str, int]: ...

    async def due(self, now: datetime, task_types: Sequence[str], limit: int) -> Sequence[DueTask]:
        """Queued tasks of these types whose `run_at` has come and whose serial key is free, best priority first, then oldest."""
        ...

    async def next_due_at(self, now: datetime, task_types: Sequence[str]) -> datetime | None:
        """When the next queued task of these types becomes due that isn't at `now`; None when none waits."""
        ...

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        """Compare-and-set from `queued` to `running` with attempt + 1 and a lease. None when it isn't due or queued any
        more, or when another task of its serial key runs."""
        ...

    async def beat(self, fence: Fence, lease_seconds: float, memory_usage_mb: float | None = None) -> bool:
        """Prolong the lease; tells whether a cancel was asked for."""
        ...

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        """Append events and set the progress they tell of."""
        ...

    async def finish(
        self,
        fence: Fence,
        status: TaskStatus,
        events: Sequence[NewEvent],
        *,
        progress: Progress | None = None,
        result: Mapping[str, Any] | None = None,
        error: ErrorInfo | None = None,
        run_at: datetime | None = None,
    ) -> Task:
        """End the attempt: a final status, or `queued` with `run_at` for another try (with `error` it counts as a retry,
        without one the task is put back as if it had not run)."""
        ...

    async def request_cancel(self, task_id: str) -> Task:
        """A queued or paused task is cancelled at once, a running one is marked. Raises NotFound, and WrongState when it
        has already ended."""
        ...

    async def retry(self, task_id: str, *, only_failed: bool) -> Task:
        """Queue an ended task again, with fresh retries. Failed URLs of its frontier are queued again; a completed task
        can be retried only for those. Raises NotFound and WrongState."""
        ...

    async def reap(self, now: datetime, *, all_running: bool, lost_limit: int) -> Sequence[Task]:
        """Take back tasks whose lease ran out (`all_running`: every running one, after a restart of the only worker).
        They are queued again, or failed with `worker_lost` after `lost_limit` losses without progress in between."""
        ...

    async def events(self, task_id: str, *, after: int | None, before: int | None, limit: int) -> Sequence[Event]:
        """Ascending: the first `limit` after `after`, or the last `limit` before `before`."""
        ...


class CrawlStore(Protocol):
    async def start(
        self,
        new: NewTask,
        source: Source,
        url_key: str,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        """`ensure_source` and `TaskStore.create` in one: both are kept or neither is. The task's payload gets the
        `source_id` that the URL has, and that is its serial key. Raises what `create` raises."""
        ...

    async def add_urls(self, fence: Fence, urls: Sequence[FrontierUrl]) -> int:
        """Add URLs that the crawl doesn't know (`state` queued, or skipped with a reason); how many new ones were queued.
        A known URL keeps its state, but a shorter way to one that waits or was too deep counts from now on."""
        ...

    async def next_urls(self, task_id: str, limit: int, exclude: Sequence[int]) -> Sequence[FrontierUrl]:
        """Waiting URLs, shallow first, then in order of discovery, without the ordinals in `exclude`."""
        ...

    async def note_attempt(self, fence: Fence, url_key: str, events: Sequence[NewEvent], progress: Progress) -> None:
        """Count a failed try of a URL that will be tried again."""
        ...

    async def settle(self, fence: Fence, url: FrontierUrl, events: Sequence[NewEvent], progress: Progress) -> None:
        """A URL ends as skipped or failed."""
        ...

    async def skip_queued(self, fence: Fence, reason: str) -> int:
        """Every URL that still waits is skipped for `reason`; how many."""
        ...

    async def holds_page(self, fence: Fence, source_id: str, url_key: str) -> bool:
        """Whether this task has already stored a page under that key."""
        ...

    async def store_page(
        self, fence: Fence, url: FrontierUrl, bundle: PageBundle, events: Sequence[NewEvent], progress: Progress
    ) -> bool:
        """Keep a page with its chunks and code, settle its URL (and the URL it redirected to), all or nothing: rows of a
        large page may go ahead in transactions of their own, but are not seen before the page is. Chunks that
        stay the same keep their vectors; those that went are removed. False, with nothing written, when this task has
        stored that page already."""
        ...

    async def counts(self, task_id: str, source_id: str, model: str | None) -> CrawlCounts: ...

    async def urls(self, task_id: str, *, state: UrlState | None, after: int, limit: int) -> Sequence[FrontierUrl]:
        """In order of discovery."""
        ...


class KnowledgeStore(Protocol):
    async def ensure_source(self, source: Source, url_key: str) -> Source:
        """The source of that URL: kept as it is but for tags, kind and options, or made new."""
        ...

    async def source(self, source_id: str, model: str | None = None) -> Source:
        """Raises NotFound."""
        ...

    async def sources(self, *, after: tuple[float, str] | None, limit: int, model: str | None) -> Sequence[Source]:
        """Newest first."""
        ...

    async def name_source(self, source_id: str, title: str, task_id: str) -> None: ...

    async def delete_source(self, source_id: str) -> None:
        """Hide it at once and for good. Raises NotFound, and WrongState while a task of its works on it."""
        ...

    async def purge(self, limit: int) -> int:
        """Remove up to `limit` pages of deleted sources; how many went."""
        ...

    async def pages(self, source_id: str, *, after: str | None, limit: int) -> Sequence[tuple[Page, int]]:
        """By URL, without their Markdown, each with its length in characters."""
        ...

    async def page(self, page_id: str) -> Page:
        """Raises NotFound."""
        ...

    async def chunks(self, source_id: str, *, page_id: str | None, after: int, limit: int) -> Sequence[FoundChunk]: ...

    async def code_examples(
        self, source_id: str, *, language: str | None, after: int, limit: int
    ) -> Sequence[FoundCode]: ...

    async def without_vectors(self, source_id: str, model: str, *, after: int, limit: int) -> Sequence[ChunkText]:
        """Chunks that have no vector of this model yet, oldest first."""
        ...

    async def sources_without_vectors(self, model: str) -> Sequence[str]: ...

    async def add_vectors(
        self, fence: Fence, model: str, chunks: Sequence[ChunkText], vectors: np.ndarray[Any, np.dtype[np.float32]]
    ) -> int:
        """Keep vectors (n × dimensions, normalised; kept as float16); how many pages are complete by them. Chunks that
        are gone meanwhile are passed over."""
        ...

    async def vectors(self, model: str, *, after: int, limit: int) -> Sequence[VectorRow]: ...

    async def live_sources(self, source_id: str | None, tags: Sequence[str]) -> Sequence[str]:
        """Ids of the sources that search may look at. Raises NotFound for an unknown `source_id`."""
        ...

    async def find_words(
        self, match: str, sources: Sequence[str] | None, weights: Sequence[float], limit: int
    ) -> Sequence[WordHit]:
        """Chunks that match an FTS5 expression, best first; `weights` for title, headings, content."""
        ...

    async def find_code(
        self, match: str, sources: Sequence[str] | None, language: str | None, weights: Sequence[float], limit: int
    ) -> Sequence[FoundCode]:
        """Code examples, best first; `weights` for title, headings, context, code."""
        ...

    async def found_chunks(self, chunk_ids: Sequence[str]) -> Mapping[str, FoundChunk]:
        """The chunks of these ids that (still) exist."""
        ...


class Store(Protocol):
    """The three parts over one database, and who hears of changes, in the order of their commits."""

    @property
    def tasks(self) -> TaskStore: ...
    @property
    def crawls(self) -> CrawlStore: ...
    @property
    def knowledge(self) -> KnowledgeStore: ...

    async def health(self) -> str:
        """One sentence about the store. Raises StorageError when it doesn't answer."""
        ...
