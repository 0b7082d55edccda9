"""`/sources/{id}/schedule`: a source is refreshed again and again. What is made is a schedule like any other."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from pydantic import Field

from gleanery.api import wire
from gleanery.api.http import answer, read
from gleanery.api.route import Route
from gleanery.api.schedules import ScheduleDetail, SchedulesApi
from gleanery.handlers.crawl.payload import RefreshRequest, refresh_payload
from gleanery.model import Clock, MissedTicks, Schedule, Source, new_id
from gleanery.store.knowledge_store import KnowledgeStore

MOST_JITTER_SECONDS = 60.0


class SourceScheduleRequest(wire.Request):
    """When a source is refreshed: by `cron` in `time_zone`, or every `interval_seconds`."""

    cron: str | None = Field(None, min_length=1, max_length=200, examples=["30 2 * * *"])
    interval_seconds: float | None = Field(None, description="At least 10; counted from now.")
    time_zone: str = Field("UTC", max_length=100, description="IANA name that `cron` is read in.")
    webhook_url: str | None = Field(
        None, min_length=1, max_length=2048, description="Called with what changed, and when a refresh has ended."
    )
    is_paused: bool = False


class SourceScheduleApi:
    """The route. `schedules` checks what is made and keeps it."""

    def __init__(self, knowledge: KnowledgeStore, schedules: SchedulesApi, clock: Clock) -> None:
        self._knowledge = knowledge
        self._schedules = schedules
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "PUT",
                "/api/v1/sources/{source_id}/schedule",
                self.put,
                "Refresh it again and again; in place of the schedule that it has",
                "schedules",
                ScheduleDetail,
                SourceScheduleRequest,
                errors=(404, 409),
            ),
        )

    async def put(self, request: web.Request) -> web.Response:
        body = await read(request, SourceScheduleRequest)
        source = await self._knowledge.source(request.match_info["source_id"])
        return answer(await self._schedules.keep(self._schedule(source, body), is_retimed=True))

    def _schedule(self, source: Source, asked: SourceScheduleRequest) -> Schedule:
        """Raises WrongState for a source that was not crawled."""
        payload = refresh_payload(source, RefreshRequest(full=False, force=False, priority=50, webhook_url=None))
        every = asked.interval_seconds
        return Schedule(
            schedule_id=new_id("sch"),
            name=f"Refresh {source.url}",
            task_type="crawl",
            payload=payload.model_dump(exclude={"source_id", "refresh_every", "full", "force"}),
            cron=asked.cron,
            interval_seconds=every,
            time_zone=asked.time_zone,
            jitter_seconds=0.0 if every is None else max(0.0, min(MOST_JITTER_SECONDS, every / 10)),
            missed_ticks=MissedTicks.ONCE,
            priority=50,
            queue_name="default",
            max_retries=None,
            webhook_url=asked.webhook_url,
            source_id=source.source_id,
            is_paused=asked.is_paused,
            created_at=self._clock(),
            next_at=None,
        )
