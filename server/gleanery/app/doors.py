"""What clients meet: the routes by resource, the live interface and the pages, served on one socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from aiohttp import web

from gleanery import __version__, place
from gleanery.api.auth import Gate, gate_middleware
from gleanery.api.backup import BackupApi
from gleanery.api.changes import ChangesApi
from gleanery.api.compliance import ComplianceApi
from gleanery.api.embedder import BaseUrlCheck, EmbedderApi
from gleanery.api.export import ExportApi, ImportApi
from gleanery.api.generations import GenerationsApi
from gleanery.api.health import BackgroundApi, HealthApi
from gleanery.api.holdings import HoldingsApi
from gleanery.api.http import MAX_BODY_BYTES, error_middleware
from gleanery.api.knowledge import KnowledgeApi
from gleanery.api.live import Live
from gleanery.api.metrics import DoorParts, Meters, MetricsApi
from gleanery.api.openapi import document
from gleanery.api.pages import add_pages
from gleanery.api.parses import ParsesApi
from gleanery.api.process_metrics import ProcessMetrics, ProcessParts
from gleanery.api.route import Route
from gleanery.api.saved_queries import SavedQueriesApi
from gleanery.api.schedules import SchedulesApi
from gleanery.api.search import SearchApi
from gleanery.api.settings import SettingsApi
from gleanery.api.source_schedule import SourceScheduleApi
from gleanery.api.stories import StoriesApi
from gleanery.api.task_queue import TaskQueueApi
from gleanery.api.tasks import TasksApi
from gleanery.api.trace_groups import TraceGroupsApi
from gleanery.api.traces import TracesApi
from gleanery.api.upload import UploadApi
from gleanery.api.webhooks import WebhooksApi
from gleanery.api.workspaces import WorkspacesApi
from gleanery.app.engine import Engine, uploads, uploads_dir
from gleanery.app.ground import Ground
from gleanery.app.jobs import Jobs
from gleanery.app.parsing import Parsing
from gleanery.config import Settings
from gleanery.engine.lag import LagWatch
from gleanery.handlers.compliance.payload import ReportStarter
from gleanery.handlers.crawl.preview import Previewer
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.handlers.upload.folder import UploadFolder
from gleanery.knowledge.evaluation import Evaluator
from gleanery.knowledge.search import Searcher
from gleanery.knowledge.tidying import Tidying
from gleanery.web.guard import AddressPolicy

SHUTDOWN_SECONDS = 1.0


def routes(
    settings: Settings,
    ground: Ground,
    engine: Engine,
    parts: CrawlParts,
    parsing: Parsing,
    searcher: Searcher,
    evaluator: Evaluator,
    tidying: Tidying,
    url: str,
    check_url: CheckUrl,
) -> Sequence[Route]:
    store, vectors = ground.store, ground.vectors
    base_url = BaseUrlCheck(AddressPolicy.parse(settings.allow_addresses), settings.openai_base_url)
    imported = UploadFolder(uploads_dir(settings), settings.max_import_bytes)
    knowledge = KnowledgeApi(
        store,
        engine.submitter,
        check_url=check_url,
        previewer=Previewer(parts, ground.models.outlay),
        forget_source=tidying.forget,
        model=lambda: vectors.model,
        max_concurrency=settings.fetch_concurrency,
    )
    health = _health(settings, ground, engine, parts, f"{url}/example/")
    schedules = SchedulesApi(store.schedules, engine.submitter, check_url, engine.scheduler.wake, store.clock)
    reports = ReportStarter(store.compliance, engine.submitter, settings.queue_limit)
    return [
        *knowledge.routes(),
        *HoldingsApi(store.holdings, store.vectors).routes(),
        *GenerationsApi(store, engine.submitter, check_url, engine.conductor.look_at).routes(),
        *UploadApi(engine.submitter, uploads(settings), check_url).routes(),
        *TaskQueueApi(store.tasks, engine.submitter, engine.steering, check_url, store.clock).routes(),
        *TasksApi(store, ground.feed, engine.steering).routes(),
        *schedules.routes(),
        *SourceScheduleApi(store.knowledge, schedules, store.clock).routes(),
        *WebhooksApi(store.outbox).routes(),
        *ExportApi(store.knowledge, store.portable, settings.data_dir).routes(),
        *ImportApi(engine.submitter, imported, check_url).routes(),
        *BackupApi(settings.data_dir, is_kept_elsewhere=settings.supabase_url is not None).routes(),
        *ChangesApi(store, ground.executor).routes(),
        *SavedQueriesApi(store.saved_queries, store.generations, evaluator, store.clock).routes(),
        *ParsesApi(store, engine.submitter, check_url, parsing.parts.estimates.duration_seconds).routes(),
        *SearchApi(searcher, store.search).routes(),
        *ComplianceApi(store.compliance, store.search, reports, check_url).routes(),
        *StoriesApi(store.stories, engine.stories).routes(),
        *WorkspacesApi(
            store.stories, check_url, store.clock, is_price_set=settings.chat_price_per_million is not None
        ).routes(),
        *EmbedderApi(ground.models, vectors, engine.conductor, base_url).routes(),
        *SettingsApi(settings).routes(),
        *TracesApi(
            store.traces,
            engine.grouping.note,
            engine.forgetting,
            is_grouped=settings.grouping_enabled,
            clock=store.clock,
        ).routes(),
        *TraceGroupsApi(store.traces).routes(),
        *health.routes(),
    ]


def _health(
    settings: Settings, ground: Ground, engine: Engine, crawl: CrawlParts, example_url: str | None
) -> HealthApi:
    return HealthApi(
        ground.store,
        engine.worker,
        engine.dispatcher,
        ground.vectors,
        crawl.browser,
        settings,
        engine.grouping,
        example_url=example_url,
        started_at=ground.store.clock(),
    )


def watching(
    settings: Settings, ground: Ground, engine: Engine, crawl: CrawlParts, parsing: Parsing, live: Live, jobs: Jobs
) -> Sequence[Route]:
    """What tells how the server does."""
    process = _process_metrics(settings, ground, engine, crawl, parsing, jobs)
    ground.feed.listen(Meters(process.registry, engine.handlers).hear)
    background = BackgroundApi(
        ground.store,
        engine.presence,
        engine.dispatcher,
        engine.worker.worker_id,
        crawl.browser,
        parsing.browser,
        ground.store.clock,
    )
    parts = DoorParts(live, engine.grouping, engine.stories)
    work = {name: handler.spec.work for name, handler in engine.handlers.items()}
    return [*background.routes(), *MetricsApi(ground.store, process, parts, work, background.living).routes()]


def _process_metrics(
    settings: Settings, ground: Ground, engine: Engine, crawl: CrawlParts, parsing: Parsing, jobs: Jobs
) -> ProcessMetrics:
    parts = ProcessParts(
        engine.worker, ground.executor, crawl.extract_pool, crawl.browser, parsing.browser, settings.data_dir
    )
    metrics = ProcessMetrics(ground.store, parts)
    jobs.start(LagWatch(metrics.lag).run())
    return metrics


async def serve_doors(
    stack: contextlib.AsyncExitStack, listener: socket.socket, routes: Sequence[Route], gate: Gate, live: Live
) -> None:
    app = web.Application(middlewares=[error_middleware, gate_middleware(gate)], client_max_size=MAX_BODY_BYTES)
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    live.attach(app)
    add_pages(app, document(routes, __version__))
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    live.start()
    stack.push_async_callback(live.stop)
    await web.SockSite(runner, listener, backlog=1024).start()


async def serve_worker_doors(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    ground: Ground,
    engine: Engine,
    crawl: CrawlParts,
    parsing: Parsing,
    jobs: Jobs,
) -> None:
    """`/health` and `/metrics` of a worker, where a port is set for them: what looks after processes asks there."""
    if settings.worker_port is None:
        return
    listener = stack.enter_context(place.listening(settings.host, settings.worker_port, setting="GLEANERY_WORKER_PORT"))
    app = web.Application(middlewares=[error_middleware, gate_middleware(Gate(settings.api_keys))])
    health = _health(settings, ground, engine, crawl, None)
    metrics = _process_metrics(settings, ground, engine, crawl, parsing, jobs)
    for route in (*health.routes(), *metrics.routes()):
        app.router.add_route(route.method, route.path, route.handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()
