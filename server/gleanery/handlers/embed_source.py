"""Tasks of type `embed_source`: vectors for the chunks of a source that have none of the current model yet."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from gleanery.engine.handler import Outcome, TaskContext, TaskSpec
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.submit import Submitter
from gleanery.knowledge.vectors import Vectors
from gleanery.model import CrawlStage, EventType, NewEvent, NewTask, Progress, StageCount
from gleanery.store.base import KnowledgeStore


class EmbedSourcePayload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source_id: str


class EmbedSourceHandler:
    """`Handler` for tasks of type `embed_source`."""

    spec = TaskSpec(
        "embed_source",
        EmbedSourcePayload,
        description="Vectors for the chunks of a source",
        retry=RetryPolicy(max_retries=5),
        can_pause=True,
        serial_key=lambda payload: payload.source_id,
    )

    def __init__(self, store: KnowledgeStore, vectors: Vectors | None) -> None:
        self._store = store
        self._vectors = vectors

    async def run(self, ctx: TaskContext, payload: EmbedSourcePayload) -> Outcome:
        source = await self._store.source(payload.source_id)
        chunks = 0
        if self._vectors is not None:
            async for done in self._vectors.embed_missing(ctx.fence, source.source_id):
                chunks += done.chunks
                message = f"embedded {chunks} chunks of {source.url}"
                share = min(99.0, 100.0 * chunks / max(1, source.chunk_count))
                event = NewEvent(EventType.PAGES_EMBEDDED, message, {"pages": done.pages, "chunks": done.chunks})
                await ctx.report(self._progress(share, chunks, source.chunk_count, message), event)
        message = f"Complete: {chunks} chunks embedded"
        return Outcome(
            {"source_id": source.source_id, "chunks": chunks}, self._progress(100.0, chunks, chunks, message), message
        )

    def _progress(self, percentage: float, done: int, total: int, message: str) -> Progress:
        return Progress(percentage, "embedding", {str(CrawlStage.EMBEDDED): StageCount(done, total)}, message)


async def enqueue_missing(submitter: Submitter, knowledge: KnowledgeStore, model: str) -> int:
    """Queue a task for each source whose chunks lack vectors of `model` and that nothing works on; how many."""
    sources = await knowledge.sources_without_vectors(model)
    for source_id in sources:
        new = NewTask("embed_source", {"source_id": source_id}, title="Vectors of another model", priority=30)
        await submitter.submit(new)
    return len(sources)
