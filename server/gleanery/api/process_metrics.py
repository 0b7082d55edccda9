"""What a process, server or worker, tells Prometheus of itself: how busy its parts are, and whether it reaches the database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gleanery import errors
from gleanery.api.route import Route
from gleanery.engine.memory import own_mb
from gleanery.engine.threads import CountedExecutor
from gleanery.engine.worker import Worker
from gleanery.store.base import Store
from gleanery.web.browser.supervisor import Browser

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Pool(Protocol):
    """Processes, some of them busy."""

    size: int

    @property
    def busy(self) -> int: ...


@dataclass(frozen=True)
class ProcessParts:
    """The parts of a process that know how busy they are, and the folder where it keeps what is its own."""

    worker: Worker
    executor: CountedExecutor
    extract_pool: Pool
    browser: Browser | None
    page_browser: Browser
    data_dir: Path


class ProcessMetrics:
    """Its figures, in a registry that others may add theirs to; `look` before they are taken."""

    def __init__(self, store: Store, parts: ProcessParts) -> None:
        self.registry = CollectorRegistry()
        self.is_store_up = False
        self._store = store
        self._parts = parts
        self._free_bytes = 0
        self._lag = Histogram(
            "gleanery_loop_lag_seconds",
            "How much later than due a ticker of the event loop comes to its turn.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Figures(self))

    def routes(self) -> Sequence[Route]:
        """Those of a worker: figures of this process alone. What the database says of all is told by servers."""
        return (Route("GET", "/metrics", self.metrics, "Figures for Prometheus, as text", "health", None),)

    async def metrics(self, _: web.Request) -> web.Response:
        await self.look()
        return text(self.registry)

    async def look(self) -> None:
        self._free_bytes = await asyncio.to_thread(lambda: shutil.disk_usage(self._parts.data_dir).free)
        try:
            await self._store.health()
        except errors.StorageError:
            self.is_store_up = False
        else:
            self.is_store_up = True

    def lag(self, seconds: float) -> None:
        self._lag.observe(seconds)

    def figures(self) -> Iterator[Metric]:
        yield gauge("gleanery_store_up", "Whether the database answers this process.", self.is_store_up)
        yield gauge("gleanery_data_dir_free_bytes", "Room on the disk of the data folder.", self._free_bytes)
        parts = self._parts
        yield gauge("gleanery_worker_running", "Tasks that run in this process.", parts.worker.running)
        yield gauge("gleanery_worker_concurrency", "Tasks at once in this process.", parts.worker.concurrency)
        lost = "Leases that this process lost while it ran the task."
        yield CounterMetricFamily("gleanery_leases_lost", lost, parts.worker.leases_lost)
        yield gauge("gleanery_executor_threads", "Threads for CPU-bound work.", parts.executor.size)
        yield gauge("gleanery_executor_threads_busy", "Threads that work.", parts.executor.busy)
        yield gauge("gleanery_executor_queued", "Work that waits for a thread.", parts.executor.queued)
        yield gauge("gleanery_extract_processes", "Processes that take HTML apart.", parts.extract_pool.size)
        yield gauge("gleanery_extract_processes_busy", "Those that have a page in hand.", parts.extract_pool.busy)
        if parts.browser is not None:
            yield from _of_browser(parts.browser)
        yield from _of_page_browser(parts.page_browser)
        yield gauge("gleanery_resident_memory_bytes", "Memory of this process.", own_mb() * 1024**2)


class _Figures(Collector):
    def __init__(self, of: ProcessMetrics) -> None:
        self._of = of

    def describe(self) -> Sequence[Metric]:
        """None, so that a registry need not ask for figures to know their names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        return self._of.figures()


def _of_browser(browser: Browser) -> Iterator[Metric]:
    yield gauge("gleanery_browser_running", "Whether the browser runs.", browser.is_running)
    yield gauge("gleanery_browser_pages_open", "Pages that are being rendered.", browser.pages_open)
    yield gauge("gleanery_browser_pages_waiting", "Pages that wait for a tab.", browser.pages_waiting)
    yield gauge("gleanery_browser_memory_bytes", "Memory of its processes.", browser.memory_mb * 1024**2)
    yield CounterMetricFamily("gleanery_browser_pages", "Pages that were rendered.", browser.pages_rendered)
    yield CounterMetricFamily("gleanery_browser_launches", "Starts of the browser.", browser.launches)
    yield CounterMetricFamily("gleanery_browser_crashes", "Times that the browser died.", browser.crashes)


def _of_page_browser(browser: Browser) -> Iterator[Metric]:
    figures = browser.figures
    contexts = {"in_use": figures.in_use, "idle": figures.idle}
    yield gauges("gleanery_parse_contexts", "Browser contexts of parses in each state.", "state", contexts)
    yield gauge("gleanery_parse_contexts_waiting", "Parses that wait for a context.", figures.waiting)
    memory = "Memory of the processes of the parses' browser."
    yield gauge("gleanery_parse_browser_memory_bytes", memory, figures.memory_mb * 1024**2)
    yield gauge("gleanery_parse_browser_cpu_percent", "What they use, of one processor.", figures.cpu_percent)
    yield CounterMetricFamily("gleanery_parse_pages", "Pages that were opened for parses.", figures.pages_opened)
    yield CounterMetricFamily("gleanery_parse_browser_launches", "Starts of that browser.", figures.launches)
    yield CounterMetricFamily("gleanery_parse_browser_crashes", "Times that it died.", figures.crashes)


def gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    """One for each value of the label."""
    family = GaugeMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def text(registry: CollectorRegistry) -> web.Response:
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})
