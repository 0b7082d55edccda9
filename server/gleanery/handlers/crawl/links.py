"""From links to rows of the frontier: each URL once, each with the decision on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.run import CrawlRun, path_of
from gleanery.model import FrontierUrl, UrlOrigin, UrlState
from gleanery.web.urls import url_key

MAX_LINKS = 5_000
"""Links of one page that are looked at; a page with more is a trap or a dump."""
KNOWN_LIMIT = 200_000
ROWS_AT_ONCE = 1_000


class LinkSorter:
    """Decides on every URL that a crawl comes to know, and keeps it with its reason."""

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._known: dict[int, int] = {}

    async def add_links(self, found_on: str, depth: int, links: tuple[str, ...]) -> None:
        """The links of a page that is `depth` links away from the start."""
        if len(links) > MAX_LINKS:
            message = f"{path_of(found_on)} · of its {len(links):,} links the first {MAX_LINKS:,} are followed"
            await self._run.warn("too_many_links", message, url=found_on, links=len(links))
        await self.add(((link, None) for link in links[:MAX_LINKS]), UrlOrigin.LINK, depth + 1, found_on)

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
        for url, lastmod in urls:
            if not self._is_news(url, depth):  # most links of a page are those of the page before, to the letter
                continue
            key = url_key(url)
            if key in fresh or not self._is_news(key, depth):
                continue
            reason = self._run.refusal(url, depth)
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

    async def pass_over(self, url: str, same_as: str, depth: int) -> None:
        """Not to be asked for, if it wasn't yet: it is the Markdown of the page at `same_as`."""
        key = url_key(url)
        row = FrontierUrl(
            url,
            key,
            depth,
            UrlState.SKIPPED,
            found_on=same_as,
            reason=str(Reason.MARKDOWN_TWIN),
            same_as=url_key(same_as),
        )
        await self._run.parts.store.crawls.add_urls(self._run.ctx.fence, [row])

    async def _keep(self, fresh: dict[str, FrontierUrl]) -> int:
        if len(self._known) > KNOWN_LIMIT:
            self._known.clear()
        rows = list(fresh.values())
        fresh.clear()
        return await self._run.parts.store.crawls.add_urls(self._run.ctx.fence, rows) if rows else 0

    def _is_news(self, link: str, depth: int) -> bool:
        """Whether this text, a link or a key, was not seen yet at this depth or above; now it is. Only hashes are kept."""
        mark = hash(link)
        if self._known.get(mark, depth + 1) <= depth:
            return False
        self._known[mark] = depth
        return True
