"""The contract of a store: parts over one database for tasks with their events, crawls with their frontier, knowledge,
schedules, webhook calls and the processes that work.

Every method is one transaction, durable when it returns. A method that takes a `Fence` raises LeaseLost and writes
nothing when that attempt no longer runs. Lists page by key: `after` is the cursor of the last row already seen.
Anything may raise StorageError; StorageFull when the disk has no room, and then nothing of the transaction is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gleanery.model import (
    CrawlCounts,
    Delivery,
    DeliveryState,
    ErrorInfo,
    Event,
    Fence,
    FrontierUrl,
    HostUse,
    KnownPage,
    NewEvent,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Schedule,
    Source,
    StoredAs,
    Task,
    TaskStatus,
    UrlCount,
    UrlState,
    WorkerInfo,
)
from gleanery.store.compliance import ComplianceStore
from gleanery.store.enriching import EnrichStore
from gleanery.store.generation_store import GenerationStore
from gleanery.store.holdings import HoldingStore
from gleanery.store.parses import ParseStore
from gleanery.store.saved_queries import SavedQueryStore
from gleanery.store.search_store import SearchStore
from gleanery.store.stories import StoryStore
from gleanery.store.traces import TraceStore
from gleanery.store.values import (
    Asked,
    Change,
    FoundChunk,
    FoundCode,
    Idempotency,
    Removed,
    Retention,
    SourceChange,
    TaskFilter,
    TaskStats,
    Timeline,
    Wanted,
)
from gleanery.store.vector_store import VectorStore


class TaskStore(Protocol):
    async def create(
        self,
        new: NewTask,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        """Keep a task as `queued` with its first event; queued ones of its coalesce key are superseded.

        The same idempotency key with the same request gives the task that it made before; with another request it raises
        IdempotencyConflict. Raises QueueFull at `queue_limit` waiting tasks, InvalidInput for an unknown dependency. A
        dependency that has failed already fails the new task too, if that is what it declares.
        """
        ...

    async def known_start(self, idempotency: Idempotency) -> Task | None:
        """The task that this key has made before, or None. Raises IdempotencyConflict as `create` does."""
        ...

    async def get(self, task_id: str) -> Task:
        """The task. Raises NotFound."""
        ...

    async def list(self, wanted: TaskFilter, *, after: tuple[float, str] | None, limit: int) -> Sequence[Task]:
        """Newest first."""
        ...

    async def in_order(
        self, wanted: TaskFilter, *, after: tuple[int, float, float, str] | None, limit: int
    ) -> Sequence[Task]:
        """As waiting tasks are chosen: best priority first, then by `run_at`, then the oldest. `after` is these three, the
        times in seconds, and the id."""
        ...

    async def count_by_status(self) -> Mapping[str, int]:
        """How many tasks are in each state that any task is in."""
        ...

    async def stats(self, *, window_seconds: float) -> TaskStats: ...

    async def timeline(self, *, window_seconds: float, buckets: int) -> Timeline:
        """How many tasks were in each state at the end of each bucket, oldest first, as the times of their rows tell; the last
        one ends now. Tasks that are removed are not counted, ended ones that were queued again only as they stand."""
        ...

    async def next_due_at(self, task_types: Sequence[str]) -> datetime | None:
        """When the next queued task of these types becomes due that isn't yet; None when none waits."""
        ...

    async def claim(self, task_id: str, worker_id: str, lease_seconds: float) -> Task | None:
        """Compare-and-set of one task from `queued` to `running` with attempt + 1 and a lease. None when it isn't due or
        queued any more, waits for others, or when another task of its serial key runs."""
        ...

    async def claim_due(self, wanted: Wanted, limit: int) -> Sequence[Task]:
        """Claim up to `limit` tasks that are due, best priority first, then oldest, within the limits. Of those that lost
        their workers several times in a row one begins at a time: it may be what ends them."""
        ...

    async def beat(
        self, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
    ) -> Mapping[str, Asked]:
        """Prolong the leases of attempts; what was asked of each by task id. One that is missing has lost its lease."""
        ...

    async def report(self, fence: Fence, events: Sequence[NewEvent], progress: Progress) -> Task:
        """Append events and set the progress they tell of."""
        ...

    async def note(
        self, fence: Fence, *, browser_session_id: str | None = None, memory_usage_mb: float | None = None
    ) -> None:
        """Keep what the attempt works with; what is None stays as it is."""
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
        recovery: str = "",
    ) -> Task:
        """End the attempt: a final status, `paused`, or `queued`: with `error` and `run_at` for another try, which counts as
        a retry (by the rule named `recovery`, which is added to its recoveries), without them put back as if it had not run. One that
        was asked to be cancelled (or paused) meanwhile is
        not queued but cancelled (paused); the answer says which. What depends on it is released, or fails too."""
        ...

    async def step(self, task_id: str, name: str) -> tuple[Any] | None:
        """The stored value (JSON) of a step of this task in a tuple, None when it isn't done."""
        ...

    async def keep_step(self, fence: Fence, name: str, value: Any) -> None:
        """Keep a step's value with its event; a step that is there stays as it is."""
        ...

    async def request_cancel(self, task_id: str) -> Task:
        """A queued or paused task is cancelled at once, a running one is marked. Raises NotFound, and WrongState when it
        has already ended."""
        ...

    async def request_pause(self, task_id: str) -> Task:
        """A queued task is paused at once, a running one is marked. Raises NotFound, and WrongState when it has ended."""
        ...

    async def resume(self, task_id: str) -> Task:
        """A paused task is queued again; a pause that was only asked for is taken back. Raises NotFound and WrongState."""
        ...

    async def retry(self, task_id: str, *, only_failed: bool, reason: str | None = None) -> Task:
        """Queue an ended task again, with fresh retries. Failed URLs of its frontier are queued again; a completed task
        can be retried only for those. With `reason` only those that failed for it. Raises NotFound and WrongState (also
        while a dependency of it has failed)."""
        ...

    async def change(
        self, task_id: str, *, priority: int | None = None, depends_on: Sequence[str] | None = None
    ) -> Task:
        """Change a task that waits. Raises NotFound, WrongState when it runs or has ended, InvalidInput for an unknown
        dependency or a circle of them."""
        ...

    async def asked_of(self, worker_id: str) -> Sequence[str]:
        """Tasks that run with this worker and are to be cancelled or paused."""
        ...

    async def owners(self) -> Sequence[str]:
        """The workers that running tasks belong to by their rows."""
        ...

    async def reap(self, *, gone: Sequence[str], spare: Sequence[str]) -> Sequence[Task]:
        """Take back tasks whose lease ran out or whose worker is `gone`, except the ids in `spare`. They are queued again,
        or failed with `worker_lost` when that happened more often in a row, without progress, than they have retries."""
        ...

    async def prune(self, retention: Retention, limit: int) -> Removed:
        """Remove up to `limit` rows of each kind that `retention` gives up; what went. Tasks that others wait for stay."""
        ...

    async def prunable(self, retention: Retention) -> Removed:
        """What `prune` would remove in the end."""
        ...

    async def events(self, task_id: str, *, after: int | None, before: int | None, limit: int) -> Sequence[Event]:
        """Ascending: the first `limit` after `after`, or the last `limit` before `before`."""
        ...

    async def changes_after(self, number: int, limit: int) -> Sequence[Change]:
        """What was told after that event of the order of all tasks, whichever process wrote it."""
        ...

    async def last_number(self) -> int:
        """The newest event's number in the order of all tasks."""
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
        schedule: Schedule | None = None,
    ) -> Task:
        """`ensure_source` and `TaskStore.create` in one: both are kept or neither is. The task's payload gets the
        `source_id` that the URL has, and that is its serial key. A `schedule` is kept for that source, in place of the one
        it has. Raises what `create` raises."""
        ...

    async def add_urls(self, fence: Fence, urls: Sequence[FrontierUrl]) -> int:
        """Add URLs that the crawl doesn't know (`state` queued, or skipped with a reason); how many new ones were queued.
        A known URL keeps its state, but a shorter way to one that waits or was too deep counts from now on. One that waits
        and is now said to be a `markdown_twin` is passed over; a `lastmod` is added where there was none."""
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

    async def change_limits(self, task_id: str, limits: Mapping[str, Any]) -> Task:
        """Set these parts of a crawl's payload, with the event that tells of it; its source and the schedule that repeats it
        keep them too. Nothing happens where they are so already. Raises NotFound, and WrongState for a task that has ended
        or is no crawl."""
        ...

    async def take_up_limited(self, fence: Fence) -> int:
        """Queue again what was skipped as `page_limit` or `time_limit`, but for parts of documents; how many."""
        ...

    async def leave_out_deeper(self, fence: Fence, max_depth: int, busy: Sequence[int]) -> int:
        """Every URL that waits and is deeper is skipped as `too_deep`, but for the ordinals that are `busy`; how many."""
        ...

    async def too_deep(self, task_id: str, max_depth: int, limit: int) -> Sequence[FrontierUrl]:
        """URLs that were skipped as `too_deep` and are not deeper than that."""
        ...

    async def decide_anew(self, fence: Fence, urls: Sequence[FrontierUrl]) -> None:
        """URLs that were skipped as `too_deep` have the state and the reason that they are given here."""
        ...

    async def take_up_orphans(self, fence: Fence) -> int:
        """Queue again, to be stored for themselves (`is_own`), the URLs that were skipped as `canonical` or `markdown_twin`
        where the URL that they are the same as, over several steps, gave no page; how many."""
        ...

    async def page(self, page_id: str) -> Page:
        """The newest version of a page, seen by search already or not. Raises NotFound."""
        ...

    async def twin(self, task_id: str, source_id: str, url_key: str, content_hash: str) -> Page | None:
        """The page that this task has met under that key, else one with that content; without its Markdown."""
        ...

    async def known_page(self, source_id: str, url_key: str) -> KnownPage | None:
        """What is stored of the source under that key, in its newest version."""
        ...

    async def keep_page(
        self, fence: Fence, url: FrontierUrl, page_id: str, events: Sequence[NewEvent], progress: Progress
    ) -> None:
        """The page has not changed: the task has met it, and its URL is settled as stored with the page's counts."""
        ...

    async def store_page(
        self, fence: Fence, url: FrontierUrl, bundle: PageBundle, events: Sequence[NewEvent], progress: Progress
    ) -> StoredAs:
        """Keep a page with its chunks and code as a version of the generation that the task builds (begun, where it has not
        been), settle its URL (and the URL it redirected to), all or nothing: rows of a large page may go ahead in
        transactions of their own, but are not seen before the page is. One that says what the newest version says in the same
        chunks leaves that as it is. BEFORE, with nothing written, when this task has met the page already."""
        ...

    async def counts(self, task_id: str, source_id: str, model: str | None) -> CrawlCounts: ...

    async def urls(
        self,
        task_id: str,
        *,
        state: UrlState | None,
        after: int,
        limit: int,
        reason: str | None = None,
        text: str | None = None,
    ) -> Sequence[FrontierUrl]:
        """In order of discovery; of one state or reason, or all; with `text` those whose URL holds it, whatever its case."""
        ...

    async def url_counts(self, task_id: str) -> Sequence[UrlCount]:
        """The most frequent first."""
        ...


