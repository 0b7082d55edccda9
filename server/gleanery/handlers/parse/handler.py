"""The handler of tasks of type `parse_page`: a page that is kept already answers, or one is loaded and kept.

Equal requests have one serial key, so the second runs when the first has ended, and finds its page: one load for all.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.handlers.parse.estimates import Estimates
from gleanery.handlers.parse.loading import Loaded, Loader
from gleanery.handlers.parse.payload import ParsePayload, cache_key
from gleanery.handlers.parse.recovery import LONGEST_SECONDS, POLICY
from gleanery.handlers.parse.steps import Step, Steps
from gleanery.model import Clock, EventType, NewEvent, Task, new_id
from gleanery.store.parses import TASK_TYPE, PageSummary, ParseStore, WebPage

CLEAR_UP_SECONDS = 60.0
"""Beside the time of a page: waiting for a context, understanding the page, keeping it."""
EVICT_AT_ONCE = 4


@dataclass(frozen=True)
class ParseParts:
    """What parses work with. `key` is the one of `cache_key`; a page answers equal requests for `cache_seconds`; all of them
    take `cache_bytes` at most."""

    parses: ParseStore
    loader: Loader
    estimates: Estimates
    executor: ThreadPoolExecutor
    key: bytes
    cache_seconds: float
    cache_bytes: int
    pool_size: int
    clock: Clock


class ParseHandler:
    """`Handler` for tasks of type `parse_page`."""

    def __init__(self, parts: ParseParts) -> None:
        self._parts = parts
        self.spec = TaskSpec(
            TASK_TYPE,
            ParsePayload,
            Work.BROWSER,
            description="Parse one page in a browser",
            retry=POLICY,
            timeout_seconds=LONGEST_SECONDS + CLEAR_UP_SECONDS,
            worker_concurrency=parts.pool_size,
            serial_key=lambda payload: cache_key(payload, parts.key),
        )

    async def run(self, ctx: TaskContext, payload: ParsePayload) -> Outcome:
        began, steps = time.perf_counter(), Steps(ctx, payload.url, self._parts.estimates)
        try:
            page, is_hit = await self._page(ctx, payload, steps)
            await steps.settle()
        finally:
            await steps.close()
        result = self._result(ctx.task, page, is_hit, (time.perf_counter() - began) * 1000)
        message = f"{'Kept page of' if is_hit else 'Parsed'} {page.summary.title or page.final_url}"
        return Outcome(result, steps.finished(message), message)

    async def _page(self, ctx: TaskContext, payload: ParsePayload, steps: Steps) -> tuple[WebPage, bool]:
        await steps.begin(Step.CACHE)
        kept = await self._usable(ctx.task, payload)
        if kept is not None:
            await self._parts.parses.use(ctx.fence, kept.web_page_id)
            return kept, kept.task_id != ctx.task.task_id
        loaded_at = self._parts.clock()
        loaded = await self._parts.loader.load(ctx, await self._with_secrets(ctx.task, payload), steps)
        await steps.settle()
        return await self._keep(ctx, payload, loaded, loaded_at), False

    async def _usable(self, task: Task, payload: ParsePayload) -> WebPage | None:
        """A page that answers: one whose load began after this task was made always does, its own of an attempt that came
        no further too; an older one for as long as it may."""
        at = None if payload.force_refresh else self._parts.clock()
        return await self._parts.parses.usable(self._key_of(task, payload), at=at, began_after=task.created_at)

    def _key_of(self, task: Task, payload: ParsePayload) -> str:
        """The one that the door made of all that was asked: the payload here has masks for values."""
        return task.serial_key or cache_key(payload, self._parts.key)

    async def _with_secrets(self, task: Task, payload: ParsePayload) -> ParsePayload:
        if not payload.headers and not payload.cookies:
            return payload
        secrets = await self._parts.parses.secrets(task.task_id)
        if secrets is None:
            raise errors.WrongState(
                "The values of this parse's headers and cookies are not kept any more: start it anew."
            )
        return payload.unmasked(secrets)

    async def _keep(self, ctx: TaskContext, payload: ParsePayload, loaded: Loaded, loaded_at: datetime) -> WebPage:
        body = await asyncio.get_running_loop().run_in_executor(self._parts.executor, _json, loaded)
        page = self._web_page(ctx.task, payload, loaded, loaded_at, len(body))
        summary = page.summary
        event = NewEvent(
            EventType.WEB_PAGE_STORED,
            f"Stored: {summary.title or page.final_url}, {summary.element_count:,} elements",
            {
                "web_page_id": page.web_page_id,
                "url": page.final_url,
                "title": summary.title,
                "status_code": summary.http_status,
                "elements": summary.element_count,
                "size_bytes": page.size_bytes,
                "timing": dict(page.timing),
            },
        )
        await self._parts.parses.keep(
            ctx.fence, page, body, loaded.png, [event], ctx.progress, memory_usage_mb=round(loaded.memory_mb, 1)
        )
        await self._parts.parses.evict(self._parts.cache_bytes, EVICT_AT_ONCE)
        return page

    def _web_page(
        self, task: Task, payload: ParsePayload, loaded: Loaded, loaded_at: datetime, body_bytes: int
    ) -> WebPage:
        page = loaded.page
        return WebPage(
            web_page_id=new_id("web"),
            cache_key=self._key_of(task, payload),
            url=payload.url,
            final_url=page.navigation.final_url,
            task_id=task.task_id,
            loaded_at=loaded_at,
            expires_at=loaded_at + timedelta(seconds=self._parts.cache_seconds),
            size_bytes=body_bytes + len(loaded.png or b""),
            timing=page.timing.model_dump(),
            summary=PageSummary(
                title=page.head.title[:500],
                kind=page.meaning.kind,
                http_status=page.navigation.status,
                element_count=page.element_count,
                form_count=len(page.forms),
                table_count=len(page.tables),
                has_screenshot=loaded.png is not None,
            ),
        )

    def _result(self, task: Task, page: WebPage, is_hit: bool, taken_ms: float) -> dict[str, Any]:
        summary = page.summary
        age = max(0.0, (self._parts.clock() - page.loaded_at).total_seconds())
        return {
            "web_page_id": page.web_page_id,
            "url": page.url,
            "final_url": page.final_url,
            "title": summary.title,
            "kind": str(summary.kind),
            "http_status": summary.http_status,
            "element_count": summary.element_count,
            "form_count": summary.form_count,
            "table_count": summary.table_count,
            "screenshot_url": f"/api/v1/web-pages/{page.web_page_id}/screenshot" if summary.has_screenshot else None,
            "cache_hit": is_hit,
            "cache_age_seconds": round(age, 3) if is_hit else None,
            "processing_time_ms": round(taken_ms, 1),
            "attempts": task.attempt,
        }


def _json(loaded: Loaded) -> bytes:
    return loaded.page.model_dump_json().encode("utf-8", "replace")
