"""`/schedules`: recurring tasks, by cron or interval."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import Field

from gleanery import errors, model
from gleanery.api import present, wire
from gleanery.api.http import answer, cursor_of, idempotency_of, limit_of, make_cursor, read
from gleanery.api.knowledge import check_field
from gleanery.api.route import PAGED, Route
from gleanery.engine import schedule as timing
from gleanery.engine.scheduler import task_of
from gleanery.engine.submit import Submitter
from gleanery.model import Clock, Schedule, new_id, utc_now
from gleanery.store.base import ScheduleStore

NEXT_TICKS = 3
_TIMING = frozenset({"cron", "interval_seconds", "time_zone"})
_NULLABLE = frozenset({"cron", "interval_seconds", "max_retries", "webhook_url"})


class ScheduleRequest(wire.Request):
    """A recurring task: what runs, and when: `cron` in `time_zone`, or every `interval_seconds`."""

    name: str = Field(min_length=1, max_length=500, description="Also the title of its tasks.")
    task_type: str = Field(min_length=1, max_length=100, description="One of `GET /task-types`.")
    payload: dict[str, Any] = Field(default_factory=dict, description="What the type asks for.")
    cron: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Minute, hour, day of month, month, day of week. Named hours come once a day whatever the clock does.",
        examples=["30 2 * * *"],
    )
    interval_seconds: float | None = Field(None, description="At least 10; counted from its creation.")
    time_zone: str = Field("UTC", max_length=100, description="IANA name that `cron` is read in.")
    jitter_seconds: float = Field(0.0, description="A tick's task runs up to so much later, at most 3600.")
    missed_ticks: model.MissedTicks = Field(
        model.MissedTicks.ONCE, description="Ticks that passed without a server: `skip` them, run `once`, or run `all`."
    )
    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    queue_name: str = Field("default", min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")
    max_retries: int | None = Field(None, ge=0, le=100, description="Unset: as many as the type has.")
    webhook_url: str | None = Field(
        None, min_length=1, max_length=2048, description="Called when a task of it has ended."
    )
    is_paused: bool = False


class ScheduleChange(wire.Request):
    """What is to change of a schedule; what isn't given stays. Giving `cron` takes `interval_seconds` away, and vice versa."""

    name: str | None = Field(None, min_length=1, max_length=500)
    task_type: str | None = Field(None, min_length=1, max_length=100)
    payload: dict[str, Any] | None = None
    cron: str | None = Field(None, min_length=1, max_length=200)
    interval_seconds: float | None = None
    time_zone: str | None = Field(None, max_length=100)
    jitter_seconds: float | None = None
    missed_ticks: model.MissedTicks | None = None
    priority: int | None = Field(None, ge=0, le=100)
    queue_name: str | None = Field(None, min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")
    max_retries: int | None = Field(None, ge=0, le=100)
    webhook_url: str | None = Field(None, min_length=1, max_length=2048)
    is_paused: bool | None = Field(None, description="One that is resumed doesn't make up for what it missed.")

    def given(self) -> Mapping[str, Any]:
        """The fields to change. Raises InvalidInput for a null where there must be a value."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        for name, value in given.items():
            if value is None and name not in _NULLABLE:
                raise errors.InvalidInput(name, "must not be null")
        for one, other in (("cron", "interval_seconds"), ("interval_seconds", "cron")):
            if given.get(one) is not None:
                given.setdefault(other, None)
        return given


class RunRequest(wire.Request):
    """Nothing is asked for."""


class ScheduleShape(wire.Shape):
    schedule_id: str
    name: str
    task_type: str
    payload: dict[str, Any]
    cron: str | None
    interval_seconds: float | None
    time_zone: str
    jitter_seconds: float
    missed_ticks: model.MissedTicks
    priority: int
    queue_name: str
    max_retries: int | None
    webhook_url: str | None
    source_id: str | None = Field(
        description="The source that it crawls again, when `refresh_every` or `PUT /sources/{id}/schedule` made it."
    )
    is_paused: bool
    created_at: datetime
    next_at: datetime | None = Field(description="The next tick; null while paused.")
    last_at: datetime | None = Field(description="When its last task was made.")
    last_task_id: str | None
    skipped_count: int = Field(description="Ticks that were passed over.")
    last_error: wire.ErrorBody | None = Field(description="Why a tick had no task; null once one has run again.")


class ScheduleDetail(ScheduleShape):
    next_ticks: list[datetime] = Field(description="The next three; empty while paused.")


class SchedulePage(wire.Shape):
    items: list[ScheduleShape]
    next_cursor: str | None


class ScheduleRun(wire.Shape):
    schedule_id: str
    task_id: str


class SchedulesApi:
    """The routes. `check_url` raises InvalidUrl for a webhook that can't be called; `wake` is told of every change."""

    def __init__(
        self,
        schedules: ScheduleStore,
        submitter: Submitter,
        check_url: Callable[[str], None],
        wake: Callable[[], None],
        clock: Clock = utc_now,
    ) -> None:
        self._schedules = schedules
        self._submitter = submitter
        self._check_url = check_url
        self._wake = wake
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        every, one = "/api/v1/schedules", "/api/v1/schedules/{schedule_id}"
        return (
            Route("GET", every, self.list, "All schedules", "schedules", SchedulePage, query=PAGED),
            Route(
                "POST",
                every,
                self.create,
                "Have a task run again and again",
                "schedules",
                ScheduleDetail,
                ScheduleRequest,
                201,
                errors=(409,),
                is_idempotent=True,
            ),
            Route("GET", one, self.one, "One schedule", "schedules", ScheduleDetail, errors=(404,)),
            Route("PATCH", one, self.change, "Change it", "schedules", ScheduleDetail, ScheduleChange, errors=(404,)),
            Route(
                "DELETE", one, self.delete, "Remove it; its tasks stay", "schedules", None, status=204, errors=(404,)
            ),
            Route(
                "POST",
                f"{one}/run",
                self.run,
                "Run its task now, beside its ticks",
                "schedules",
                ScheduleRun,
                RunRequest,
                202,
                errors=(404, 409, 503),
                is_idempotent=True,
            ),
        )

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._schedules.list(after=_id_key(request), limit=limit)
        cursor = make_cursor(rows[-1].schedule_id) if len(rows) == limit else None
        return answer(SchedulePage(items=[ScheduleShape(**_facts(row)) for row in rows], next_cursor=cursor))

    async def create(self, request: web.Request) -> web.Response:
        body = await read(request, ScheduleRequest)
        now = self._clock()
        fields = {name: getattr(body, name) for name in ScheduleRequest.model_fields}
        schedule = Schedule(schedule_id=new_id("sch"), source_id=None, created_at=now, next_at=None, **fields)
        kept = await self._schedules.create(self._checked(schedule, is_retimed=True), idempotency_of(request, body))
        self._wake()
        return answer(self._detail(kept), status=201, headers={"Location": f"/api/v1/schedules/{kept.schedule_id}"})

    async def one(self, request: web.Request) -> web.Response:
        return answer(self._detail(await self._asked(request)))

    async def change(self, request: web.Request) -> web.Response:
        schedule = await self._asked(request)
        given = (await read(request, ScheduleChange)).given()
        changed = replace(schedule, **given)
        is_resumed = schedule.is_paused and not changed.is_paused
        is_retimed = is_resumed or not _TIMING.isdisjoint(given)
        return answer(await self.keep(changed, is_retimed=is_retimed))

    async def keep(self, schedule: Schedule, *, is_retimed: bool) -> ScheduleDetail:
        """Check it and keep it, also in place of another one of its source. Raises InvalidInput."""
        kept = await self._schedules.put(self._checked(schedule, is_retimed=is_retimed))
        self._wake()
        return self._detail(kept)

    async def delete(self, request: web.Request) -> web.Response:
        await self._schedules.delete(request.match_info["schedule_id"])
        return web.Response(status=204)

    async def run(self, request: web.Request) -> web.Response:
        body = await read(request, RunRequest)
        schedule = await self._asked(request)
        try:
            task = await self._submitter.submit(task_of(schedule, self._submitter), idempotency_of(request, body))
        except errors.InvalidUrl as error:
            raise errors.InvalidUrl(error.reason, kind=error.code, field=f"payload.{error.field}") from None
        if schedule.next_at is not None:  # where it stands stays; only a tick that comes right now gets ahead of this
            await self._schedules.advance(
                schedule.schedule_id, schedule.next_at, schedule.next_at, task_id=task.task_id
            )
        ran = ScheduleRun(schedule_id=schedule.schedule_id, task_id=task.task_id)
        return answer(ran, status=202, headers={"Location": f"/api/v1/tasks/{task.task_id}"})

    async def _asked(self, request: web.Request) -> Schedule:
        return await self._schedules.get(request.match_info["schedule_id"])

    def _checked(self, schedule: Schedule, *, is_retimed: bool) -> Schedule:
        """The schedule, with its next tick from now on when that may be another one. Raises InvalidInput."""
        timing.check(schedule.cron, schedule.interval_seconds, schedule.time_zone, schedule.jitter_seconds)
        if schedule.webhook_url is not None:
            check_field(self._check_url, "webhook_url", schedule.webhook_url)
        _check_json(schedule.payload)
        try:
            self._submitter.prepared(task_of(schedule, self._submitter))
        except errors.InvalidUrl as error:
            raise errors.InvalidUrl(error.reason, kind=error.code, field=f"payload.{error.field}") from None
        if is_retimed or schedule.next_at is None:
            return replace(schedule, next_at=timing.next_tick(schedule, self._clock()))
        return schedule

    def _detail(self, schedule: Schedule) -> ScheduleDetail:
        ticks = list[datetime]()
        if schedule.next_at is not None and not schedule.is_paused:
            ticks = [schedule.next_at, *itertools.islice(timing.ticks(schedule, schedule.next_at), NEXT_TICKS - 1)]
        return ScheduleDetail(**_facts(schedule), next_ticks=ticks)


def _facts(schedule: Schedule) -> dict[str, Any]:
    shown = {name: getattr(schedule, name) for name in ScheduleShape.model_fields}
    next_at = None if schedule.is_paused else schedule.next_at
    return {**shown, "next_at": next_at, "last_error": present.of_error(schedule.last_error)}


def _check_json(payload: Mapping[str, Any]) -> None:
    """Raises InvalidInput for what can be sent but not kept as sent: NaN, and text without a UTF-8 form."""
    try:
        json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise errors.InvalidInput("payload", f"can't be kept: {error}") from None


def _id_key(request: web.Request) -> str | None:
    match cursor_of(request):
        case None:
            return None
        case [str() as schedule_id]:
            return schedule_id
        case _:
            raise errors.InvalidInput("cursor", "is not one that this listing gave")
