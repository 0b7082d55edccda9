"""The contract of several workers on one crawl: who has which of the URLs that wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gleanery.model import Fence, FrontierUrl


@dataclass(frozen=True)
class SharedCounts:
    """What all that work on a crawl have done. URLs that were refused unasked don't count."""

    discovered: int
    stored: int
    failed: int
    skipped: int


@dataclass(frozen=True)
class Claimed:
    """URLs that one has now; how many the `others` have, and how deep the shallowest of these is; what the crawl's payload has
    of the `limits` that may be changed, and how long it has run in all its attempts. Without any help there are no counts."""

    urls: Sequence[FrontierUrl]
    others: int
    shallowest: int | None
    limits: Mapping[str, Any]
    ran_seconds: float
    counts: SharedCounts | None


class CrawlSharing(Protocol):
    """A fence with a `helper` is that of one who works beside the worker that runs the crawl: valid as long as that attempt
    runs, too, and not while the crawl is closed. What a helper writes of a URL that it has not any more is passed over
    (`store_page` answers BEFORE)."""

    async def claim(self, fence: Fence, *, keep: Sequence[int], limit: int, lease_seconds: float) -> Claimed:
        """Have up to `limit` more URLs that wait, shallow first; of those one had only the ordinals `keep`. A helper has them
        for so long, and prolongs that by claiming again. The crawl itself opens what it had closed. Raises LeaseLost."""
        ...

    async def close(self, fence: Fence) -> None:
        """By the fence of the crawl itself: nobody has anything any more, and whatever helpers write raises LeaseLost. Raises
        it, too."""
        ...

    async def let_go(self, fence: Fence) -> None:
        """A helper has nothing any more. By the fence of the crawl itself: nobody has; that raises LeaseLost."""
        ...
