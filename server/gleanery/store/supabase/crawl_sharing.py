"""`CrawlSharing` over Supabase."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.model import Fence
from gleanery.store.crawl_rows import url_from
from gleanery.store.crawl_sharing import Claimed, SharedCounts
from gleanery.store.rows import fence_row
from gleanery.store.supabase.client import Rest


class SupabaseSharing:
    """`CrawlSharing` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def claim(self, fence: Fence, *, keep: Sequence[int], limit: int, lease_seconds: float) -> Claimed:
        found = await self._rest.write(
            "crawls_claim_urls", fence=fence_row(fence), keep=list(keep), limit=limit, lease_seconds=lease_seconds
        )
        return Claimed(
            [url_from(row) for row in found["urls"]],
            found["others"],
            found["shallowest"],
            found["limits"],
            found["ran_seconds"],
            None if found["counts"] is None else SharedCounts(**found["counts"]),
        )

    async def close(self, fence: Fence) -> None:
        await self._rest.write("crawls_close", fence=fence_row(fence))

    async def let_go(self, fence: Fence) -> None:
        await self._rest.write("crawls_let_go", fence=fence_row(fence))
