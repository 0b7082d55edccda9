"""A crawl's limits while it runs: they may be changed at any time, and what they left out is looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gleanery.handlers.crawl.payload import CrawlPayload
from gleanery.handlers.crawl.run import CrawlRun
from gleanery.model import FrontierUrl, UrlState

ROWS_AT_ONCE = 1_000
URLS_AT_ONCE = 50
"""So many are decided on before others have their turn: a few milliseconds."""


class LimitKeeper:
    """Keeps one run of a crawl to the limits of its task, as they stand."""

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._crawls = run.parts.store.crawls
        self._changed = asyncio.Event()
        self._was_changed = False
        run.ctx.listen(self._hear)

    def _hear(self, payload: Mapping[str, Any]) -> None:
        self._run.change(CrawlPayload.model_validate(payload))
        self._was_changed = True
        self._changed.set()

    async def keep(self) -> None:
        """Carry out what is changed while the stages work. Never ends by itself."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._apply()

    async def resume(self) -> None:
        """Before a later attempt: what earlier ones left out may be within the limits as they are now."""
        if self._run.room() > 0:
            self._run.progress.links_taken_up(await self._crawls.take_up_limited(self._run.ctx.fence))
        await self._apply()

    async def has_more(self) -> bool:
        """Whether a change has made room for URLs that wait, now that the stages are through."""
        if not self._was_changed:
            return False
        # Once more: a page that was read while the limits changed may have had its links judged by the old ones.
        await self._apply()
        run = self._run
        return run.room() > 0 and len(await self._crawls.next_urls(run.ctx.task.task_id, 1, [])) > 0

    async def _apply(self) -> None:
        run = self._run
        await run.keep_places()
        if run.is_helper:
            return  # what becomes of URLs that wait is the crawl's own worker's to say
        async with run.frontier.reordered() as busy:
            run.progress.links_dropped(await self._crawls.leave_out_deeper(run.ctx.fence, run.scope.max_depth, busy))
        run.progress.links_taken_up(await self._take_up_shallower())
        await run.frontier.wake()

    async def _take_up_shallower(self) -> int:
        """What was too deep and is so no more; how many of it wait now. Each gets a decision, so that none comes again."""
        run, taken = self._run, 0
        while rows := await self._crawls.too_deep(run.ctx.task.task_id, run.scope.max_depth, ROWS_AT_ONCE):
            decided = await self._decide(rows)
            taken += sum(row.state is UrlState.QUEUED for row in decided)
            await self._crawls.decide_anew(run.ctx.fence, decided)
        return taken

    async def _decide(self, rows: Sequence[FrontierUrl]) -> list[FrontierUrl]:
        decided = list[FrontierUrl]()
        for count, row in enumerate(rows):
            if count % URLS_AT_ONCE == URLS_AT_ONCE - 1:
                await asyncio.sleep(0)
            reason = self._run.refusal(row.url, row.depth)
            state = UrlState.QUEUED if reason is None else UrlState.SKIPPED
            decided.append(replace(row, state=state, reason=None if reason is None else str(reason)))
        return decided
