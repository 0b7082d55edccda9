"""Tasks of type `embed_source`: vectors for the texts of a source that have none, of the active model or of the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gleanery import errors, log
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.submit import Submitter
from gleanery.knowledge.embedding_models import EmbeddingModels
from gleanery.knowledge.vectors import Embedded, Vectors
from gleanery.model import CrawlStage, EventType, Fence, NewEvent, NewTask, Progress, StageCount, TaskStatus, utc_now
from gleanery.store.base import Store
from gleanery.store.values import Change
from gleanery.store.vector_store import VectorStore

_log = log.get(__name__)

TASK_TYPE = "embed_source"
PRIORITY = 30
AGAIN_SECONDS = 5.0
"""After a failure of the store the conductor looks again."""


class EmbedSourcePayload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source_id: str
    model: str | None = Field(None, description="The model that is being built; null: the one that search goes by.")


def serial_key(payload: EmbedSourcePayload) -> str:
    """Vectors of the active model are made by one task at a time, crawls too. The next model's are made beside them."""
    return payload.source_id if payload.model is None else f"{payload.source_id}:{payload.model}"


@dataclass
class _Tally:
    """What an attempt has come to. Texts that failed are counted, and told when it ends."""

    chunks: int = 0
    failed: int = 0
    tokens: int = 0

    def add(self, done: Embedded) -> None:
        self.chunks += done.chunks
        self.failed += done.failed
        self.tokens += done.tokens


class EmbedSourceHandler:
    """`Handler` for tasks of type `embed_source`."""

    spec = TaskSpec(
        TASK_TYPE,
        EmbedSourcePayload,
        Work.CPU,
        description="Vectors for the chunks of a source",
        retry=RetryPolicy(max_retries=5),
        can_pause=True,
        serial_key=serial_key,
    )

    def __init__(self, store: Store, vectors: Vectors | None, models: EmbeddingModels | None = None) -> None:
        self._store = store
        self._vectors = vectors
        self._models = models

    async def run(self, ctx: TaskContext, payload: EmbedSourcePayload) -> Outcome:
        source = await self._store.knowledge.source(payload.source_id)
        tally, total = _Tally(), source.chunk_count
        async for done in self._embed(ctx, payload):
            tally.add(done)
            message = f"embedded {tally.chunks} texts of {source.url}"
            event = NewEvent(EventType.PAGES_EMBEDDED, message, {"pages": done.pages, "chunks": done.chunks})
            share = min(99.0, 100.0 * tally.chunks / max(1, total))
            await ctx.report(_progress(max(ctx.progress.percentage, share), tally.chunks, total, message), event)
        if tally.failed:
            await ctx.report(ctx.progress, refused_texts(tally.failed))
        message = f"Complete: {tally.chunks} texts embedded"
        result = {
            "source_id": source.source_id,
            **_result(tally, payload.model or self._active),
        }
        return Outcome(result, _progress(100.0, tally.chunks, tally.chunks, message), message)

    @property
    def _active(self) -> str | None:
        return None if self._vectors is None else self._vectors.model

    async def _embed(self, ctx: TaskContext, payload: EmbedSourcePayload) -> AsyncIterator[Embedded]:
        vectors, began_at = self._vectors, ctx.task.processing_started_at or utc_now()
        if vectors is None:
            return
        await vectors.sync()
        if payload.model is None or payload.model == vectors.model:
            passing = vectors.embed_missing(ctx.fence, payload.source_id, tried_before=began_at)
        else:
            passing = self._build(vectors, ctx.fence, payload.source_id, payload.model, began_at)
        async for done in passing:
            yield done

    async def _build(
        self, vectors: Vectors, fence: Fence, source_id: str, name: str, began_at: datetime
    ) -> AsyncIterator[Embedded]:
        """Vectors of the next model, as long as it is to be the next."""
        models = self._models
        model = None if models is None else await models.building()
        if models is None or model is None or model.name != name:
            return
        async for done in vectors.embed_with(model, fence, source_id, tried_before=began_at):
            yield done
            if await models.building() is not model:
                return


def refused_texts(count: int) -> NewEvent:
    """The warning that some texts have no vector."""
    texts = "1 text" if count == 1 else f"{count:,} texts"
    message = f"{texts} got no vector: found by words alone. GET /api/v1/embedder says which, and why."
    return NewEvent(
        EventType.WARNING_RAISED,
        f"embed_text_refused · {message}",
        {"code": "embed_text_refused", "failed_texts": count},
    )


def _result(tally: _Tally, model: str | None) -> dict[str, Any]:
    return {
        "chunks": tally.chunks,
        "failed_texts": tally.failed,
        "embedding_tokens": tally.tokens,
        "embedding_model": model,
    }


