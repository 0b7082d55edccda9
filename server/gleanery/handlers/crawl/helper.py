"""Tasks of type `crawl_part`: one more worker on a crawl that another worker runs, and how that asks for it.

A helper takes stock of the crawl as a later attempt would, and works on the same frontier by the same stages; each URL is had
by one of them at a time. The survey, the limits, vectors and publishing stay with the crawl's own worker. Whatever a helper
writes goes by the crawl's own fence: when that attempt is over, so is the helper.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from gleanery import errors, log
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.handlers.crawl.gather import Gatherer
from gleanery.handlers.crawl.limits import LimitKeeper
from gleanery.handlers.crawl.links import LinkSorter
from gleanery.handlers.crawl.payload import CrawlPayload
from gleanery.handlers.crawl.pipeline import Pipeline
from gleanery.handlers.crawl.progress import CrawlProgress
from gleanery.handlers.crawl.reading import Reader
from gleanery.handlers.crawl.rendering import SiteRendering
from gleanery.handlers.crawl.run import CrawlParts, CrawlRun
from gleanery.handlers.crawl.shared_frontier import LEASE_SECONDS, SharedFrontier
from gleanery.handlers.crawl.storing import Storer
from gleanery.handlers.crawl.taking_up import take_up
from gleanery.model import NewTask, Task, TaskStatus, WorkerInfo
from gleanery.store.values import TaskFilter

_log = log.get(__name__)

TYPE = "crawl_part"
LOOK_SECONDS = 2.0
ENOUGH_URLS = 20
"""With fewer URLs that wait a helper would come too late."""
SEEN_SECONDS = 20.0
"""A worker that told of itself so lately is there."""


class CrawlPartPayload(BaseModel):
    """Which attempt of which crawl; `number` tells its helpers apart. Made by the crawl."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crawl_id: str = Field(max_length=100)
    attempt: int = Field(ge=1)
    number: int = Field(1, ge=1)


class CrawlPartHandler:
    """`Handler` for tasks of type `crawl_part`."""

    spec = TaskSpec(
        TYPE,
        CrawlPartPayload,
        Work.CRAWL,
        description="Help another worker with a crawl",
        runs_apart=True,
        serial_key=lambda payload: f"{TYPE}:{payload.crawl_id}:{payload.number}",
    )

    def __init__(self, parts: CrawlParts) -> None:
        self._parts = parts

    async def run(self, ctx: TaskContext, payload: CrawlPartPayload) -> Outcome:
        crawl = await self._crawl_of(ctx, payload)
        if crawl is None:
            return Outcome({"pages": 0}, None, "Nothing to help with: the crawl goes on without, or is over")
        beside = TaskContext(crawl, self._parts.store.tasks, ctx.memory)
        beside.fence = replace(beside.fence, helper=f"{ctx.task.task_id}:{ctx.task.attempt}")
        run = await self._taken_up(beside)
        if not run.start_is_settled.is_set():
            return Outcome({"pages": 0}, None, "Nothing to help with yet: the start page is not stored")
        pages = await self._help(ctx, run)
        return Outcome({"pages": pages}, None, f"Through: {pages} pages stored here")

    async def _crawl_of(self, ctx: TaskContext, payload: CrawlPartPayload) -> Task | None:
        """The crawl, if that attempt of it runs, and in another worker than this one."""
        try:
            crawl = await self._parts.store.tasks.get(payload.crawl_id)
        except errors.NotFound:
            return None
        is_it = crawl.task_type == "crawl" and crawl.status is TaskStatus.RUNNING and crawl.attempt == payload.attempt
        return crawl if is_it and crawl.worker_id != ctx.task.worker_id else None

    async def _help(self, ctx: TaskContext, run: CrawlRun) -> int:
        parts, sharing = self._parts, self._parts.store.crawls.sharing
        if sharing is None:
            return 0
        rendering = SiteRendering(run.payload.render, has_browser=parts.browser is not None)
        links = LinkSorter(run)
        known = (await parts.store.knowledge.source(run.payload.source_id)).page_count
        gatherer = Gatherer(run, rendering, is_refresh=known > 0)
        reader, storer = Reader(run, gatherer, links, rendering), Storer(run)
        prolonging = asyncio.create_task(_prolong(run, ctx, storer))
        try:
            await Pipeline(run, gatherer, reader, storer, None, _nothing, LimitKeeper(run)).run()
        except errors.LeaseLost as error:
            if error.details.get("task_id") != run.ctx.task.task_id:
                raise
            _log.info("crawl over, or begun anew", extra={"task_id": run.ctx.task.task_id})
        finally:
            prolonging.cancel()
            await asyncio.gather(prolonging, return_exceptions=True)
            await sharing.let_go(run.ctx.fence)
        return storer.stored

    async def _taken_up(self, beside: TaskContext) -> CrawlRun:
        payload = CrawlPayload.model_validate(beside.task.payload)
        progress = CrawlProgress(
            beside.task.progress,
            max_pages=payload.max_pages,
            has_embedder=self._parts.vectors.is_on,
            now=time.monotonic(),
        )
        counts = await self._parts.store.crawls.counts(beside.task.task_id, payload.source_id, None)
        progress.take_stock(counts)
        return await take_up(self._parts, beside, payload, progress)


