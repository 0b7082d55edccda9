"""What a site offers by itself, beside its links: looked for once a crawl, told in the log, put into the frontier."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gleanery import errors
from gleanery.handlers.crawl.gather import Gatherer
from gleanery.handlers.crawl.links import LinkSorter
from gleanery.handlers.crawl.listing import Listing, listing_of
from gleanery.handlers.crawl.run import CrawlRun, count_of
from gleanery.knowledge.cut import unpack_links
from gleanery.model import EventType, NewEvent, UrlOrigin
from gleanery.web.crawl_mode import Mode, ModeKind, choose_mode
from gleanery.web.discover import Discovery, FoundUrl, Outcome, Target, discover, read_list
from gleanery.web.fetch import Document
from gleanery.web.llms import page_candidates
from gleanery.web.robots import Robots
from gleanery.web.urls import url_key

STEP = "survey"
MAX_TOLD = 20
MAX_TRANSLATED = 5_000
"""Pages of a sitemap whose translations are learned from; by then the site's way to name them is known."""
ORIGINS = {
    Target.SITEMAP: UrlOrigin.SITEMAP,
    Target.LLMS: UrlOrigin.LLMS,
    Target.LLMS_FULL: UrlOrigin.LLMS,
    Target.FEED: UrlOrigin.FEED,
}


class Surveyor:
    """Runs beside the crawl's first pages. What is missing or broken is no error: links are followed in any case."""

    def __init__(self, run: CrawlRun, gatherer: Gatherer, links: LinkSorter) -> None:
        self._run = run
        self._gatherer = gatherer
        self._links = links
        self._full_url: str | None = None
        self._is_done = False

    async def survey(self) -> None:
        """Look once in the task's life, when the start page has shown where the site is."""
        if self._is_done or self._run.payload.is_single:
            return
        await self._run.start_is_read.wait()
        seen: Mapping[str, Any] = await self._run.ctx.step(STEP, self._look)
        self._full_url = seen.get("llms_full_url")
        self._is_done = True

    def take_full_url(self) -> str | None:
        """Where the site has all its pages in one file, if it has; told once."""
        url, self._full_url = self._full_url, None
        return url

    async def _look(self) -> dict[str, Any]:
        run = self._run
        found, mode = await (self._look_at_site() if run.listing is None else self._look_at_list())
        run.list_document = None
        for count, page in enumerate(page for page in found.urls[:MAX_TRANSLATED] if page.alternates):
            run.variants.alternates(page.alternates)
            if count % 20 == 19:
                await asyncio.sleep(0)
        pages = found.urls if run.listing else [page for page in found.urls if not _is_likely_twin(page)]
        queued = await self._add(pages)
        await self._pass_over_twins(found.urls)
        await self._add(found.unwanted)
        await run.tell(surveyed(mode, found, queued))
        return {
            "mode": str(mode.kind),
            "sentence": mode.sentence,
            "queued": queued,
            "tried": tried(found),
            "llms_full_url": found.llms_full_url,
        }

    async def _look_at_site(self) -> tuple[Discovery, Mode]:
        run, page = self._run, self._run.start_page
        start, scope = run.start_url, run.scope
        found = await discover(
            start,
            await self._robots(start),
            self._gatherer.fetch_any,
            is_wanted=lambda url: scope.refusal(url, 1) is None,
            feed_url=page.feeds[0] if page is not None and page.feeds else None,
        )
        links = page.links if page is not None else await self._stored_links(start)
        return found, choose_mode(start, [url for url in links if not scope.refusal(url, 1)], found)

    async def _robots(self, url: str) -> Robots:
        try:
            return await self._run.parts.robots.get(url)
        except errors.FetchError:
            return Robots()  # those of another host, to which the start led: what is asked of it says the same

    async def _stored_links(self, start: str) -> tuple[str, ...]:
        """Those of a start page that was read in another life of this task."""
        run = self._run
        known = await run.parts.store.crawls.known_page(run.payload.source_id, url_key(start))
        return () if known is None or known.links is None else unpack_links(known.links)

    async def _look_at_list(self) -> tuple[Discovery, Mode]:
        run = self._run
        document = run.list_document or await self._fetch_list()
        if document is None or run.listing in (None, Listing.LLMS_FULL):
            return Discovery(), list_mode(Listing.LLMS_FULL, Discovery())

        async def fetch(url: str, *, accept: str, max_bytes: int) -> Document:
            if url == document.url:
                return document
            return await self._gatherer.fetch_any(url, accept=accept, max_bytes=max_bytes)

        assert run.listing is not None
        target, scope = Target(run.listing), run.scope
        found = await read_list(document.url, target, fetch, is_wanted=lambda url: scope.refusal(url, 1) is None)
        return found, list_mode(run.listing, found)

    async def _fetch_list(self) -> Document | None:
        """The start again, when it was read in another life of this task."""
        try:
            document = await self._gatherer.fetch_any(self._run.start_url)
        except errors.FetchError:
            return None
        if (listing := listing_of(document)) is not None:
            self._run.begin_with(listing, document.url, None)
        return document

    async def _add(self, urls: Iterable[FoundUrl]) -> int:
        queued = 0
        urls = list(urls)
        for target, origin in ORIGINS.items():
            named = ((url.url, url.lastmod) for url in urls if url.origin is target)
            queued += await self._links.add(named, origin, 1, None)
        return queued

    async def _pass_over_twins(self, urls: Sequence[FoundUrl]) -> None:
        """Markdown is asked for when its page is there. A file whose page nobody named is left to the end of the crawl: by
        then it shows whether there is one."""
        run = self._run
        twins = {page.markdown_url: page.url for page in urls if page.markdown_url}
        if run.listing is None:
            twins |= {page.url: page_candidates(page.url)[0] for page in urls if _is_likely_twin(page)}
        for markdown, page in twins.items():
            run.learn_markdown(markdown, page)
        await self._links.pass_over(twins.items(), 1, origin=UrlOrigin.LLMS)


def list_mode(listing: Listing, found: Discovery) -> Mode:
    """How a crawl goes whose start is a list."""
    if listing is Listing.LLMS_FULL:
        return Mode(ModeKind.SINGLE, "The start is a whole documentation in one file: its pages are taken from it.", 0)
    sentence = f"The start lists {count_of(len(found.urls), 'page')} of its host: those are taken, and no others."
    return Mode(ModeKind.SITE, sentence, len(found.urls))


def _is_likely_twin(found: FoundUrl) -> bool:
    return found.origin in (Target.LLMS, Target.LLMS_FULL) and bool(page_candidates(found.url))


def surveyed(mode: Mode, found: Discovery, queued: int) -> NewEvent:
    seen = [f"{place.target} {place.found:,}" for place in found.tried if place.outcome is Outcome.FOUND]
    message = f"{mode.kind} · {mode.sentence}" + (f" · {', '.join(seen)}" if seen else "")
    data = {"mode": str(mode.kind), "sentence": mode.sentence, "urls": queued, "tried": tried(found)}
    return NewEvent(EventType.SITE_SURVEYED, message, data)


def tried(found: Discovery) -> list[dict[str, Any]]:
    """What was looked for and what came of it, for people who wonder."""
    return [
        {
            "url": place.url,
            "target": str(place.target),
            "outcome": str(place.outcome),
            "found": place.found,
            "wanted": place.wanted,
            "reason": place.reason or None,
        }
        for place in found.tried[:MAX_TOLD]
    ]
