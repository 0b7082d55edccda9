"""`/metrics`: figures for Prometheus. What the rows say is read when it asks; what this process counts is kept here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gleanery.api.compliance_meters import ComplianceMeters
from gleanery.api.live import Live
from gleanery.api.route import Route
from gleanery.api.story_meters import StoryMeters, of_stories
from gleanery.engine.memory import own_mb
from gleanery.engine.threads import CountedExecutor
from gleanery.engine.worker import Worker
from gleanery.handlers.group_traces.requests import GroupingRequests
from gleanery.handlers.stories.door import StoryDoor
from gleanery.model import DeliveryState, EventType
from gleanery.model.stories import StoryState
from gleanery.store.base import Store
from gleanery.store.parses import TASK_TYPE as PARSE
from gleanery.store.values import Change, Spread, TaskStats
from gleanery.web.browser.supervisor import Browser

WINDOW_SECONDS = 3600.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STEP_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ENDS = {EventType.TASK_COMPLETED: "completed", EventType.TASK_FAILED: "failed", EventType.TASK_CANCELLED: "cancelled"}


class Meters:
    """What is counted from the start of this process on, whichever process did it: `hear` is for the change feed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ended = Counter(
            "gleanery_tasks_ended",
            "Tasks that ended since the start of this server.",
            ["task_type", "status"],
            registry=self.registry,
        )
        self._retries = Counter(
            "gleanery_task_retries",
            "Further attempts that failed ones were given.",
            ["task_type"],
            registry=self.registry,
        )
        self._told = Counter("gleanery_events_told", "Events that were told to listeners.", registry=self.registry)
        self._lag = Histogram(
            "gleanery_loop_lag_seconds",
            "How much later than due a ticker of the event loop comes to its turn.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )

        self._steps = Histogram(
            "gleanery_parse_step_seconds",
            "How long the steps of parses took.",
            ["step"],
            buckets=STEP_BUCKETS,
            registry=self.registry,
        )
        self._answers = Counter(
            "gleanery_parse_answers",
            "Parses that completed: with a page that was kept already (hit), or loaded for them (miss).",
            ["cache"],
            registry=self.registry,
        )
        self._actions = Counter(
            "gleanery_parse_attempts_failed",
            "Attempts of parses that failed, by what was done about it.",
            ["action"],
            registry=self.registry,
        )

        self._compliance = ComplianceMeters(self.registry)
        self._stories = StoryMeters(self.registry)

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

    def lag(self, seconds: float) -> None:
        self._lag.observe(seconds)


class Pool(Protocol):
    """Processes, some of them busy."""

    size: int

    @property
    def busy(self) -> int: ...


@dataclass(frozen=True)
class Parts:
    """The parts of this process that know how busy they are."""

    worker: Worker
    executor: CountedExecutor
    extract_pool: Pool
    browser: Browser | None
    page_browser: Browser
    live: Live
    grouping: GroupingRequests
    stories: StoryDoor


class MetricsApi:
    """The route."""

    def __init__(self, store: Store, meters: Meters, parts: Parts) -> None:
        self._store = store
        self._registry = meters.registry
        self._figures = _Figures(parts)
        self._registry.register(self._figures)

    def routes(self) -> Sequence[Route]:
        return (Route("GET", "/metrics", self.metrics, "Figures for Prometheus, as text", "health", None),)

    async def metrics(self, _: web.Request) -> web.Response:
        self._figures.stats = await self._store.tasks.stats(window_seconds=WINDOW_SECONDS)
        self._figures.deliveries = await self._store.outbox.count_by_state()
        self._figures.stories = await self._store.stories.counts()
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE})


class _Figures(Collector):
    """What stands in the rows and in the parts at the moment. The rows are read before it is asked to `collect`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.stats: TaskStats | None = None
        self.deliveries: Mapping[str, int] = {}
        self.stories: Mapping[StoryState, int] = {}

    def describe(self) -> Sequence[Metric]:
        """None, so that a registry need not ask for figures to know their names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        if self.stats is not None:
            yield from _of_rows(self.stats)
        states = {str(state): self.deliveries.get(state, 0) for state in DeliveryState}
        yield _by("gleanery_webhook_deliveries", "Webhook calls in each state.", "state", states)
        parts = self._parts
        yield _gauge("gleanery_worker_running", "Tasks that run in this process.", parts.worker.running)
        yield _gauge("gleanery_worker_concurrency", "Tasks at once in this process.", parts.worker.concurrency)
        lost = "Leases that this process lost while it ran the task."
        yield CounterMetricFamily("gleanery_leases_lost", lost, parts.worker.leases_lost)
        yield _gauge("gleanery_executor_threads", "Threads for CPU-bound work.", parts.executor.size)
        yield _gauge("gleanery_executor_threads_busy", "Threads that work.", parts.executor.busy)
        yield _gauge("gleanery_executor_queued", "Work that waits for a thread.", parts.executor.queued)
        yield _gauge("gleanery_extract_processes", "Processes that take HTML apart.", parts.extract_pool.size)
        yield _gauge("gleanery_extract_processes_busy", "Those that have a page in hand.", parts.extract_pool.busy)
        if parts.browser is not None:
            yield from _of_browser(parts.browser)
        yield from _of_page_browser(parts.page_browser)
        yield from _of_grouping(parts.grouping)
        yield from of_stories(self.stories, parts.stories.counts)
        yield _gauge("gleanery_resident_memory_bytes", "Memory of this process.", own_mb() * 1024**2)
        yield _gauge("gleanery_socketio_clients", "Open Socket.IO connections.", parts.live.clients)


