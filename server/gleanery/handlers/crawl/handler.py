"""The handler of `crawl`: takes stock of what is stored, runs the pipeline, says how it went."""

from __future__ import annotations

import time

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec
from gleanery.handlers.crawl.payload import CrawlPayload
from gleanery.handlers.crawl.pipeline import CrawlParts, Pipeline
from gleanery.handlers.crawl.progress import CrawlProgress
from gleanery.model import CrawlCounts, EventType, FrontierUrl, NewEvent, UrlState
from gleanery.web.urls import Scope, url_key


class CrawlHandler:
    """`Handler` for tasks of type `crawl`."""

    spec = TaskSpec(
        "crawl",
        CrawlPayload,
        description="Crawl a site into the knowledge base",
        can_pause=True,
        serial_key=lambda payload: payload.source_id or None,
    )

    def __init__(self, parts: CrawlParts) -> None:
        self._parts = parts

    async def run(self, ctx: TaskContext, payload: CrawlPayload) -> Outcome:
        started = time.monotonic()
        progress = CrawlProgress(
            ctx.task.progress, max_pages=payload.max_pages, has_embedder=self._parts.vectors is not None, now=started
        )
        await self._begin(ctx, payload, progress)
        pipeline = Pipeline(ctx, payload, await self._scope(ctx, payload), self._parts, progress)
        await pipeline.run()
        await self._parts.store.crawls.skip_queued(ctx.fence, "page_limit")
        counts = await self._counts(ctx, payload)
        if counts.stored == 0 and pipeline.start_error is not None:
            pipeline.start_error.can_retry = False  # its retries are spent
            raise pipeline.start_error
        if pipeline.embed_error is not None:
            raise _without_vectors(pipeline.embed_error, counts)
        return self._outcome(payload, counts, progress, time.monotonic() - started)

    async def _begin(self, ctx: TaskContext, payload: CrawlPayload, progress: CrawlProgress) -> None:
        start = FrontierUrl(payload.url, url_key(payload.url), 0, UrlState.QUEUED)
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
        robots = await self._parts.robots.get(payload.url)
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

    async def _scope(self, ctx: TaskContext, payload: CrawlPayload) -> Scope:
        """The scope of the start URL, or of the URL it led to where the start page is stored already."""
        start = payload.url
        first = await self._parts.store.crawls.urls(ctx.task.task_id, state=None, after=0, limit=1)
        if first and first[0].page_id is not None:
            start = (await self._parts.store.knowledge.page(first[0].page_id)).url
        return Scope.of(start, include=payload.include, exclude=payload.exclude, max_depth=payload.max_depth)

    async def _counts(self, ctx: TaskContext, payload: CrawlPayload) -> CrawlCounts:
        model = self._parts.vectors.model if self._parts.vectors else None
        return await self._parts.store.crawls.counts(ctx.task.task_id, payload.source_id, model)

    def _outcome(self, payload: CrawlPayload, counts: CrawlCounts, progress: CrawlProgress, seconds: float) -> Outcome:
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
            "embedding_model": self._parts.vectors.model if self._parts.vectors else None,
            "failed": counts.failed,
            "skipped": counts.skipped,
            "reasons": dict(counts.reasons),
            "seconds": round(seconds, 2),
        }
        return Outcome(result, progress.finished(time.monotonic(), message), message)


def _without_vectors(error: errors.EmbedError, counts: CrawlCounts) -> errors.EmbedError:
    """The embedder's error, with what survived it."""
    told = type(error)(
        f"{error.message} {counts.stored} pages are stored and found by words; {counts.embedded} of them by meaning too."
        " Mend the embedder and retry: nothing is fetched again.",
        **error.details,
    )
    told.can_retry = error.can_retry
    return told
