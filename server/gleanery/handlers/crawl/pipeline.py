"""The crawl's pipeline: gather → read → chunk and store → embed, joined by bounded queues, all in one TaskGroup.

A page is on its way through all stages while others are fetched. Its links are stored before it is, and it is stored
whole or not at all; so a crash costs at most the pages that were under way, and they are fetched again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

from gleanery import errors
from gleanery.engine.retry import RetryPolicy
from gleanery.handlers.crawl.embedding import Embedding
from gleanery.handlers.crawl.gather import Gathered, Gatherer
from gleanery.handlers.crawl.limits import LimitKeeper
from gleanery.handlers.crawl.reading import Reader
from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.run import CrawlRun, path_of
from gleanery.handlers.crawl.storing import ReadPage, Storer
from gleanery.model import EventType, FrontierUrl, NewEvent
from gleanery.web.urls import origin_of

URL_RETRY = RetryPolicy(max_retries=3, base_seconds=1.0, factor=3.0, cap_seconds=30.0)
STORERS = 4
SURVEY_SECONDS = 3.0
"""So long a crawl that has all the pages it may have waits for what the site offers, which only gets its reasons then."""
RENDERING_READERS = 4

Survey = Callable[[], Awaitable[None]]


class Pipeline:
    """From what the store holds of a crawl to the last page. `survey` finds what the site offers, beside the crawl."""

    def __init__(
        self,
        run: CrawlRun,
        gatherer: Gatherer,
        reader: Reader,
        storer: Storer,
        embedding: Embedding | None,
        survey: Survey,
        limits: LimitKeeper,
    ) -> None:
        self._run = run
        self._gatherer = gatherer
        self._reader = reader
        self._storer = storer
        self._embedding = embedding
        self._survey = survey
        self._limits = limits
        self._gathered: asyncio.Queue[Gathered | None] = asyncio.Queue(maxsize=2 * run.parts.fetch_concurrency)
        self._read: asyncio.Queue[ReadPage | None] = asyncio.Queue(maxsize=2 * STORERS)
        self._random = random.Random()

    async def run(self) -> None:
        """Until every URL is settled and every chunk has its vector. Raises what no single page can be blamed for."""
        try:
            async with asyncio.TaskGroup() as group:
                limits = group.create_task(self._limits.keep())
                embedding = group.create_task(self._embedding.work()) if self._embedding else None
                await self._run_stages()
                await self._run.frontier.close()
                if self._embedding is not None and embedding is not None:
                    self._embedding.close()
                    await embedding
                limits.cancel()
        except BaseExceptionGroup as several:
            raise _first(several) from several

    async def _run_stages(self) -> None:
        """Each stage ends when the one before has; the queue between them then holds a None for each of its workers."""
        async with asyncio.TaskGroup() as group:
            storing = [group.create_task(self._store_all()) for _ in range(STORERS)]
            async with asyncio.TaskGroup() as inner:
                reading = [inner.create_task(self._read_all()) for _ in range(self._readers)]
                async with asyncio.TaskGroup() as innermost:
                    survey = innermost.create_task(self._look_around())
                    places = range(self._run.parts.fetch_concurrency)
                    await asyncio.wait([innermost.create_task(self._gather_all()) for _ in places])
                    await self._end_survey(survey)
                for _ in reading:
                    await self._gathered.put(None)
            for _ in storing:
                await self._read.put(None)

    @property
    def _readers(self) -> int:
        """Those that wait for the browser leave the processes of the pool to the others."""
        parts = self._run.parts
        return parts.extract_pool.size + (RENDERING_READERS if parts.browser is not None else 0)

    async def _look_around(self) -> None:
        async with self._run.frontier.fed():
            await self._survey()

    async def _end_survey(self, survey: asyncio.Task[None]) -> None:
        """Nothing is fetched any more; whatever ended that did not wait for the survey."""
        if self._run.start_is_read.is_set():
            await asyncio.wait([survey], timeout=SURVEY_SECONDS)
        survey.cancel()

    async def _gather_all(self) -> None:
        run = self._run
        while (url := await run.frontier.next()) is not None:
            if refusal := run.late_refusal(url):
                await run.skip(url, refusal, refusal.sentence)
                continue
            if page := await self._gatherer.page_of(url):
                twin = replace(url, page_id=page.page_id, same_as=page.url_key)
                await run.skip(twin, Reason.MARKDOWN_TWIN, Reason.MARKDOWN_TWIN.sentence, same_as=page.url)
                continue
            if (item := await self._gather(url)) is not None:
                run.progress.fetched += 1
                await self._gathered.put(item)

    async def _gather(self, url: FrontierUrl) -> Gathered | None:
        """What is at the URL, got when there is a place; None where it gave nothing, and that is told."""
        run = self._run
        async with run.places.one():
            if run.frontier.is_overdrawn:
                await run.frontier.give_back(url)
                return None
            run.progress.current_url = url.url
            try:
                return await self._gatherer.get(url)
            except errors.RobotsUnreachable as error:
                # It was waited for already. Where the start is, nothing can go on; the task's retry may find it better.
                if origin_of(url.url) == origin_of(run.start_url):
                    raise
                await run.fail(url, error)
            except errors.FetchError as error:
                await self._not_gathered(url, error)
        return None

    async def _not_gathered(self, url: FrontierUrl, error: errors.FetchError) -> None:
        retry = URL_RETRY.decide(error, url.attempts, self._random)
        if retry is None:
            await self._run.fail(url, error)
            return
        run, wait = self._run, retry.seconds
        event = NewEvent(
            EventType.PAGE_RETRY_SCHEDULED,
            f"{error.code} {path_of(url.url)} · {error.message} Trying again in {wait:.1f} s",
            {
                "url": url.url,
                "reason": error.code,
                "message": error.message,
                "in_seconds": round(wait, 1),
                "attempt": url.attempts + 1,
            },
        )
        await run.parts.store.crawls.note_attempt(run.ctx.fence, url.url_key, [event], run.snapshot(event.message))
        await run.frontier.again(replace(url, attempts=url.attempts + 1), wait)

    async def _read_all(self) -> None:
        while (item := await self._gathered.get()) is not None:
            page = await self._reader.read(item)
            if page is not None:
                await self._read.put(page)
            elif self._embedding is not None:
                self._embedding.ring()

    async def _store_all(self) -> None:
        while (page := await self._read.get()) is not None:
            await self._storer.store(page)
            if self._embedding is not None:
                self._embedding.ring()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups: the one that brought the others down."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
