"""`/health`: whether the server lives and how its parts are; `/health/background-tasks`: how the tasks do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from aiohttp import web

from gleanery import __version__, errors
from gleanery.api import health_shapes
from gleanery.api.http import answer
from gleanery.api.route import Route
from gleanery.config import Settings
from gleanery.engine.dispatch import Dispatcher
from gleanery.engine.presence import Presence
from gleanery.engine.worker import Worker
from gleanery.handlers.group_traces.requests import GroupingRequests
from gleanery.knowledge import minilm
from gleanery.knowledge.vectors import Vectors
from gleanery.model import Clock, DeliveryState, Task, TaskStatus, WorkerInfo
from gleanery.store.base import Store
from gleanery.store.values import TaskFilter, TaskStats
from gleanery.web.browser.open_page import PoolFigures
from gleanery.web.browser.supervisor import Browser

WINDOW_SECONDS = 3600.0
MOST_ACTIVE = 100
SILENT_SECONDS = 20.0
"""A worker tells of itself every five seconds; after so long without a line it is not taken for living."""


class HealthApi:
    """The route of the process's own health. A worker has no `example_url`."""

    def __init__(
        self,
        store: Store,
        worker: Worker,
        dispatcher: Dispatcher,
        vectors: Vectors,
        browser: Browser | None,
        settings: Settings,
        grouping: GroupingRequests,
        *,
        example_url: str | None,
        started_at: datetime,
    ) -> None:
        self._store = store
        self._worker = worker
        self._dispatcher = dispatcher
        self._vectors = vectors
        self._browser = browser
        self._settings = settings
        self._grouping = grouping
        self._example_url = example_url
        self._started_at = started_at

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "GET", "/health", self.health, "Whether the server lives, and its parts", "health", health_shapes.Health
            ),
        )

    async def health(self, _: web.Request) -> web.Response:
        parts = {
            "database": await self._database(),
            "embedder": self._embedder(),
            "browser": browser_health(self._browser),
            "worker": health_shapes.PartHealth(
                status="ok", message=f"{self._worker.running} of {self._worker.concurrency} tasks at once"
            ),
            "dispatcher": health_shapes.PartHealth(
                status="ok" if self._dispatcher.problem is None else "degraded", message=self._dispatcher.health()
            ),
            "grouping": self._grouping_health(),
        }
        is_ok = all(part.status in ("ok", "off") for part in parts.values())
        shape = health_shapes.Health(
            status="ok" if is_ok else "degraded",
            version=__version__,
            started_at=self._started_at,
            parts=parts,
            example_url=self._example_url,
            needs_key=bool(self._settings.api_keys),
        )
        return answer(shape)

    async def _database(self) -> health_shapes.PartHealth:
        try:
            return health_shapes.PartHealth(status="ok", message=await self._store.health())
        except errors.StorageError as error:
            return health_shapes.PartHealth(status="failed", message=error.message)

    def _grouping_health(self) -> health_shapes.PartHealth:
        grouping = self._grouping
        if not grouping.is_on:
            return health_shapes.PartHealth(status="off", message="Off: traces are only stored")
        if grouping.problem is not None:
            return health_shapes.PartHealth(status="degraded", message=grouping.problem)
        return health_shapes.PartHealth(status="ok", message=f"{grouping.depth} projects and paths wait for their task")

    def _embedder(self) -> health_shapes.PartHealth:
        if self._vectors.problem is not None:
            return health_shapes.PartHealth(status="degraded", message=self._vectors.problem)
        if not self._vectors.is_on:
            return health_shapes.PartHealth(status="off", message="Off: search finds by words")
        if str(self._vectors.model).startswith("local:") and not minilm.is_built(self._settings.model_dir):
            return health_shapes.PartHealth(
                status="degraded", message="The local model is missing: 'make setup' builds it. Search finds by words"
            )
        where = f"{self._vectors.count:,} vectors" if self._vectors.is_held else "its vectors in the database"
        return health_shapes.PartHealth(status="ok", message=f"{self._vectors.model}, {where}")


def browser_health(browser: Browser | None) -> health_shapes.PartHealth:
    """Whether pages can be rendered, and by what."""
    if browser is None:
        return health_shapes.PartHealth(status="off", message="None found; pages are read over HTTP")
    if browser.last_failure and not browser.is_running:
        return health_shapes.PartHealth(status="degraded", message=f"It did not start: {browser.last_failure}")
    state = f"{browser.pages_open} pages open" if browser.is_running else "not started yet"
    return health_shapes.PartHealth(status="ok", message=f"{browser.find()}, {state}")


