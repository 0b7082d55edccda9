"""What a loaded page means: its main content by the crawl's extractor, the rest by rules, sharpened where a chat model is set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from gleanery import errors
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.meaning import NOTHING_FOUND, MainContent, meaning_of
from gleanery.model.parses import Inspected, Meaning, Navigation

Sharpen = Callable[[Inspected, Meaning], Awaitable[Meaning]]
"""A chat model's answer over that of the rules; theirs, with a note, where it gives none that can be used."""

TOO_LARGE = "The document is too large for its main content to be read: it has no Markdown."
NOT_READ = "The page's main content could not be taken apart: it has no Markdown."


class Understanding:
    """`sharpen` is None where no chat model is set."""

    def __init__(self, pool: ExtractPool, executor: ThreadPoolExecutor, sharpen: Sharpen | None = None) -> None:
        self._pool = pool
        self._executor = executor
        self._sharpen = sharpen

    async def of(self, inspected: Inspected, navigation: Navigation, html: str | None) -> Meaning:
        """`html` is None for a document that is too large. Never fails for what the page is: it says so in its notes."""
        main = None if html is None else await self._main(html, navigation.final_url)
        loop = asyncio.get_running_loop()
        meaning = await loop.run_in_executor(
            self._executor, meaning_of, inspected, navigation, NOTHING_FOUND if main is None else main
        )
        if self._sharpen is not None:
            meaning = await self._sharpen(inspected, meaning)
        if main is None:
            note = TOO_LARGE if html is None else NOT_READ
            return meaning.model_copy(update={"notes": (*meaning.notes, note)})
        return meaning

    async def _main(self, html: str, url: str) -> MainContent | None:
        """None where it could not be taken apart; a page with nothing to read has empty content."""
        try:
            parts = await self._pool.extract(html.encode("utf-8", "replace"), url, "utf-8")
        except errors.EmptyPage:
            return NOTHING_FOUND
        except errors.ExtractFailed:
            return None
        return MainContent.of(parts[0].page)
