"""How far a crawl is: six counters that only grow, a percentage that never goes back, rate and time left. Pure.

After a restart the rows may say less than was told before (pages that were fetched but not stored are fetched again):
each counter then stands still until the rows have caught up.
"""

from __future__ import annotations

from collections import deque

from gleanery.model import CrawlCounts, CrawlStage, Progress, StageCount
from gleanery.store.crawl_sharing import SharedCounts

RATE_WINDOW_SECONDS = 15.0
ETA_MIN_SECONDS = 10.0
ETA_MIN_PAGES = 20
_NEW_LINKS_MEMORY = 30


class CrawlProgress:
    """The counters of one crawl. Times are seconds of any steady clock."""

    def __init__(self, before: Progress, *, max_pages: int, has_embedder: bool, now: float) -> None:
        self._floor = {name: count.done for name, count in before.stages.items()}
        self._percentage = before.percentage
        self._max_pages = max_pages
        self._has_embedder = has_embedder
        self._started = now
        self._stored_at: deque[float] = deque(maxlen=2000)
        self._yields: deque[int] = deque(maxlen=_NEW_LINKS_MEMORY)
        self.stage = before.stage
        self.current_url: str | None = None
        self.discovered = self.fetched = self.extracted = self.chunked = self.stored = self.embedded = 0
        self.failed = self.skipped = 0

    def take_stock(self, counts: CrawlCounts) -> None:
        """Set the counters to what the rows say."""
        asked = counts.skipped - counts.refused
        self.discovered = counts.queued + counts.stored + counts.failed + asked
        self.stored = self.chunked = self.extracted = self.fetched = counts.stored
        self.embedded = counts.embedded
        self.failed, self.skipped = counts.failed, asked

    def take_in(self, counts: SharedCounts, now: float) -> None:
        """What all who work on the crawl have done, by the rows: what others did counts as if it had been done here."""
        more = max(0, counts.stored - self.stored)
        self.stored += more
        self.fetched, self.extracted, self.chunked = self.fetched + more, self.extracted + more, self.chunked + more
        self._stored_at.extend([now] * more)
        self.discovered = max(self.discovered, counts.discovered)
        self.failed, self.skipped = max(self.failed, counts.failed), max(self.skipped, counts.skipped)

    def page_stored(self, now: float) -> None:
        self.stored += 1
        self._stored_at.append(now)

    def unchanged(self, now: float) -> None:
        """A page is stored as it was: it went through all stages at once."""
        self.extracted += 1
        self.chunked += 1
        self.page_stored(now)

    def links_added(self, count: int) -> None:
        """A page brought `count` new URLs: how open the site still is shows in the last of these."""
        self.discovered += count
        self._yields.append(count)

    def limit(self, max_pages: int) -> None:
        """So many pages are wanted at most from now on."""
        self._max_pages = max_pages

    def links_taken_up(self, count: int) -> None:
        """So many URLs that were left out wait now."""
        self.discovered += count

    def links_dropped(self, count: int) -> None:
        """So many URLs that waited are left out now. They were found all the same: the counter stands still."""
        name = str(CrawlStage.DISCOVERED)
        self._floor[name] = max(self._floor.get(name, 0), self.discovered)
        self.discovered -= count

    def part_found(self) -> None:
        """A document has a page more in it: discovered, fetched and read in one."""
        self.discovered += 1
        self.fetched += 1
        self.extracted += 1

    @property
    def settled(self) -> int:
        return self.stored + self.failed + self.skipped

    def rate(self, now: float) -> float | None:
        """Pages stored per second, over the last seconds."""
        while self._stored_at and self._stored_at[0] < now - RATE_WINDOW_SECONDS:
            self._stored_at.popleft()
        span = min(RATE_WINDOW_SECONDS, now - self._started)
        if span < 1 or not self._stored_at:
            return None
        return len(self._stored_at) / span

    def eta_seconds(self, now: float) -> float | None:
        """Time left at this rate, once there is enough to judge by."""
        rate = self.rate(now)
        if rate is None or now - self._started < ETA_MIN_SECONDS or self.settled < ETA_MIN_PAGES:
            return None
        return round((self._wanted() - self.settled) / rate, 1)

    def snapshot(self, now: float, message: str) -> Progress:
        """The progress as it is stored and told."""
        self._percentage = max(self._percentage, self._estimate())
        wanted = self._wanted()
        counts = {
            CrawlStage.DISCOVERED: self.discovered,
            CrawlStage.FETCHED: self.fetched,
            CrawlStage.EXTRACTED: self.extracted,
            CrawlStage.CHUNKED: self.chunked,
            CrawlStage.STORED: self.stored,
        }
        if self._has_embedder:
            counts[CrawlStage.EMBEDDED] = self.embedded
        rate = self.rate(now)
        return Progress(
            percentage=self._percentage,
            stage=self.stage,
            stages={
                str(name): StageCount(
                    max(done, self._floor.get(name, 0)), None if name is CrawlStage.DISCOVERED else wanted
                )
                for name, done in counts.items()
            },
            message=message,
            eta_seconds=self.eta_seconds(now),
            rate_per_second=None if rate is None else round(rate, 2),
            current_url=self.current_url,
            failed=self.failed,
            skipped=self.skipped,
        )

    def finished(self, now: float, message: str) -> Progress:
        """The progress of a crawl that is through: all counters final."""
        self._percentage = 100.0
        self.stage = "complete"
        self.current_url = None
        progress = self.snapshot(now, message)
        stages = {name: StageCount(count.done, count.done) for name, count in progress.stages.items()}
        return Progress(**{**vars(progress), "stages": stages, "eta_seconds": None})

    def _wanted(self) -> int:
        """Pages that are expected to be stored, as far as is known: never fewer than are."""
        return max(self.stored, min(self.discovered - self.failed - self.skipped, self._max_pages))

    def _estimate(self) -> float:
        """Share done of what is known and of what the waiting URLs are likely to bring: each as many as the last ones
        did, but not above one. Without that a first page out of one would count as everything."""
        waiting = max(0, self.discovered - self.settled)
        opening = sum(self._yields) / len(self._yields) if self._yields else 1.0
        total = min(self.discovered + waiting * min(1.0, opening), self._max_pages + self.failed + self.skipped)
        if total <= 0:
            return 0.0
        done = self.settled / total
        if self._has_embedder:
            done = (done + (self.embedded + self.failed + self.skipped) / total) / 2
        return min(99.0, 100.0 * done)
