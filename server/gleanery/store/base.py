"""The contract of a store: parts over one database for tasks with their events, crawls with their frontier, knowledge,
schedules, webhook calls and the processes that work.

Every method is one transaction, durable when it returns. A method that takes a `Fence` raises LeaseLost and writes
nothing when that attempt no longer runs. Lists page by key: `after` is the cursor of the last row already seen.
Anything may raise StorageError; StorageFull when the disk has no room, and then nothing of the transaction is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gleanery.model import (
    Clock,
    Delivery,
    DeliveryState,
    ErrorInfo,
    HostUse,
    Schedule,
    WorkerInfo,
)
from gleanery.store.compliance import ComplianceStore
from gleanery.store.crawl_store import CrawlStore
from gleanery.store.enriching import EnrichStore
from gleanery.store.generation_store import GenerationStore
from gleanery.store.holdings import HoldingStore
from gleanery.store.knowledge_store import KnowledgeStore
from gleanery.store.parses import ParseStore
from gleanery.store.portable_store import PortableStore
from gleanery.store.processes import ProcessStore
from gleanery.store.saved_queries import SavedQueryStore
from gleanery.store.search_store import Nearest, SearchStore
from gleanery.store.stories import StoryStore
from gleanery.store.task_store import TaskStore
from gleanery.store.traces import TraceStore
from gleanery.store.values import (
    Idempotency,
)
from gleanery.store.vector_store import VectorStore


class ScheduleStore(Protocol):
    async def create(self, schedule: Schedule, idempotency: Idempotency | None) -> Schedule:
        """Keep a new schedule, or give the one that the same key and request have made, as it stands now. Raises
        IdempotencyConflict for a key that came with another request."""
        ...

    async def put(self, schedule: Schedule) -> Schedule:
        """Keep a new schedule, or the changed one of that id; one of the same `source_id` is replaced. What has run stays as
        it is stored (`last_at`, `last_task_id`, `skipped_count`)."""
        ...

    async def get(self, schedule_id: str) -> Schedule:
        """Raises NotFound."""
        ...

    async def list(self, *, after: str | None, limit: int) -> Sequence[Schedule]:
        """By id."""
        ...

    async def delete(self, schedule_id: str) -> None:
        """Raises NotFound."""
        ...

    async def due(self, limit: int) -> Sequence[Schedule]:
        """Schedules that aren't paused and whose next tick has come."""
        ...

    async def next_at(self) -> datetime | None:
        """The earliest next tick of all that aren't paused."""
        ...

    async def advance(
        self,
        schedule_id: str,
        expected: datetime,
        next_at: datetime | None,
        *,
        task_id: str | None = None,
        skipped: int = 0,
        error: ErrorInfo | None = None,
    ) -> bool:
        """Compare-and-set of `next_at` from `expected`; False when another process was first, and then nothing is written.
        With `task_id` the tick has run, `skipped` counts ticks that were passed over."""
        ...


class OutboxStore(Protocol):
    """Webhook calls. They are written by the transactions of `TaskStore` that they tell of."""

    async def claim(self, limit: int, hold_seconds: float, *, passing_over: Sequence[str] = ()) -> Sequence[Delivery]:
        """Pending calls that are due, oldest first, of a task none before an earlier one that was tried less than three
        times, none whose URL begins with one of `passing_over`. Nobody else gets them for `hold_seconds`. Each claim is an attempt."""
        ...

    async def next_at(self, *, passing_over: Sequence[str] = ()) -> datetime | None:
        """When the next pending call that `claim` would give is due; None when none is pending."""
        ...

    async def settle(
        self,
        delivery: Delivery,
        state: DeliveryState,
        *,
        status_code: int | None,
        error: str | None,
        next_at: datetime | None = None,
    ) -> bool:
        """How this attempt ended: taken, dead, or pending until `next_at`. False when a later attempt has begun already."""
        ...

    async def get(self, delivery_id: str) -> Delivery:
        """Raises NotFound."""
        ...

    async def list(
        self, *, state: DeliveryState | None, task_id: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Delivery]:
        """Newest first."""
        ...

    async def retry(self, delivery_id: str) -> Delivery:
        """Send a dead call again. Raises NotFound, and WrongState when it isn't dead."""
        ...

    async def count_by_state(self) -> Mapping[str, int]: ...


class WorkerStore(Protocol):
    async def put(self, worker: WorkerInfo) -> None: ...

    async def list(self) -> Sequence[WorkerInfo]: ...

    async def remove(self, worker_ids: Sequence[str]) -> None: ...


class HostStore(Protocol):
    async def use(self, rows: Sequence[HostUse]) -> None:
        """Set these rows, each in place of the one that the worker had for the host. `beat_at` is when that is written,
        whatever the row says: a process may wait for the store for long."""
        ...

    async def used(self, hosts: Sequence[str], since: datetime) -> Sequence[HostUse]:
        """The rows of these hosts that were set at `since` or later, or whose pause lasts longer than that."""
        ...

    async def forget(self, worker_id: str) -> None:
        """The worker uses no host any more. What it was told of pauses still holds for the others."""
        ...

    async def prune(self, before: datetime) -> int:
        """Remove the rows that were set before that and hold nobody back; how many."""
        ...


class Store(Protocol):
    """The parts over one database. Whoever made it hears of changes, in the order of their commits."""

    @property
    def clock(self) -> Clock:
        """The time by which the store writes and judges. Whoever compares with what is stored goes by it: a machine's own clock
        may say something else."""
        ...

    @property
    def processes(self) -> ProcessStore | None:
        """None where all processes are on one machine, and a folder tells them of each other."""
        ...

    @property
    def tasks(self) -> TaskStore: ...
    @property
    def crawls(self) -> CrawlStore: ...
    @property
    def knowledge(self) -> KnowledgeStore: ...
    @property
    def holdings(self) -> HoldingStore: ...
    @property
    def generations(self) -> GenerationStore: ...
    @property
    def vectors(self) -> VectorStore: ...
    @property
    def search(self) -> SearchStore: ...
    @property
    def nearest(self) -> Nearest | None:
        """None where vectors are to be searched in memory."""
        ...

    @property
    def enrich(self) -> EnrichStore: ...
    @property
    def saved_queries(self) -> SavedQueryStore: ...
    @property
    def portable(self) -> PortableStore: ...
    @property
    def parses(self) -> ParseStore: ...
    @property
    def compliance(self) -> ComplianceStore: ...
    @property
    def stories(self) -> StoryStore: ...
    @property
    def schedules(self) -> ScheduleStore: ...
    @property
    def outbox(self) -> OutboxStore: ...
    @property
    def workers(self) -> WorkerStore: ...
    @property
    def hosts(self) -> HostStore: ...
    @property
    def traces(self) -> TraceStore: ...

    async def health(self) -> str:
        """One sentence about the store. Raises StorageError when it doesn't answer."""
        ...

    def end_within(self, seconds: float) -> None:
        """This process stops: nobody waits any longer than so for a database that is elsewhere. Raised is StorageError, then
        and for every call after it."""
        ...