class KnowledgeStore(Protocol):
    async def ensure_source(self, source: Source, url_key: str) -> Source:
        """The source of that URL: kept as it is but for tags, kind and options, or made new."""
        ...

    async def source(self, source_id: str, model: str | None = None) -> Source:
        """Raises NotFound."""
        ...

    async def sources(
        self, *, after: tuple[float, str] | None, limit: int, model: str | None, url_key: str | None = None
    ) -> Sequence[Source]:
        """Newest first; with `url_key` the one of that URL alone."""
        ...

    async def name_source(self, source_id: str, title: str, task_id: str) -> None: ...

    async def change_source(self, source_id: str, change: SourceChange) -> Source:
        """What is given is so from now on, whatever its pages or a chat model say; an empty title or description leaves that
        to them again. Its schedule goes by the new tags and kind too. Raises NotFound."""
        ...

    async def delete_source(self, source_id: str) -> None:
        """Hide it at once and for good. Raises NotFound, and WrongState while a task of its works on it."""
        ...

    async def pages(
        self, source_id: str, *, after: str | None, limit: int, text: str | None = None, is_missing: bool = False
    ) -> Sequence[tuple[Page, int]]:
        """By URL, without their Markdown, each with its length in characters. `text` stands in title or URL, in capitals or
        not; with `is_missing` only those that the last refresh did not meet."""
        ...

    async def page(self, page_id: str, generation: int | None = None) -> Page:
        """As it is seen, or as that generation has it. Raises NotFound."""
        ...

    async def page_ids(self, source_id: str, url_keys: Sequence[str]) -> Mapping[str, str]:
        """URL key → id, of those that are seen. Raises NotFound for an unknown source."""
        ...

    async def chunks(self, source_id: str, *, page_id: str | None, after: int, limit: int) -> Sequence[FoundChunk]: ...

    async def code_examples(
        self, source_id: str, *, language: str | None, after: int, limit: int, page_id: str | None = None
    ) -> Sequence[FoundCode]: ...


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
        """Set these rows, each in place of the one that the worker had for the host."""
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
    def enrich(self) -> EnrichStore: ...
    @property
    def saved_queries(self) -> SavedQueryStore: ...
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
