"""Tasks of type `upload`: a file that somebody sent becomes a source with its pages.

The file waits on disk under the task's id from before the task exists until its pages are stored, so that a restart in
between loses nothing. The source's URL is `upload:///` and the file's name: the same name again replaces what is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.handlers.upload.folder import UploadFolder
from gleanery.knowledge.budget import ChunkBudget
from gleanery.knowledge.budgets import ChunkBudgets
from gleanery.knowledge.cut import Origin, cut_page
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.formats import Kind, Part
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.vectors import Vectors
from gleanery.model import (
    Clock,
    CrawlStage,
    EventType,
    FrontierUrl,
    GenerationState,
    NewEvent,
    NewTask,
    PageBundle,
    Progress,
    Source,
    StageCount,
    Task,
    UrlOrigin,
    UrlState,
    new_id,
    utc_now,
)
from gleanery.store.base import Store
from gleanery.store.crawl_store import CrawlStore
from gleanery.store.values import Idempotency

Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]


class UploadRequest(BaseModel):
    """What is said of a file when it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, StringConstraints(max_length=300, strip_whitespace=True)] = Field(
        "", description="What to call it; else what it calls itself."
    )
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="Words to find the source by.")
    knowledge_type: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        "documentation", description="What kind of knowledge it is."
    )
    extract_code: bool = Field(True, description="Keep code blocks as examples of their own too.")


class UploadPayload(UploadRequest):
    """The request with what is known of the file; the server sets it. `kind` is how it is read."""

    name: str
    kind: Kind
    content_type: str = ""
    charset: str | None = None
    size_bytes: int = 0
    sha256: str = ""
    source_id: str = ""

    @property
    def url(self) -> str:
        """The source's URL, and its key: nothing on the web has this scheme."""
        return f"upload:///{quote(self.name, safe='')}"


@dataclass(frozen=True)
class UploadParts:
    """What an upload works with; the crawls of the process share most of it."""

    store: Store
    folder: UploadFolder
    extract_pool: ExtractPool
    executor: ThreadPoolExecutor
    vectors: Vectors
    budgets: ChunkBudgets
    right_of_way: RightOfWay
    follow_up: Callable[[str, str], Awaitable[object]] | None = None


class UploadStarter:
    """The upload's `Create`: the task is kept together with its source. Its file must be in the folder by then."""

    def __init__(self, crawls: CrawlStore, folder: UploadFolder, clock: Clock = utc_now) -> None:
        self._crawls = crawls
        self._clock = clock
        self._folder = folder

    async def __call__(self, new: NewTask, idempotency: Idempotency | None, queue_limit: int) -> Task:
        """Raises InvalidInput for a task without a file, and what `TaskStore.create` raises."""
        if not await self._folder.holds(new.task_id):
            raise errors.InvalidInput("task_type", "needs a file: send it to /api/v1/knowledge/upload")
        payload = UploadPayload.model_validate(new.payload).model_copy(update={"source_id": ""})
        now = self._clock()
        source = Source(
            source_id=new_id("src"),
            url=payload.url,
            title=payload.title,
            tags=tuple(payload.tags),
            knowledge_type=payload.knowledge_type,
            options=payload.model_dump(mode="json", include={"name", "kind", "content_type", "size_bytes", "sha256"}),
            created_at=now,
            updated_at=now,
            last_task_id=None,
        )
        return await self._crawls.start(
            replace(new, payload=payload.model_dump(mode="json"), title=payload.name),
            source,
            payload.url,
            idempotency=idempotency,
            queue_limit=queue_limit,
        )


