"""A server's embedding in small: a store, the models, the conductor and a worker; and sources without a crawl."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gleanery.config import EmbedderKind
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import by_type
from gleanery.engine.submit import Submitter
from gleanery.errors import StorageError
from gleanery.handlers.embed_source import Conductor, EmbedSourceHandler, enqueue_missing
from gleanery.knowledge.embedders.factory import EmbedderFactory
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.knowledge.embedding_models import EmbeddingModels
from gleanery.knowledge.vectors import Vectors
from gleanery.model import Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import TaskFilter
from gleanery.store.vector_store import ModelState, VectorStore
from tests.engine.stage import Stage
from tests.sites.openai_api import OpenAIApi
from tests.store.samples import start_crawl

PATIENCE_SECONDS = 15.0


def options(api: OpenAIApi, **fields: Any) -> EmbedderOptions:
    """Options of an embedder at this server; batches of four texts."""
    given = {"kind": EmbedderKind.OPENAI, "base_url": api.base_url, "batch_size": 4, "concurrency": 1, **fields}
    return EmbedderOptions.model_validate(given)


class Interrupted:
    """A store of vectors where something happens between a call and its answer: `meanwhile[name]`, once."""

    def __init__(self) -> None:
        self.meanwhile: dict[str, Callable[[], Awaitable[None]]] = {}

    def over(self, store: VectorStore) -> Any:
        self._store = store
        return self

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **named: Any) -> Any:
            answer = await getattr(self._store, name)(*args, **named)
            if (happens := self.meanwhile.pop(name, None)) is not None:
                await happens()
            return answer

        return call


async def disk_goes() -> None:
    raise StorageError("The disk went.")


@dataclass(frozen=True)
class House:
    store: EmbeddedStore
    stage: Stage
    vectors: Vectors
    models: EmbeddingModels
    submitter: Submitter
    conductor: Conductor
    handler: EmbedSourceHandler

    async def add_source(self, url: str, texts: Sequence[str]) -> str:
        """A source with a page whose chunks are these texts, as a crawl leaves it that embeds nothing; its id."""
        crawl = await start_crawl(self.store, url)
        await crawl.put("a", texts)
        await self.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [], result={})
        return crawl.source.source_id

    async def embed(self) -> list[Task]:
        """Have all that lacks vectors of the active model embedded; the tasks, once they have ended."""
        before = {task.task_id for task in await self.tasks()}
        await enqueue_missing(self.submitter, self.store.vectors, self.vectors.model)
        new = [task for task in await self.tasks() if task.task_id not in before]
        return [await self.stage.ended(task) for task in new]

    async def tasks(self) -> Sequence[Task]:
        return await self.store.tasks.list(TaskFilter(task_type="embed_source"), after=None, limit=100)

    async def states(self) -> dict[str, str]:
        return {str(stored.state): stored.name for stored in await self.store.vectors.models()}

    async def until(self, state: ModelState, name: str | None) -> None:
        """Until a model of that name is in that state; None: no model."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.states()).get(str(state)) != name:
                await self.store.health()

    async def uses(self, name: str) -> None:
        """Until this process searches by that model."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.vectors.model != name:
                await self.store.health()


@asynccontextmanager
async def house(
    path: Path,
    environment: EmbedderOptions,
    *,
    api_key: str | None = "sk-test",
    key_url: str | None = None,
    is_working: bool = True,
    is_server: bool = True,
    wrap: Callable[[VectorStore], VectorStore] = lambda store: store,
) -> AsyncIterator[House]:
    """One life of a process over the database at `path`; it sees the store of vectors through `wrap`."""
    async with AsyncExitStack() as stack:
        feed = ChangeFeed()
        store = await stack.enter_async_context(EmbeddedStore(path / "gleanery.db", feed.publish))
        executor = stack.enter_context(ThreadPoolExecutor(2))
        kept = wrap(store.vectors)
        vectors = Vectors(kept, is_searched=is_server)
        host = urlsplit(key_url or environment.base_url or "").netloc
        models = EmbeddingModels(kept, vectors, EmbedderFactory(path, executor, api_key, host))
        stack.push_async_callback(models.aclose)
        await models.start(environment, may_change=is_server)
        handler = EmbedSourceHandler(store, vectors, models)
        submitter = Submitter(store.tasks, by_type([handler]), queue_limit=100)
        conductor = Conductor(kept, submitter, models, vectors)
        feed.listen(conductor.hear)
        stage = Stage(store, feed, path)
        made = House(store, stage, vectors, models, submitter, conductor, handler)
        if is_working:
            await stack.enter_async_context(stage.worker(handler))  # type: ignore[arg-type]
            await stack.enter_async_context(_running(conductor))
            await vectors.loaded()
        else:
            await vectors.load()
        yield made


@asynccontextmanager
async def _running(conductor: Conductor) -> AsyncIterator[None]:
    conducting = asyncio.create_task(conductor.run())
    try:
        yield
    finally:
        conducting.cancel()
        await asyncio.gather(conducting, return_exceptions=True)
