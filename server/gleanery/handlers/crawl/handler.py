"""The handler of `crawl`: takes stock of what is stored, runs the pipeline, says how it went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.handlers.crawl.embedding import Embedding
from gleanery.handlers.crawl.full_text import FullText
from gleanery.handlers.crawl.gather import Gatherer
from gleanery.handlers.crawl.limits import LimitKeeper
from gleanery.handlers.crawl.links import LinkSorter
from gleanery.handlers.crawl.listing import Listing
from gleanery.handlers.crawl.payload import CrawlPayload
from gleanery.handlers.crawl.pipeline import Pipeline
from gleanery.handlers.crawl.progress import CrawlProgress
from gleanery.handlers.crawl.publish import Publisher
from gleanery.handlers.crawl.reading import Reader
from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.rendering import SiteRendering
from gleanery.handlers.crawl.run import CrawlParts, CrawlRun
from gleanery.handlers.crawl.storing import Storer
from gleanery.handlers.crawl.survey import Surveyor
from gleanery.model import CrawlCounts, EventType, FrontierUrl, NewEvent, UrlOrigin, UrlState
from gleanery.web.scope import Refusal
from gleanery.web.traps import TrapWatch
from gleanery.web.urls import url_key

ROWS_AT_ONCE = 1_000
_REFUSALS = frozenset(Refusal)
_OUT_OF_SCOPE = frozenset(
    {
        Refusal.OTHER_HOST,
        Refusal.OUTSIDE_PATH,
        Refusal.EXCLUDED,
        Refusal.NOT_INCLUDED,
        Refusal.TOO_DEEP,
        Refusal.NOT_A_DOCUMENT,
    }
)


class CrawlHandler:
    """`Handler` for tasks of type `crawl`."""

    spec = TaskSpec(
        "crawl",
        CrawlPayload,
        Work.CRAWL,
        description="Crawl a site into the knowledge base",
        can_pause=True,
        serial_key=lambda payload: payload.source_id or None,
    )

    def __init__(self, parts: CrawlParts) -> None:
        self._parts = parts

    async def run(self, ctx: TaskContext, payload: CrawlPayload) -> Outcome:
        started = time.monotonic()
        progress = CrawlProgress(
            ctx.task.progress, max_pages=payload.max_pages, has_embedder=self._parts.vectors.is_on, now=started
        )
        await self._begin(ctx, payload, progress)
        run = await self._take_up(ctx, payload, progress)
        limits = LimitKeeper(run)
        if ctx.is_resumed:
            await limits.resume()
        publisher = Publisher(run)
        await publisher.begin(await self._counts(ctx, payload))
        embed_error = await self._crawl(run, limits)
        limit = Reason.TIME_LIMIT if run.is_out_of_time else Reason.PAGE_LIMIT
        await self._parts.store.crawls.skip_queued(ctx.fence, limit)
        counts = await self._counts(ctx, payload)
        if counts.stored == 0 and run.start_error is not None:
            run.start_error.can_retry = False  # its retries are spent
            raise run.start_error
        if embed_error is not None:
            raise _without_vectors(embed_error, counts)
        brought = {
            **await publisher.publish(counts),
            "failed_texts": run.failed_texts,
            "embedding_tokens": run.embedding_tokens,
        }
        if self._parts.follow_up is not None:
            await self._parts.follow_up(payload.source_id, ctx.task.task_id)
        return self._outcome(payload, counts, progress, time.monotonic() - started, brought)

    async def _crawl(self, run: CrawlRun, limits: LimitKeeper) -> errors.EmbedError | None:
        """Rounds of the pipeline, until nothing is left that only waited for another URL to give its page."""
        vectors, crawls = self._parts.vectors, self._parts.store.crawls
        rendering = SiteRendering(run.payload.render, has_browser=self._parts.browser is not None)
        links = LinkSorter(run)
        gatherer = Gatherer(run, rendering, is_refresh=await self._is_refresh(run.payload))
        reader, storer = Reader(run, gatherer, links, rendering), Storer(run)
        surveyor = Surveyor(run, gatherer, links)
        is_more = True
        while is_more:
            embedding = Embedding(run, vectors) if vectors.is_on else None
            await Pipeline(run, gatherer, reader, storer, embedding, surveyor.survey, limits).run()
            if embedding is not None and embedding.error is not None:
                return embedding.error
            if embedding is not None:
                run.failed_texts += embedding.failed_texts
                run.embedding_tokens += embedding.tokens
            is_more = await crawls.take_up_orphans(run.ctx.fence) > 0 or await limits.has_more()
            if not is_more and (full_url := surveyor.take_full_url()) is not None:
                is_more = await FullText(run, gatherer, links).store_missing(full_url, storer) > 0
            if is_more:
                run.progress.take_stock(await self._counts(run.ctx, run.payload))
        return None

    async def _begin(self, ctx: TaskContext, payload: CrawlPayload, progress: CrawlProgress) -> None:
        start = FrontierUrl(payload.url, url_key(payload.url), 0, UrlState.QUEUED, origin=UrlOrigin.START)
        await self._parts.store.crawls.add_urls(ctx.fence, [start])
        counts = await self._counts(ctx, payload)
        progress.take_stock(counts)
        progress.stage = "analyzing"
        message = (
            f"Looking at {payload.url}"
            if counts.stored == 0
            else f"Going on: {counts.stored} pages stored, {counts.queued} URLs wait"
        )
        await ctx.report(
            progress.snapshot(time.monotonic(), message),
            NewEvent(EventType.STAGE_STARTED, message, {"stage": "analyzing"}),
        )
        # Before the first page: a robots.txt that can't be had is the whole crawl's matter, and may pass.
        robots = await self._parts.robots.get_patiently(
            payload.url,
            patience_seconds=self._parts.robots_patience_seconds,
            on_wait=lambda error: _tell_wait(ctx, progress, error),
        )
        if not robots.allows(payload.url) and counts.stored == 0:
            raise errors.RobotsDenied(
                payload.url,
                "robots.txt of this site does not allow the start URL. Crawl another path, or ask the site's owner.",
            )
        progress.stage = "crawling"
        message = "Crawling: robots.txt read"
        await ctx.report(
            progress.snapshot(time.monotonic(), message),
            NewEvent(EventType.STAGE_STARTED, message, {"stage": "crawling"}),
        )

    async def _take_up(self, ctx: TaskContext, payload: CrawlPayload, progress: CrawlProgress) -> CrawlRun:
        """The run as it stands: from the start URL, or from where that led to when it is stored already."""
        crawls = self._parts.store.crawls
        [first] = await crawls.urls(ctx.task.task_id, state=None, after=0, limit=1)
        start = payload.url if first.page_id is None else (await crawls.page(first.page_id)).url
        run = CrawlRun(ctx, payload, start, self._parts, progress)
        if first.state is UrlState.QUEUED:
            return run
        if first.reason == Reason.LISTING:
            run.begin_with(Listing.SITEMAP, start, None)
        else:
            run.begin_at(start, None)
        if first.page_id is not None:
            run.variants.page_language(start, (await crawls.page(first.page_id)).language or "")
        await self._remember(run)
        return run

    async def _remember(self, run: CrawlRun) -> None:
        """Learn again what the crawl had learned of the site, as far as the stored frontier tells it."""
        loop, executor = asyncio.get_running_loop(), self._parts.executor
        taken: list[tuple[str, int, bool | None]] = []
        task_id, after = run.ctx.task.task_id, 0
        while rows := await self._parts.store.crawls.urls(task_id, state=None, after=after, limit=ROWS_AT_ONCE):
            after = rows[-1].ordinal
            taken += [(row.url, row.depth, _is_new(row)) for row in rows if not _is_refused(row)]
            await loop.run_in_executor(executor, _learn, run, rows)
        run.traps = await loop.run_in_executor(executor, TrapWatch.of, taken)

    async def _is_refresh(self, payload: CrawlPayload) -> bool:
        """Whether there are pages from before, which may not have changed."""
        return (await self._parts.store.knowledge.source(payload.source_id)).page_count > 0

    async def _counts(self, ctx: TaskContext, payload: CrawlPayload) -> CrawlCounts:
        model = self._parts.vectors.model
        return await self._parts.store.crawls.counts(ctx.task.task_id, payload.source_id, model)

    def _outcome(
        self,
        payload: CrawlPayload,
        counts: CrawlCounts,
        progress: CrawlProgress,
        seconds: float,
        brought: Mapping[str, Any],
    ) -> Outcome:
        progress.take_stock(counts)
        message = f"Complete: {counts.stored} pages, {counts.chunks} chunks, {counts.code_examples} code examples"
        if counts.failed:
            message += f"; {counts.failed} URLs failed"
        result = {
            "source_id": payload.source_id,
            "pages": counts.stored,
            "chunks": counts.chunks,
            "code_examples": counts.code_examples,
            "embedded_pages": counts.embedded,
            "embedding_model": self._parts.vectors.model,
            "failed": counts.failed,
            "skipped": counts.skipped,
            "reasons": dict(counts.reasons),
            "seconds": round(seconds, 2),
            **brought,
        }
        return Outcome(result, progress.finished(time.monotonic(), message), message)


async def _tell_wait(ctx: TaskContext, progress: CrawlProgress, error: errors.RobotsUnreachable) -> None:
    message = f"{error.code} · {error.message} Asking again in {error.details['retry_in_seconds']:.0f} s"
    warning = NewEvent(EventType.WARNING_RAISED, message, {"code": error.code, "url": error.url})
    await ctx.report(progress.snapshot(time.monotonic(), message), warning)


def _learn(run: CrawlRun, rows: Sequence[FrontierUrl]) -> None:
    """What these tell of versions and languages, and of where the site keeps its Markdown."""
    for row in rows:
        if row.reason not in _OUT_OF_SCOPE:
            run.variants.refusal(row.url)
        if row.reason == Reason.MARKDOWN_TWIN and row.origin is UrlOrigin.LLMS:
            run.learn_markdown(row.url, row.url)


def _is_refused(row: FrontierUrl) -> bool:
    return row.reason is not None and row.reason in _REFUSALS


def _is_new(row: FrontierUrl) -> bool | None:
    """Whether a URL brought a page that was new; None while that isn't known."""
    return None if row.state is UrlState.QUEUED else row.state is UrlState.STORED


def _without_vectors(error: errors.EmbedError, counts: CrawlCounts) -> errors.EmbedError:
    """The embedder's error, with what survived it."""
    told = type(error)(
        f"{error.message} {counts.stored} pages are stored and found by words; {counts.embedded} of them by meaning too."
        " Mend the embedder and retry: nothing is fetched again.",
        **error.details,
    )
    told.can_retry = error.can_retry
    return told
