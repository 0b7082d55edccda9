"""What a site offers by itself, before links are followed: sitemaps, llms.txt, llms-full.txt and feeds, looked for in parallel.

Nothing that is missing, refused or broken is an error: `Discovery.tried` tells of each place what came of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ParamSpec, Protocol, TypeVar

from ada_url import URL

from gleanery import errors
from gleanery.web.feeds import MAX_FEED_BYTES, parse_feed
from gleanery.web.fetch import Document
from gleanery.web.llms import LlmsTxt, decode_text, page_candidates, parse_llms
from gleanery.web.llms_full import split_full
from gleanery.web.robots import Robots
from gleanery.web.scope import path_prefix
from gleanery.web.sitemaps import GZIP_MAGIC, SitemapKind, SitemapLimits, SitemapReader, SitemapUrl
from gleanery.web.urls import host_key, resolve, url_key

_XML = "application/xml,text/xml;q=0.9,text/plain;q=0.8,*/*;q=0.5"
_MARKDOWN = "text/plain,text/markdown;q=0.9,*/*;q=0.5"
_FEED = "application/rss+xml,application/atom+xml,application/feed+json,application/xml;q=0.8,*/*;q=0.5"
_SITEMAP_NAMES = ("sitemap.xml", "sitemap_index.xml", "sitemap.xml.gz")
_MAX_PLACES = 4
_MAX_NESTED_LLMS = 20
# A robots.txt may name hundreds: so many are asked before anything else is.
_FIRST_NAMED = 8
_LEFT_OUT = frozenset({"enough_urls", "too_large", "too_many_urls"})
_MAX_UNWANTED = 1_000

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")


class Target(StrEnum):
    """What is looked for."""

    SITEMAP = "sitemap"
    LLMS = "llms.txt"
    LLMS_FULL = "llms-full.txt"
    FEED = "feed"


_SURENESS = {target: number for number, target in enumerate(Target)}


class Outcome(StrEnum):
    """What came of it. NOT_USABLE is there and something else (a web page instead of a missing file) or broken."""

    FOUND = "found"
    NOT_THERE = "not_there"
    NOT_USABLE = "not_usable"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Tried:
    """One place. `found` counts the URLs or pages that it lists, wanted or not; `reason` is a code, empty if all is well.

    A place that was FOUND may still have a reason why not everything of it was taken: `cut_short`, `too_many_urls`…
    """

    url: str
    target: Target
    outcome: Outcome
    found: int = 0
    wanted: int = 0
    size_bytes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FoundUrl:
    """A page that the site names. `origin` is the surest of what named it, a sitemap before the others.

    `markdown_url` is its Markdown twin where one is offered; a Markdown file whose page nothing names is itself the `url`.
    `alternates` are (hreflang, href) of its translations, from sitemaps only.
    """

    url: str
    lastmod: datetime | None
    origin: Target
    markdown_url: str | None = None
    alternates: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: no page twice (by `url_key`). `is_complete` is False when time or a limit ended the search.

    `unwanted` are the first thousand URLs that were named and don't count; `tried` tells how many there are.
    """

    urls: tuple[FoundUrl, ...] = ()
    unwanted: tuple[FoundUrl, ...] = ()
    llms: LlmsTxt | None = None
    llms_full_url: str | None = None
    tried: tuple[Tried, ...] = ()
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class DiscoverLimits:
    """What a search may cost. `max_depth` is how deep indexes of sitemaps may be nested; bytes are decompressed ones."""

    total_seconds: float = 20.0
    concurrency: int = 4
    max_files: int = 200
    max_depth: int = 3
    max_urls: int = 200_000
    max_total_bytes: int = 200 * 1024 * 1024
    max_sitemap_bytes: int = 50 * 1024 * 1024
    max_llms_bytes: int = 10 * 1024 * 1024


class FetchAny(Protocol):
    """Fetches one document of any type, as `Fetcher.fetch_any` does, with robots.txt, politeness and the guard applied."""

    def __call__(self, url: str, *, accept: str, max_bytes: int) -> Awaitable[Document]:
        """The document at the href `url`, of at most `max_bytes`. Raises a FetchError."""


