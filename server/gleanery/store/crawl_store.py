"""The contract of the part of a store that keeps crawls with their frontier. What holds for all: `store.base`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gleanery.model import (
    CrawlCounts,
    Fence,
    FrontierUrl,
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
    UrlCount,
    UrlState,
)
from gleanery.store.crawl_sharing import CrawlSharing
from gleanery.store.values import (
    Idempotency,
)


class CrawlStore(Protocol):
    """What comes of a URL whose page is stored (`note_attempt`, `settle`, `keep_page`, `store_page`) is passed over: nothing is written
    or told, and `store_page` answers BEFORE."""

    @property
    def sharing(self) -> CrawlSharing | None:
        """None where a crawl is one worker's."""
        ...

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
        self,
        fence: Fence,
        url: FrontierUrl,
        bundle: PageBundle,
        events: Sequence[NewEvent],
        progress: Progress,
        *,
        names_source: bool = False,
    ) -> StoredAs:
        """Keep a page with its chunks and code as a version of the generation that the task builds (begun, where it has not
        been), settle its URL (and the URL it redirected to), all or nothing: rows of a large page may go ahead in
        transactions of their own, but are not seen before the page is. One that says what the newest version says in the same
        chunks leaves that as it is. With `names_source` the source is named by the page, as `KnowledgeStore.name_source` does it.
        BEFORE, with nothing written, when this task has met the page already."""
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
