"""The task engine with all its task types, and what makes it run."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gleanery import __version__, errors
from gleanery.agents.enrich import EnrichPart
from gleanery.api.export import check_about
from gleanery.app.compliance import compliance_handlers
from gleanery.app.crawling import has_browser
from gleanery.app.ground import Ground
from gleanery.app.jobs import Jobs
from gleanery.app.parsing import Parsing
from gleanery.app.secret import installation_secret
from gleanery.app.stories import Outside, story_door, story_handlers
from gleanery.config import Settings, user_agent
from gleanery.engine.company import Company
from gleanery.engine.dispatch import Dispatcher, LocalDispatcher, ringing
from gleanery.engine.doorbells import ProcrastinateDispatcher
from gleanery.engine.handler import Handler, Work, by_type
from gleanery.engine.presence import Presence
from gleanery.engine.scheduler import Scheduler
from gleanery.engine.steer import Steering
from gleanery.engine.submit import Check, Create, Submitter
from gleanery.engine.webhooks import WebhookSender
from gleanery.engine.worker import Worker
from gleanery.handlers.crawl.handler import CrawlHandler
from gleanery.handlers.crawl.helper import CrawlPartHandler
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.crawl.start import CheckUrl, CrawlStarter
from gleanery.handlers.demo import DemoHandler
from gleanery.handlers.embed_source import Conductor, EmbedSourceHandler
from gleanery.handlers.enrich.handler import EnrichSourceHandler, enqueue_enrichment
from gleanery.handlers.enrich.ready_vectors import ReadyVectors
from gleanery.handlers.group_traces.forget import ForgetTracesHandler, TraceForgetting
from gleanery.handlers.group_traces.handler import GroupTracesHandler
from gleanery.handlers.group_traces.requests import GroupingRequests
from gleanery.handlers.import_source import ImportHandler, ImportParts, ImportStarter
from gleanery.handlers.parse.handler import ParseHandler
from gleanery.handlers.parse.start import ParseStarter
from gleanery.handlers.stories.door import StoryDoor
from gleanery.handlers.upload.folder import UploadFolder
from gleanery.handlers.upload.handler import UploadHandler, UploadParts, UploadStarter
from gleanery.model import NewTask
from gleanery.store.base import Store
from gleanery.store.leased_presence import LeasedPresence
from gleanery.store.presence import FilePresence
from gleanery.web.guard import AddressPolicy
from gleanery.web.post import Poster

LAST_CALLS_SECONDS = 5.0
"""Beside the grace time: for claims that are under way, for what is put back (twice the worker's LAST_WRITES_SECONDS), and for
its good-bye."""


@dataclass(frozen=True)
class Engine:
    """All task types, and the worker that runs some or all of them."""

    handlers: Mapping[str, Handler]
    enrich: EnrichSourceHandler
    dispatcher: Dispatcher
    presence: Presence
    submitter: Submitter
    steering: Steering
    worker: Worker
    scheduler: Scheduler
    conductor: Conductor
    grouping: GroupingRequests
    forgetting: TraceForgetting
    stories: StoryDoor

    @property
    def is_whole(self) -> bool:
        """Whether its worker runs every type."""
        return set(self.worker.task_types) == set(self.handlers)


def engine(
    settings: Settings,
    ground: Ground,
    parts: CrawlParts,
    parsing: Parsing,
    out: Outside,
    *,
    check_url: CheckUrl,
    worker_id: str | None = None,
    task_types: Sequence[str] = (),
) -> Engine:
    """The types as `_types` has them, and who submits, runs, repeats and steers tasks of them."""
    store = ground.store
    grouping = GroupingRequests(store.traces, queue_size=settings.grouping_queue_size, is_on=settings.grouping_enabled)

    async def enqueue(source_id: str, task_id: str) -> object:
        return await enqueue_enrichment(submitter, source_id, after_task_id=task_id)

    async def enlist(helper: NewTask) -> object:
        return await submitter.submit(helper)

    follow_up = enqueue if ground.chat is not None and settings.enrich else None
    parts = replace(parts, enlist=enlist, workers=settings.crawl_workers)
    types = _types(settings, ground, parts, parsing, check_url, grouping, out, follow_up)
    submitter = Submitter(
        store.tasks, types.handlers, queue_limit=settings.queue_limit, creators=types.creators, checks=types.checks
    )
    presence = _presence(settings, store)
    worker = _worker(settings, store, _only(types.handlers, task_types), presence, worker_id)
    dispatcher = _dispatcher(settings, ground, worker)
    dispatcher.listen(worker.hear)
    return Engine(
        types.handlers,
        types.enrich,
        dispatcher,
        presence,
        submitter,
        Steering(store.tasks, types.handlers),
        worker,
        Scheduler(store.schedules, store.tasks, submitter, store.clock),
        Conductor(store.vectors, submitter, ground.models, ground.vectors),
        grouping,
        TraceForgetting(store.traces, submitter, settings.keep_traces_days, store.clock),
        story_door(settings, ground),
    )


@dataclass(frozen=True)
class _Types:
    """Who runs each type; who keeps a new task of it with what else belongs to it, and who looks at its payload, where that is
    not the engine's own way."""

    handlers: Mapping[str, Handler]
    creators: Mapping[str, Create]
    checks: Mapping[str, Check]
    enrich: EnrichSourceHandler


def _types(
    settings: Settings,
    ground: Ground,
    parts: CrawlParts,
    parsing: Parsing,
    check_url: CheckUrl,
    grouping: GroupingRequests,
    out: Outside,
    follow_up: Callable[[str, str], Awaitable[object]] | None,
) -> _Types:
    """Every task type has its line here."""
    store, folder = ground.store, uploads(settings)
    enrich, imports = _enrich(settings, ground), _imports(settings, ground)
    upload_parts = UploadParts(
        store,
        folder,
        parts.extract_pool,
        ground.executor,
        ground.vectors,
        ground.budgets,
        ground.right_of_way,
        follow_up,
    )
    runs_none = settings.worker_concurrency == 0  # then the workers' machines have the browser, or not
    crawl = CrawlStarter(store.crawls, check_url, lambda: runs_none or has_browser(parts), store.clock)
    parse = ParseStarter(store.parses, check_url, lambda: runs_none or parsing.has_browser(), parsing.parts.key)
    handlers: list[Handler] = [
        CrawlHandler(replace(parts, follow_up=follow_up)),
        CrawlPartHandler(parts),
        ParseHandler(parsing.parts),
        UploadHandler(upload_parts),
        ImportHandler(imports),
        EmbedSourceHandler(store, ground.vectors, ground.models),
        enrich,
        GroupTracesHandler(store.traces, settings.grouping_timeout_seconds, lambda place: grouping.note([place])),
        ForgetTracesHandler(store.traces),
        DemoHandler(),
        *compliance_handlers(ground, parsing),
        *story_handlers(ground, parts, out, ground.runtime),
    ]
    creators: dict[str, Create] = {
        "crawl": crawl,
        "parse_page": parse,
        "upload": UploadStarter(store.crawls, folder, store.clock),
        "import": ImportStarter(imports, check_about),
    }
    checks: dict[str, Check] = {"crawl": crawl.check, "parse_page": parse.check, "enrich_source": enrich.check}
    return _Types(by_type(handlers), creators, checks, enrich)


def _enrich(settings: Settings, ground: Ground) -> EnrichSourceHandler:
    return EnrichSourceHandler(
        ground.store.enrich,
        ground.chat,
        ReadyVectors(ground.vectors, ground.store.vectors, is_searched=ground.vectors.is_held),
        parts=tuple(map(EnrichPart, settings.enrich)),
        max_tokens=settings.enrich_max_tokens,
    )


def _imports(settings: Settings, ground: Ground) -> ImportParts:
    return ImportParts(
        ground.store,
        ground.store.portable,
        ground.store.saved_queries,
        ground.store.vectors,
        ground.vectors,
        lambda task_id: uploads_dir(settings) / task_id,
        is_searched=ground.is_searched,
    )


def _presence(settings: Settings, store: Store) -> Presence:
    """Locked files show who lives on this machine; workers of other machines have leases in the store."""
    files = FilePresence(settings.data_dir / "workers")
    if store.processes is None:
        return files
    return LeasedPresence(store.processes, files, settings.lease_seconds, store.clock)


def _dispatcher(settings: Settings, ground: Ground, worker: Worker) -> Dispatcher:
    """Procrastinate carries doorbells to one worker each, so none is rung for what others write; without a connection to the
    database whatever the tail tells rings here."""
    if ground.notices is None or settings.database_url is None:
        local = LocalDispatcher()
        ground.feed.listen(ringing(local))
        return local
    dispatcher = ProcrastinateDispatcher(settings.database_url.get_secret_value(), ground.notices, worker)
    ground.own.listen(ringing(dispatcher))
    return dispatcher


def _worker(
    settings: Settings,
    store: Store,
    handlers: Mapping[str, Handler],
    presence: Presence,
    worker_id: str | None,
) -> Worker:
    return Worker(
        store,
        handlers,
        concurrency=settings.worker_concurrency,
        lease_seconds=settings.lease_seconds,
        worker_id=worker_id,
        queue_limits=settings.queue_concurrency,
        presence=presence,
        grace_seconds=settings.grace_seconds,
        clock=store.clock,
    )


def uploads_dir(settings: Settings) -> Path:
    """Where files wait for the task that reads them."""
    return settings.data_dir / "uploads"


def uploads(settings: Settings) -> UploadFolder:
    return UploadFolder(uploads_dir(settings), settings.max_upload_bytes)


def _only(handlers: Mapping[str, Handler], task_types: Sequence[str]) -> Mapping[str, Handler]:
    """Those of these types, and those of these kinds of work; without any, all."""
    for name in task_types:
        if name not in handlers and name not in set(Work):
            reason = f"there is no {name!r}; there are {', '.join(handlers)}, and for several of them {', '.join(Work)}"
            raise errors.InvalidInput("--task-types", reason)
    return {
        name: handler
        for name, handler in handlers.items()
        if not task_types or name in task_types or handler.spec.work in task_types
    }


async def run_engine(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    ground: Ground,
    engine: Engine,
    policy: AddressPolicy,
    jobs: Jobs,
) -> None:
    """Begin to run tasks, ticks and webhook calls; all of it ends with `stack`."""
    poster = await stack.enter_async_context(Poster(policy, user_agent(__version__)))
    secret = await installation_secret(settings, ground.store)
    sender = WebhookSender(ground.store.outbox, poster.post, secret, ground.store.clock)
    ground.feed.listen(sender.hear)
    await sender.start()
    stack.push_async_callback(sender.stop)
    await engine.dispatcher.start()
    stack.push_async_callback(engine.dispatcher.drain)
    if ground.notices is not None:
        ground.notices.start()
        stack.push_async_callback(ground.notices.stop)
    await engine.worker.start()
    stack.push_async_callback(engine.worker.stop)
    if engine.is_whole:  # one that can't run every type would pass over the ticks of the others
        await engine.scheduler.start()
        stack.push_async_callback(engine.scheduler.stop)
    stack.callback(ground.store.end_within, settings.grace_seconds + LAST_CALLS_SECONDS)
    jobs.start(Company(ground.store.workers, engine.presence, engine.worker.worker_id, ground.tail).run())
