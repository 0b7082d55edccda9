"""A whole documentation in one file (llms-full.txt), taken apart into its pages again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from gleanery import errors
from gleanery.handlers.crawl.gather import Gatherer
from gleanery.handlers.crawl.links import LinkSorter
from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.run import CrawlRun
from gleanery.handlers.crawl.storing import Piece, ReadPage, Storer
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind
from gleanery.model import FetchedBy, FrontierUrl, UrlState
from gleanery.web.discover import DiscoverLimits
from gleanery.web.fetch import Document
from gleanery.web.llms import decode_text, page_candidates
from gleanery.web.llms_full import FullPage, split_full
from gleanery.web.urls import url_key

ROWS_AT_ONCE = 1_000
GAVE_NOTHING = (errors.EmptyPage.code, errors.NotHtml.code, Reason.SOFT_404)
"""Why a URL is skipped whose page may be in the file all the same; what was refused stays refused."""


class FullText:
    """Reads such files. What is in one that the crawl has got otherwise is passed over."""

    def __init__(self, run: CrawlRun, gatherer: Gatherer, links: LinkSorter) -> None:
        self._run = run
        self._gatherer = gatherer
        self._links = links

    async def pieces(self, document: Document) -> tuple[Piece, ...]:
        """All its pages: under the URL that the file names, if that is in scope, else under a fragment of its own."""
        found: dict[str, Piece] = {}
        base = url_key(document.url)
        for number, (part, page) in enumerate([each async for each in self._pages(document)], 1):
            url, key = f"{document.url}#{number}", f"{base}#{number}"
            if part.url is not None and self._run.scope.refusal(part.url, 1) is None and url_key(part.url) not in found:
                url, key = part.url, url_key(part.url)
            found[key] = Piece(url, key, page)
        return tuple(found.values())

    async def store_missing(self, url: str, storer: Storer) -> int:
        """Store what the file at `url` has of pages that could not be got, and follow their links; how many."""
        missing = await self._missing()
        if not missing or self._run.room() <= 0:
            return 0
        try:
            document = await self._gatherer.fetch_any(url, max_bytes=DiscoverLimits().max_llms_bytes)
        except errors.FetchError:
            return 0
        stored = 0
        async for part, page in self._pages(document, missing):
            row = missing.pop(_row_of(part, missing) or "", None)
            if row is None or self._run.room() <= 0:
                continue
            await self._links.add_links(row.url, row.depth, page.links)
            body = part.markdown.encode()
            taken = replace(document, url=row.url, body=body, etag=None, last_modified=None)
            await storer.store(ReadPage(row, taken, page, FetchedBy.MARKDOWN))
            stored += 1
        return stored

    async def _pages(
        self, document: Document, wanted: dict[str, FrontierUrl] | None = None
    ) -> AsyncIterator[tuple[FullPage, ExtractedPage]]:
        """The file's pages, or those of `wanted` rows, read as the Markdown that they are."""
        run = self._run
        parts = await asyncio.get_running_loop().run_in_executor(run.parts.executor, _split, document)
        for part in parts:
            if wanted is not None and _row_of(part, wanted) is None:
                continue
            url = part.url or document.url
            try:
                [read] = await run.parts.extract_pool.extract(part.markdown.encode(), url, "utf-8", Kind.MARKDOWN)
            except (errors.EmptyPage, errors.ExtractFailed):
                continue
            yield part, replace(read.page, title=part.title or read.page.title)

    async def _missing(self) -> dict[str, FrontierUrl]:
        """The URLs that gave no page, by key."""
        rows = {row.url_key: row async for row in self._rows(UrlState.FAILED, None)}
        for reason in GAVE_NOTHING:
            rows |= {row.url_key: row async for row in self._rows(UrlState.SKIPPED, reason)}
        return rows

    async def _rows(self, state: UrlState, reason: str | None) -> AsyncIterator[FrontierUrl]:
        task_id, after = self._run.ctx.task.task_id, 0
        crawls = self._run.parts.store.crawls
        while rows := await crawls.urls(task_id, state=state, reason=reason, after=after, limit=ROWS_AT_ONCE):
            after = rows[-1].ordinal
            for row in rows:
                yield row


def _split(document: Document) -> tuple[FullPage, ...]:
    return split_full(decode_text(document.body), document.url)


def _row_of(part: FullPage, rows: dict[str, FrontierUrl]) -> str | None:
    """The key of the row that a part is the page of: by that of the page whose Markdown it is, or by its own URL."""
    if part.url is None:
        return None
    return next((key for url in (*page_candidates(part.url), part.url) if (key := url_key(url)) in rows), None)
