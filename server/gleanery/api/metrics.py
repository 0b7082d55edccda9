"""`/metrics` of a server: figures for Prometheus. What the rows say is read when it asks; what was told since the start is
counted here; what the process is busy with is told by `process_metrics`, as in every worker."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gleanery import errors
from gleanery.api.compliance_meters import ComplianceMeters
from gleanery.api.health_shapes import WorkerShape
from gleanery.api.live import Live
from gleanery.api.process_metrics import ProcessMetrics, gauge, gauges, text
from gleanery.api.route import Route
from gleanery.api.story_meters import StoryMeters, of_stories, of_webhooks
from gleanery.engine.handler import Work
from gleanery.handlers.group_traces.requests import GroupingRequests
from gleanery.handlers.stories.door import StoryDoor
from gleanery.model import DeliveryState, EventType, TaskStatus
from gleanery.model.stories import StoryState
from gleanery.store.base import Store
from gleanery.store.parses import TASK_TYPE as PARSE
from gleanery.store.values import Change, Spread, TaskStats

WINDOW_SECONDS = 3600.0
STEP_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ENDS = {EventType.TASK_COMPLETED: "completed", EventType.TASK_FAILED: "failed", EventType.TASK_CANCELLED: "cancelled"}


class Meters:
    """What is counted from the start of this process on, whichever process did it: `hear` is for the change feed.

    Ends and retries of these task types are told from 0 on: Prometheus sees no increase in what first appears as 1 or more.
    """

    def __init__(self, registry: CollectorRegistry, task_types: Iterable[str]) -> None:
        self._ended = Counter(
            "gleanery_tasks_ended",
            "Tasks that ended since the start of this server.",
            ["task_type", "status"],
            registry=registry,
        )
        self._retries = Counter(
            "gleanery_task_retries",
            "Further attempts that failed ones were given.",
            ["task_type"],
            registry=registry,
        )
        for task_type in task_types:
            self._retries.labels(task_type)
            for status in _ENDS.values():
                self._ended.labels(task_type, status)
        self._told = Counter("gleanery_events_told", "Events that were told to listeners.", registry=registry)
        self._steps = Histogram(
            "gleanery_parse_step_seconds",
            "How long the steps of parses took.",
            ["step"],
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._answers = Counter(
            "gleanery_parse_answers",
            "Parses that completed: with a page that was kept already (hit), or loaded for them (miss).",
            ["cache"],
            registry=registry,
        )
        self._actions = Counter(
            "gleanery_parse_attempts_failed",
            "Attempts of parses that failed, by what was done about it.",
            ["action"],
            registry=registry,
        )

        self._compliance = ComplianceMeters(registry)
        self._stories = StoryMeters(registry)

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._compliance.hear(change)
            self._stories.hear(change)
            if change.task.task_type == PARSE:
                self._hear_parse(change)
            self._told.inc(len(change.events))
            for event in change.events:
                if event.type in _ENDS:
                    self._ended.labels(change.task.task_type, _ENDS[EventType(event.type)]).inc()
                elif event.type == EventType.TASK_SUPERSEDED:
                    self._ended.labels(change.task.task_type, "cancelled").inc()
                elif event.type == EventType.TASK_RETRY_SCHEDULED:
                    self._retries.labels(change.task.task_type).inc()

    def _hear_parse(self, change: Change) -> None:
        for event in change.events:
            match event.type:
                case EventType.WEB_PAGE_STORED:
                    for step, milliseconds in event.data["timing"].items():
                        self._steps.labels(step.removesuffix("_ms")).observe(milliseconds / 1000)
                case EventType.TASK_COMPLETED:
                    self._answers.labels("hit" if event.data["result"]["cache_hit"] else "miss").inc()
                case EventType.TASK_RETRY_SCHEDULED:
                    self._actions.labels(event.data["action"]).inc()
                case EventType.TASK_FAILED:
                    self._actions.labels("fail_permanently").inc()


@dataclass(frozen=True)
class DoorParts:
    """The parts that only a server has."""

    live: Live
    grouping: GroupingRequests
    stories: StoryDoor


@dataclass(frozen=True)
class _Rows:
    """What the database says at one moment, for all processes."""

    stats: TaskStats
    deliveries: Mapping[str, int]
    stories: Mapping[StoryState, int]
    workers: Sequence[WorkerShape]


class MetricsApi:
    """The route. `work` is the kind of work of each task type, `living` gives the workers that live and take tasks."""

    def __init__(
        self,
        store: Store,
        process: ProcessMetrics,
        parts: DoorParts,
        work: Mapping[str, Work],
        living: Callable[[], Awaitable[Sequence[WorkerShape]]],
    ) -> None:
        self._store = store
        self._process = process
        self._living = living
        self._figures = _Figures(parts, work)
        process.registry.register(self._figures)

    def routes(self) -> Sequence[Route]:
        return (Route("GET", "/metrics", self.metrics, "Figures for Prometheus, as text", "health", None),)

    async def metrics(self, _: web.Request) -> web.Response:
        await self._process.look()
        self._figures.rows = await self._rows() if self._process.is_store_up else None
        return text(self._process.registry)

    async def _rows(self) -> _Rows | None:
        """None when the database went away just now: what the process knows is told all the same."""
        store = self._store
        try:
            return _Rows(
                await store.tasks.stats(window_seconds=WINDOW_SECONDS),
                await store.outbox.count_by_state(),
                await store.stories.counts(),
                await self._living(),
            )
        except errors.StorageError:
            self._process.is_store_up = False
            return None


class _Figures(Collector):
    """What stands in the rows, which are read before it is asked to `collect`, and in the parts at the moment."""

    def __init__(self, parts: DoorParts, work: Mapping[str, Work]) -> None:
        self._parts = parts
        self._work = work
        self.rows: _Rows | None = None

    def describe(self) -> Sequence[Metric]:
        """None, so that a registry need not ask for figures to know their names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        if self.rows is not None:
            yield from _of_tasks(self.rows.stats)
            yield _of_work(self.rows.stats, self._work)
            yield _of_workers(self.rows.workers)
            states = {str(state): self.rows.deliveries.get(state, 0) for state in DeliveryState}
            yield gauges("gleanery_webhook_deliveries", "Webhook calls in each state.", "state", states)
            yield of_stories(self.rows.stories)
        yield from _of_grouping(self._parts.grouping)
        yield of_webhooks(self._parts.stories.counts)
        yield gauge("gleanery_socketio_clients", "Open Socket.IO connections.", self._parts.live.clients)