def _progress(percentage: float, done: int, total: int, message: str) -> Progress:
    return Progress(percentage, "embedding", {str(CrawlStage.EMBEDDED): StageCount(done, max(done, total))}, message)


async def enqueue_missing(submitter: Submitter, store: VectorStore, model: str | None) -> int:
    """Queue a task for each source whose texts lack vectors of the active `model` and that nothing works on; how many."""
    sources = [] if model is None else await store.sources_without_vectors(model)
    for source_id in sources:
        await submitter.submit(_task_for(source_id, None))
    return len(sources)


def _task_for(source_id: str, model: str | None) -> NewTask:
    payload = {"source_id": source_id, "model": model}
    title = "Vectors that are missing" if model is None else f"Vectors of {model}"
    coalesce_key = None if model is None else f"{source_id}:{model}"
    return NewTask(TASK_TYPE, payload, title=title[:500], priority=PRIORITY, coalesce_key=coalesce_key)


class Conductor:
    """Sees to it that what is visible has its vectors: of the next model, one source after the other, until search can change to
    it; and of the active one where a task has left something without.

    `hear` is for the change feed, `run` does it. A source whose task failed is left until another task has worked on it, a
    model is set again, or the server starts: what can't be embedded is not tried for ever.
    """

    def __init__(self, store: VectorStore, submitter: Submitter, models: EmbeddingModels, vectors: Vectors) -> None:
        self._store = store
        self._submitter = submitter
        self._models = models
        self._vectors = vectors
        self._stalled: set[str] = set()
        self._worked_on: set[str] = set()
        self._is_set_anew = False
        self._bell = asyncio.Event()
        self._bell.set()
        self._advancing = asyncio.Lock()

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            task = change.task
            source_id = task.payload.get("source_id")
            if not source_id or not task.status.is_final:
                continue
            is_done = task.status is TaskStatus.COMPLETED
            if task.task_type != TASK_TYPE and is_done:
                self._worked_on.add(source_id)
            if task.task_type == TASK_TYPE and not is_done:
                self._stalled.add(source_id)
            else:
                self._stalled.discard(source_id)
            self._bell.set()

    async def run(self) -> None:
        is_settled = False
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                if not is_settled:
                    await self._settle_in()
                    is_settled = True
                await self.advance()
            except (errors.StorageError, errors.QueueFull, errors.EmbedError) as error:
                _log.error("vectors stand still", extra={"code": error.code, "reason": error.message})
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._bell.set)

    def begin_again(self) -> None:
        """Somebody has set a model: every source is tried."""
        self._stalled.clear()
        self._is_set_anew = True
        self._bell.set()

    def look_at(self, source_id: str) -> None:
        """Something else of this source is visible now."""
        self._worked_on.add(source_id)
        self._bell.set()

    async def _settle_in(self) -> None:
        """Once after the start: vectors into memory, tasks for what lacks any, and what a crash left of older models goes."""
        count = await self._vectors.load()
        _log.info("vectors loaded", extra={"count": count, "model": self._vectors.model})
        await enqueue_missing(self._submitter, self._store, self._vectors.model)
        await self._models.tidy()

    async def advance(self) -> None:
        """One step: tasks for what lacks vectors, or the change to the next model."""
        async with self._advancing:
            await self._models.sync()
            await self._catch_up()
            name = await self._next_model()
            if name is None:
                return
            if await self._models.activate(name):
                await enqueue_missing(self._submitter, self._store, self._vectors.model)
                await self._models.tidy()
                return
            for source_id in await self._store.sources_lacking(name):
                if source_id not in self._stalled and not await self.task_ids(name, source_id):
                    await self._submitter.submit(_task_for(source_id, name))

    async def _catch_up(self) -> None:
        """What is noted is struck out before it is looked at, since it may be noted once more meanwhile."""
        model = self._vectors.model
        if model is None:
            self._worked_on.clear()
            return
        if self._is_set_anew:  # one that was taken at once, since there was none, has all of its vectors yet to be made
            self._is_set_anew = False
            try:
                self._worked_on.update(await self._store.sources_without_vectors(model))
            except BaseException:
                self._is_set_anew = True
                raise
        for source_id in tuple(self._worked_on):
            self._worked_on.discard(source_id)
            try:
                if await self._store.sources_lacking(model, source_id):
                    await self._submitter.submit(_task_for(source_id, None))
            except BaseException:
                self._worked_on.add(source_id)
                raise

    async def _next_model(self) -> str | None:
        try:
            model = await self._models.building()
        except errors.InvalidInput as error:
            _log.error("embedder not usable", extra={"reason": error.message})
            return None
        return None if model is None else model.name

    async def task_ids(self, name: str, source_id: str | None = None) -> Sequence[str]:
        """The tasks that make this model's vectors and have not ended."""
        return await self._store.tasks_at_work(name, source_id)
