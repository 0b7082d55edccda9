"""What a crawl would take and skip, and why, before anything is fetched in bulk: `POST /knowledge/preview`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from gleanery import errors
from gleanery.handlers.crawl.gather import ACCEPT, is_readable
from gleanery.handlers.crawl.payload import CrawlRequest, scope_of
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, kind_of
from gleanery.web.crawl_mode import Mode, ModeKind, choose_mode
from gleanery.web.discover import DiscoverLimits, Discovery, discover
from gleanery.web.fetch import Document
from gleanery.web.robots import Robots
from gleanery.web.scope import Scope
from gleanery.web.urls import parse_url, split_url, url_key

TOTAL_SECONDS = 10.0
"""The longest that an answer may take; what is not known by then is left out, and said."""
TREE_DEPTH = 3
MOST_CHILDREN = 50
CHARS_PER_TOKEN = 4.0
SECONDS_PER_PAGE = 0.03
"""What a page takes besides its fetch, over all stages."""
EXAMPLES = 5


@dataclass(frozen=True)
class Branch:
    """A folder of the site: how many pages that would be taken lie at or below `path`."""

    path: str
    pages: int
    children: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """`is_whole`: the site lists its pages; else there are more than are known so far."""

    pages: int
    is_whole: bool
    seconds: float
    tokens: int


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


class Previewer:
    """Asks a site for its robots.txt, its start page, a few more, and for what it lists itself; nothing is stored."""

    def __init__(self, parts: CrawlParts) -> None:
        self._parts = parts

    async def preview(self, request: CrawlRequest) -> Preview:
        """Raises InvalidUrl, InvalidInput (a glob) and FetchError when the start page can't be had."""
        started = time.monotonic()
        url = parse_url(request.url)
        robots = await self._parts.robots.get(url)
        if not robots.allows(url):
            raise errors.RobotsDenied(url, "robots.txt of this site does not allow the start URL.")
        document, page = await self._read(url)
        scope = scope_of(request, document.url)
        seconds = TOTAL_SECONDS - (time.monotonic() - started)
        discovery = None if request.is_single else await self._discover(document.url, robots, scope, seconds)
        return self._judge(request, url, robots, scope, document, page, discovery)

    async def _read(self, url: str) -> tuple[Document, ExtractedPage]:
        parts = self._parts
        async with parts.limiter.turn(url, "preview"):
            document = await parts.fetcher.fetch(url, accept=ACCEPT, is_readable=is_readable)
        kind = kind_of(document.content_type, document.url, document.body) or Kind.HTML
        pieces = await parts.extract_pool.extract(document.body, document.url, document.charset, kind)
        return document, pieces[0].page

    async def _discover(self, start: str, robots: Robots, scope: Scope, seconds: float) -> Discovery:
        limits = DiscoverLimits(total_seconds=max(1.0, seconds))
        return await discover(
            start, robots, self._fetch_any, limits=limits, is_wanted=lambda url: scope.refusal(url, 1) is None
        )

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
        document: Document,
        page: ExtractedPage,
        discovery: Discovery | None,
    ) -> Preview:
        found = discovery or Discovery()
        known = dict.fromkeys((document.url, *page.links, *(listed.url for listed in found.urls)))
        taken, skipped = _sorted(known, scope, robots)
        mode = choose_mode(document.url, [link for link in page.links if scope.refusal(link, 1) is None], found)
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


def _sorted(known: Iterable[str], scope: Scope, robots: Robots) -> tuple[list[str], dict[str, list[str]]]:
    """Those that would be taken, each once, and the others by the reason."""
    taken: dict[str, str] = {}
    skipped: dict[str, list[str]] = {}
    for url in known:
        refusal = scope.refusal(url, 1)
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
    return _branch("/", paths, 0)


def _branch(path: str, below: list[list[str]], depth: int) -> Branch:
    if depth == TREE_DEPTH:
        return Branch(path, len(below))
    folders: dict[str, list[list[str]]] = {}
    for parts in below:
        if len(parts) > depth:
            folders.setdefault(parts[depth], []).append(parts)
    largest = sorted(folders.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_CHILDREN]
    return Branch(path, len(below), tuple(_branch(f"{path}{name}/", inner, depth + 1) for name, inner in largest))
