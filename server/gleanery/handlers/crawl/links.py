"""From links to rows of the frontier: each URL once, each with the decision on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.run import CrawlRun, path_of
from gleanery.model import FrontierUrl, UrlOrigin, UrlState
from gleanery.web.llms import page_candidates
from gleanery.web.urls import url_key

MAX_LINKS = 5_000
"""Links of one page that are looked at; a page with more is a trap or a dump."""
KNOWN_LIMIT = 200_000
MAX_WAITING = 50_000
"""URLs that may wait beside those that could still be stored twice over; the links of further pages are passed over then."""
MAX_REFUSED = 500_000
"""URLs that are not taken and yet kept with their reason, of one run of a crawl."""
ROWS_AT_ONCE = 1_000
URLS_AT_ONCE = 50
"""So many are decided on before others have their turn: a few milliseconds."""


class LinkSorter:
    """Decides on every URL that a crawl comes to know, and keeps it with its reason."""

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._known: dict[int, int] = {}
        self._told: set[str] = set()
        self._refused = 0

    async def add_links(self, found_on: str, depth: int, links: tuple[str, ...]) -> None:
        """The links of a page that is `depth` links away from the start."""
        if self._is_full():
            await self._tell_once(
                "frontier_full", "more URLs wait than this crawl can take: links are passed over", found_on
            )
            return
        if len(links) > MAX_LINKS:
            message = f"{path_of(found_on)} · of its {len(links):,} links the first {MAX_LINKS:,} are followed"
            await self._run.warn("too_many_links", message, url=found_on, links=len(links))
        links = links[:MAX_LINKS]
        if twins := _twins(links):
            await self.pass_over(twins.items(), depth + 1, found_on=found_on)
        onward = ((link, None) for link in links if link not in twins)
        await self.add(onward, UrlOrigin.LINK, depth + 1, found_on)

    async def add(
        self,
        urls: Iterable[tuple[str, datetime | None]],
        origin: UrlOrigin,
        depth: int,
        found_on: str | None,
    ) -> int:
        """Keep those that are new, with what is said of when they changed; how many wait now that did not."""
        fresh: dict[str, FrontierUrl] = {}
        added = 0
        for count, (url, lastmod) in enumerate(urls):
            if count % URLS_AT_ONCE == URLS_AT_ONCE - 1:
                await asyncio.sleep(0)
            # Most links of a page are those of the page before, to the letter. What has a date has something to add.
            is_news = self._is_news(url, depth)
            if not is_news and lastmod is None:
                continue
            key = url_key(url)
            is_news = self._is_news(key, depth) and is_news
            if key in fresh or (not is_news and lastmod is None):
                continue
            reason = self._run.refusal(url, depth, is_new=is_news)
            if reason is not None and not await self._is_listed(url):
                continue
            fresh[key] = FrontierUrl(
                url,
                key,
                depth,
                UrlState.QUEUED if reason is None else UrlState.SKIPPED,
                found_on=found_on,
                reason=None if reason is None else str(reason),
                origin=origin,
                lastmod=lastmod,
            )
            if len(fresh) >= ROWS_AT_ONCE:
                added += await self._keep(fresh)
        added += await self._keep(fresh)
        self._run.progress.links_added(added)
        if added:
            await self._run.frontier.wake()
        return added

    async def pass_over(
        self,
        twins: Iterable[tuple[str, str]],
        depth: int,
        *,
        found_on: str | None = None,
        origin: UrlOrigin = UrlOrigin.LINK,
    ) -> None:
        """Pairs of Markdown and page: the one is not to be asked for, if it wasn't yet, for it is that of the other."""
        rows = [
            FrontierUrl(
                url,
                url_key(url),
                depth,
                UrlState.SKIPPED,
                found_on=found_on,
                reason=str(Reason.MARKDOWN_TWIN),
                origin=origin,
                same_as=url_key(page),
            )
            for url, page in twins
        ]
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            await self._run.parts.store.crawls.add_urls(self._run.ctx.fence, part)
        for row in rows:
            self._run.frontier.forget(row.url_key)

    async def _keep(self, fresh: dict[str, FrontierUrl]) -> int:
        if len(self._known) > KNOWN_LIMIT:
            self._known.clear()
        rows = list(fresh.values())
        fresh.clear()
        return await self._run.parts.store.crawls.add_urls(self._run.ctx.fence, rows) if rows else 0

    async def _is_listed(self, url: str) -> bool:
        """Whether there is room to keep one more URL that is refused."""
        self._refused += 1
        if self._refused > MAX_REFUSED:
            await self._tell_once(
                "refused_unlisted", f"{MAX_REFUSED:,} refused URLs are listed, and no more of them", url
            )
        return self._refused <= MAX_REFUSED

    def _is_full(self) -> bool:
        run = self._run
        return run.progress.discovered - run.progress.settled > MAX_WAITING + 2 * run.payload.max_pages

    async def _tell_once(self, code: str, message: str, url: str) -> None:
        if code not in self._told:
            self._told.add(code)
            await self._run.warn(code, f"· {message}", url=url)

    def _is_news(self, link: str, depth: int) -> bool:
        """Whether this text, a link or a key, was not seen yet at this depth or above; now it is. Only hashes are kept."""
        mark = hash(link)
        if self._known.get(mark, depth + 1) <= depth:
            return False
        self._known[mark] = depth
        return True


def _twins(links: tuple[str, ...]) -> dict[str, str]:
    """Markdown that is linked to beside its page, with that page."""
    written = [link for link in links if ".md" in link]
    if not written:
        return {}
    pages = {url_key(link): link for link in links}
    found = (
        (link, (pages[key] for page in page_candidates(link) if (key := url_key(page)) in pages)) for link in written
    )
    return {link: page for link, candidates in found if (page := next(candidates, None)) is not None}