async def discover(
    start: str,
    robots: Robots,
    fetch: FetchAny,
    *,
    limits: DiscoverLimits | None = None,
    is_wanted: Callable[[str], bool] | None = None,
    feed_url: str | None = None,
) -> Discovery:
    """What the site of the href `start` offers. `robots` are the rules of its origin.

    Sitemaps come from robots.txt; where that names none, or none with a wanted URL, from the well-known places. The
    folder of `start` and those above it are asked for theirs in any case. `is_wanted(href)` decides what counts, in a
    thread, so it must be pure; without it that is whatever is on the same host. Never raises for what a site does.
    """
    search = _Search(start, fetch, limits or DiscoverLimits(), is_wanted)
    return await _in_time(search, search.run(robots, feed_url))


async def read_list(
    url: str,
    target: Target,
    fetch: FetchAny,
    *,
    limits: DiscoverLimits | None = None,
    is_wanted: Callable[[str], bool] | None = None,
) -> Discovery:
    """What the list at the href `url` names: a sitemap (a feed too) or an llms.txt, with the lists that it leads to."""
    search = _Search(url, fetch, limits or DiscoverLimits(), is_wanted)
    return await _in_time(search, search.look_at([_Place(url, target)]))


async def _in_time(search: _Search, work: Awaitable[None]) -> Discovery:
    try:
        async with asyncio.timeout(search.limits.total_seconds):
            await work
    except TimeoutError:
        search.is_complete = False
    return await search.result()


@dataclass(frozen=True, slots=True)
class _Place:
    """One file to ask for. `others` are asked in turn where it is not there."""

    url: str
    target: Target
    depth: int = 0
    others: tuple[str, ...] = ()


