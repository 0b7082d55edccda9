"""The composition root: builds a server or a worker from its settings and runs it until it is told to stop.

The only package that names concrete classes together: `ground.py` (store, threads, models), `crawling.py` (the way to the
sites), `parsing.py` (the browser of parses), `engine.py` (task types and what runs them), `doors.py` (what clients meet).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from gleanery import errors, log, place
from gleanery.announcement import announced, announced_url
from gleanery.api.auth import Gate
from gleanery.api.live import Live
from gleanery.app.compliance import keep_bundled
from gleanery.app.crawling import BesideServer, crawl_parts, door
from gleanery.app.doors import routes, serve_doors, serve_worker_doors, watching
from gleanery.app.engine import Engine, engine, run_engine, uploads
from gleanery.app.ground import Ground, ground, searcher
from gleanery.app.jobs import Jobs
from gleanery.app.parsing import parsing
from gleanery.app.stories import outside
from gleanery.config import Settings
from gleanery.engine.housekeeping import Housekeeping, KeepPolicy
from gleanery.engine.worker import Worker
from gleanery.knowledge.evaluation import Evaluator
from gleanery.knowledge.evaluation_search import searching
from gleanery.knowledge.search import Searcher
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.tidying import Tidying
from gleanery.knowledge.vectors import Arrivals
from gleanery.store.base import Store
from gleanery.web.guard import AddressPolicy

_log = log.get(__name__)

TURN_SECONDS = 0.0005


@dataclass(frozen=True)
class Server:
    """A running server: its base URL and what its owner may ask of it."""

    url: str
    store: Store
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
    check_url = door(lambda: url, policy)
    base = await ground(settings, stack)
    speller = Speller(base.store.search)
    search = searcher(settings, base, speller)
    evaluator = Evaluator(base.store.saved_queries, searching(search), base.store.clock)
    beside = AddressPolicy(policy.allow, own=place.own_address(listener))
    parts = await crawl_parts(settings, stack, base, beside, evaluate=evaluator.for_gate)
    pages = await parsing(settings, stack, base, parts, beside)
    out = await outside(settings, stack, policy)
    tasks = engine(settings, base, parts, pages, out, check_url=check_url)
    gate = Gate(settings.api_keys)
    live = Live(base.store.tasks, base.feed, gate, base.store.clock)
    jobs = stack.enter_context(Jobs())
    tidying = Tidying(base.store.generations, base.vectors, settings.keep_generations)
    all_routes = [
        *routes(settings, base, tasks, parts, pages, search, evaluator, tidying, url, check_url),
        *watching(settings, base, tasks, parts, pages, live, jobs),
    ]
    await serve_doors(stack, listener, all_routes, gate, live)
    await run_engine(settings, stack, base, tasks, policy, jobs)
    await keep_bundled(base.store.compliance)
    _look_after(settings, base, tasks, tidying, jobs)
    base.feed.listen(speller.hear)
    jobs.start(speller.run())
    stack.enter_context(announced(settings.data_dir, url))
    return Server(url, base.store, tasks.worker)


def _look_after(settings: Settings, base: Ground, tasks: Engine, tidying: Tidying, jobs: Jobs) -> None:
    """What goes on beside the tasks: old rows go, the index follows other processes, the next model is built."""
    keep = KeepPolicy(
        settings.keep_tasks_days,
        settings.keep_events_days,
        settings.keep_events,
        settings.keep_stories_days,
        settings.keep_reports_days,
        settings.parse_cache_mb * 1024**2,
    )
    jobs.start(Housekeeping(base.store, keep, base.store.clock).run())
    jobs.start(uploads(settings).keep_swept(base.store.tasks))
    base.feed.listen(tidying.hear)
    jobs.start(tidying.run())
    base.feed.listen(tasks.conductor.hear)
    jobs.start(tasks.conductor.run())
    base.feed.listen(tasks.grouping.hear)
    jobs.start(tasks.grouping.run(tasks.submitter))
    jobs.start(tasks.forgetting.run())
    arrivals = Arrivals(base.vectors, tasks.worker.worker_id)
    base.feed.listen(arrivals.hear)
    jobs.start(arrivals.run())


@contextlib.asynccontextmanager
async def working(settings: Settings, worker_id: str | None, task_types: Sequence[str]) -> AsyncIterator[Worker]:
    """A worker in this loop, beside the server or without one, and beside others; without types it runs them all.

    Raises InvalidInput for a type that nobody knows and for an id that a living worker has.
    """
    async with contextlib.AsyncExitStack() as stack:
        place.make_folder(settings.data_dir)
        policy = AddressPolicy.parse(settings.allow_addresses)
        base = await ground(settings, stack, is_searched=False)
        is_crawling = not task_types or "crawl" in task_types
        beside = BesideServer(policy.allow, None, settings.data_dir)
        search = Searcher(base.store.search, base.vectors, base.executor)
        # Without vectors in memory its figures compare with each other only, so they are not kept.
        evaluator = Evaluator(base.store.saved_queries, searching(search), base.store.clock, keeps=False)
        parts = await crawl_parts(settings, stack, base, beside, evaluate=evaluator.for_gate, is_warm=is_crawling)
        check_url = door(lambda: announced_url(settings.data_dir), policy)
        pages = await parsing(settings, stack, base, parts, beside)
        out = await outside(settings, stack, policy)
        tasks = engine(
            settings, base, parts, pages, out, check_url=check_url, worker_id=worker_id, task_types=task_types
        )
        jobs = stack.enter_context(Jobs())
        await serve_worker_doors(settings, stack, base, tasks, parts, pages, jobs)
        await run_engine(settings, stack, base, tasks, policy, jobs)
        yield tasks.worker


async def serve(
    settings: Settings, *, crawl_url: str | None = None, on_ready: Callable[[str, str | None], None] | None = None
) -> int:
    """Run until SIGINT or SIGTERM; a second one exits at once. Gives the exit code."""
    stop = _stop_signal()
    async with running(settings) as url:
        settle_process()
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
        settle_process()
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


def settle_process() -> None:
    """Once after the start, in a process that is the server's own: what is there now stays for good, and the garbage
    collector need not look through it again, which would stop the loop for 50 ms each time. And threads take turns more
    often than Python lets them: an answer changes threads several times, and waits for its turn at each. With Python's 5 ms a
    write of some statements takes 50 ms beside a thread that has much to do."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN_SECONDS)


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
