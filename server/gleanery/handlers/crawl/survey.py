"""What a site offers by itself, beside its links: looked for once a crawl, told in the log, put into the frontier."""

from __future__ import annotations

from typing import Any

from gleanery.handlers.crawl.gather import Gatherer
from gleanery.handlers.crawl.links import LinkSorter
from gleanery.handlers.crawl.run import CrawlRun
from gleanery.knowledge.extract import ExtractedPage
from gleanery.model import EventType, NewEvent, UrlOrigin
from gleanery.web.crawl_mode import Mode, choose_mode
from gleanery.web.discover import Discovery, Outcome, Target, discover

STEP = "survey"
MAX_TOLD = 20
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

    async def survey(self) -> None:
        """Look once in the task's life, when the start page has shown where the site is."""
        if not self._run.payload.is_single:
            await self._run.start_is_read.wait()
            await self._run.ctx.step(STEP, self._look)

    async def _look(self) -> dict[str, Any]:
        run, page = self._run, self._run.start_page
        start, scope = run.start_url, run.scope
        robots = await run.parts.robots.get(start)
        found = await discover(
            start,
            robots,
            self._gatherer.fetch_any,
            is_wanted=lambda url: scope.refusal(url, 1) is None,
            feed_url=_feed(page),
        )
        mode = choose_mode(start, [url for url in page.links if not scope.refusal(url, 1)] if page else (), found)
        queued = 0
        for target, origin in ORIGINS.items():
            named = ((url.url, url.lastmod) for url in found.urls if url.origin is target)
            queued += await self._links.add(named, origin, 1, None)
        await run.tell(surveyed(mode, found, queued))
        return {"mode": str(mode.kind), "sentence": mode.sentence, "queued": queued, "tried": tried(found)}


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


def _feed(page: ExtractedPage | None) -> str | None:
    return page.feeds[0] if page is not None and page.feeds else None
