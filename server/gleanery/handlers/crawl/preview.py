"""What a crawl would take and skip, and why, before anything is fetched in bulk: `POST /knowledge/preview`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from gleanery import errors
from gleanery.handlers.crawl.gather import ACCEPT, is_readable, is_start_readable
from gleanery.handlers.crawl.listing import Listing, listing_of
from gleanery.handlers.crawl.payload import CrawlRequest, scope_of
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.crawl.survey import list_mode
from gleanery.knowledge.embedding_models import Outlay
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, kind_of
from gleanery.web.crawl_mode import Mode, ModeKind, choose_mode
from gleanery.web.discover import DiscoverLimits, Discovery, Target, discover, read_list
from gleanery.web.fetch import Document
from gleanery.web.robots import Robots
from gleanery.web.scope import Scope
from gleanery.web.urls import parse_url, split_url, url_key
from gleanery.web.variants import VariantChooser

START_SECONDS = 15.0
"""The longest that is waited for the start page."""
TOTAL_SECONDS = 5.0
"""So long it is looked at what else the site offers, the time for the start included, but for a second at least; what is not
known by then is left out, and said."""
TREE_DEPTH = 3
"""How many steps deep the tree goes; a folder that has nothing but one other is no step, down to MOST_DEPTH."""
MOST_DEPTH = 12
MOST_CHILDREN = 50
CHARS_PER_TOKEN = 4.0
TOKENS_PER_TEXT = 200
SECONDS_PER_PAGE = 0.03
"""What a page takes besides its fetch, over all stages."""
EXAMPLES = 5

Price = Callable[[int, int], Awaitable[Outlay | None]]
"""What embedding so many texts of so many tokens in all would take; None where nothing is embedded."""


@dataclass(frozen=True)
class Branch:
    """A folder of the site: how many pages that would be taken lie at or below `path`."""

    path: str
    pages: int
    children: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """`is_whole`: the site lists its pages; else there are more than are known so far. `seconds` are those of the crawl, until
    all is found by words; `outlay` says what vectors of it take beside that."""

    pages: int
    is_whole: bool
    seconds: float
    tokens: int
    outlay: Outlay | None = None


@dataclass(frozen=True)
class Preview:
    """What a crawl of `url` would do. `skipped` counts known URLs by the reason, with a few of each as `examples`."""

    url: str
    final_url: str
    title: str
    generator: str
    mode: Mode
    robots: Robots
    discovery: Discovery | None
    rendering_sign: str | None
    estimate: Estimate
    tree: Branch
    skipped: dict[str, int]
    examples: dict[str, list[str]]


@dataclass(frozen=True)
class _Start:
    """What the start URL gave: a page, or a list of pages."""

    document: Document
    page: ExtractedPage
    listing: Listing | None


class Previewer:
    """Asks a site for its robots.txt, its start page, a few more, and for what it lists itself; nothing is stored."""

    def __init__(self, parts: CrawlParts, price: Price) -> None:
        self._parts = parts
        self._price = price

    async def preview(self, request: CrawlRequest) -> Preview:
        """Raises InvalidUrl, InvalidInput (a glob) and FetchError when the start page can't be had."""
        started = time.monotonic()
        url = parse_url(request.url)
        scope_of(request, url)
        try:
            async with asyncio.timeout(START_SECONDS):
                robots = await self._parts.robots.get(url)
                if not robots.allows(url):
                    raise errors.RobotsDenied(url, "robots.txt of this site does not allow the start URL.")
                start = await self._read(url, is_single=request.is_single)
        except TimeoutError:
            message = f"The page did not arrive within {START_SECONDS:g} seconds."
            raise errors.TimedOut(url, message, seconds=START_SECONDS) from None
        scope = scope_of(request, start.document.url, is_list=start.listing is not None)
        seconds = max(1.0, TOTAL_SECONDS - (time.monotonic() - started))
        discovery = None if request.is_single else await self._discover(start, robots, scope, seconds)
        judged = await asyncio.get_running_loop().run_in_executor(
            self._parts.executor, self._judge, request, url, robots, scope, start, discovery
        )
        pages, tokens = judged.estimate.pages, judged.estimate.tokens
        outlay = await self._price(max(pages, tokens // TOKENS_PER_TEXT), tokens)
        return replace(judged, estimate=replace(judged.estimate, outlay=outlay))

    async def _read(self, url: str, *, is_single: bool) -> _Start:
        parts, listing = self._parts, None
        async with parts.limiter.turn(url, "preview"):
            document = await parts.fetcher.fetch(
                url, accept=ACCEPT, is_readable=is_readable if is_single else is_start_readable
            )
        if not is_single:
            listing = await asyncio.get_running_loop().run_in_executor(parts.executor, listing_of, document)
        if listing is Listing.SITEMAP:
            return _Start(document, _without_text(()), listing)
        kind = kind_of(document.content_type, document.url, document.body) or Kind.HTML
        try:
            pieces = await parts.extract_pool.extract(document.body, document.url, document.charset, kind)
        except errors.EmptyPage as error:
            if error.details.get("rendering_sign") is None:
                raise
            page = _without_text(tuple(error.details["links"]), error.details["rendering_sign"])
            return _Start(document, page, None)
        return _Start(document, pieces[0].page, listing)

    async def _discover(self, start: _Start, robots: Robots, scope: Scope, seconds: float) -> Discovery:
        limits = DiscoverLimits(total_seconds=seconds)
        document, page = start.document, start.page

        async def fetch(url: str, *, accept: str, max_bytes: int) -> Document:
            return document if url == document.url else await self._fetch_any(url, accept=accept, max_bytes=max_bytes)

        def is_wanted(url: str) -> bool:
            return scope.refusal(url, 1) is None

        if start.listing is not None:
            return await read_list(document.url, Target(start.listing), fetch, limits=limits, is_wanted=is_wanted)
        feed_url = page.feeds[0] if page.feeds else None
        return await discover(document.url, robots, fetch, limits=limits, is_wanted=is_wanted, feed_url=feed_url)

    async def _fetch_any(self, url: str, *, accept: str, max_bytes: int) -> Document:
        robots = await self._parts.robots.get(url)
        if not robots.allows(url):
            raise errors.RobotsDenied(url, "robots.txt does not allow it.")
        async with self._parts.limiter.turn(url, "preview"):
            return await self._parts.fetcher.fetch_any(url, accept=accept, max_bytes=max_bytes)

    def _judge(
        self,
        request: CrawlRequest,
        url: str,
        robots: Robots,
        scope: Scope,
        start: _Start,
        discovery: Discovery | None,
    ) -> Preview:
        """In a thread: a site may list very many pages."""
        document, page, found = start.document, start.page, discovery or Discovery()
        listed = (each.url for each in (*found.urls, *found.unwanted))
        known = dict.fromkeys((*((document.url, *page.links) if start.listing is None else ()), *listed))
        variants = VariantChooser(document.url, language=page.language, all_variants=request.all_variants)
        variants.alternates(page.alternates)
        taken, skipped = _sorted(known, scope, variants, robots)
        mode = _mode(start, scope, found)
        is_whole = mode.kind is not ModeKind.RECURSIVE or discovery is None
        pages = 1 if discovery is None else min(len(taken), request.max_pages)
        return Preview(
            url=url,
            final_url=document.url,
            title=page.title,
            generator=page.generator,
            mode=mode,
            robots=robots,
            discovery=discovery,
            rendering_sign=page.rendering_sign,
            estimate=_estimate(pages, is_whole, document, page, robots, self._parts.fetch_concurrency),
            tree=_tree(taken if discovery is not None else [document.url]),
            skipped={reason: len(urls) for reason, urls in skipped.items()},
            examples={reason: urls[:EXAMPLES] for reason, urls in skipped.items()},
        )


def _mode(start: _Start, scope: Scope, found: Discovery) -> Mode:
    if start.listing is not None:
        return list_mode(start.listing, found)
    return choose_mode(start.document.url, [link for link in start.page.links if scope.refusal(link, 1) is None], found)


def _without_text(links: tuple[str, ...], sign: str | None = None) -> ExtractedPage:
    """What is known of a document that shows no text."""
    return ExtractedPage("", "", "", "", (), links, None, False, (), 0, rendering_sign=sign)


def _sorted(
    known: Collection[str], scope: Scope, variants: VariantChooser, robots: Robots
) -> tuple[list[str], dict[str, list[str]]]:
    """Those that would be taken, each once, and the others by the reason."""
    taken: dict[str, str] = {}
    skipped: dict[str, list[str]] = {}
    for url in known:
        if scope.refusal(url, 1) is None:
            variants.refusal(url)  # it learns from all of them first
    for url in known:
        refusal = scope.refusal(url, 1) or variants.refusal(url)
        reason = str(refusal) if refusal is not None else None if robots.allows(url) else errors.RobotsDenied.code
        if reason is None:
            taken.setdefault(url_key(url), url)
        else:
            skipped.setdefault(reason, []).append(url)
    return list(taken.values()), skipped


def _estimate(
    pages: int, is_whole: bool, document: Document, page: ExtractedPage, robots: Robots, concurrency: int
) -> Estimate:
    """From one page: what the others are like is a guess, said as one."""
    each = max(document.elapsed_seconds / concurrency, SECONDS_PER_PAGE, robots.crawl_delay_seconds or 0.0)
    return Estimate(pages, is_whole, round(pages * each, 1), round(pages * len(page.markdown) / CHARS_PER_TOKEN))


def _tree(urls: Sequence[str]) -> Branch:
    """The folders that the pages lie in, those with the most pages first."""
    paths = [[unquote(part) for part in split_url(url).path.split("/")[1:-1]] for url in urls]
    return _branch("/", paths, 0, TREE_DEPTH)


def _branch(path: str, below: list[list[str]], depth: int, steps: int) -> Branch:
    if steps == 0 or depth == MOST_DEPTH:
        return Branch(path, len(below))
    folders: dict[str, list[list[str]]] = {}
    for parts in below:
        if len(parts) > depth:
            folders.setdefault(parts[depth], []).append(parts)
    largest = sorted(folders.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_CHILDREN]
    left = steps if [len(inner) for _, inner in largest] == [len(below)] else steps - 1
    return Branch(path, len(below), tuple(_branch(f"{path}{name}/", inner, depth + 1, left) for name, inner in largest))
