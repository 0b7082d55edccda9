"""What passes between a store and those who call it: changes, filters, figures, and rows in the form that search needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from gleanery.model import Chunk, Event, StoredCode, Task, TaskStatus


@dataclass(frozen=True)
class Change:
    """What one transaction did to a task: the row as it stands after it, and the events it appended.

    `number` is that of the last event in the order of all tasks; the others come right before it. 0 without events.
    """

    task: Task
    events: tuple[Event, ...]
    number: int = 0


OnChange = Callable[[Sequence[Change]], None]


@dataclass(frozen=True)
class Idempotency:
    """A client's key for a start, with the hash of the request that it came with."""

    key: str
    request_hash: str


SUSPECT_LOSSES = 2
"""After so many losses in a row a task may be what ends its workers. Such a one is watched for a while before another of
them begins, so that the one that is fails alone and doesn't use up the retries of those that ran beside it."""
SUSPECT_SECONDS = 10.0

HOLDING_ATTEMPTS = 2
"""A call holds back the later ones of its task for so many attempts, which is a minute or so: long enough for a receiver
that starts anew, and not for days where it will never take this one."""


@dataclass(frozen=True)
class Wanted:
    """What a worker may take: tasks of these types, no more running at once (over all workers) than the limits say. Those of
    `apart_types` don't run in the worker that runs their parent task."""

    worker_id: str
    lease_seconds: float
    task_types: tuple[str, ...]
    type_limits: Mapping[str, int] = field(default_factory=dict)
    queue_limits: Mapping[str, int] = field(default_factory=dict)
    apart_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What was asked of a running task; `payload` as it stands now."""

    to_cancel: bool
    to_pause: bool
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks; an empty part takes all."""

    statuses: tuple[TaskStatus, ...] = ()
    task_type: str | None = None
    queue_name: str | None = None
    parent_task_id: str | None = None
    schedule_id: str | None = None
    created_before: datetime | None = None
    task_ids: tuple[str, ...] = ()
    error_code: str | None = None


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile in seconds; None without a value."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True)
class TaskStats:
    """Tasks as they stand, and what ended within the last `window_seconds`.

    `by_type` and `by_queue` give counts by state for each name. `waiting` is from due to start, `running` the time of all
    attempts; both of tasks that ended in the window, by type too. `due_by_type` counts queued tasks that may run now.
    """

    window_seconds: float
    by_status: Mapping[str, int]
    by_type: Mapping[str, Mapping[str, int]]
    by_queue: Mapping[str, Mapping[str, int]]
    due_by_type: Mapping[str, int]
    oldest_due_seconds: float | None
    ended: Mapping[str, int]
    retries: int
    superseded: int
    skipped_ticks: int
    waiting: Spread
    running: Spread
    waiting_by_type: Mapping[str, Spread]
    running_by_type: Mapping[str, Spread]

    @property
    def due(self) -> int:
        return sum(self.due_by_type.values())


@dataclass(frozen=True)
class TimelineBucket:
    """How many tasks waited, ran and waited again (for another try, paused, put back) at `at`, the bucket's end, or now in the
    last one; and how many ended within it."""

    at: datetime
    queued: int
    running: int
    retrying: int
    completed: int
    failed: int
    cancelled: int


@dataclass(frozen=True)
class Timeline:
    """`is_whole` is false where more tasks ended in the window than are looked at: the oldest buckets then lack some."""

    window_seconds: float
    bucket_seconds: float
    is_whole: bool
    buckets: tuple[TimelineBucket, ...]


@dataclass(frozen=True)
class Retention:
    """What may be removed: ended tasks older than `tasks_before` (in these states), events of ended tasks older than
    `events_before`, of any task all but the newest `events_per_task`; None keeps."""

    tasks_before: datetime | None = None
    statuses: tuple[TaskStatus, ...] = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
    events_before: datetime | None = None
    events_per_task: int | None = None
    deliveries_before: datetime | None = None
    idempotency_before: datetime | None = None


@dataclass(frozen=True)
class Removed:
    tasks: int = 0
    events: int = 0
    deliveries: int = 0
    idempotency_keys: int = 0
    urls: int = 0


@dataclass(frozen=True)
class SourceChange:
    """What somebody says of a source; None leaves it as it is."""

    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    knowledge_type: str | None = None


@dataclass(frozen=True)
class ChunkText:
    """What the embedder needs of a chunk; `row` orders chunks by age, `text_row` is the text's, which others may have too."""

    row: int
    text_row: int
    page_id: str
    source_id: str
    title: str
    heading_path: tuple[str, ...]
    context: str
    content: str


@dataclass(frozen=True)
class VectorRow:
    """The vector of a text that a source has."""

    text_row: int
    source_id: str
    vector: np.ndarray[Any, np.dtype[np.float16]]


@dataclass(frozen=True)
class WordHit:
    """A chunk found by words; `rank` is BM25 as FTS5 gives it (more negative is better)."""

    row: int
    rank: float


@dataclass(frozen=True)
class FoundChunk:
    """A chunk with what a hit shows of its page. The outline is text as it is stored: most hits are never shown."""

    row: int
    chunk: Chunk
    url: str
    title: str
    outline: str
    text_row: int

    @property
    def headings(self) -> tuple[tuple[str | None, int], ...]:
        """Anchors and offsets of the headings of its page."""
        return tuple((anchor, offset) for _, _, anchor, offset in json.loads(self.outline))


@dataclass(frozen=True)
class GenerationFigures:
    """What a generation has: pages, how many different contents, characters of Markdown."""

    pages: int
    chunks: int
    code_examples: int
    contents: int
    chars: int


@dataclass(frozen=True)
class BuildSaved:
    """What a build met, and what of it was there before.

    `pages` and `chars` (of Markdown) are those that the task met, `pages_unchanged` were stored as they are, and of these
    `pages_not_fetched` cost one request without a body. `chunks_kept` need no new vector, and so many `tokens_kept` were not
    embedded again.
    """

    pages: int
    chars: int
    pages_unchanged: int
    pages_not_fetched: int
    chunks_kept: int
    tokens_kept: int


@dataclass(frozen=True)
class FoundCode:
    row: int
    code: StoredCode
    url: str
    title: str
    rank: float = 0.0