class UploadHandler:
    """`Handler` for tasks of type `upload`. Interrupted, it goes on with the pages that are not stored."""

    spec = TaskSpec(
        "upload",
        UploadPayload,
        Work.CPU,
        description="Read an uploaded file into the knowledge base",
        can_pause=True,
        serial_key=lambda payload: payload.source_id or None,
    )

    def __init__(self, parts: UploadParts) -> None:
        self._parts = parts

    async def run(self, ctx: TaskContext, payload: UploadPayload) -> Outcome:
        run = _Run(self._parts, ctx, payload)
        try:
            stored = await ctx.step("store", run.store)
        except errors.GleaneryError as error:
            if not error.can_retry and not isinstance(error, errors.LeaseLost | errors.StorageError):
                await self._parts.folder.remove(ctx.task.task_id)
            raise
        await self._parts.folder.remove(ctx.task.task_id)
        await run.embed(stored)
        await run.publish()
        if self._parts.follow_up is not None:
            await self._parts.follow_up(payload.source_id, ctx.task.task_id)
        message = (
            f"Complete: {stored['pages']} pages, {stored['chunks']} chunks, {stored['code_examples']} code examples"
        )
        return Outcome({"source_id": payload.source_id, **stored}, run.finished(message), message)


class _Run:
    """One attempt: the file taken apart, its pages stored one by one, then their vectors."""

    def __init__(self, parts: UploadParts, ctx: TaskContext, payload: UploadPayload) -> None:
        self._parts = parts
        self._budget = parts.budgets.now()
        self._ctx = ctx
        self._payload = payload
        self._pages: int | None = None
        self._stored = 0
        self._embedded = 0

    async def store(self) -> dict[str, Any]:
        """Store every page of the file; how many pages, chunks and code examples there are."""
        payload, crawls = self._payload, self._parts.store.crawls
        start = FrontierUrl(payload.url, payload.url, 0, UrlState.QUEUED, origin=UrlOrigin.START)
        await crawls.add_urls(self._ctx.fence, [start])
        await self._tell("extracting", EventType.STAGE_STARTED, f"Reading {payload.name}", {"stage": "extracting"})
        body = await self._parts.folder.read(self._ctx.task.task_id)
        if body is None:
            raise errors.UploadGone("The file is not kept any more: upload it again.", name=payload.name)
        try:
            parts = await self._parts.extract_pool.extract(body, payload.url, payload.charset, payload.kind)
        except (errors.EmptyPage, errors.ExtractFailed) as error:
            await self._settle_error(start, error)
            raise
        self._pages = len(parts)
        await crawls.add_urls(self._ctx.fence, [self._row(part) for part in parts[1:]])
        for part in parts:
            await self._store_part(part)
        counts = await crawls.counts(self._ctx.task.task_id, payload.source_id, None)
        title = payload.title or parts[0].page.title
        await self._parts.store.knowledge.name_source(self._ctx.fence, payload.source_id, title)
        return {"pages": counts.stored, "chunks": counts.chunks, "code_examples": counts.code_examples}

    def _row(self, part: Part) -> FrontierUrl:
        """Its address is its key: nobody else makes URLs of this scheme."""
        url = part.address(self._payload.url)
        origin = UrlOrigin.PART if part.fragment else UrlOrigin.START
        return FrontierUrl(url, url, int(bool(part.fragment)), UrlState.QUEUED, origin=origin)

    async def _store_part(self, part: Part) -> None:
        started = time.monotonic()
        await self._parts.right_of_way.give()
        bundle = await asyncio.get_running_loop().run_in_executor(
            self._parts.executor, _cut, self._origin(part), self._named(part), self._payload.extract_code, self._budget
        )
        page, seconds = bundle.page, time.monotonic() - started
        chunks, code = len(bundle.chunks), len(bundle.code_examples)
        settled = replace(
            self._row(part),
            state=UrlState.STORED,
            status_code=page.status_code,
            attempts=1,
            page_id=page.page_id,
            chunk_count=chunks,
            code_example_count=code,
            elapsed_seconds=seconds,
        )
        event = NewEvent(
            EventType.PAGE_STORED,
            f"{page.title} · {chunks} chunks · {code} code blocks",
            {
                "url": page.url,
                "page_id": page.page_id,
                "title": page.title,
                "status_code": page.status_code,
                "seconds": round(seconds, 3),
                "chunks": chunks,
                "code_examples": code,
            },
        )
        self._stored += 1
        progress = self._progress("storing", event.message)
        await self._parts.right_of_way.give()
        # False for a page that an earlier attempt has stored, which is as good.
        await self._parts.store.crawls.store_page(self._ctx.fence, settled, bundle, [event], progress)

    def _named(self, part: Part) -> ExtractedPage:
        """The page under the title that it was sent with."""
        return part.page if part.fragment or not self._payload.title else replace(part.page, title=self._payload.title)

    def _origin(self, part: Part) -> Origin:
        url = part.address(self._payload.url)
        return Origin(
            source_id=self._payload.source_id,
            task_id=self._ctx.task.task_id,
            url=url,
            url_key=url,
            status_code=200,
            content_type=self._payload.content_type,
            etag=None,
            last_modified=None,
            size_bytes=0 if part.fragment else self._payload.size_bytes,
            fetched_at=self._parts.store.clock(),
        )

    async def _settle_error(self, start: FrontierUrl, error: errors.FetchError) -> None:
        settled = replace(start, state=UrlState.FAILED, reason=error.code, message=error.message, attempts=1)
        data = {"url": start.url, "reason": error.code, "message": error.message, "attempts": 1}
        event = NewEvent(EventType.PAGE_FAILED, f"{error.code} {self._payload.name} · {error.message}", data)
        progress = self._progress("extracting", event.message)
        await self._parts.store.crawls.settle(self._ctx.fence, settled, [event], progress)

    async def embed(self, stored: dict[str, Any]) -> None:
        """Vectors for what has none yet. Raises EmbedError; the pages stay, and a retry goes on here."""
        self._pages = self._stored = int(stored["pages"])
        async for done in self._parts.vectors.embed_missing(self._ctx.fence, self._payload.source_id):
            self._embedded = min(self._pages, self._embedded + done.pages)
            data = {"pages": done.pages, "chunks": done.chunks}
            await self._tell("embedding", EventType.PAGES_EMBEDDED, f"embedded {done.chunks} chunks", data)

    async def publish(self) -> None:
        """What the file has is what is seen; pages of an older file of that name, which this one has not, go with it."""
        generations, source_id = self._parts.store.generations, self._payload.source_id
        generation = await generations.of_task(source_id, self._ctx.task.task_id)
        if generation is None or generation.state is not GenerationState.COMPLETE:
            message = f"{self._stored} pages can be searched"
            await generations.complete(
                self._ctx.fence,
                source_id,
                timedelta(0),
                [NewEvent(EventType.SOURCE_PUBLISHED, message, {"source_id": source_id})],
                self._progress("publishing", message),
                {},
            )

    def finished(self, message: str) -> Progress:
        self._embedded = self._pages or 0
        return replace(self._progress("complete", message), percentage=100.0)

    async def _tell(self, stage: str, kind: EventType, message: str, data: dict[str, Any]) -> None:
        await self._ctx.report(self._progress(stage, message), NewEvent(kind, message, data))

    def _progress(self, stage: str, message: str) -> Progress:
        """Reading is a tenth of it, storing and embedding share the rest. It never goes back."""
        has_vectors = self._parts.vectors.is_on
        pages, done = self._pages, float(self._stored)
        if has_vectors:
            done = (done + self._embedded) / 2
        percentage = 0.0 if pages is None else min(99.0, 10.0 + 90.0 * done / max(1, pages))
        extracted = StageCount(0 if pages is None else pages, pages)
        stages = {str(CrawlStage.EXTRACTED): extracted, str(CrawlStage.STORED): StageCount(self._stored, pages)}
        if has_vectors:
            stages[str(CrawlStage.EMBEDDED)] = StageCount(self._embedded, pages)
        before = self._ctx.progress
        for name, count in before.stages.items():
            if name in stages and stages[name].done < count.done:
                stages[name] = StageCount(count.done, pages)
        return Progress(max(before.percentage, percentage), stage, stages, message)


def _cut(origin: Origin, page: ExtractedPage, extract_code: bool, budget: ChunkBudget) -> PageBundle:
    return cut_page(origin, page, extract_code=extract_code, budget=budget)