class _Search:
    """The state of one search.

    What takes long is done in threads, one at a time and in slices: four that parse at once would each keep the
    interpreter's lock for 5 ms in turn, and the loop would wait for all of them.
    """

    def __init__(
        self, start: str, fetch: FetchAny, limits: DiscoverLimits, is_wanted: Callable[[str], bool] | None
    ) -> None:
        self.limits = limits
        self.is_complete = True
        self._start = start
        self._host = host_key(start)
        self._hosts = {self._host}
        self._fetch = fetch
        self._is_wanted = is_wanted or self._is_same_host
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._turn = asyncio.Lock()
        self._lock = threading.Lock()
        self._bytes_left = limits.max_total_bytes
        self._alternates_left = limits.max_urls
        self._tried: dict[str, Tried] = {}
        self._found: dict[str, FoundUrl] = {}
        self._unwanted: dict[str, FoundUrl] = {}
        self._markdown: dict[str, FoundUrl] = {}
        self._llms: dict[str, LlmsTxt] = {}
        self._full: list[str] = []
        self._places: list[str] = []

    async def run(self, robots: Robots, feed_url: str | None) -> None:
        self._places = folders(self._start)
        self._hosts.update(host_key(url) for url in robots.sitemaps)
        root = _sitemap_place(self._places[-1])
        named = [_Place(url, Target.SITEMAP) for url in robots.sitemaps]
        feeds = [_Place(feed_url, Target.FEED)] if feed_url else []
        inner = [_sitemap_place(place) for place in self._places[:-1]]
        llms = [_Place(f"{place}llms.txt", Target.LLMS) for place in self._places]
        full = [_Place(f"{place}llms-full.txt", Target.LLMS_FULL) for place in (self._places[0], self._places[-1])]
        first, rest = named[:_FIRST_NAMED], named[_FIRST_NAMED:]
        await self.look_at([*(first or [root]), *feeds, *inner, *llms, *full, *rest])
        if not any(tried.wanted for tried in self._tried.values() if tried.target is Target.SITEMAP):
            await self.look_at([root])  # does nothing if it was asked already

    async def result(self) -> Discovery:
        urls = await self._in_thread(self._with_twins)
        llms = next((self._llms[url] for place in self._places if (url := f"{place}llms.txt") in self._llms), None)
        full = next((url for place in self._places if (url := f"{place}llms-full.txt") in self._full), None)
        unwanted = tuple(self._unwanted.values())
        return Discovery(urls, unwanted, llms, full, tuple(self._tried.values()), self.is_complete)

    async def _in_thread(
        self, function: Callable[_Args, _Result], *args: _Args.args, **kwargs: _Args.kwargs
    ) -> _Result:
        def locked() -> _Result:
            # When time is over a slice may still be at work while the result is put together.
            with self._lock:
                return function(*args, **kwargs)

        async with self._turn:
            return await asyncio.to_thread(locked)

    async def look_at(self, places: Iterable[_Place]) -> None:
        async with asyncio.TaskGroup() as group:
            for place in places:
                self._schedule(group, place)

    def _schedule(self, group: asyncio.TaskGroup, place: _Place) -> None:
        if place.url in self._tried:
            return
        if len(self._tried) >= self.limits.max_files:
            self.is_complete = False
            return
        # It stays so when the time is over before its turn.
        self._tried[place.url] = Tried(place.url, place.target, Outcome.NOT_ASKED, reason="no_time_left")
        group.create_task(self._visit(group, place))

    async def _visit(self, group: asyncio.TaskGroup, place: _Place) -> None:
        async with self._slots:
            tried, more = await self._look(place)
        self._tried[place.url] = tried
        if tried.outcome is Outcome.NOT_ASKED or tried.reason in _LEFT_OUT:
            self.is_complete = False
        if place.others and tried.outcome in (Outcome.NOT_THERE, Outcome.NOT_USABLE, Outcome.REFUSED):
            first, *others = place.others
            more = [_Place(first, place.target, place.depth, tuple(others))]
        for each in more:
            self._schedule(group, each)

    async def _look(self, place: _Place) -> tuple[Tried, list[_Place]]:
        tried = Tried(place.url, place.target, Outcome.NOT_ASKED)
        if self._bytes_left <= 0 or len(self._found) >= self.limits.max_urls:
            reason = "no_bytes_left" if self._bytes_left <= 0 else "enough_urls"
            return replace(tried, reason=reason), []
        accept, max_bytes = self._terms(place.target)
        try:
            document = await self._fetch(place.url, accept=accept, max_bytes=max_bytes)
        except errors.FetchError as error:
            if isinstance(error, errors.TooLarge):
                self._bytes_left -= max_bytes  # so much may have come before it was noticed
            return replace(tried, outcome=_outcome_of(error), reason=error.code), []
        self._bytes_left -= len(document.body)
        tried = replace(tried, size_bytes=len(document.body))
        match place.target:
            case Target.SITEMAP:
                return await self._read_sitemap(document, place, tried)
            case Target.LLMS:
                return await self._read_llms(document, place, tried)
            case Target.LLMS_FULL:
                return await self._read_full(document, tried), []
            case Target.FEED:
                return await self._read_feed(document, tried), []

    def _terms(self, target: Target) -> tuple[str, int]:
        limits = self.limits
        accept, max_bytes = {
            Target.SITEMAP: (_XML, limits.max_sitemap_bytes),
            Target.LLMS: (_MARKDOWN, limits.max_llms_bytes),
            Target.LLMS_FULL: (_MARKDOWN, limits.max_llms_bytes),
            Target.FEED: (_FEED, MAX_FEED_BYTES),
        }[target]
        return accept, max(1, min(max_bytes, self._bytes_left))

    async def _read_sitemap(self, document: Document, place: _Place, tried: Tried) -> tuple[Tried, list[_Place]]:
        max_bytes = min(self.limits.max_sitemap_bytes, self._bytes_left + len(document.body))
        reader = SitemapReader(document.body, document.url, SitemapLimits(max_bytes=max_bytes))
        listed: list[SitemapUrl] = []
        found = wanted = 0
        while not reader.is_done and len(self._found) < self.limits.max_urls:
            entries, kept = await self._in_thread(self._step, reader)
            found += len(entries)
            wanted += kept
            if reader.is_index:
                listed += entries
        if document.body.startswith(GZIP_MAGIC):
            self._bytes_left -= reader.size_bytes
        if reader.kind is SitemapKind.FEED:
            return await self._read_feed(document, tried), []
        reason = (reader.problem or "") if reader.is_done else "enough_urls"
        tried = replace(tried, found=found, wanted=wanted, size_bytes=reader.size_bytes, reason=reason)
        if reader.is_done and reader.kind is SitemapKind.NONE:
            return replace(tried, outcome=Outcome.NOT_USABLE), []
        return replace(tried, outcome=Outcome.FOUND), self._children(listed, place.depth + 1)

    def _step(self, reader: SitemapReader) -> tuple[list[SitemapUrl], int]:
        entries = reader.step()
        if reader.is_index:
            return entries, 0
        return entries, self._keep(
            FoundUrl(entry.url, entry.lastmod, Target.SITEMAP, alternates=entry.alternates)
            for entry in entries
            if self._counts(entry.url, Target.SITEMAP)
        )

    def _counts(self, url: str, origin: Target) -> bool:
        if self._is_wanted(url):
            return True
        if len(self._unwanted) < _MAX_UNWANTED:
            self._unwanted.setdefault(url_key(url), FoundUrl(url, None, origin))
        return False

    def _children(self, listed: Sequence[SitemapUrl], depth: int) -> list[_Place]:
        """What an index lists, that of the start's own folder first. Only hosts that the site itself vouches for."""
        more: list[_Place] = []
        for entry in listed:
            if host_key(entry.url) not in self._hosts:
                self._refuse(entry.url, "other_host")
            elif depth > self.limits.max_depth:
                self._refuse(entry.url, "too_deep")
            else:
                more.append(_Place(entry.url, Target.SITEMAP, depth))
        folder = self._places[0] if self._places else ""
        return sorted(more, key=lambda place: not place.url.startswith(folder))

    def _refuse(self, url: str, reason: str) -> None:
        if len(self._tried) < self.limits.max_files:
            self._tried.setdefault(url, Tried(url, Target.SITEMAP, Outcome.REFUSED, reason=reason))
        self.is_complete = self.is_complete and reason != "too_deep"

    async def _read_llms(self, document: Document, place: _Place, tried: Tried) -> tuple[Tried, list[_Place]]:
        llms = await self._in_thread(lambda: parse_llms(decode_text(document.body), document.url))
        if llms is None:
            return replace(tried, outcome=Outcome.NOT_USABLE, reason="not_llms_txt"), []
        self._llms[place.url] = llms
        links = [link.url for link in llms.links()]
        wanted = await self._in_thread(self._keep_wanted, dict.fromkeys(links), Target.LLMS)
        nested = [url for url in links if url.endswith("/llms.txt") and host_key(url) == self._host]
        more = [_Place(url, Target.LLMS, 1) for url in dict.fromkeys(nested)] if place.depth == 0 else []
        tried = replace(tried, outcome=Outcome.FOUND, found=len(links), wanted=wanted)
        return tried, more[:_MAX_NESTED_LLMS]

    async def _read_full(self, document: Document, tried: Tried) -> Tried:
        def read() -> tuple[int, int]:
            pages = split_full(decode_text(document.body), document.url)
            urls = (page.url for page in pages if page.url is not None)
            return len(pages), self._keep_wanted(dict.fromkeys(urls), Target.LLMS_FULL)

        found, wanted = await self._in_thread(read)
        if not found:
            return replace(tried, outcome=Outcome.NOT_USABLE, reason="not_llms_full_txt")
        self._full.append(tried.url)
        return replace(tried, outcome=Outcome.FOUND, found=found, wanted=wanted)

    async def _read_feed(self, document: Document, tried: Tried) -> Tried:
        feed = await self._in_thread(parse_feed, document.body, document.url)
        if feed is None:
            return replace(tried, outcome=Outcome.NOT_USABLE, reason="not_a_feed")
        dates = {entry.url: entry.changed_at for entry in feed.entries}
        wanted = await self._in_thread(self._keep_wanted, dates, Target.FEED)
        return replace(tried, outcome=Outcome.FOUND, found=len(feed.entries), wanted=wanted)

    def _keep_wanted(self, dates: Mapping[str, datetime | None], origin: Target) -> int:
        """Those that count. A Markdown file is kept in any case, for its page may count where it does not itself."""
        return self._keep(
            FoundUrl(url, lastmod, origin)
            for url, lastmod in dates.items()
            if not _is_llms_file(url) and (page_candidates(url) or self._counts(url, origin))
        )

    def _keep(self, pages: Iterable[FoundUrl]) -> int:
        """Puts pages away, each once. Returns how many there were, those that were known included."""
        count = 0
        for count, page in enumerate(pages, 1):  # noqa: B007
            key = url_key(page.url)
            is_markdown = page.origin is not Target.SITEMAP and bool(page_candidates(page.url))
            kept = self._markdown if is_markdown else self._found
            known = kept.get(key)
            if known is not None:
                kept[key] = _merged(known, page)
            elif len(self._found) + len(self._markdown) < self.limits.max_urls:
                self._alternates_left -= len(page.alternates)
                kept[key] = page if self._alternates_left >= 0 else replace(page, alternates=())
        return count

    def _with_twins(self) -> tuple[FoundUrl, ...]:
        """Everything that was found; a Markdown file whose page is among it is that page's twin and no page of its own."""
        found = dict(self._found)
        for key, markdown in self._markdown.items():
            pages = (url_key(url) for url in page_candidates(markdown.url))
            page = next((found[page] for page in pages if page in found), None)
            if page is not None:
                found[url_key(page.url)] = replace(page, markdown_url=page.markdown_url or markdown.url)
            elif key not in found and self._counts(markdown.url, markdown.origin):
                found[key] = markdown
        return tuple(found.values())

    def _is_same_host(self, url: str) -> bool:
        return host_key(url) == self._host