async def _nothing() -> None:
    """The survey is the crawl's own worker's."""


async def _prolong(run: CrawlRun, ctx: TaskContext, storer: Storer) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 4)
        assert isinstance(run.frontier, SharedFrontier)
        try:
            await run.frontier.prolong()
            await ctx.advance("pages", storer.stored, None, f"{storer.stored} pages stored here")
        except errors.LeaseLost:
            return  # the next write of the stages says so too, to someone who can act on it
        except errors.StorageError as error:
            _log.error("share of a crawl not prolonged", extra={"code": error.code, "reason": error.message})


async def call_for_help(run: CrawlRun) -> None:
    """For as long as a crawl runs: where other workers have nothing better to do, ask for their help. Never ends by itself."""
    # A helper goes by what is stored of the start: where it led says what belongs to the crawl.
    await run.start_is_settled.wait()
    while True:
        try:
            await _call(run)
        except errors.GleaneryError as error:  # a queue that is full, a store that is away: it goes on without
            _log.warning("no help for a crawl", extra={"task_id": run.ctx.task.task_id, "reason": error.message})
        await asyncio.sleep(LOOK_SECONDS)


async def _call(run: CrawlRun) -> None:
    enlist, crawl, store = run.parts.enlist, run.ctx.task, run.parts.store
    if enlist is None or run.frontier.is_closed:
        return
    if run.progress.discovered - run.progress.settled < ENOUGH_URLS or run.room() <= 0:
        return
    wanted = TaskFilter((TaskStatus.QUEUED, TaskStatus.RUNNING), TYPE, parent_task_id=crawl.task_id)
    there = await store.tasks.list(wanted, after=None, limit=run.parts.workers)
    taken = {one.payload["number"] for one in there}
    missing = [number for number in range(1, run.parts.workers) if number not in taken]
    idle = _idle(run, await store.workers.list()) - sum(one.status is TaskStatus.QUEUED for one in there)
    for number in missing[: max(0, idle)]:
        payload = CrawlPartPayload(crawl_id=crawl.task_id, attempt=crawl.attempt, number=number)
        await enlist(
            NewTask(
                TYPE,
                payload.model_dump(),
                title=f"Help with {crawl.title}"[:500],
                priority=crawl.priority,
                queue_name=crawl.queue_name,
                parent_task_id=crawl.task_id,
            )
        )


def _idle(run: CrawlRun, workers: Sequence[WorkerInfo]) -> int:
    """How many other workers have room for a helper."""
    since = run.parts.store.clock() - timedelta(seconds=SEEN_SECONDS)
    return sum(
        TYPE in one.task_types and one.running < one.concurrency and one.beat_at > since
        for one in workers
        if one.worker_id != run.ctx.task.worker_id
    )
