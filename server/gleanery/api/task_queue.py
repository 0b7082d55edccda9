"""`/tasks` as a queue: starting any task, the types there are, statistics, steering many at once, pruning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from gleanery import errors
from gleanery.api import present, task_shapes
from gleanery.api.http import answer, idempotency_of, int_of, read
from gleanery.api.knowledge import check_field
from gleanery.api.route import Query, Route
from gleanery.engine.housekeeping import prune
from gleanery.engine.steer import Steered, Steering
from gleanery.engine.submit import Submitter
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.model import Clock, NewTask, Task, TaskStatus, utc_now
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Idempotency, Retention, TaskFilter

WINDOW_SECONDS = 3600
MAX_WINDOW_SECONDS = 30 * 86_400
BUCKETS = 60
MAX_BUCKETS = 500


class TaskQueueApi:
    """The routes. `check_url` raises InvalidUrl for a webhook that can't be called."""

    def __init__(
        self,
        tasks: TaskStore,
        submitter: Submitter,
        steering: Steering,
        check_url: CheckUrl,
        clock: Clock = utc_now,
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._submitter = submitter
        self._steering = steering
        self._check_url = check_url

    def routes(self) -> Sequence[Route]:
        tasks = "/api/v1/tasks"
        window = Query("window_seconds", "How far back times and counts of ended tasks go; an hour.", "integer")
        return (
            Route(
                "POST",
                tasks,
                self.create,
                "Start any task",
                "tasks",
                task_shapes.TaskShape,
                task_shapes.TaskRequest,
                202,
                errors=(409, 503),
                is_idempotent=True,
            ),
            Route("GET", "/api/v1/task-types", self.types, "The types of tasks", "tasks", task_shapes.TaskTypes),
            Route("GET", f"{tasks}/stats", self.stats, "Figures", "tasks", task_shapes.TaskStatsShape, query=(window,)),
            Route(
                "GET", f"{tasks}/counts", self.counts, "How many there are by state", "tasks", task_shapes.TaskCounts
            ),
            Route(
                "GET",
                f"{tasks}/timeline",
                self.timeline,
                "States over time",
                "tasks",
                task_shapes.TimelineShape,
                query=(
                    Query("window_seconds", "How far back it goes; an hour.", "integer"),
                    Query("buckets", "Into how many parts the window is cut; 60, at most 500.", "integer"),
                ),
            ),
            Route(
                "POST",
                f"{tasks}/cancel",
                self.cancel,
                "Cancel all that fit, by default those not ended",
                "tasks",
                task_shapes.Steered,
                task_shapes.TaskSelection,
            ),
            Route(
                "POST",
                f"{tasks}/retry",
                self.retry,
                "Retry all that fit, by default the failed ones",
                "tasks",
                task_shapes.Steered,
                task_shapes.TaskSelection,
            ),
            Route(
                "POST",
                f"{tasks}/prune",
                self.prune,
                "Remove ended tasks",
                "tasks",
                task_shapes.Pruned,
                task_shapes.PruneRequest,
            ),
        )

    async def create(self, request: web.Request) -> web.Response:
        body = await read(request, task_shapes.TaskRequest)
        if body.webhook_url is not None:
            check_field(self._check_url, "webhook_url", body.webhook_url)
        task = await self._submit(body, idempotency_of(request, body))
        return answer(
            present.of_task(task, self._clock()), status=202, headers={"Location": f"/api/v1/tasks/{task.task_id}"}
        )

    async def _submit(self, body: task_shapes.TaskRequest, idempotency: Idempotency | None) -> Task:
        new = NewTask(
            task_type=body.task_type,
            payload=body.payload,
            title=body.title,
            description=body.description,
            priority=body.priority,
            queue_name=body.queue_name,
            max_retries=body.max_retries,
            run_at=body.run_at,
            depends_on=tuple(dict.fromkeys(body.depends_on)),
            on_dependency_failure=body.on_dependency_failure,
            coalesce_key=body.coalesce_key,
            webhook_url=body.webhook_url,
            webhook_states=tuple(body.webhook_states),
            parent_task_id=body.parent_task_id,
        )
        try:
            return await self._submitter.submit(new, idempotency)
        except errors.InvalidUrl as error:
            raise errors.InvalidUrl(error.reason, kind=error.code, field=f"payload.{error.field}") from None

    async def types(self, _: web.Request) -> web.Response:
        specs = [handler.spec for _, handler in sorted(self._submitter.handlers.items())]
        return answer(
            task_shapes.TaskTypes(
                items=[
                    task_shapes.TaskType(
                        task_type=spec.task_type,
                        description=spec.description,
                        can_pause=spec.can_pause,
                        work=spec.work,
                        concurrency=spec.concurrency,
                        worker_concurrency=spec.worker_concurrency,
                        timeout_seconds=spec.timeout_seconds,
                        max_retries=spec.retry.max_retries,
                        payload_schema=spec.payload.model_json_schema(),
                    )
                    for spec in specs
                ]
            )
        )

    async def stats(self, request: web.Request) -> web.Response:
        window = int_of(request, "window_seconds", WINDOW_SECONDS, least=1, most=MAX_WINDOW_SECONDS)
        return answer(present.of_stats(await self._tasks.stats(window_seconds=float(window))))

    async def counts(self, _: web.Request) -> web.Response:
        counts = await self._tasks.count_by_status()
        return answer(task_shapes.TaskCounts(by_status={status: counts.get(status, 0) for status in TaskStatus}))

    async def timeline(self, request: web.Request) -> web.Response:
        window = int_of(request, "window_seconds", WINDOW_SECONDS, least=60, most=MAX_WINDOW_SECONDS)
        buckets = int_of(request, "buckets", BUCKETS, least=1, most=MAX_BUCKETS)
        made = await self._tasks.timeline(window_seconds=float(window), buckets=buckets)
        return answer(
            task_shapes.TimelineShape(
                window_seconds=made.window_seconds,
                bucket_seconds=made.bucket_seconds,
                is_whole=made.is_whole,
                buckets=[task_shapes.TimelineBucketShape(**vars(bucket)) for bucket in made.buckets],
            )
        )

    async def cancel(self, request: web.Request) -> web.Response:
        return _steered(await self._steering.cancel_all(_filter(await read(request, task_shapes.TaskSelection))))

    async def retry(self, request: web.Request) -> web.Response:
        return _steered(await self._steering.retry_all(_filter(await read(request, task_shapes.TaskSelection))))

    async def prune(self, request: web.Request) -> web.Response:
        body = await read(request, task_shapes.PruneRequest)
        if unfinished := [status for status in body.status if not status.is_final]:
            raise errors.InvalidInput("status", f"a task that is {unfinished[0]} has not ended")
        retention = Retention(self._clock() - timedelta(days=body.older_than_days), tuple(body.status))
        removed = await (self._tasks.prunable(retention) if body.dry_run else prune(self._tasks, retention))
        return answer(task_shapes.Pruned(tasks=removed.tasks, events=removed.events, dry_run=body.dry_run))


def _filter(body: task_shapes.TaskSelection) -> TaskFilter:
    return TaskFilter(
        tuple(body.status),
        body.task_type,
        body.queue_name,
        body.parent_task_id,
        body.schedule_id,
        body.created_before,
        tuple(body.task_ids),
        body.error_code,
    )


def _steered(steered: Steered) -> web.Response:
    return answer(
        task_shapes.Steered(matched=steered.matched, changed=steered.changed, passed_over=steered.passed_over)
    )