def _of_browser(browser: Browser) -> Iterator[Metric]:
    yield _gauge("gleanery_browser_running", "Whether the browser runs.", browser.is_running)
    yield _gauge("gleanery_browser_pages_open", "Pages that are being rendered.", browser.pages_open)
    yield _gauge("gleanery_browser_pages_waiting", "Pages that wait for a tab.", browser.pages_waiting)
    yield _gauge("gleanery_browser_memory_bytes", "Memory of its processes.", browser.memory_mb * 1024**2)
    yield CounterMetricFamily("gleanery_browser_pages", "Pages that were rendered.", browser.pages_rendered)
    yield CounterMetricFamily("gleanery_browser_launches", "Starts of the browser.", browser.launches)
    yield CounterMetricFamily("gleanery_browser_crashes", "Times that the browser died.", browser.crashes)


def _of_page_browser(browser: Browser) -> Iterator[Metric]:
    figures = browser.figures
    contexts = {"in_use": figures.in_use, "idle": figures.idle}
    yield _by("gleanery_parse_contexts", "Browser contexts of parses in each state.", "state", contexts)
    yield _gauge("gleanery_parse_contexts_waiting", "Parses that wait for a context.", figures.waiting)
    memory = "Memory of the processes of the parses' browser."
    yield _gauge("gleanery_parse_browser_memory_bytes", memory, figures.memory_mb * 1024**2)
    yield _gauge("gleanery_parse_browser_cpu_percent", "What they use, of one processor.", figures.cpu_percent)
    yield CounterMetricFamily("gleanery_parse_pages", "Pages that were opened for parses.", figures.pages_opened)
    yield CounterMetricFamily("gleanery_parse_browser_launches", "Starts of that browser.", figures.launches)
    yield CounterMetricFamily("gleanery_parse_browser_crashes", "Times that it died.", figures.crashes)


def _of_grouping(grouping: GroupingRequests) -> Iterator[Metric]:
    yield _gauge("gleanery_grouping_waiting", "Places whose grouping is still to be made a task.", grouping.depth)
    yield CounterMetricFamily("gleanery_grouping_requests", "Groupings that were asked for.", grouping.requested)
    yield CounterMetricFamily("gleanery_grouping_skipped", "Those that another one stood for.", grouping.skipped)


def _of_rows(stats: TaskStats) -> Iterator[Metric]:
    tasks = GaugeMetricFamily("gleanery_tasks", "Tasks in each state.", labels=["status", "task_type"])
    for task_type, counts in sorted(stats.by_type.items()):
        for status, count in sorted(counts.items()):
            tasks.add_metric([status, task_type], count)
    yield tasks
    queued = {name: counts.get("queued", 0) for name, counts in sorted(stats.by_queue.items())}
    yield _by("gleanery_queue_depth", "Queued tasks of each queue.", "queue", queued)
    yield _gauge("gleanery_tasks_due", "Queued tasks that may run now.", stats.due)
    oldest = "How long the oldest task that may run has waited."
    yield _gauge("gleanery_tasks_oldest_due_seconds", oldest, stats.oldest_due_seconds or 0.0)
    yield _spread("gleanery_task_waiting_seconds", "From due to start, of the last hour's ends.", stats.waiting_by_type)
    yield _spread("gleanery_task_running_seconds", "All attempts, of the last hour's ends.", stats.running_by_type)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _by(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _spread(name: str, about: str, spreads: Mapping[str, Spread]) -> Metric:
    """Quantiles as a gauge: a summary's count must never go back, and that of a window does."""
    family = GaugeMetricFamily(name, about, labels=["task_type", "quantile"])
    for task_type, spread in spreads.items():
        for quantile, seconds in (("0.5", spread.p50), ("0.95", spread.p95)):
            if seconds is not None:
                family.add_metric([task_type, quantile], seconds)
    return family
