"""The crawl's pipeline: fetch → extract → chunk and store → embed, joined by bounded queues, all in one TaskGroup.

A page is on its way through all stages while others are fetched. Its links are stored before it is, and it is stored
whole or not at all; so a crash costs at most the pages that were under way, and they are fetched again.
"""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from gleanery import errors
from gleanery.engine.handler import TaskContext
from gleanery.engine.retry import RetryPolicy
from gleanery.handlers.crawl.frontier import Frontier
from gleanery.handlers.crawl.payload import CrawlPayload
from gleanery.handlers.crawl.progress import CrawlProgress
from gleanery.knowledge.cut import Origin, cut_page
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.vectors import Vectors
from gleanery.model import EventType, FrontierUrl, NewEvent, PageBundle, Progress, UrlState, utc_now
from gleanery.store.base import Store
from gleanery.web.fetch import Document, Fetcher
from gleanery.web.politeness import HostLimiter
from gleanery.web.robots import RobotsCache
from gleanery.web.urls import Scope, url_key

URL_RETRY = RetryPolicy(max_retries=3, base_seconds=1.0, factor=3.0, cap_seconds=30.0)
MAX_LINKS = 5_000
"""Links of one page that are looked at; a page with more is a trap or a dump."""
KNOWN_LIMIT = 200_000
STORERS = 4

SKIPPED = (errors.NotHtml, errors.EmptyPage, errors.RedirectRefused, errors.RobotsDenied)
"""Errors that say that a URL is nothing for us, not that something went wrong."""


@dataclass(frozen=True)
class CrawlParts:
    """What a crawl works with; shared by all crawls of the process."""

    store: Store
    fetcher: Fetcher
    limiter: HostLimiter
    robots: RobotsCache
    extract_pool: ExtractPool
    executor: ThreadPoolExecutor
    vectors: Vectors | None
    fetch_concurrency: int


@dataclass(frozen=True)
class _Fetched:
    url: FrontierUrl
    document: Document
    started: float


@dataclass(frozen=True)
class _Extracted:
    url: FrontierUrl
    document: Document
    page: ExtractedPage
    started: float


