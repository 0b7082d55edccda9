"""`CrawlStore` over Supabase. What a method does is told in `crawl_store.py`, how in sql/021 to 023."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gleanery.model import (
    CrawlCounts,
    Fence,
    FrontierUrl,
    KnownPage,
    NewEvent,
    NewTask,
    Page,
    PageBundle,
    Progress,
    Schedule,
    Source,
    StoredAs,
    Task,
    UrlCount,
    UrlState,
)
from gleanery.store.crawl_limits import change_event, changed_limits
from gleanery.store.crawl_rows import counts_from, found_row, settled_row, url_count_from, url_from
from gleanery.store.knowledge_rows import known_page_from, page_from, source_row
from gleanery.store.rows import (
    compact,
    event_row,
    fence_row,
    new_task_row,
    progress_row,
    schedule_row,
    task_from,
)
from gleanery.store.supabase.client import Rest
from gleanery.store.supabase.crawl_sharing import SupabaseSharing
from gleanery.store.supabase.page_writer import PageWriter
from gleanery.store.supabase.settling import Settler
from gleanery.store.values import Idempotency


class SupabaseCrawls:
    """`CrawlStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._pages = PageWriter(rest)
        self._settler = Settler(rest)
        self.sharing = SupabaseSharing(rest)

    async def start(
        self,
        new: NewTask,
        source: Source,
        url_key: str,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
        schedule: Schedule | None = None,
    ) -> Task:
        row = await self._rest.write(
            "crawls_start",
            task=new_task_row(new),
            source=source_row(source, url_key),
            idempotency=None if idempotency is None else asdict(idempotency),
            queue_limit=queue_limit,
            schedule=None if schedule is None else schedule_row(schedule),
        )
        return task_from(row)

    async def add_urls(self, fence: Fence, urls: Sequence[FrontierUrl]) -> int:
        return await self._changed("add_urls", fence, urls=[found_row(url) for url in urls])

    async def next_urls(self, task_id: str, limit: int, exclude: Sequence[int]) -> Sequence[FrontierUrl]:
        rows = await self._rest.call("crawls_next_urls", task_id=task_id, limit=limit, exclude=list(exclude))
        return [url_from(row) for row in rows]

    async def note_attempt(self, fence: Fence, url_key: str, events: Sequence[NewEvent], progress: Progress) -> None:
        await self._rest.write("crawls_note_attempt", url_key=url_key, **told_args(fence, events, progress))

    async def settle(self, fence: Fence, url: FrontierUrl, events: Sequence[NewEvent], progress: Progress) -> None:
        await self._settler.settle(fence, url, events, progress)

    async def skip_queued(self, fence: Fence, reason: str) -> int:
        return await self._changed("skip_queued", fence, reason=reason)

    async def change_limits(self, task_id: str, limits: Mapping[str, Any]) -> Task:
        while True:
            row = await self._rest.call("tasks_get", task_id=task_id)
            task = task_from(row)
            changed = changed_limits(task, limits)
            if not changed:
                return task
            # Somebody else may change the task meanwhile: then it is looked at anew.
            kept = await self._rest.write(
                "crawls_change_limits",
                task_id=task_id,
                status=row["status"],
                payload=row["payload"],
                changed=compact(dict(changed)),
                source_id=str(task.payload.get("source_id")),
                events=[event_row(change_event(task, changed))],
            )
            if kept is not None:
                return task_from(kept)

    async def take_up_limited(self, fence: Fence) -> int:
        return await self._changed("take_up_limited", fence)

    async def leave_out_deeper(self, fence: Fence, max_depth: int, busy: Sequence[int]) -> int:
        return await self._changed("leave_out_deeper", fence, max_depth=max_depth, busy=list(busy))

    async def too_deep(self, task_id: str, max_depth: int, limit: int) -> Sequence[FrontierUrl]:
        rows = await self._rest.call("crawls_too_deep", task_id=task_id, max_depth=max_depth, limit=limit)
        return [url_from(row) for row in rows]

    async def decide_anew(self, fence: Fence, urls: Sequence[FrontierUrl]) -> None:
        rows = [{"url_key": url.url_key, "state": url.state, "reason": url.reason} for url in urls]
        await self._rest.write("crawls_decide_anew", fence=fence_row(fence), urls=rows)

    async def take_up_orphans(self, fence: Fence) -> int:
        return await self._changed("take_up_orphans", fence)

    async def page(self, page_id: str) -> Page:
        row = await self._rest.call("crawls_page", page_id=page_id)
        return page_from(row, row["markdown"])

    async def twin(self, task_id: str, source_id: str, url_key: str, content_hash: str) -> Page | None:
        row = await self._rest.call(
            "crawls_twin", task_id=task_id, source_id=source_id, url_key=url_key, content_hash=content_hash
        )
        return None if row is None else page_from(row, "")

    async def known_page(self, source_id: str, url_key: str) -> KnownPage | None:
        row = await self._rest.call("crawls_known_page", source_id=source_id, url_key=url_key)
        if row is None:
            return None
        return known_page_from(row, None if row["links"] is None else bytes.fromhex(row["links"]))

    async def keep_page(
        self, fence: Fence, url: FrontierUrl, page_id: str, events: Sequence[NewEvent], progress: Progress
    ) -> None:
        await self._rest.write(
            "crawls_keep_page", page_id=page_id, url=settled_row(url), **told_args(fence, events, progress)
        )

    async def store_page(
        self,
        fence: Fence,
        url: FrontierUrl,
        bundle: PageBundle,
        events: Sequence[NewEvent],
        progress: Progress,
        *,
        names_source: bool = False,
    ) -> StoredAs:
        ended = {"url": settled_row(url), "names_source": names_source, **told_args(fence, events, progress)}
        return await self._pages.store(fence, bundle, ended)

    async def counts(self, task_id: str, source_id: str, model: str | None) -> CrawlCounts:
        found = await self._rest.call("crawls_counts", task_id=task_id, source_id=source_id, model=model)
        return counts_from(found["groups"], found["embedded"])

    async def urls(
        self,
        task_id: str,
        *,
        state: UrlState | None,
        after: int,
        limit: int,
        reason: str | None = None,
        text: str | None = None,
    ) -> Sequence[FrontierUrl]:
        rows = await self._rest.call(
            "crawls_urls", task_id=task_id, state=state, after=after, limit=limit, reason=reason, text=text
        )
        return [url_from(row) for row in rows]

    async def url_counts(self, task_id: str) -> Sequence[UrlCount]:
        return [url_count_from(row) for row in await self._rest.call("crawls_url_counts", task_id=task_id)]

    async def _changed(self, name: str, fence: Fence, **args: Any) -> int:
        """How many rows a fenced change was of."""
        return int(await self._rest.write(f"crawls_{name}", fence=fence_row(fence), **args))


def told_args(fence: Fence, events: Sequence[NewEvent], progress: Progress) -> dict[str, Any]:
    """What `gleanery.report` takes."""
    return {
        "fence": fence_row(fence),
        "events": [event_row(event) for event in events],
        "progress": progress_row(progress, events) if fence.helper is None else None,
    }
