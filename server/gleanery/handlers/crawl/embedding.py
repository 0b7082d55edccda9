"""The last stage of a crawl: vectors for what is stored, as it is stored."""

from __future__ import annotations

import asyncio

from gleanery import errors
from gleanery.handlers.crawl.run import CrawlRun, count_of
from gleanery.knowledge.vectors import Vectors
from gleanery.model import EventType, NewEvent


class Embedding:
    """Keeps up with what is stored, then does the rest. A failing embedder stops this stage only: see `error`."""

    def __init__(self, run: CrawlRun, vectors: Vectors) -> None:
        self._run = run
        self._vectors = vectors
        self._news = asyncio.Event()
        self._is_last = False
        self.error: errors.EmbedError | None = None

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
                await self._embed_stored()
        except errors.EmbedError as error:
            self.error = error
            await self._run.warn(error.code, f"· {error.message} Pages are still stored and found by words.")

    async def _embed_stored(self) -> None:
        run = self._run
        async for done in self._vectors.embed_missing(run.ctx.fence, run.payload.source_id):
            run.progress.embedded = min(run.progress.stored, run.progress.embedded + done.pages)
            if self._is_last:
                run.progress.stage = "embedding"
            if done.pages:
                message = f"embedded {count_of(done.pages, 'page')} · {count_of(done.chunks, 'chunk')}"
                data = {"pages": done.pages, "chunks": done.chunks}
                await run.tell(NewEvent(EventType.PAGES_EMBEDDED, message, data))
