"""From a document to a page: taken apart in the killable pool, rendered when it must be, judged, its links sorted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from gleanery import errors
from gleanery.handlers.crawl.full_text import FullText
from gleanery.handlers.crawl.gather import Gathered, Gatherer
from gleanery.handlers.crawl.judge import Verdict, judge, looks_missing
from gleanery.handlers.crawl.links import LinkSorter
from gleanery.handlers.crawl.listing import Listing, listing_of
from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.rendering import SiteRendering, is_gain
from gleanery.handlers.crawl.run import CrawlRun, path_of
from gleanery.handlers.crawl.storing import Piece, ReadPage, stored_event
from gleanery.knowledge.cut import content_hash_of, unpack_links
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, Part
from gleanery.model import EventType, FetchedBy, KnownPage, NewEvent, UrlOrigin, UrlState
from gleanery.web.fetch import Document
from gleanery.web.scope import Refusal
from gleanery.web.urls import url_key

TWIN_SHARE = 0.6
"""A page's Markdown must have at least this share of the text that the page shows, or it is not all of it."""


@dataclass(frozen=True)
class _Reading:
    """What came of taking a document apart: its pages, or that there is nothing to read on it."""

    parts: tuple[Part, ...]
    empty: errors.EmptyPage | None

    @property
    def text_length(self) -> int:
        return self.parts[0].page.text_length if self.parts else 0

    @property
    def sign(self) -> str | None:
        """Why it must be rendered to be read."""
        if self.parts:
            return self.parts[0].page.rendering_sign
        sign: str | None = self.empty.details.get("rendering_sign") if self.empty else None
        return sign

    @property
    def links(self) -> tuple[str, ...]:
        if self.parts:
            return self.parts[0].page.links
        return tuple(self.empty.details.get("links", ())) if self.empty else ()

    def with_links(self, links: tuple[str, ...]) -> _Reading:
        """The same, leading on to these as well."""
        both = tuple(dict.fromkeys((*self.links, *links)))
        if self.empty is not None:
            self.empty.details["links"] = both
            return self
        first = self.parts[0]
        return _Reading((replace(first, page=replace(first.page, links=both)), *self.parts[1:]), None)

    def pages(self) -> tuple[Part, ...]:
        """Raises EmptyPage."""
        if self.empty is not None:
            raise self.empty
        return self.parts


