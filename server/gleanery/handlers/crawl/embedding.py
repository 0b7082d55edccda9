"""The last stage of a crawl: vectors for what is stored, as it is stored."""

from __future__ import annotations

import asyncio

from gleanery import errors
from gleanery.handlers.crawl.run import CrawlRun, count_of
from gleanery.knowledge.vectors import Vectors
from gleanery.model import EventType, NewEvent, utc_now


class Embedding:
    """Keeps up with what is stored, then does the rest. A failing embedder stops this stage only: see `error`.

    `failed_texts` got no vector from the embedder, `tokens` is what was charged.
    """

    def __init__(self, run: CrawlRun, vectors: Vectors) -> None:
        self._run = run
        self._vectors = vectors
        self._news = asyncio.Event()
        self._is_last = False
        self._after = 0
        self._began_at = run.ctx.task.processing_started_at or utc_now()
        self.error: errors.EmbedError | None = None
        self.failed_texts = 0
        self.tokens = 0

    def ring(self) -> None:
        """There are new pages."""
        self._news.set()

    def close(self) -> None:
        """No more pages come."""
        self._is_last = True
        self._news.set()

    async def work(self) -> None:
        try:
            is_last = False
            while not is_last:
                await self._news.wait()
                self._news.clear()
                is_last = self._is_last
                await self._embed_stored(0 if is_last else self._after)
        except errors.EmbedError as error:
            self.error = error
            await self._run.warn(error.code, f"· {error.message} Pages are still stored and found by words.")
        if self.failed_texts:
            message = f"· {count_of(self.failed_texts, 'text')} got no vector: found by words alone."
            await self._run.warn(errors.EmbedError.code, message, failed_texts=self.failed_texts)

    async def _embed_stored(self, after: int) -> None:
        """From a chunk row on: what was looked through once is not looked through again before the end."""
        run, source_id = self._run, self._run.payload.source_id
        newest = await self._vectors.newest_row(source_id)
        async for done in self._vectors.embed_missing(
            run.ctx.fence, source_id, after=after, tried_before=self._began_at
        ):
            self.failed_texts += done.failed
            self.tokens += done.tokens
            run.progress.embedded = min(run.progress.stored, run.progress.embedded + done.pages)
            if self._is_last:
                run.progress.stage = "embedding"
            if done.pages:
                message = f"embedded {count_of(done.pages, 'page')} · {count_of(done.chunks, 'chunk')}"
                data = {"pages": done.pages, "chunks": done.chunks}
                await run.tell(NewEvent(EventType.PAGES_EMBEDDED, message, data))
        self._after = newest
        if self._is_last:
            await self._take_stock()

    async def _take_stock(self) -> None:
        """Pages all of whose texts had vectors already passed through here unseen."""
        run, crawls = self._run, self._run.parts.store.crawls
        counts = await crawls.counts(run.ctx.task.task_id, run.payload.source_id, self._vectors.model)
        run.progress.embedded = max(run.progress.embedded, min(run.progress.stored, counts.embedded))