class BackgroundApi:
    """The route of the tasks' health. `own_id` is this process's worker, which certainly lives."""

    def __init__(
        self,
        store: Store,
        presence: Presence,
        dispatcher: Dispatcher,
        own_id: str,
        browser: Browser | None,
        page_browser: Browser,
        clock: Clock,
    ) -> None:
        self._store = store
        self._browser = browser
        self._page_browser = page_browser
        self._presence = presence
        self._dispatcher = dispatcher
        self._own_id = own_id
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        path = "/health/background-tasks"
        return (
            Route(
                "GET", path, self.health, "How tasks, workers and webhooks do", "health", health_shapes.BackgroundHealth
            ),
        )

    async def health(self, _: web.Request) -> web.Response:
        try:
            return answer(await self._health())
        except errors.StorageError as error:
            return answer(
                self._shape([error.message], health_shapes.PartHealth(status="failed", message=error.message))
            )

    async def _health(self) -> health_shapes.BackgroundHealth:
        store = self._store
        sentence = await store.health()
        stats = await store.tasks.stats(window_seconds=WINDOW_SECONDS)
        active = await store.tasks.list(TaskFilter((TaskStatus.RUNNING,)), after=None, limit=MOST_ACTIVE)
        workers = [await self._worker(row) for row in await store.workers.list()]
        webhooks = {str(state): 0 for state in DeliveryState} | dict(await store.outbox.count_by_state())
        return self._shape(
            [*await self._unserved(stats, workers), *_dead_letters(webhooks)],
            health_shapes.PartHealth(status="ok", message=sentence),
            queue=health_shapes.QueueHealth(
                by_status={str(status): stats.by_status.get(status, 0) for status in TaskStatus},
                due=stats.due,
                oldest_due_seconds=stats.oldest_due_seconds,
            ),
            active_tasks=[_active(task) for task in active],
            failures_last_hour=stats.ended.get(TaskStatus.FAILED, 0),
            workers=workers,
            webhooks=webhooks,
            page_pool=_pool(self._page_browser.figures),
        )

    def _shape(
        self,
        reasons: list[str],
        store: health_shapes.PartHealth,
        *,
        queue: health_shapes.QueueHealth | None = None,
        active_tasks: Sequence[health_shapes.ActiveTask] = (),
        failures_last_hour: int = 0,
        workers: Sequence[health_shapes.WorkerShape] = (),
        webhooks: Mapping[str, int] | None = None,
        page_pool: health_shapes.PagePool | None = None,
    ) -> health_shapes.BackgroundHealth:
        return health_shapes.BackgroundHealth(
            status="degraded" if reasons else "ok",
            reasons=reasons,
            queue=queue,
            active_tasks=list(active_tasks),
            failures_last_hour=failures_last_hour,
            store=store,
            browser_pool=browser_health(self._browser),
            page_pool=page_pool,
            workers=list(workers),
            webhooks=dict(webhooks or {}),
            dispatcher=self._dispatcher.health(),
        )

    async def living(self) -> Sequence[health_shapes.WorkerShape]:
        """The workers that live and take tasks."""
        shapes = [await self._worker(row) for row in await self._store.workers.list()]
        return [shape for shape in shapes if shape.is_alive and shape.concurrency]

    async def _worker(self, worker: WorkerInfo) -> health_shapes.WorkerShape:
        is_silent = (self._clock() - worker.beat_at).total_seconds() > SILENT_SECONDS
        is_gone = is_silent or bool(await self._presence.gone([worker.worker_id]))
        is_alive = worker.worker_id == self._own_id or not is_gone
        return health_shapes.WorkerShape(**{**asdict(worker), "task_types": list(worker.task_types)}, is_alive=is_alive)

    async def _unserved(self, stats: TaskStats, workers: Sequence[health_shapes.WorkerShape]) -> list[str]:
        """Sentences about due tasks that no living worker takes."""
        if not stats.due:
            return []
        taking = [worker for worker in workers if worker.is_alive and worker.concurrency]
        if not taking:
            return [f"No worker lives and tasks are due: {stats.due}. Start one with 'gleanery worker'."]
        taken = {task_type for worker in taking for task_type in worker.task_types}
        waiting = sorted(name for name, counts in stats.by_type.items() if counts.get(TaskStatus.QUEUED))
        return [
            f"Tasks of type {name} are due and no living worker runs that type."
            for name in waiting
            if name not in taken and await self._is_due(name)
        ]

    async def _is_due(self, task_type: str) -> bool:
        """Whether one of the newest that wait may run now."""
        now = self._clock()
        wanted = TaskFilter((TaskStatus.QUEUED,), task_type)
        rows = await self._store.tasks.list(wanted, after=None, limit=MOST_ACTIVE)
        return any(row.run_at <= now and not row.waits_for for row in rows)


def _pool(figures: PoolFigures) -> health_shapes.PagePool:
    rounded = {"memory_mb": round(figures.memory_mb, 1), "cpu_percent": round(figures.cpu_percent, 1)}
    return health_shapes.PagePool(**{**asdict(figures), **rounded})


def _dead_letters(webhooks: Mapping[str, int]) -> list[str]:
    dead = webhooks[DeliveryState.DEAD]
    return (
        [f"Webhook calls that were given up: {dead}. See GET /api/v1/webhooks/deliveries?state=dead."] if dead else []
    )


def _active(task: Task) -> health_shapes.ActiveTask:
    return health_shapes.ActiveTask(
        task_id=task.task_id,
        task_type=task.task_type,
        title=task.title,
        status=task.status,
        worker_id=task.worker_id,
        attempt=task.attempt,
        percentage=round(task.progress.percentage, 1),
        stage=task.progress.stage,
        attempt_started_at=task.attempt_started_at,
        memory_usage_mb=task.memory_usage_mb,
    )
