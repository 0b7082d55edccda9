"""Getting documents the polite way: robots.txt, the host's turn, HTTP or the browser, unchanged pages not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gleanery import errors
from gleanery.handlers.crawl.listing import is_xml_list, may_be_list
from gleanery.handlers.crawl.payload import BrowserOptions
from gleanery.handlers.crawl.rendering import SiteRendering
from gleanery.handlers.crawl.run import CrawlRun
from gleanery.knowledge.formats.kinds import Kind, kind_of
from gleanery.model import FetchedBy, FrontierUrl, KnownPage, Page
from gleanery.web.browser.supervisor import RenderRequest, WaitUntil
from gleanery.web.fetch import Document, Validators
from gleanery.web.llms import page_candidates
from gleanery.web.robots import Robots
from gleanery.web.urls import host_key, origin_of, resolve, url_key

ACCEPT = "text/html,application/xhtml+xml,text/markdown;q=0.9,application/pdf;q=0.8,*/*;q=0.5"
NONSENSE = "gleanery-asks-for-a-page-that-is-not-there"


@dataclass(frozen=True)
class Gathered:
    """A document that a URL gave; `known` is the stored page that it has not changed from."""

    url: FrontierUrl
    document: Document
    fetched_by: FetchedBy
    known: KnownPage | None = None

    @property
    def kind(self) -> Kind:
        return kind_of(self.document.content_type, self.document.url, self.document.body) or Kind.HTML


class Gatherer:
    """One for a run of a crawl. `is_refresh`: the source has pages from before, which may not have changed."""

    def __init__(self, run: CrawlRun, rendering: SiteRendering, *, is_refresh: bool) -> None:
        self._run = run
        self._rendering = rendering
        self._is_refresh = is_refresh
        self._request = render_request(run.payload.browser)
        self._answers_to_nonsense: dict[str, bool] = {}
        self._capped_for = ""
        self._told_waits: set[tuple[str, int]] = set()

    async def get(self, url: FrontierUrl) -> Gathered:
        """What is at the URL. Raises FetchError."""
        is_start = url.depth == 0
        if self._rendering.begins_in_browser(url.url) and not (is_start and may_be_list(url.url)):
            try:
                return Gathered(url, await self.render(url.url), FetchedBy.BROWSER)
            except errors.NotHtml:
                pass  # a browser reads no PDF; HTTP does
        known = await self._known(url)
        async with self._turn(url.url, is_again=url.attempts > 0) as robots:
            document = await self._run.parts.fetcher.fetch(
                url.url,
                accept=ACCEPT,
                may_follow=lambda target: self._may_follow(target, url, robots),
                is_readable=is_start_readable if is_start and not self._run.payload.is_single else is_readable,
                known=None if known is None else Validators(known.etag, known.last_modified),
            )
        if document.is_unchanged:
            return Gathered(url, document, FetchedBy.UNCHANGED, known)
        return Gathered(url, document, FetchedBy.HTTP)

    async def render(self, url: str) -> Document:
        """The page as the browser shows it. Raises FetchError."""
        assert self._run.parts.browser is not None
        async with self._turn(url, is_timed=False):
            return await self._run.parts.browser.render(
                url,
                self._request,
                may_follow=lambda target: self._run.scope.refusal(target, 0),
                session=self._run.ctx.task.task_id,
            )

    async def fetch_any(self, url: str, *, accept: str = "*/*", max_bytes: int | None = None) -> Document:
        """A document of any type that the crawl looks at for what it says of others. Raises FetchError."""
        async with self._turn(url):
            return await self._run.parts.fetcher.fetch_any(url, accept=accept, max_bytes=max_bytes)

    async def markdown_of(self, url: str) -> Document | None:
        """The Markdown that a page offers of itself at `url`; None where it turns out to be none."""
        if not self._run.scope.has_host(host_key(url)):
            return None
        try:
            document = await self.fetch_any(url)
        except errors.FetchError:
            return None
        kind = kind_of(document.content_type, document.url, document.body)
        return document if kind in (Kind.MARKDOWN, Kind.TEXT) else None  # servers call it plain text too

    async def page_of(self, url: FrontierUrl) -> Page | None:
        """The page whose Markdown this URL is by its name, where this crawl has stored that page already."""
        if url.depth == 0 or url.is_own:
            return None
        store, source_id = self._run.parts.store, self._run.payload.source_id
        for candidate in page_candidates(url.url):
            known = await store.crawls.known_page(source_id, url_key(candidate))
            if known is not None:
                is_met = known.is_met_by == self._run.ctx.task.task_id
                return await store.crawls.page(known.page_id) if is_met else None
        return None

    async def answers_to_nonsense(self, url: str) -> bool:
        """Whether the host of `url` answers 200 to a URL that can't be there. It is asked once."""
        host = origin_of(url)
        if host not in self._answers_to_nonsense:
            try:
                await self.fetch_any(resolve(url, NONSENSE) or url)
            except errors.FetchError:
                self._answers_to_nonsense[host] = False
            else:
                self._answers_to_nonsense[host] = True
        return self._answers_to_nonsense[host]

    @asynccontextmanager
    async def _turn(self, url: str, *, is_timed: bool = True, is_again: bool = False) -> AsyncIterator[Robots]:
        """The site's leave, and the host's turn; gives its rules. Raises RobotsDenied and what `RobotsCache.get_patiently` raises."""
        parts = self._run.parts
        robots = await parts.robots.get_patiently(
            url, patience_seconds=parts.robots_patience_seconds, on_wait=self._tell_wait
        )
        if not robots.allows(url):
            raise errors.RobotsDenied(url, "robots.txt does not allow it.")
        await self._keep_delay(url, robots)
        async with parts.limiter.turn(url, self._run.ctx.task.task_id, is_timed=is_timed, is_again=is_again):
            yield robots

    async def _keep_delay(self, url: str, robots: Robots) -> None:
        asked = robots.crawl_delay_seconds or 0.0
        kept = self._run.parts.limiter.set_delay(url, asked)
        if kept < asked and self._capped_for != origin_of(url):
            self._capped_for = origin_of(url)
            message = f"· robots.txt asks for {asked:g} s between requests; {kept:g} s are kept"
            await self._run.warn("crawl_delay_capped", message, url=self._capped_for, asked_seconds=asked)

    async def _tell_wait(self, error: errors.RobotsUnreachable) -> None:
        """Each wait is told once, however many URLs wait together."""
        told = (origin_of(error.url), error.details["times"])
        if told not in self._told_waits:
            self._told_waits.add(told)
            wait = error.details["retry_in_seconds"]
            await self._run.warn(error.code, f"· {error.message} Asking again in {wait:.0f} s", url=error.url)

    async def _known(self, url: FrontierUrl) -> KnownPage | None:
        """What is stored of the page, if the site can be asked whether it has changed. A date alone is not enough: behind a CDN
        it may stand still while the page changes. The start is read anew in any case: what it says of the site is not all
        stored."""
        if not self._is_refresh or url.depth == 0 or self._run.payload.full:
            return None
        known = await self._run.parts.store.crawls.known_page(self._run.payload.source_id, url.url_key)
        if known is None or known.links is None or known.fetched_by is not FetchedBy.HTTP:
            return None
        return known if known.etag else None

    def _may_follow(self, target: str, url: FrontierUrl, robots: Robots) -> str | None:
        """Where the start leads is where the site is; but robots.txt holds there too."""
        if origin_of(target) == origin_of(url.url) and not robots.allows(target):
            return errors.RobotsDenied.code
        return None if url.depth == 0 else self._run.scope.refusal(target, 0)


def is_readable(content_type: str, url: str, body: bytes) -> bool:
    return kind_of(content_type, url, body) is not None


def is_start_readable(content_type: str, url: str, body: bytes) -> bool:
    """Whether it is a document that can be read, or a list of such."""
    return is_readable(content_type, url, body) or is_xml_list(body)


def render_request(options: BrowserOptions | None) -> RenderRequest:
    """What the browser is asked to do on each page."""
    if options is None:
        return RenderRequest()
    return RenderRequest(
        wait_for=options.wait_for,
        wait_until=WaitUntil(options.wait_until),
        scripts=tuple(options.scripts),
        clicks=tuple(options.clicks),
        scroll=options.scroll,
        timeout_seconds=options.timeout_seconds,
    )
