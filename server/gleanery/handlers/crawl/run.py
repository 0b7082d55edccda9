"""What the stages of one run of a crawl share: its task, its scope, its counters, and how a URL's end is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from gleanery import errors
from gleanery.engine.handler import TaskContext
from gleanery.handlers.crawl.frontier import Frontier
from gleanery.handlers.crawl.listing import Listing
from gleanery.handlers.crawl.payload import CrawlPayload, scope_of
from gleanery.handlers.crawl.places import Places
from gleanery.handlers.crawl.progress import CrawlProgress
from gleanery.handlers.crawl.reasons import SKIPPING, Reason
from gleanery.handlers.crawl.shared_frontier import SharedFrontier
from gleanery.knowledge.budgets import ChunkBudgets
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.gate import GatePolicy
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.vectors import Vectors
from gleanery.model import EventType, FrontierUrl, NewEvent, NewTask, Progress, UrlState
from gleanery.store.base import Store
from gleanery.store.crawl_sharing import Claimed
from gleanery.store.saved_queries import Figures
from gleanery.web.browser.supervisor import Browser
from gleanery.web.fetch import Document, Fetcher
from gleanery.web.llms import page_candidates
from gleanery.web.politeness import HostLimiter
from gleanery.web.robots import RobotsCache
from gleanery.web.scope import Refusal
from gleanery.web.traps import TrapWatch
from gleanery.web.urls import url_key
from gleanery.web.variants import VariantChooser

MAX_MARKDOWN = 100_000

Evaluate = Callable[[str, int, str], Awaitable[Figures | None]]
"""Runs the saved queries of a source (its id) against a generation for a task (its id); None where there are none."""

Enlist = Callable[[NewTask], Awaitable[object]]
"""Queues a task that helps with a crawl."""

FollowUp = Callable[[str, str], Awaitable[object]]
"""Queues what is to be done with a source (its id) once a task (its id) is complete."""


@dataclass(frozen=True)
class PublishPolicy:
    """When a refresh takes the place of what is seen. A page that vanished stays for `grace`."""

    gate: GatePolicy
    grace: timedelta


@dataclass(frozen=True)
class CrawlParts:
    """What a crawl works with; shared by all crawls of the process."""

    store: Store
    fetcher: Fetcher
    limiter: HostLimiter
    robots: RobotsCache
    browser: Browser | None
    extract_pool: ExtractPool
    executor: ThreadPoolExecutor
    vectors: Vectors
    budgets: ChunkBudgets
    right_of_way: RightOfWay
    fetch_concurrency: int
    robots_patience_seconds: float
    publish: PublishPolicy
    evaluate: Evaluate | None = None
    workers: int = 1
    """How many workers may be on one crawl, where several share the store."""
    enlist: Enlist | None = None
    follow_up: FollowUp | None = None


class CrawlRun:
    """One attempt of a crawl. `start_url` is where the start leads to, once that is known, and `scope` goes by it."""

    def __init__(
        self,
        ctx: TaskContext,
        payload: CrawlPayload,
        start_url: str,
        parts: CrawlParts,
        progress: CrawlProgress,
    ) -> None:
        self.ctx = ctx
        self.payload = payload
        self.start_url = start_url
        self.scope = scope_of(payload, start_url)
        self.parts = parts
        self.progress = progress
        self.traps = TrapWatch()
        self.variants = VariantChooser(start_url, all_variants=payload.all_variants)
        self._ran_seconds, self._ran_at = ctx.task.ran_seconds, time.monotonic()
        self.places = Places(self._most_places())
        self.frontier = self._frontier()
        self.failed_texts = 0
        self.embedding_tokens = 0
        self.start_error: errors.FetchError | None = None
        self.start_is_read = asyncio.Event()
        self.start_is_settled = asyncio.Event()
        self.start_page: ExtractedPage | None = None
        self.listing: Listing | None = None
        self.list_document: Document | None = None
        self.markdown_of: dict[str, str] = {}
        """Where the site keeps the Markdown of a page, by the page's key, as its llms.txt tells."""

    def _frontier(self) -> Frontier:
        crawls, task_id = self.parts.store.crawls, self.ctx.task.task_id
        if crawls.sharing is None:
            return Frontier(crawls, task_id, self.room, time.monotonic)
        return SharedFrontier(crawls, crawls.sharing, self.ctx.fence, self.room, time.monotonic, self._hear)

    def _hear(self, claimed: Claimed) -> None:
        """What all who work on this crawl have done; a helper also hears the limits and the time of the crawl itself."""
        if claimed.counts is not None:
            self.progress.take_in(claimed.counts, time.monotonic())
        if self.is_helper:
            self._ran_seconds, self._ran_at = claimed.ran_seconds, time.monotonic()
            if self.payload.model_dump(include=set(claimed.limits)) != claimed.limits:
                self.ctx.change({**self.ctx.task.payload, **claimed.limits})

    @property
    def is_helper(self) -> bool:
        return self.ctx.fence.helper is not None

    @property
    def is_out_of_time(self) -> bool:
        limit = self.payload.max_minutes
        spent = self._ran_seconds + time.monotonic() - self._ran_at
        return limit is not None and spent >= 60 * limit

    def room(self) -> int:
        """How many more pages may be stored."""
        return 0 if self.is_out_of_time else self.payload.max_pages - self.progress.stored

    def change(self, payload: CrawlPayload) -> None:
        """The limits are those of `payload` from now on. What that means for URLs that are known is the `LimitKeeper`'s."""
        self.payload = payload
        self.scope = scope_of(payload, self.start_url, is_list=self.listing is not None)
        self.progress.limit(payload.max_pages)

    async def keep_places(self) -> None:
        """Let so many pages be fetched at once as the limits say now."""
        await self.places.resize(self._most_places())

    def _most_places(self) -> int:
        most = self.parts.fetch_concurrency
        return min(most, self.payload.concurrency or most)

    @property
    def is_full(self) -> bool:
        """Whether as many pages are stored as may be."""
        return self.progress.stored >= self.payload.max_pages

    def begin_at(self, url: str, page: ExtractedPage | None) -> None:
        """The start page is read (None: it was before), and this is where it is."""
        if url != self.start_url:
            self.start_url = url
            self.scope = scope_of(self.payload, url)
            self.variants = VariantChooser(url, all_variants=self.payload.all_variants)
        self.start_page = page
        self.start_is_read.set()

    def begin_with(self, listing: Listing, url: str, document: Document | None) -> None:
        """The start is no page but a list of pages, at `url` (`document`: as it was just read)."""
        self.start_url = url
        self.listing = listing
        self.list_document = document
        self.scope = scope_of(self.payload, url, is_list=True)
        self.variants = VariantChooser(url, all_variants=self.payload.all_variants)
        self.start_is_read.set()

    def learn_markdown(self, markdown: str, page: str) -> None:
        """The href `markdown` is likely to be the Markdown of `page`, or of another page that it may be so by its name."""
        if len(self.markdown_of) < MAX_MARKDOWN:
            self.markdown_of |= dict.fromkeys(map(url_key, page_candidates(markdown)), markdown)
            self.markdown_of[url_key(page)] = markdown

    def refusal(self, url: str, depth: int, *, is_new: bool = True) -> Refusal | None:
        """Why a URL is not taken; None if it is. One that `is_new` is asked for once: the traps count those that are taken."""
        refusal = self.scope.refusal(url, depth) or self.variants.refusal(url)
        return self.traps.refusal(url, depth) if refusal is None and is_new else refusal

    def late_refusal(self, url: FrontierUrl) -> Refusal | None:
        """The same when its turn has come, by what is known of its like since."""
        if url.depth == 0:
            return None
        if url.depth > self.scope.max_depth and not url.is_own:
            return Refusal.TOO_DEEP
        return self.variants.refusal(url.url) or (None if url.is_own else self.traps.recheck(url.url, url.found_on))

    def snapshot(self, message: str) -> Progress:
        return self.progress.snapshot(time.monotonic(), message)

    async def tell(self, event: NewEvent) -> None:
        """Report something that concerns no single URL's end."""
        await self.ctx.report(self.snapshot(event.message), event)

    async def warn(self, code: str, message: str, **facts: object) -> None:
        await self.tell(NewEvent(EventType.WARNING_RAISED, f"{code} {message}", {"code": code, **facts}))

    async def skip(
        self, url: FrontierUrl, reason: Reason | Refusal, message: str, *, same_as: str | None = None
    ) -> None:
        """The URL gives no page of its own, and that is as it should be. `same_as` is a URL that stands for it."""
        self.progress.skipped += 1
        self.traps.outcome(url.url, is_new_content=False)
        data = {"url": url.url, "reason": str(reason), "message": message, "status_code": url.status_code}
        event = NewEvent(EventType.PAGE_SKIPPED, f"{reason} {path_of(url.url)} · {message}", data | _same(same_as))
        await self._settle(replace(url, state=UrlState.SKIPPED, reason=str(reason), message=message), event)

    async def list_is_read(self, url: FrontierUrl, message: str) -> None:
        """The start is a list of pages: this crawl is its source's last all the same, and it has no title to give."""
        await self.parts.store.knowledge.name_source(self.ctx.fence, self.payload.source_id, "")
        await self.skip(url, Reason.LISTING, message)

    async def fail(self, url: FrontierUrl, error: errors.FetchError) -> None:
        """The end of a URL that gave no page. The start page's error is the crawl's."""
        if url.depth == 0:
            self.start_error = error
            self.start_is_read.set()
        if not error.can_retry:
            self.traps.outcome(url.url, is_new_content=False)
        status = error.details.get("status")
        url = replace(url, status_code=status, attempts=url.attempts + 1)
        if isinstance(error, SKIPPING) and url.depth > 0:
            self.progress.skipped += 1
            state, kind = UrlState.SKIPPED, EventType.PAGE_SKIPPED
        else:
            self.progress.failed += 1
            state, kind = UrlState.FAILED, EventType.PAGE_FAILED
        data = {
            "url": url.url,
            "reason": error.code,
            "message": error.message,
            "status_code": status,
            "attempts": url.attempts,
        }
        event = NewEvent(kind, f"{error.code} {path_of(url.url)} · {error.message}", data)
        await self._settle(replace(url, state=state, reason=error.code, message=error.message), event)

    async def _settle(self, url: FrontierUrl, event: NewEvent) -> None:
        await self.parts.store.crawls.settle(self.ctx.fence, url, [event], self.snapshot(event.message))
        await self.settled(url)

    async def settled(self, url: FrontierUrl) -> None:
        """This URL is stored, skipped or failed in the store."""
        if url.depth == 0:
            self.start_is_settled.set()
        await self.frontier.settled(url)


def _same(url: str | None) -> dict[str, str]:
    return {} if url is None else {"same_as": url}


def path_of(url: str) -> str:
    """The URL without its scheme and host, as the log shows it."""
    return "/" + url.split("/", 3)[3] if url.count("/") > 2 else url


def count_of(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
