"""The composition root: builds the server from its settings, in one place, and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from gleanery import __version__, errors, log
from gleanery.announcement import announced
from gleanery.api.auth import Gate, gate_middleware
from gleanery.api.health import HealthApi
from gleanery.api.http import MAX_BODY_BYTES, error_middleware
from gleanery.api.knowledge import KnowledgeApi
from gleanery.api.live import Live
from gleanery.api.openapi import document
from gleanery.api.pages import add_pages
from gleanery.api.route import Route
from gleanery.api.search import SearchApi
from gleanery.api.tasks import TasksApi
from gleanery.config import EmbedderKind, Settings, user_agent
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import by_type
from gleanery.engine.worker import Worker
from gleanery.handlers.crawl.handler import CrawlHandler
from gleanery.handlers.crawl.pipeline import CrawlParts
from gleanery.handlers.embed_source import EmbedSourceHandler, enqueue_missing
from gleanery.knowledge.embed import Embedder, LocalEmbedder, OpenAIEmbedder
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.search import Searcher
from gleanery.knowledge.vectors import Vectors
from gleanery.model import utc_now
from gleanery.store.embedded import EmbeddedStore
from gleanery.web.fetch import Fetcher, FetchLimits
from gleanery.web.guard import AddressPolicy, check_host_literal
from gleanery.web.politeness import HostLimiter
from gleanery.web.robots import RobotsCache

_log = log.get(__name__)

SHUTDOWN_SECONDS = 1.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server on all addresses finds itself
PURGE_PAGES = 10


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
    stack.enter_context(_locked(settings.data_dir))
    listener = stack.enter_context(_listen(settings.host, settings.port))
    url = _url_of(listener)
    feed = ChangeFeed()
    store = await stack.enter_async_context(EmbeddedStore(settings.data_dir / "gleanery.db", feed.publish))
    executor = ThreadPoolExecutor(max(4, (os.cpu_count() or 1) + 2), thread_name_prefix="cpu")
    stack.callback(executor.shutdown, wait=False, cancel_futures=True)
    embedder = _embedder(settings, executor)
    vectors = None
    if embedder is not None:
        stack.push_async_callback(embedder.aclose)
        vectors = Vectors(store.knowledge, embedder)
    policy = AddressPolicy.parse(settings.allow_addresses)
    parts = await _crawl_parts(
        settings, stack, store, executor, vectors, AddressPolicy(policy.allow, own=_own(listener))
    )
    handlers = by_type([CrawlHandler(parts), EmbedSourceHandler(store.knowledge, vectors)])
    worker = Worker(
        store.tasks, handlers, concurrency=settings.worker_concurrency, lease_seconds=settings.lease_seconds
    )
    feed.listen(worker.hear)
    gate = Gate(settings.api_keys)
    live = Live(store.tasks, feed, gate)
    jobs = stack.enter_context(_Jobs())
    knowledge = KnowledgeApi(
        store,
        check_url=_door(url, policy),
        forget_source=lambda source_id: _forget(store, vectors, jobs, source_id),
        queue_limit=settings.queue_limit,
        model=vectors.model if vectors else None,
    )
    health = HealthApi(store, worker, vectors, settings, example_url=f"{url}/example/", started_at=utc_now())
    routes = [
        *knowledge.routes(),
        *TasksApi(store, feed).routes(),
        *SearchApi(Searcher(store.knowledge, vectors, executor)).routes(),
        *health.routes(),
    ]
    await _serve(stack, listener, routes, gate, live)
    await worker.start()
    stack.push_async_callback(worker.stop)
    jobs.start(_settle_in(store, vectors))
    stack.enter_context(announced(settings.data_dir, url))
    return Server(url, store, worker)


async def serve(
    settings: Settings, *, crawl_url: str | None = None, on_ready: Callable[[str, str | None], None] | None = None
) -> int:
    """Run until SIGINT or SIGTERM; a second one exits at once. Gives the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    async with running(settings) as url:
        settle_heap()
        task_id = None if crawl_url is None else await _start_crawl(url, settings, crawl_url)
        if on_ready is not None:
            on_ready(url, task_id)
        await stop.wait()
        _log.info("stopping")
    return 0


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


async def _settle_in(store: EmbeddedStore, vectors: Vectors | None) -> None:
    """After the start: vectors into memory, what a crash left half deleted, sources whose vectors are of another model."""
    if vectors is not None:
        count = await vectors.load()
        _log.info("vectors loaded", extra={"count": count, "model": vectors.model})
        await enqueue_missing(store.tasks, store.knowledge, vectors.model)
    await _purge(store)


async def _purge(store: EmbeddedStore) -> None:
    while await store.knowledge.purge(PURGE_PAGES):
        pass  # each round is a short transaction of its own: others get in between


def _forget(store: EmbeddedStore, vectors: Vectors | None, jobs: _Jobs, source_id: str) -> None:
    if vectors is not None:
        vectors.index.remove_source(source_id)
    jobs.start(_purge(store))


def _embedder(settings: Settings, executor: ThreadPoolExecutor) -> Embedder | None:
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
    store: EmbeddedStore,
    executor: ThreadPoolExecutor,
    vectors: Vectors | None,
    policy: AddressPolicy,
) -> CrawlParts:
    limits = FetchLimits(total_seconds=settings.fetch_timeout_seconds, max_bytes=settings.max_page_bytes)
    fetcher = await stack.enter_async_context(Fetcher(policy, user_agent(__version__), limits=limits))
    pool = await stack.enter_async_context(ExtractPool(settings.extract_processes, settings.extract_timeout_seconds))
    return CrawlParts(
        store=store,
        fetcher=fetcher,
        limiter=HostLimiter(settings.fetch_concurrency),
        robots=RobotsCache(fetcher),
        extract_pool=pool,
        executor=executor,
        vectors=vectors,
        fetch_concurrency=settings.fetch_concurrency,
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


def _door(url: str, policy: AddressPolicy) -> Callable[[str], None]:
    """The check of a URL before a task exists: no private host, but the bundled example."""

    def check(asked: str) -> None:
        if not asked.startswith(f"{url}/example/"):
            check_host_literal(asked, policy)

    return check


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """The data directory, for this process alone."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / "lock").open("w")
    except OSError as error:
        raise errors.InvalidInput("GLEANERY_DATA_DIR", f"{data_dir} can't be used: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.InvalidInput(
                "GLEANERY_DATA_DIR", f"another gleanery server uses {data_dir}; stop it, or take another folder"
            ) from None
        yield


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise errors.InvalidInput("GLEANERY_PORT", f"can't listen on {host}:{port}: {error.strerror}") from None
        listener.setblocking(False)
        yield listener


def _own(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return _EVERYWHERE.get(host, host), port


def _url_of(listener: socket.socket) -> str:
    host, port = _own(listener)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
