"""Tasks of type `enrich_source`: contexts of chunks, names and summaries of code, a description, by a chat model."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery import errors
from gleanery.agents.asking import Asking
from gleanery.agents.chat import ChatClient
from gleanery.agents.enrich import EnrichPart, Estimate, estimate
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.engine.retry import RetryPolicy
from gleanery.engine.submit import Submitter
from gleanery.handlers.enrich.payload import EnrichSourcePayload
from gleanery.handlers.enrich.run import EnrichRun, TextVectors
from gleanery.handlers.enrich.tally import Tally, new_budget
from gleanery.model import DependencyFailure, EventType, NewEvent, NewTask, Task
from gleanery.store.enriching import EnrichStore

PRIORITY = 10
"""Behind everything that someone waits for."""


class EnrichSourceHandler:
    """`Handler` for tasks of type `enrich_source`. Without a `client` there is no chat model, and its tasks fail at once.

    It has a serial key of its own: a refresh doesn't wait for it. What the refresh replaces meanwhile is passed over, and
    what it brings is for the next task.
    """

    spec = TaskSpec(
        "enrich_source",
        EnrichSourcePayload,
        Work.AGENTS,
        description="Contexts and summaries by a chat model",
        retry=RetryPolicy(max_retries=5, base_seconds=5.0, cap_seconds=300.0),
        concurrency=1,
        can_pause=True,
        coalesce_key=lambda payload: f"enrich:{payload.source_id}",
        serial_key=lambda payload: f"enrich:{payload.source_id}",
    )

    def __init__(
        self,
        store: EnrichStore,
        client: ChatClient | None,
        vectors: TextVectors | None,
        *,
        parts: Sequence[EnrichPart] = tuple(EnrichPart),
        max_tokens: int | None = None,
    ) -> None:
        self._store = store
        self._client = client
        self._vectors = vectors
        self._parts = tuple(parts)
        self._max_tokens = max_tokens

    def check(self, _: EnrichSourcePayload) -> None:
        """For the door: raises InvalidInput where no chat model is set."""
        self._needed()

    async def estimate(self, source_id: str, parts: Sequence[EnrichPart] = ()) -> Estimate:
        """What a task would ask at most; without a request. Raises NotFound."""
        return estimate(await self._store.lacking(source_id), tuple(parts) or self._parts)

    async def run(self, ctx: TaskContext, payload: EnrichSourcePayload) -> Outcome:
        client = self._needed()
        parts = tuple(dict.fromkeys(payload.parts or self._parts))
        max_tokens = payload.max_tokens or self._max_tokens
        lacking = await self._store.lacking(payload.source_id)
        before = ctx.task.progress
        tally = Tally(parts, lacking, before, max_tokens)
        await self._announce(ctx, tally, estimate(lacking, parts))
        asking = Asking(client, new_budget(before, max_tokens))
        run = EnrichRun(ctx, self._store, self._vectors, asking, payload.source_id, tally)
        work = {
            EnrichPart.CONTEXT: run.contexts,
            EnrichPart.CODE: run.summaries,
            EnrichPart.SOURCE: run.description,
        }
        for part in parts:
            await work[part]()
        return await self._outcome(ctx, tally, payload.source_id)

    def _needed(self) -> ChatClient:
        if self._client is None:
            raise errors.InvalidInput("task_type", "enrich_source needs a chat model: set GLEANERY_CHAT_MODEL")
        return self._client

    async def _announce(self, ctx: TaskContext, tally: Tally, told: Estimate) -> None:
        message = f"At most {told.requests} requests, about {told.total_tokens} tokens"
        data = {"stage": "asking", "requests": told.requests, "tokens": told.total_tokens}
        await ctx.report(tally.progress(message=message), NewEvent(EventType.STAGE_STARTED, message, data))

    async def _outcome(self, ctx: TaskContext, tally: Tally, source_id: str) -> Outcome:
        message = tally.sentence()
        progress = tally.progress(message=message)
        for code, error in tally.errors.items():
            data = {"code": code, "items": tally.failed_count}
            text = f"{tally.failed_count} items got no answer: {error.message}"
            await ctx.report(progress, NewEvent(EventType.WARNING_RAISED, text, data))
        return Outcome(tally.result(source_id), progress, message)


async def enqueue_enrichment(submitter: Submitter, source_id: str, *, after_task_id: str | None = None) -> Task:
    """Queue the task that enriches a source, once `after_task_id` is complete (now without one); in place of one that waits.

    Called by that task itself before it ends: so no crash comes between its end and this.
    """
    new = NewTask(
        "enrich_source",
        {"source_id": source_id},
        title="Contexts and summaries",
        priority=PRIORITY,
        depends_on=() if after_task_id is None else (after_task_id,),
        on_dependency_failure=DependencyFailure.FAIL,
        parent_task_id=after_task_id,
    )
    return await submitter.submit(new)
