"""From a page that was read to rows: chunked in a thread, stored once, whole or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.run import CrawlRun, count_of, path_of
from gleanery.knowledge.budget import ChunkBudget
from gleanery.knowledge.cut import Origin, content_hash_of, cut_page
from gleanery.knowledge.extract import ExtractedPage
from gleanery.model import EventType, FetchedBy, FrontierUrl, NewEvent, Page, PageBundle, StoredAs, UrlOrigin, UrlState
from gleanery.web.fetch import Document
from gleanery.web.urls import url_key
from gleanery.web.variant_slots import version_of


@dataclass(frozen=True)
class Piece:
    """A page that is in a document besides others."""

    url: str
    key: str
    page: ExtractedPage


@dataclass(frozen=True)
class ReadPage:
    """A page as it was read; `pieces` are what its document has besides, each to be a page of its own. `page` is None where
    the document itself is none."""

    url: FrontierUrl
    document: Document
    page: ExtractedPage | None
    fetched_by: FetchedBy
    pieces: tuple[Piece, ...] = ()


@dataclass(slots=True)
class _Place:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Storer:
    """Several `store` at a time; of pages with one key or one content only the first is kept."""

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._budget = run.parts.budgets.now()
        self._places: dict[str, _Place] = {}
        self.stored = 0

    async def store(self, item: ReadPage) -> None:
        """Keep the page with its pieces, and settle its URL last: a crash in between makes all of it come again."""
        for piece in item.pieces:
            await self._store_piece(item, piece)
        if item.page is not None:
            await self._store(item, item.page, url_key(item.document.url))
            return
        message = f"{len(item.pieces):,} pages are in it."
        done = replace(item.url, status_code=item.document.status, attempts=item.url.attempts + 1)
        await self._run.list_is_read(done, message)

    async def _store_piece(self, item: ReadPage, piece: Piece) -> None:
        run, document = self._run, item.document
        has_place = run.frontier.take_place(is_instead=item.page is None)
        no_room = Reason.TIME_LIMIT if run.is_out_of_time else Reason.PAGE_LIMIT
        url = FrontierUrl(
            piece.url,
            piece.key,
            item.url.depth + 1,
            UrlState.SKIPPED,
            found_on=document.url,
            reason=str(Reason.PART if has_place else no_room),
            origin=UrlOrigin.PART,
        )
        await run.parts.store.crawls.add_urls(run.ctx.fence, [url])
        if not has_place:
            return
        body = piece.page.markdown.encode()
        own = replace(document, url=piece.url, body=body, etag=None, last_modified=None)
        try:
            await self._store(ReadPage(url, own, piece.page, item.fetched_by), piece.page, piece.key, is_piece=True)
        finally:
            await run.frontier.leave_place()

    async def _store(self, item: ReadPage, page: ExtractedPage, key: str, *, is_piece: bool = False) -> None:
        content_hash = content_hash_of(page.markdown)
        async with self._alone(key), self._alone(content_hash):
            run = self._run
            twin = await run.parts.store.crawls.twin(run.ctx.task.task_id, run.payload.source_id, key, content_hash)
            if twin is not None and is_piece and twin.url_key == key:
                return  # its document was here before: in another life of this task, or under another URL
            if is_piece:
                run.progress.part_found()
            if twin is not None:
                await self._skip_twin(item, twin, key)
                return
            await run.parts.right_of_way.give()
            bundle = await asyncio.get_running_loop().run_in_executor(
                run.parts.executor, _cut, self._origin(item, key), page, run.payload.extract_code, self._budget
            )
            if item.pieces:
                # Unchanged at the next crawl, nobody would bring its pieces: without links it is fetched in any case.
                bundle = replace(bundle, links=None)
            run.progress.chunked += 1
            await self._keep(item, bundle)

    async def _skip_twin(self, item: ReadPage, twin: Page, key: str) -> None:
        url = replace(
            item.url,
            status_code=item.document.status,
            attempts=item.url.attempts + 1,
            page_id=twin.page_id,
            fetched_by=item.fetched_by,
            same_as=twin.url_key,
        )
        reason = Reason.DUPLICATE if twin.url_key == key else Reason.SAME_CONTENT
        await self._run.skip(url, reason, f"{twin.url} is stored already.", same_as=twin.url)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Nobody else works on the page of this key or content meanwhile. A key's place is taken before a content's."""
        place = self._places.setdefault(name, _Place())
        place.users += 1
        try:
            async with place.lock:
                yield
        finally:
            place.users -= 1
            if not place.users:
                del self._places[name]

    def _origin(self, item: ReadPage, key: str) -> Origin:
        document = item.document
        return Origin(
            source_id=self._run.payload.source_id,
            task_id=self._run.ctx.task.task_id,
            url=document.url,
            url_key=key,
            status_code=document.status,
            content_type=document.content_type,
            etag=document.etag,
            last_modified=document.last_modified,
            size_bytes=len(document.body),
            fetched_at=self._run.parts.store.clock(),
            fetched_by=item.fetched_by,
            version=version_of(document.url),
        )

    async def _keep(self, item: ReadPage, bundle: PageBundle) -> None:
        run, page = self._run, bundle.page
        if run.is_full:  # the limit was lowered while it was on its way
            await run.frontier.give_back(item.url)
            return
        seconds = item.document.elapsed_seconds
        settled = replace(
            item.url,
            state=UrlState.STORED,
            reason=None,
            message=None,
            status_code=page.status_code,
            attempts=item.url.attempts + 1,
            page_id=page.page_id,
            chunk_count=len(bundle.chunks),
            code_example_count=len(bundle.code_examples),
            elapsed_seconds=seconds,
            fetched_by=item.fetched_by,
        )
        event = stored_event(settled, page.url, page.title)
        run.progress.page_stored(time.monotonic())
        run.traps.outcome(item.url.url, is_new_content=True)
        await run.parts.right_of_way.give()
        stored = await run.parts.store.crawls.store_page(
            run.ctx.fence,
            settled,
            bundle,
            [event],
            run.snapshot(event.message),
            names_source=item.url.depth == 0,
        )
        if stored is StoredAs.BEFORE:  # by another worker on this crawl, at the same time
            await self._was_before(item, bundle)
            return
        self.stored += 1
        await run.settled(item.url)

    async def _was_before(self, item: ReadPage, bundle: PageBundle) -> None:
        run, page = self._run, bundle.page
        run.progress.stored -= 1
        twin = await run.parts.store.crawls.twin(
            run.ctx.task.task_id, run.payload.source_id, page.url_key, page.content_hash
        )
        if twin is not None:
            await self._skip_twin(item, twin, page.url_key)
        else:
            await run.frontier.settled(item.url)


def stored_event(url: FrontierUrl, page_url: str, title: str) -> NewEvent:
    """What is told of a page that is stored; `url` has its counts."""
    chunks, code, seconds = url.chunk_count or 0, url.code_example_count or 0, url.elapsed_seconds or 0.0
    how = "" if url.fetched_by is FetchedBy.HTTP else f" · {url.fetched_by}"
    return NewEvent(
        EventType.PAGE_STORED,
        f"{url.status_code} {path_of(page_url)} · {count_of(chunks, 'chunk')} · {count_of(code, 'code block')}"
        f" · {seconds * 1000:.0f} ms{how}",
        {
            "url": page_url,
            "page_id": url.page_id,
            "title": title,
            "status_code": url.status_code,
            "seconds": round(seconds, 3),
            "chunks": chunks,
            "code_examples": code,
            "fetched_by": url.fetched_by,
        },
    )


def _cut(origin: Origin, page: ExtractedPage, extract_code: bool, budget: ChunkBudget) -> PageBundle:
    return cut_page(origin, page, extract_code=extract_code, budget=budget)