class Reader:
    """Several `read` at a time."""

    def __init__(self, run: CrawlRun, gatherer: Gatherer, links: LinkSorter, rendering: SiteRendering) -> None:
        self._run = run
        self._gatherer = gatherer
        self._links = links
        self._rendering = rendering
        self._full_text = FullText(run, gatherer, links)
        self._is_barren_told = False

    async def read(self, item: Gathered) -> ReadPage | None:
        """The page to store; None when its URL is settled without one. Its links are in the store by then."""
        if item.known is not None:
            await self._keep_unchanged(item, item.known)
            return None
        if item.url.depth == 0 and (listing := await self._listing(item.document)):
            return await self._read_list(item, listing)
        try:
            item, parts = await self._take_apart(item)
        except (errors.EmptyPage, errors.ExtractFailed) as error:
            await self._lead_on(item, tuple(error.details.pop("links", ())), None)
            error.details.pop("rendering_sign", None)
            await self._run.fail(item.url, error)
            return None
        self._run.progress.extracted += 1
        first, document = parts[0].page, item.document
        if item.url.depth == 0:
            self._run.begin_at(document.url, first)
        self._learn_variants(item, first)
        await self._lead_on(item, _onward(first), first)
        if await self._is_refused(item, first):
            return None
        page, fetched_by = await self._with_markdown(item, first)
        base = url_key(document.url)
        pieces = tuple(Piece(part.address(document.url), part.address(base), part.page) for part in parts[1:])
        return ReadPage(item.url, document, page, fetched_by, pieces)

    async def _listing(self, document: Document) -> Listing | None:
        run = self._run
        if run.payload.is_single:
            return None
        return await asyncio.get_running_loop().run_in_executor(run.parts.executor, listing_of, document)

    async def _read_list(self, item: Gathered, listing: Listing) -> ReadPage | None:
        """The start is a list: the survey takes what it names, or its own text is cut into pages."""
        run, document = self._run, item.document
        run.begin_with(listing, document.url, document)
        url = replace(item.url, fetched_by=item.fetched_by)
        if listing is not Listing.LLMS_FULL:
            url = replace(url, status_code=document.status, attempts=url.attempts + 1)
            await run.list_is_read(url, Reason.LISTING.sentence)
            return None
        return ReadPage(url, document, None, FetchedBy.MARKDOWN, await self._full_text.pieces(document))

    async def _lead_on(self, item: Gathered, links: tuple[str, ...], page: ExtractedPage | None) -> None:
        """Follow the links of a page (None: one with nothing to read), but not those of one that is like very many."""
        run, document = self._run, item.document
        if not run.traps.is_barren or item.url.depth == 0 or not await self._brings_nothing(document, page):
            await self._links.add_links(document.url, item.url.depth, links)
        elif not self._is_barren_told:
            self._is_barren_told = True
            message = "most URLs bring nothing new: links are followed from pages that do, and from no others"
            await run.warn(Refusal.NOTHING_NEW, f"· {message}", url=document.url)

    async def _brings_nothing(self, document: Document, page: ExtractedPage | None) -> bool:
        """Whether a page is empty, stored already, or says that there is none."""
        if page is None or await self._missing(document, page) is not None:
            return True
        run, content = self._run, content_hash_of(page.markdown)
        key, task_id = url_key(document.url), run.ctx.task.task_id
        return await run.parts.store.crawls.twin(task_id, run.payload.source_id, key, content) is not None

    def _learn_variants(self, item: Gathered, page: ExtractedPage) -> None:
        """What the page says of its own language and of its translations."""
        variants, document = self._run.variants, item.document
        variants.page_language(document.url, page.language)
        if page.alternates:
            variants.alternates(page.alternates)
        if document.url != item.url.url:
            variants.redirected(item.url.url, document.url)

    async def _keep_unchanged(self, item: Gathered, known: KnownPage) -> None:
        """The site says that the stored page is as it was: its links lead on, and it is this crawl's page too."""
        run = self._run
        assert known.links is not None
        await self._links.add_links(known.url, item.url.depth, unpack_links(known.links))
        if (markdown := run.markdown_of.get(url_key(known.url))) is not None:
            await self._links.pass_over([(markdown, item.url.url)], item.url.depth + 1)
        page = await run.parts.store.crawls.page(known.page_id)
        run.variants.page_language(page.url, page.language or "")
        if known.is_met_by == run.ctx.task.task_id:
            # It was kept already, by a URL that redirected to this one.
            done = replace(item.url, attempts=item.url.attempts + 1, page_id=page.page_id, same_as=page.url_key)
            await run.skip(done, Reason.DUPLICATE, f"{page.url} is stored already.", same_as=page.url)
            return
        url = replace(
            item.url,
            state=UrlState.STORED,
            status_code=item.document.status,
            attempts=item.url.attempts + 1,
            page_id=known.page_id,
            elapsed_seconds=item.document.elapsed_seconds,
            fetched_by=FetchedBy.UNCHANGED,
        )
        if run.is_full:  # the limit was lowered while it was on its way
            await run.frontier.give_back(item.url)
            return
        event = stored_event(url, page.url, page.title)
        run.progress.unchanged(time.monotonic())
        run.traps.outcome(item.url.url, is_new_content=True)
        await run.parts.store.crawls.keep_page(run.ctx.fence, url, known.page_id, [event], run.snapshot(event.message))
        await run.frontier.settled(item.url)

    async def _take_apart(self, item: Gathered) -> tuple[Gathered, tuple[Part, ...]]:
        """The document's pages; those that the browser shows of it where HTTP gives too little. Raises EmptyPage and
        ExtractFailed."""
        kind = item.kind
        plain = await self._try(item.document, kind)
        if kind is not Kind.HTML or item.fetched_by is not FetchedBy.HTTP:
            return item, plain.pages()
        url = item.document.url
        if sentence := self._rendering.unmet(url, plain.sign):
            await self._run.warn("needs_browser", sentence, url=url)
        if not self._rendering.must_render(url, plain.sign):
            return item, plain.pages()
        document = await self._render(item)
        if document is None:
            return item, plain.pages()
        shown = await self._try(document, Kind.HTML)
        if switch := self._rendering.outcome(url, plain.text_length, shown.text_length, plain.sign):
            data = {"host": switch.host, "by": str(switch.way)}
            await self._run.tell(NewEvent(EventType.RENDERING_CHOSEN, switch.sentence, data))
        if is_gain(plain.text_length, shown.text_length):
            return Gathered(item.url, document, FetchedBy.BROWSER), shown.pages()
        return item, plain.with_links(shown.links).pages()

    async def _render(self, item: Gathered) -> Document | None:
        """What the browser shows of a page that HTTP gave; None, said in the log, when it can't: that page is kept."""
        try:
            return await self._gatherer.render(item.document.url)
        except errors.FetchError as error:
            message = f"{path_of(item.url.url)} · {error.message} It is kept as its HTML is."
            await self._run.warn(error.code, message, url=item.url.url)
            return None

    async def _try(self, document: Document, kind: Kind) -> _Reading:
        try:
            return _Reading(await self._extract(document, kind), None)
        except errors.EmptyPage as error:
            return _Reading((), error)

    async def _extract(self, document: Document, kind: Kind) -> tuple[Part, ...]:
        return await self._run.parts.extract_pool.extract(document.body, document.url, document.charset, kind)

    async def _is_refused(self, item: Gathered, page: ExtractedPage) -> bool:
        """Whether the page is not to be stored; then its URL is settled."""
        run, document = self._run, item.document
        is_start = item.url.depth == 0
        # What is another's canonical stands for itself: whoever names ever new ones would never come to an end.
        is_own = item.url.is_own or item.url.origin is UrlOrigin.CANONICAL
        verdict = judge(document, page, run.scope, is_start=is_start, is_own=is_own)
        if verdict is None:
            verdict = None if is_start else await self._missing(document, page)
        if verdict is None:
            return False
        if verdict.same_as is not None:
            await self._links.add([(verdict.same_as, None)], UrlOrigin.CANONICAL, item.url.depth, document.url)
        url = replace(
            item.url,
            status_code=document.status,
            attempts=item.url.attempts + 1,
            fetched_by=item.fetched_by,
            same_as=None if verdict.same_as is None else url_key(verdict.same_as),
        )
        await run.skip(url, verdict.reason, verdict.message, same_as=verdict.same_as)
        return True

    async def _missing(self, document: Document, page: ExtractedPage) -> Verdict | None:
        """A page may be about what is not found: how the site answers to nonsense tells."""
        if looks_missing(page) and await self._gatherer.answers_to_nonsense(document.url):
            return Verdict(Reason.SOFT_404, f"It answers 200, but says: {page.title[:100]}.")
        return None

    async def _with_markdown(self, item: Gathered, page: ExtractedPage) -> tuple[ExtractedPage, FetchedBy]:
        """The page as its author wrote it, where the site offers that: nothing is lost on the way through HTML."""
        url, depth = item.document.url, item.url.depth + 1
        markdown_url = page.markdown_url or self._run.markdown_of.get(url_key(url))
        if markdown_url is None or item.kind is not Kind.HTML or url_key(markdown_url) == url_key(url):
            return page, item.fetched_by
        document = await self._gatherer.markdown_of(markdown_url)
        if document is None:
            if markdown_url in page.links:
                await self._links.add_links(url, depth - 1, (markdown_url,))
            return page, item.fetched_by
        await self._links.pass_over([(markdown_url, item.url.url)], depth, found_on=url)
        try:
            [part] = await self._extract(document, Kind.MARKDOWN)
        except (errors.EmptyPage, errors.ExtractFailed):
            return page, item.fetched_by
        if part.page.text_length < TWIN_SHARE * page.text_length:
            return page, item.fetched_by
        written = replace(
            part.page,
            title=page.title or part.page.title,
            description=page.description or part.page.description,
            language=page.language or part.page.language,
            links=page.links,
        )
        return written, FetchedBy.MARKDOWN


def _onward(page: ExtractedPage) -> tuple[str, ...]:
    """What a page leads to: its links, the next page of a series, its translations. Not its own Markdown."""
    links = (*page.links, *((page.next_url,) if page.next_url else ()), *(url for _, url in page.alternates))
    return tuple(dict.fromkeys(link for link in links if link != page.markdown_url))