def _of_work(stats: TaskStats, work: Mapping[str, Work]) -> Metric:
    wanted = dict.fromkeys(map(str, Work), 0)
    for task_type, counts in stats.by_type.items():
        if task_type in work:
            wanted[work[task_type]] += stats.due_by_type.get(task_type, 0) + counts.get(TaskStatus.RUNNING, 0)
    return gauges("gleanery_work_wanted", "Due and running tasks of each kind of work.", "work", wanted)


def _of_workers(workers: Sequence[WorkerShape]) -> Metric:
    counts = Tally(task_type for worker in workers for task_type in worker.task_types)
    return gauges("gleanery_workers_alive", "Living workers that take tasks of each type.", "task_type", counts)


def _of_grouping(grouping: GroupingRequests) -> Iterator[Metric]:
    yield gauge("gleanery_grouping_waiting", "Places whose grouping is still to be made a task.", grouping.depth)
    yield CounterMetricFamily("gleanery_grouping_requests", "Groupings that were asked for.", grouping.requested)
    yield CounterMetricFamily("gleanery_grouping_skipped", "Those that another one stood for.", grouping.skipped)


def _of_tasks(stats: TaskStats) -> Iterator[Metric]:
    tasks = GaugeMetricFamily("gleanery_tasks", "Tasks in each state.", labels=["status", "task_type"])
    for task_type, counts in sorted(stats.by_type.items()):
        for status, count in sorted(counts.items()):
            tasks.add_metric([status, task_type], count)
    yield tasks
    queued = {name: counts.get("queued", 0) for name, counts in sorted(stats.by_queue.items())}
    yield gauges("gleanery_queue_depth", "Queued tasks of each queue.", "queue", queued)
    yield gauge("gleanery_tasks_due", "Queued tasks that may run now.", stats.due)
    due = {name: stats.due_by_type.get(name, 0) for name in sorted(stats.by_type)}
    yield gauges("gleanery_tasks_due_by_type", "Those of each type.", "task_type", due)
    oldest = "How long the oldest task that may run has waited."
    yield gauge("gleanery_tasks_oldest_due_seconds", oldest, stats.oldest_due_seconds or 0.0)
    yield _spread("gleanery_task_waiting_seconds", "From due to start, of the last hour's ends.", stats.waiting_by_type)
    yield _spread("gleanery_task_running_seconds", "All attempts, of the last hour's ends.", stats.running_by_type)


def _spread(name: str, about: str, spreads: Mapping[str, Spread]) -> Metric:
    """Quantiles as a gauge: a summary's count must never go back, and that of a window does."""
    family = GaugeMetricFamily(name, about, labels=["task_type", "quantile"])
    for task_type, spread in spreads.items():
        for quantile, seconds in (("0.5", spread.p50), ("0.95", spread.p95)):
            if seconds is not None:
                family.add_metric([task_type, quantile], seconds)
    return family