def _merged(known: FoundUrl, page: FoundUrl) -> FoundUrl:
    """Both in one. Which answer came first is chance, so the surer origin counts: a sitemap's before a list's."""
    first, second = (known, page) if _SURENESS[known.origin] <= _SURENESS[page.origin] else (page, known)
    if first is known and (known.lastmod or not page.lastmod) and (known.alternates or not page.alternates):
        return known
    return replace(first, lastmod=first.lastmod or second.lastmod, alternates=first.alternates or second.alternates)


def folders(start: str) -> list[str]:
    """The folder of an href and those above it as hrefs, the nearest first, the root last; at most four."""
    path = path_prefix(start)
    names = [name for name in path.split("/") if name]
    paths = [f"/{'/'.join(names[:count])}/" if count else "/" for count in range(len(names), -1, -1)]
    paths = [*paths[: _MAX_PLACES - 1], paths[-1]] if len(paths) > _MAX_PLACES else paths
    origin = str(URL(start).origin)
    return [url for path in paths if (url := resolve(origin, path))]


def _sitemap_place(folder: str) -> _Place:
    first, *others = (f"{folder}{name}" for name in _SITEMAP_NAMES)
    return _Place(first, Target.SITEMAP, others=tuple(others))


def _is_llms_file(url: str) -> bool:
    name = URL(url).pathname.rpartition("/")[2]
    return name.startswith("llms") and name.endswith(".txt")


def _outcome_of(error: errors.FetchError) -> Outcome:
    match error:
        case errors.HttpStatus():
            if error.can_retry:
                return Outcome.FAILED
            return Outcome.REFUSED if error.status in (401, 403, 451) else Outcome.NOT_THERE
        case errors.RobotsDenied() | errors.AddressForbidden() | errors.RedirectRefused():
            return Outcome.REFUSED
        case errors.TooLarge():
            return Outcome.TOO_LARGE
    return Outcome.FAILED
