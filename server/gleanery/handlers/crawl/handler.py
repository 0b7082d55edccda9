"""The handler of `crawl`: takes stock of what is stored, runs the pipeline, says how it went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.handlers.crawl.embedding import Embedding
from gleanery.handlers.crawl.full_text import FullText
from gleanery.handlers.crawl.gather import Gatherer
from gleanery.handlers.crawl.helper import call_for_help
from gleanery.handlers.crawl.limits import LimitKeeper
from gleanery.handlers.crawl.links import LinkSorter
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
from gleanery.handlers.crawl.taking_up import take_up
from gleanery.model import CrawlCounts, EventType, FrontierUrl, NewEvent, UrlOrigin, UrlState
from gleanery.web.urls import url_key


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
        run = await take_up(self._parts, ctx, payload, progress)
        limits = LimitKeeper(run)
        if ctx.is_resumed:
            await limits.resume()
        if (sharing := self._parts.store.crawls.sharing) is not None:
            await sharing.let_go(ctx.fence)  # whoever worked on an earlier attempt is locked out by now
        publisher = Publisher(run)
        await publisher.begin(await self._counts(ctx, payload))
        embed_error = await self._with_help(run, limits)
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

    async def _with_help(self, run: CrawlRun, limits: LimitKeeper) -> errors.EmbedError | None:
        """Beside the rounds other workers are asked to help, where there are any."""
        if self._parts.store.crawls.sharing is None or self._parts.workers < 2 or run.payload.is_single:
            return await self._crawl(run, limits)
        calling = asyncio.create_task(call_for_help(run), name=f"help {run.ctx.task.task_id}")
        try:
            return await self._crawl(run, limits)
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)

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


def _without_vectors(error: errors.EmbedError, counts: CrawlCounts) -> errors.EmbedError:
    """The embedder's error, with what survived it."""
    told = type(error)(
        f"{error.message} {counts.stored} pages are stored and found by words; {counts.embedded} of them by meaning too."
        " Mend the embedder and retry: nothing is fetched again.",
        **error.details,
    )
    told.can_retry = error.can_retry
    return told
