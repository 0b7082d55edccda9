"""The composition root: builds a server or a worker from its settings, in one place, and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from gleanery import __version__, errors, log, place
from gleanery.announcement import announced, announced_address, announced_url
from gleanery.api.auth import Gate, gate_middleware
from gleanery.api.health import BackgroundApi, HealthApi
from gleanery.api.http import MAX_BODY_BYTES, error_middleware
from gleanery.api.knowledge import KnowledgeApi
from gleanery.api.live import Live
from gleanery.api.metrics import Meters, MetricsApi, Parts
from gleanery.api.openapi import document
from gleanery.api.pages import add_pages
from gleanery.api.route import Route
from gleanery.api.schedules import SchedulesApi
from gleanery.api.search import SearchApi
from gleanery.api.task_queue import TaskQueueApi
from gleanery.api.tasks import TasksApi
from gleanery.api.upload import UploadApi
from gleanery.api.webhooks import WebhooksApi
from gleanery.config import EmbedderKind, Settings, user_agent
from gleanery.engine.company import Company
from gleanery.engine.dispatch import Dispatcher, LocalDispatcher, ringing
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import Handler, by_type
from gleanery.engine.housekeeping import Housekeeping, KeepPolicy
from gleanery.engine.lag import LagWatch
from gleanery.engine.presence import Presence
from gleanery.engine.scheduler import Scheduler
from gleanery.engine.steer import Steering
from gleanery.engine.submit import Create, Submitter
from gleanery.engine.tail import Tail
from gleanery.engine.threads import CountedExecutor
from gleanery.engine.webhooks import WebhookSender, load_secret
from gleanery.engine.worker import Worker
from gleanery.handlers.crawl.handler import CrawlHandler
from gleanery.handlers.crawl.preview import Previewer
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.crawl.start import CheckUrl, CrawlStarter
from gleanery.handlers.demo import DemoHandler
from gleanery.handlers.embed_source import EmbedSourceHandler, enqueue_missing
from gleanery.handlers.upload.folder import UploadFolder
from gleanery.handlers.upload.handler import UploadHandler, UploadParts, UploadStarter
from gleanery.knowledge.embed import Embedder, LocalEmbedder, OpenAIEmbedder
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.search import Searcher
from gleanery.knowledge.vectors import Arrivals, Vectors
from gleanery.model import utc_now
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.presence import FilePresence
from gleanery.web.browser.supervisor import Browser, BrowserLimits
from gleanery.web.egress import EgressProxy
from gleanery.web.fetch import Fetcher, FetchLimits
from gleanery.web.guard import AddressPolicy, check_host_literal
from gleanery.web.host_share import HostShare
from gleanery.web.politeness import HostLimiter
from gleanery.web.post import Poster
from gleanery.web.robots import RobotsCache

_log = log.get(__name__)

SHUTDOWN_SECONDS = 1.0
KEPT_GENERATIONS = 3


@dataclass(frozen=True)
class Server:
    """A running server: its base URL and what its owner may ask of it."""

    url: str
    store: EmbeddedStore
    worker: Worker


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """A whole server in this loop; gives its base URL (with the real port) and ends it afterwards.

    Raises StorageError when another server uses the data directory, InvalidInput for a port that is taken.
    """
    async with contextlib.AsyncExitStack() as stack:
        yield (await build(settings, stack)).url


async def build(settings: Settings, stack: contextlib.AsyncExitStack) -> Server:
    """Everything, in order; `stack` takes it down in reverse."""
    stack.enter_context(place.locked(settings.data_dir))
    listener = stack.enter_context(place.listening(settings.host, settings.port))
    url = place.url_of(listener)
    policy = AddressPolicy.parse(settings.allow_addresses)
    check_url = _door(lambda: url, policy)
    ground = await _ground(settings, stack)
    parts = await _crawl_parts(settings, stack, ground, AddressPolicy(policy.allow, own=place.own_address(listener)))
    engine = _engine(settings, ground, parts, check_url=check_url)
    gate = Gate(settings.api_keys)
    live = Live(ground.store.tasks, ground.feed, gate)
    jobs = stack.enter_context(_Jobs())
    routes = [
        *_routes(settings, ground, engine, parts, jobs, url, check_url),
        *_watching(ground, engine, parts, live, jobs),
    ]
    await _serve(stack, listener, routes, gate, live)
    await _work(settings, stack, ground, engine, policy, jobs)
    keep = KeepPolicy(settings.keep_tasks_days, settings.keep_events_days, settings.keep_events)
    jobs.start(Housekeeping(ground.store.tasks, ground.store.hosts, keep, utc_now).run())
    jobs.start(_uploads(settings).keep_swept(ground.store.tasks))
    jobs.start(_settle_in(ground, engine.submitter))
    stack.enter_context(announced(settings.data_dir, url))
    return Server(url, ground.store, engine.worker)


@contextlib.asynccontextmanager
async def working(settings: Settings, worker_id: str | None, task_types: Sequence[str]) -> AsyncIterator[Worker]:
    """A worker in this loop, beside the server or without one, and beside others; without types it runs them all.

    Raises InvalidInput for a type that nobody knows and for an id that a living worker has.
    """
    async with contextlib.AsyncExitStack() as stack:
        place.make_folder(settings.data_dir)
        policy = AddressPolicy.parse(settings.allow_addresses)
        ground = await _ground(settings, stack, is_searched=False)
        is_crawling = not task_types or "crawl" in task_types
        beside = _BesideServer(policy.allow, None, settings.data_dir)
        parts = await _crawl_parts(settings, stack, ground, beside, is_warm=is_crawling)
        check_url = _door(lambda: announced_url(settings.data_dir), policy)
        engine = _engine(settings, ground, parts, check_url=check_url, worker_id=worker_id, task_types=task_types)
        await _work(settings, stack, ground, engine, policy, stack.enter_context(_Jobs()))
        yield engine.worker


@dataclass(frozen=True)
class _BesideServer(AddressPolicy):
    """The policy of a process beside the server, whose own address is the one that it has announced by now."""

    data_dir: Path = Path()

    def permits(self, address: str, port: int | None = None) -> bool:
        if AddressPolicy.permits(self, address, port):
            return True
        return port is not None and announced_address(self.data_dir) == (address, port)


@dataclass(frozen=True)
class _Ground:
    """What everything stands on: the store and who hears of it, threads, vectors."""

    store: EmbeddedStore
    feed: ChangeFeed
    tail: Tail
    executor: CountedExecutor
    vectors: Vectors | None


@dataclass(frozen=True)
class _Engine:
    """The task engine: all its task types, and the worker that runs some or all of them."""

    handlers: Mapping[str, Handler]
    dispatcher: Dispatcher
    presence: Presence
    submitter: Submitter
    steering: Steering
    worker: Worker
    scheduler: Scheduler

    @property
    def is_whole(self) -> bool:
        """Whether its worker runs every type."""
        return set(self.worker.task_types) == set(self.handlers)


async def _ground(settings: Settings, stack: contextlib.AsyncExitStack, *, is_searched: bool = True) -> _Ground:
    feed = ChangeFeed()
    tail = Tail(feed.publish)
    store = await stack.enter_async_context(EmbeddedStore(settings.data_dir / "gleanery.db", tail.hear))
    await tail.start(store.tasks)
    stack.push_async_callback(tail.stop)
    executor = CountedExecutor(max(4, (os.cpu_count() or 1) + 2), "cpu")
    stack.callback(executor.shutdown, wait=False, cancel_futures=True)
    embedder = _embedder(settings, executor)
    if embedder is None:
        return _Ground(store, feed, tail, executor, None)
    stack.push_async_callback(embedder.aclose)
    return _Ground(store, feed, tail, executor, Vectors(store.vectors, embedder, is_searched=is_searched))


def _engine(
    settings: Settings,
    ground: _Ground,
    parts: CrawlParts,
    *,
    check_url: CheckUrl,
    worker_id: str | None = None,
    task_types: Sequence[str] = (),
) -> _Engine:
    """Every task type has its line here."""
    store, uploads = ground.store, _uploads(settings)
    handlers = by_type(
        [
            CrawlHandler(parts),
            UploadHandler(UploadParts(store, uploads, parts.extract_pool, ground.executor, ground.vectors)),
            EmbedSourceHandler(store, ground.vectors),
            DemoHandler(),
        ]
    )
    crawl = CrawlStarter(store.crawls, check_url, lambda: _has_browser(parts))
    creators: dict[str, Create] = {
        "crawl": crawl,
        "upload": UploadStarter(store.crawls, uploads),
    }
    dispatcher = LocalDispatcher()
    ground.feed.listen(ringing(dispatcher))
    submitter = Submitter(
        store.tasks, handlers, queue_limit=settings.queue_limit, creators=creators, checks={"crawl": crawl.check}
    )
    presence = FilePresence(settings.data_dir / "workers")
    worker = Worker(
        store,
        _only(handlers, task_types),
        concurrency=settings.worker_concurrency,
        lease_seconds=settings.lease_seconds,
        worker_id=worker_id,
        queue_limits=settings.queue_concurrency,
        presence=presence,
        grace_seconds=settings.grace_seconds,
    )
    dispatcher.listen(worker.hear)
    return _Engine(
        handlers,
        dispatcher,
        presence,
        submitter,
        Steering(store.tasks, handlers),
        worker,
        Scheduler(store.schedules, store.tasks, submitter, utc_now),
    )


def _uploads(settings: Settings) -> UploadFolder:
    return UploadFolder(settings.data_dir / "uploads", settings.max_upload_bytes)


def _has_browser(parts: CrawlParts) -> bool:
    return parts.browser is not None and parts.browser.find() is not None


def _only(handlers: Mapping[str, Handler], task_types: Sequence[str]) -> Mapping[str, Handler]:
    """Those of these types; without any, all."""
    for task_type in task_types:
        if task_type not in handlers:
            raise errors.InvalidInput("--task-types", f"there is no {task_type!r}; there are {', '.join(handlers)}")
    return {name: handler for name, handler in handlers.items() if not task_types or name in task_types}


async def _work(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    ground: _Ground,
    engine: _Engine,
    policy: AddressPolicy,
    jobs: _Jobs,
) -> None:
    """Begin to run tasks, ticks and webhook calls; all of it ends with `stack`."""
    poster = await stack.enter_async_context(Poster(policy, user_agent(__version__)))
    secret = load_secret(
        settings.data_dir, settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    )
    sender = WebhookSender(ground.store.outbox, poster.post, secret, utc_now)
    ground.feed.listen(sender.hear)
    await sender.start()
    stack.push_async_callback(sender.stop)
    stack.push_async_callback(engine.dispatcher.drain)
    await engine.worker.start()
    stack.push_async_callback(engine.worker.stop)
    if engine.is_whole:  # one that can't run every type would pass over the ticks of the others
        await engine.scheduler.start()
        stack.push_async_callback(engine.scheduler.stop)
    jobs.start(Company(ground.store.workers, engine.presence, engine.worker.worker_id, ground.tail).run())


def _routes(
    settings: Settings,
    ground: _Ground,
    engine: _Engine,
    parts: CrawlParts,
    jobs: _Jobs,
    url: str,
    check_url: CheckUrl,
) -> Sequence[Route]:
    store, vectors = ground.store, ground.vectors
    knowledge = KnowledgeApi(
        store,
        engine.submitter,
        check_url=check_url,
        previewer=Previewer(parts),
        forget_source=lambda source_id: _forget(store, vectors, jobs, source_id),
        model=vectors.model if vectors else None,
    )
    health = HealthApi(
        store, engine.worker, vectors, parts.browser, settings, example_url=f"{url}/example/", started_at=utc_now()
    )
    return [
        *knowledge.routes(),
        *UploadApi(engine.submitter, _uploads(settings), check_url).routes(),
        *TaskQueueApi(store.tasks, engine.submitter, engine.steering, check_url).routes(),
        *TasksApi(store, ground.feed, engine.steering).routes(),
        *SchedulesApi(store.schedules, engine.submitter, check_url, engine.scheduler.wake, utc_now).routes(),
        *WebhooksApi(store.outbox).routes(),
        *SearchApi(Searcher(store.search, vectors, ground.executor)).routes(),
        *health.routes(),
    ]


def _watching(ground: _Ground, engine: _Engine, crawl: CrawlParts, live: Live, jobs: _Jobs) -> Sequence[Route]:
    """What tells how the server does; and the index follows what other processes store."""
    store, worker = ground.store, engine.worker
    meters = Meters()
    ground.feed.listen(meters.hear)
    jobs.start(LagWatch(meters.lag).run())
    if ground.vectors is not None:
        arrivals = Arrivals(ground.vectors, worker.worker_id)
        ground.feed.listen(arrivals.hear)
        jobs.start(arrivals.run())
    parts = Parts(worker, ground.executor, crawl.extract_pool, crawl.browser, live)
    return [
        *BackgroundApi(store, engine.presence, engine.dispatcher, worker.worker_id, crawl.browser, utc_now).routes(),
        *MetricsApi(store, meters, parts).routes(),
    ]


async def serve(
    settings: Settings, *, crawl_url: str | None = None, on_ready: Callable[[str, str | None], None] | None = None
) -> int:
    """Run until SIGINT or SIGTERM; a second one exits at once. Gives the exit code."""
    stop = _stop_signal()
    async with running(settings) as url:
        settle_heap()
        task_id = None if crawl_url is None else await _start_crawl(url, settings, crawl_url)
        if on_ready is not None:
            on_ready(url, task_id)
        await stop.wait()
        _log.info("stopping")
    return 0


async def work(
    settings: Settings,
    *,
    worker_id: str | None = None,
    task_types: Sequence[str] = (),
    on_ready: Callable[[Worker], None] | None = None,
) -> int:
    """A further worker until SIGINT or SIGTERM; a second one exits at once. Gives the exit code."""
    stop = _stop_signal()
    async with working(settings, worker_id, task_types) as worker:
        settle_heap()
        if on_ready is not None:
            on_ready(worker)
        await stop.wait()
        _log.info("stopping")
    return 0


def _stop_signal() -> asyncio.Event:
    """Set by the first SIGINT or SIGTERM; the second ends the process."""
    stop = asyncio.Event()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


def settle_heap() -> None:
    """Once after the start, in a process that is the server's own: what is there now stays for good, and the garbage
    collector need not look through it again, which would stop the loop for 50 ms each time."""
    gc.collect()
    gc.freeze()


async def _start_crawl(url: str, settings: Settings, crawl_url: str) -> str:
    headers = {"Authorization": f"Bearer {settings.api_keys[0].get_secret_value()}"} if settings.api_keys else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/api/v1/knowledge/add", json={"url": crawl_url}) as reply,
    ):
        body = await reply.json()
    if reply.status != 202:
        raise errors.InvalidInput("URL", body["error"]["message"])
    return str(body["task_id"])


class _Jobs:
    """Background work of the server itself, ended with it."""

    def __init__(self) -> None:
        self._jobs: set[asyncio.Task[None]] = set()

    def __enter__(self) -> _Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        for job in self._jobs:
            job.cancel()

    def start(self, work: Coroutine[None, None, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._done)

    def _done(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        if not job.cancelled() and (error := job.exception()) is not None:
            _log.error("background job failed", exc_info=error)


async def _settle_in(ground: _Ground, submitter: Submitter) -> None:
    """After the start: vectors into memory, what a crash left half deleted, sources whose vectors are of another model."""
    store, vectors = ground.store, ground.vectors
    if vectors is not None:
        count = await vectors.load()
        _log.info("vectors loaded", extra={"count": count, "model": vectors.model})
        await enqueue_missing(submitter, store.vectors, vectors.model)
    await _purge(store)


async def _purge(store: EmbeddedStore) -> None:
    while await store.generations.prune(KEPT_GENERATIONS):
        pass  # each round is a short transaction of its own: others get in between


def _forget(store: EmbeddedStore, vectors: Vectors | None, jobs: _Jobs, source_id: str) -> None:
    if vectors is not None:
        vectors.index.remove_source(source_id)
    jobs.start(_purge(store))


def _embedder(settings: Settings, executor: CountedExecutor) -> Embedder | None:
    if settings.embedder_kind is EmbedderKind.NONE:
        return None
    if settings.embedder_kind is EmbedderKind.LOCAL:
        return LocalEmbedder(settings.model_dir, executor)
    key = settings.openai_api_key
    return OpenAIEmbedder(
        key.get_secret_value() if key else None,
        base_url=settings.openai_base_url,
        model=settings.embedding_model,
        dimensions=settings.embedding_dimensions,
        executor=executor,
    )


async def _crawl_parts(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    ground: _Ground,
    policy: AddressPolicy,
    *,
    is_warm: bool = True,
) -> CrawlParts:
    limits = FetchLimits(total_seconds=settings.fetch_timeout_seconds, max_bytes=settings.max_page_bytes)
    fetcher = await stack.enter_async_context(Fetcher(policy, user_agent(__version__), limits=limits))
    share = await stack.enter_async_context(HostShare(ground.store.hosts, f"{os.uname().nodename}-{os.getpid()}"))
    egress = await stack.enter_async_context(EgressProxy(policy))
    browser = await stack.enter_async_context(
        Browser(
            settings.browser,
            egress=egress,
            user_agent=user_agent(__version__),
            data_dir=settings.data_dir,
            limits=BrowserLimits(max_bytes=settings.max_page_bytes),
        )
    )
    pool = ExtractPool(settings.extract_processes, settings.extract_timeout_seconds, is_warm=is_warm)
    await stack.enter_async_context(pool)
    return CrawlParts(
        store=ground.store,
        fetcher=fetcher,
        limiter=HostLimiter(settings.fetch_concurrency, share=share),
        robots=RobotsCache(fetcher),
        browser=browser if browser.find() is not None else None,
        extract_pool=pool,
        executor=ground.executor,
        vectors=ground.vectors,
        fetch_concurrency=settings.fetch_concurrency,
        robots_patience_seconds=settings.robots_patience_seconds,
    )


async def _serve(
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


def _door(own_url: Callable[[], str | None], policy: AddressPolicy) -> Callable[[str], None]:
    """The check of a URL before a task exists: no private host, but the bundled example."""

    def check(asked: str) -> None:
        url = own_url()
        if url is None or not asked.startswith(f"{url}/example/"):
            check_host_literal(asked, policy)

    return check
