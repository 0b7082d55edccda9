"""How URLs that end without a page get into Supabase: those of a crawl that end while a call is under way share the next one.

A lone one goes at once. Beside each other such calls would only wait in the database, where each locks the crawl's task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from gleanery.model import Fence, FrontierUrl, NewEvent, Progress
from gleanery.store.crawl_rows import settled_row
from gleanery.store.rows import event_row, fence_row, progress_row
from gleanery.store.supabase.client import Rest


@dataclass(frozen=True)
class _Ended:
    url: FrontierUrl
    events: Sequence[NewEvent]
    progress: Progress


@dataclass
class _Group:
    """URLs of one call. Others may join until it `is_sent`, when its `turn` has come."""

    urls: list[_Ended] = field(default_factory=list)
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    is_sent: bool = False
    sending: asyncio.Task[None] = field(init=False)


class Settler:
    """Settles URLs over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._newest: dict[Fence, _Group] = {}

    async def settle(self, fence: Fence, url: FrontierUrl, events: Sequence[NewEvent], progress: Progress) -> None:
        """As `CrawlStore.settle`: returns once it is stored and told."""
        group = self._newest.get(fence)
        if group is None or group.is_sent:
            group = self._begin(fence, before=group)
        group.urls.append(_Ended(url, events, progress))
        try:
            await self._rest.result_of(group.sending)
        except asyncio.CancelledError:
            group.turn.set()  # the attempt may be ending: what it did shall be there before its end
            raise

    def _begin(self, fence: Fence, before: _Group | None) -> _Group:
        group = self._newest[fence] = _Group()
        group.sending = self._rest.see_through(self._send(fence, group))
        if before is None:
            group.turn.set()
        else:
            before.sending.add_done_callback(lambda _: group.turn.set())
        return group

    async def _send(self, fence: Fence, group: _Group) -> None:
        await group.turn.wait()
        group.is_sent = True
        try:
            await self._write(fence, group.urls)
        finally:
            if self._newest.get(fence) is group:
                del self._newest[fence]

    async def _write(self, fence: Fence, ended: Sequence[_Ended]) -> None:
        told = [event for one in ended for event in one.events]
        await self._rest.write(
            "crawls_settle",
            fence=fence_row(fence),
            ended=[{"url": settled_row(one.url), "events": [event_row(e) for e in one.events]} for one in ended],
            progress=progress_row(ended[-1].progress, told) if fence.helper is None else None,
        )
