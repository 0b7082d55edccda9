"""How a crawl begins: its URL is checked, and the task is kept together with its source and the schedule that repeats it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from gleanery import errors
from gleanery.engine.schedule import parse_every
from gleanery.handlers.crawl.payload import CrawlPayload, scope_of
from gleanery.model import Clock, MissedTicks, NewTask, Schedule, Source, Task, new_id, utc_now
from gleanery.store.crawl_store import CrawlStore
from gleanery.store.values import Idempotency
from gleanery.web.urls import parse_url, url_key

CheckUrl = Callable[[str], None]


class CrawlStarter:
    """The crawl's `Create`. `check_url` raises InvalidUrl for a URL that can't be fetched by its form."""

    def __init__(
        self, crawls: CrawlStore, check_url: CheckUrl, has_browser: Callable[[], bool], clock: Clock = utc_now
    ) -> None:
        self._crawls = crawls
        self._clock = clock
        self._check_url = check_url
        self._has_browser = has_browser

    async def __call__(self, new: NewTask, idempotency: Idempotency | None, queue_limit: int) -> Task:
        """Raises InvalidUrl, InvalidInput (a glob, `refresh_every`), and what `TaskStore.create` raises."""
        asked = CrawlPayload.model_validate(new.payload)
        url = self.check(asked)
        payload = asked.model_copy(update={"url": url, "source_id": ""})
        return await self._crawls.start(
            replace(new, payload=payload.model_dump(), title=url),
            _source(payload, self._clock()),
            url_key(url),
            idempotency=idempotency,
            queue_limit=queue_limit,
            schedule=None if new.schedule_id else _schedule(payload, new, self._clock()),
        )

    def check(self, asked: CrawlPayload) -> str:
        """The start as an href. Raises InvalidUrl and InvalidInput for what can't be crawled by its form."""
        url = parse_url(asked.url)
        self._check_url(url)
        scope_of(asked, url)
        self._check_browser(asked)
        return url

    def _check_browser(self, asked: CrawlPayload) -> None:
        if asked.browser is not None and asked.render != "browser":
            raise errors.InvalidInput("browser", "is for crawls with render `browser`")
        if asked.render == "browser" and not self._has_browser():
            raise errors.InvalidInput(
                "render", "there is no browser on this machine; set GLEANERY_BROWSER, or run `make browser`"
            )


def _source(payload: CrawlPayload, now: datetime) -> Source:
    return Source(
        source_id=new_id("src"),
        url=payload.url,
        title="",
        tags=tuple(payload.tags),
        knowledge_type=payload.knowledge_type,
        options=payload.options(),
        created_at=now,
        updated_at=now,
        last_task_id=None,
    )


def _schedule(payload: CrawlPayload, new: NewTask, now: datetime) -> Schedule | None:
    """The recurring crawl that `refresh_every` asks for: its first tick is one interval from now."""
    if payload.refresh_every is None:
        return None
    every = parse_every(payload.refresh_every)
    return Schedule(
        schedule_id=new_id("sch"),
        name=f"Refresh {payload.url}",
        task_type=new.task_type,
        payload=payload.model_dump(exclude={"source_id", "refresh_every"}),
        cron=None,
        interval_seconds=every,
        time_zone="UTC",
        jitter_seconds=min(60.0, every / 10),
        missed_ticks=MissedTicks.ONCE,
        priority=new.priority,
        queue_name=new.queue_name,
        max_retries=new.max_retries,
        webhook_url=new.webhook_url,
        source_id=None,
        is_paused=False,
        created_at=now,
        next_at=now + timedelta(seconds=every),
    )