class Pipeline:
    """One run of a crawl, from what the store holds of it to the last page."""

    def __init__(
        self, ctx: TaskContext, payload: CrawlPayload, scope: Scope, parts: CrawlParts, progress: CrawlProgress
    ) -> None:
        self._ctx = ctx
        self._payload = payload
        self._scope = scope
        self._parts = parts
        self._store = parts.store.crawls
        self._progress = progress
        self._frontier = Frontier(self._store, ctx.task.task_id, self._room, time.monotonic)
        self._fetched: asyncio.Queue[_Fetched | None] = asyncio.Queue(maxsize=2 * parts.fetch_concurrency)
        self._extracted: asyncio.Queue[_Extracted | None] = asyncio.Queue(maxsize=2 * STORERS)
        self._stored = asyncio.Event()
        self._is_storing = True
        self._known: dict[int, int] = {}
        self._pages_on_the_way: set[str] = set()
        self._random = random.Random()
        self.start_error: errors.FetchError | None = None
        self.embed_error: errors.EmbedError | None = None

    async def run(self) -> None:
        """Until every URL is settled and every chunk has its vector. Raises what no single page can be blamed for."""
        try:
            async with asyncio.TaskGroup() as group:
                embedding = group.create_task(self._embed_all()) if self._parts.vectors else None
                await self._run_stages()
                self._is_storing = False
                self._stored.set()
                if embedding is not None:
                    await embedding
        except BaseExceptionGroup as several:
            raise _first(several) from several

    async def _run_stages(self) -> None:
        """Each stage ends when the one before has; the queue between them then holds a None for each of its workers."""
        extractors, storers = self._parts.extract_pool.size, STORERS
        async with asyncio.TaskGroup() as group:
            storing = [group.create_task(self._store_pages()) for _ in range(storers)]
            async with asyncio.TaskGroup() as inner:
                extracting = [inner.create_task(self._extract_pages()) for _ in range(extractors)]
                async with asyncio.TaskGroup() as innermost:
                    for _ in range(self._parts.fetch_concurrency):
                        innermost.create_task(self._fetch_pages())
                for _ in extracting:
                    await self._fetched.put(None)
            for _ in storing:
                await self._extracted.put(None)

    def _room(self) -> int:
        return self._payload.max_pages - self._progress.stored

    # Fetch

    async def _fetch_pages(self) -> None:
        while (url := await self._frontier.next()) is not None:
            started = time.monotonic()
            self._progress.current_url = url.url
            try:
                document = await self._fetch(url)
            except errors.FetchError as error:
                await self._not_fetched(url, error)
            else:
                self._progress.fetched += 1
                await self._fetched.put(_Fetched(url, document, started))

    async def _fetch(self, url: FrontierUrl) -> Document:
        robots = await self._parts.robots.get(url.url)
        if not robots.allows(url.url):
            raise errors.RobotsDenied(url.url, "robots.txt does not allow it.")
        self._parts.limiter.set_delay(url.url, robots.crawl_delay_seconds or 0.0)
        async with self._parts.limiter.turn(url.url):
            try:
                return await self._parts.fetcher.fetch(url.url, may_follow=None if url.depth == 0 else self._may_follow)
            except errors.HttpStatus as error:
                if error.status in (429, 503):
                    self._parts.limiter.slow_down(url.url, error.retry_after)
                raise

    def _may_follow(self, target: str) -> str | None:
        return self._scope.refusal(target, 0)

    async def _not_fetched(self, url: FrontierUrl, error: errors.FetchError) -> None:
        retry = URL_RETRY.decide(error, url.attempts, self._random)
        if retry is None:
            await self._settle_error(url, error)
            return
        wait = retry.seconds
        event = NewEvent(
            EventType.PAGE_RETRY_SCHEDULED,
            f"{error.code} {_path(url.url)} · {error.message} Trying again in {wait:.1f} s",
            {
                "url": url.url,
                "reason": error.code,
                "message": error.message,
                "in_seconds": round(wait, 1),
                "attempt": url.attempts + 1,
            },
        )
        await self._store.note_attempt(self._ctx.fence, url.url_key, [event], self._snapshot(event.message))
        await self._frontier.again(replace(url, attempts=url.attempts + 1), wait)

    async def _settle_error(self, url: FrontierUrl, error: errors.FetchError) -> None:
        """The end of a URL that gave no page. The start page's error is the crawl's."""
        if url.depth == 0:
            self.start_error = error
        is_skip = isinstance(error, SKIPPED) and url.depth > 0
        status = error.details.get("status")
        settled = replace(
            url,
            state=UrlState.SKIPPED if is_skip else UrlState.FAILED,
            reason=error.code,
            message=error.message,
            status_code=status,
            attempts=url.attempts + 1,
        )
        if is_skip:
            self._progress.skipped += 1
        else:
            self._progress.failed += 1
        event = NewEvent(
            EventType.PAGE_SKIPPED if is_skip else EventType.PAGE_FAILED,
            f"{error.code} {_path(url.url)} · {error.message}",
            {
                "url": url.url,
                "reason": error.code,
                "message": error.message,
                "status_code": status,
                "attempts": settled.attempts,
            },
        )
        await self._store.settle(self._ctx.fence, settled, [event], self._snapshot(event.message))
        await self._frontier.settled(url)

    # Extract

    async def _extract_pages(self) -> None:
        while (item := await self._fetched.get()) is not None:
            document = item.document
            try:
                page = await self._parts.extract_pool.extract(document.body, document.url, document.charset)
            except (errors.EmptyPage, errors.ExtractFailed) as error:
                await self._add_links(item.url, document.url, tuple(error.details.pop("links", ())))
                await self._settle_error(item.url, error)
                continue
            self._progress.extracted += 1
            if item.url.depth == 0 and document.url != item.url.url:
                self._scope = replace(
                    Scope.of(document.url, max_depth=self._payload.max_depth),
                    include=self._scope.include,
                    exclude=self._scope.exclude,
                )
            await self._add_links(item.url, document.url, page.links)
            await self._extracted.put(_Extracted(item.url, document, page, item.started))

    async def _add_links(self, url: FrontierUrl, base: str, links: tuple[str, ...]) -> None:
        depth = url.depth + 1
        fresh: dict[str, FrontierUrl] = {}
        if len(links) > MAX_LINKS:
            message = f"too_many_links {_path(base)} · of its {len(links):,} links the first {MAX_LINKS:,} are followed"
            warning = NewEvent(
                EventType.WARNING_RAISED, message, {"code": "too_many_links", "url": base, "links": len(links)}
            )
            await self._ctx.report(self._snapshot(message), warning)
        for link in links[:MAX_LINKS]:
            if not self._is_news(link, depth):  # most links of a page are those of the page before, to the letter
                continue
            key = url_key(link)
            if key in fresh or not self._is_news(key, depth):
                continue
            refusal = self._scope.refusal(link, depth)
            state = UrlState.QUEUED if refusal is None else UrlState.SKIPPED
            fresh[key] = FrontierUrl(
                link, key, depth, state, found_on=base, reason=None if refusal is None else str(refusal)
            )
        if len(self._known) > KNOWN_LIMIT:
            self._known.clear()
        added = await self._store.add_urls(self._ctx.fence, list(fresh.values())) if fresh else 0
        self._progress.links_added(added)
        if added:
            await self._frontier.wake()

    def _is_news(self, link: str, depth: int) -> bool:
        """Whether this text, a link or a key, was not seen yet at this depth or above; now it is. Only hashes are kept."""
        mark = hash(link)
        if self._known.get(mark, depth + 1) <= depth:
            return False
        self._known[mark] = depth
        return True

    # Chunk and store

    async def _store_pages(self) -> None:
        loop = asyncio.get_running_loop()
        while (item := await self._extracted.get()) is not None:
            origin = self._origin(item.document)
            if origin.url_key in self._pages_on_the_way or await self._is_stored(origin.url_key):
                await self._settle_duplicate(item)
                continue
            self._pages_on_the_way.add(origin.url_key)
            try:
                bundle = await loop.run_in_executor(
                    self._parts.executor, _cut, origin, item.page, self._payload.extract_code
                )
                self._progress.chunked += 1
                await self._store_page(item, bundle)
            finally:
                self._pages_on_the_way.discard(origin.url_key)

    async def _is_stored(self, key: str) -> bool:
        return await self._store.holds_page(self._ctx.fence, self._payload.source_id, key)

    def _origin(self, document: Document) -> Origin:
        return Origin(
            source_id=self._payload.source_id,
            task_id=self._ctx.task.task_id,
            url=document.url,
            url_key=url_key(document.url),
            status_code=document.status,
            content_type=document.content_type,
            etag=document.etag,
            last_modified=document.last_modified,
            size_bytes=len(document.body),
            fetched_at=utc_now(),
        )

    async def _store_page(self, item: _Extracted, bundle: PageBundle) -> None:
        page, seconds = bundle.page, item.document.elapsed_seconds
        chunks, code = len(bundle.chunks), len(bundle.code_examples)
        settled = replace(
            item.url,
            state=UrlState.STORED,
            reason=None,
            message=None,
            status_code=page.status_code,
            attempts=item.url.attempts + 1,
            page_id=page.page_id,
            chunk_count=chunks,
            code_example_count=code,
            elapsed_seconds=seconds,
        )
        event = NewEvent(
            EventType.PAGE_STORED,
            f"{page.status_code} {_path(page.url)} · {_count(chunks, 'chunk')} · {_count(code, 'code block')} · {seconds * 1000:.0f} ms",
            {
                "url": page.url,
                "page_id": page.page_id,
                "title": page.title,
                "status_code": page.status_code,
                "seconds": round(seconds, 3),
                "chunks": chunks,
                "code_examples": code,
            },
        )
        self._progress.page_stored(time.monotonic())
        await self._store.store_page(self._ctx.fence, settled, bundle, [event], self._snapshot(event.message))
        if item.url.depth == 0:
            await self._parts.store.knowledge.name_source(self._payload.source_id, page.title, self._ctx.task.task_id)
        await self._frontier.settled(item.url)
        self._stored.set()

    async def _settle_duplicate(self, item: _Extracted) -> None:
        message = f"duplicate {_path(item.url.url)} · leads to {item.document.url}, which is stored already"
        settled = replace(
            item.url,
            state=UrlState.SKIPPED,
            reason="duplicate",
            message=f"Leads to {item.document.url}.",
            status_code=item.document.status,
        )
        self._progress.skipped += 1
        event = NewEvent(
            EventType.PAGE_SKIPPED, message, {"url": item.url.url, "reason": "duplicate", "same_as": item.document.url}
        )
        await self._store.settle(self._ctx.fence, settled, [event], self._snapshot(message))
        await self._frontier.settled(item.url)

    # Embed

    async def _embed_all(self) -> None:
        """Keep up with what is stored, then do the rest. A failing embedder stops this stage only."""
        try:
            is_last = False
            while not is_last:
                await self._stored.wait()
                self._stored.clear()
                is_last = not self._is_storing
                await self._embed_stored()
        except errors.EmbedError as error:
            self.embed_error = error
            message = f"{error.code} · {error.message} Pages are still stored and found by words."
            await self._ctx.report(
                self._snapshot(message), NewEvent(EventType.WARNING_RAISED, message, {"code": error.code})
            )

    async def _embed_stored(self) -> None:
        assert self._parts.vectors is not None
        async for done in self._parts.vectors.embed_missing(self._ctx.fence, self._payload.source_id):
            self._progress.embedded = min(self._progress.stored, self._progress.embedded + done.pages)
            if not self._is_storing:
                self._progress.stage = "embedding"
            if done.pages:
                message = f"embedded {_count(done.pages, 'page')} · {_count(done.chunks, 'chunk')}"
                event = NewEvent(EventType.PAGES_EMBEDDED, message, {"pages": done.pages, "chunks": done.chunks})
                await self._ctx.report(self._snapshot(message), event)

    def _snapshot(self, message: str) -> Progress:
        return self._progress.snapshot(time.monotonic(), message)


def _cut(origin: Origin, page: ExtractedPage, extract_code: bool) -> PageBundle:
    return cut_page(origin, page, extract_code=extract_code)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups: the one that brought the others down."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _path(url: str) -> str:
    """The URL without its scheme and host, as the log shows it."""
    return "/" + url.split("/", 3)[3] if url.count("/") > 2 else url


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
