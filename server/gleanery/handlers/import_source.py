"""Tasks of type `import`: a portable file that another gleanery wrote becomes a source, without crawling it.

The file waits on disk under the task's id. It is read through once in a process of its own before anything is stored, so
that of one that is not sound nothing comes in. A source that is there already goes on being seen as it is until all of the
new one is stored; then that takes its place at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.engine.process import in_process
from gleanery.knowledge.portable import About, Model, PortableFile, open_portable
from gleanery.knowledge.portable_rows import Owner
from gleanery.knowledge.vectors import Vectors
from gleanery.model import (
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
from gleanery.store.portable_store import PortableStore
from gleanery.store.saved_queries import SavedQueryStore
from gleanery.store.values import Idempotency
from gleanery.store.vector_store import ModelState, VectorStore
from gleanery.web.urls import parse_url, url_key

T = TypeVar("T")

PAGES_AT_ONCE, BYTES_AT_ONCE = 32, 4_000_000
"""How many pages are read ahead: few enough to be in memory."""
VECTORS_AT_ONCE = 128
"""In one transaction: a few ms."""
AT_ONCE = timedelta()
"""Pages that the file doesn't have go with the old state: there is no next crawl that may meet them again."""


class ImportPayload(BaseModel):
    """What is known of the file when it has been sent; the server sets it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=300, description="What the file was called.")
    replace: bool = Field(False, description="Take the place of a source of the same URL.")
    size_bytes: int = 0
    sha256: str = ""
    url: str = ""
    source_id: str = ""


@dataclass(frozen=True)
class ImportParts:
    """What an import works with. `path_of` says where the file of a task waits. Without `vectors` none are stored; a process
    in which nobody searches is not `is_searched`."""

    store: Store
    portable: PortableStore
    saved_queries: SavedQueryStore
    vector_store: VectorStore
    vectors: Vectors | None
    path_of: Callable[[str], Path]
    is_searched: bool = True


class ImportStarter:
    """The import's `Create`: the task is kept together with its source. Its file must be there by then.

    `check` raises InvalidInput for what the manifest says of the source and can't be (its options, for one).
    """

    def __init__(self, parts: ImportParts, check: Callable[[About], None]) -> None:
        self._parts = parts
        self._check = check

    async def __call__(self, new: NewTask, idempotency: Idempotency | None, queue_limit: int) -> Task:
        """Raises InvalidInput for a task without a file, or whose file is none or says what can't be; WrongState when there
        is a source of that URL which is not to be replaced; and what `TaskStore.create` raises."""
        if idempotency is not None and (known := await self._parts.store.tasks.known_start(idempotency)) is not None:
            return known
        path = self._parts.path_of(new.task_id)
        if not await asyncio.to_thread(path.is_file):
            raise errors.InvalidInput("task_type", "needs a file: send it to /api/v1/knowledge/import")
        about = await asyncio.to_thread(_about, path)
        self._check(about)
        url, key = _address(about)
        payload = ImportPayload.model_validate(new.payload).model_copy(update={"url": url, "source_id": ""})
        source_id = await self._parts.portable.known(key)
        if source_id is not None and not payload.replace:
            message = (
                f"There is a source of {url} already: send `replace` to have the file take its place, or delete it."
            )
            raise errors.WrongState(message, source_id=source_id, url=url)
        return await self._parts.store.crawls.start(
            replace(new, payload=payload.model_dump(mode="json"), title=url),
            _source(about, url),
            key,
            idempotency=idempotency,
            queue_limit=queue_limit,
        )


def _about(path: Path) -> About:
    with open_portable(path) as portable:
        return portable.about


def _address(about: About) -> tuple[str, str]:
    """The source's URL and its key. Raises InvalidUrl that names the file."""
    if about.url.startswith("upload:///"):
        return about.url, about.url
    try:
        url = parse_url(about.url)
    except errors.InvalidUrl as error:
        raise errors.InvalidUrl(f"manifest.json: source.url: {error.reason}", kind=error.code, field="file") from None
    return url, url_key(url)


def _source(about: About, url: str) -> Source:
    now = utc_now()
    return Source(
        source_id=new_id("src"),
        url=url,
        title=about.title,
        tags=about.tags,
        knowledge_type=about.knowledge_type,
        options=about.options,
        created_at=now,
        updated_at=now,
        last_task_id=None,
    )


def check_file(payload: dict[str, Any]) -> dict[str, int]:
    """In a process of its own: read the file at `path` through, so that it is known to be sound. Raises InvalidInput."""
    with open_portable(Path(payload["path"])) as portable:
        portable.check()
        about = portable.about
    return {"pages": about.pages, "chunks": about.chunks, "code_examples": about.code_examples}


class ImportHandler:
    """`Handler` for tasks of type `import`. Interrupted, it goes on with the pages that are not stored."""

    spec = TaskSpec(
        "import",
        ImportPayload,
        Work.CPU,
        description="Take in a source that another gleanery exported",
        memory_limit_mb=3000,
        can_pause=True,
        serial_key=lambda payload: payload.source_id or None,
    )

    def __init__(self, parts: ImportParts) -> None:
        self._parts = parts

    async def run(self, ctx: TaskContext, payload: ImportPayload) -> Outcome:
        path = self._parts.path_of(ctx.task.task_id)
        run = _Run(self._parts, ctx, payload, path)
        try:
            stored = await ctx.step("store", run.store)
        except errors.InvalidInput:
            await asyncio.to_thread(path.unlink, missing_ok=True)  # nor will it be sound the next time
            raise
        await asyncio.to_thread(path.unlink, missing_ok=True)
        embedded = await run.embed(stored)
        await run.publish(stored)
        message = (
            f"Complete: {stored['pages']} pages, {stored['chunks']} chunks, {stored['code_examples']} code examples,"
            f" {stored['vectors']} vectors"
        )
        result = {"source_id": payload.source_id, "url": payload.url, **stored, "embedded": embedded}
        return Outcome(result, run.finished(message), message)


class _Run:
    """One attempt: the file checked, its pages stored one by one, its vectors, then those that it lacks."""

    def __init__(self, parts: ImportParts, ctx: TaskContext, payload: ImportPayload, path: Path) -> None:
        self._parts = parts
        self._ctx = ctx
        self._payload = payload
        self._path = path
        self._pages: int | None = None
        self._stored = 0

    async def store(self) -> dict[str, Any]:
        """Store what the file has; how much that is. Raises InvalidInput for a file that is not sound, and then nothing of it
        is stored; UploadGone when it is not there any more."""
        if not await asyncio.to_thread(self._path.is_file):
            raise errors.UploadGone("The file is not kept any more: send it again.", name=self._payload.name)
        await self._tell(
            "checking",
            EventType.STAGE_STARTED,
            f"Checking {self._payload.name or self._payload.url}",
            {"stage": "checking"},
        )
        checked = await self._ctx.step(
            "check", functools.partial(in_process, self._ctx, f"{__name__}:check_file", {"path": str(self._path)})
        )
        self._pages = int(checked["pages"])
        await self._parts.store.generations.begin(self._ctx.fence, self._payload.source_id)
        async with _opened(self._path) as portable:
            async for bundles in portable.batches(self._owner()):
                await self._store_pages(bundles)
            vectors = await self._store_vectors(portable)
            await self._describe(portable)
        return {**checked, "vectors": vectors}

    def _owner(self) -> Owner:
        return Owner(self._payload.source_id, self._ctx.task.task_id)

    async def _store_pages(self, bundles: list[PageBundle]) -> None:
        await self._parts.store.crawls.add_urls(self._ctx.fence, [_row(bundle) for bundle in bundles])
        for bundle in bundles:
            await self._store_page(bundle)

    async def _store_page(self, bundle: PageBundle) -> None:
        page, chunks, code = bundle.page, len(bundle.chunks), len(bundle.code_examples)
        settled = replace(
            _row(bundle),
            state=UrlState.STORED,
            status_code=page.status_code,
            attempts=1,
            page_id=page.page_id,
            chunk_count=chunks,
            code_example_count=code,
            fetched_by=page.fetched_by,
        )
        self._stored += 1
        event = NewEvent(
            EventType.PAGE_STORED,
            f"{page.title} · {chunks} chunks · {code} code blocks",
            {
                "url": page.url,
                "page_id": page.page_id,
                "title": page.title,
                "status_code": page.status_code,
                "seconds": 0.0,
                "chunks": chunks,
                "code_examples": code,
            },
        )
        progress = self._progress("storing", event.message)
        await self._parts.store.crawls.store_page(self._ctx.fence, settled, bundle, [event], progress)

    async def _store_vectors(self, portable: _Reader) -> int:
        """Those of the models that are in use here; how many texts got one by it."""
        kept = 0
        for model in portable.about.models:
            if not await self._is_used(model):
                continue
            async for hashes, vectors in portable.vectors(model):
                for start in range(0, len(hashes), VECTORS_AT_ONCE):
                    some = slice(start, start + VECTORS_AT_ONCE)
                    pairs = [(key, row.tobytes()) for key, row in zip(hashes[some], vectors[some], strict=True)]
                    kept += await self._parts.portable.add_vectors(
                        self._ctx.fence, self._payload.source_id, model.name, pairs
                    )
        return kept

    async def _is_used(self, model: Model) -> bool:
        """Whether search goes by this model, or will: with other vectors than its own nothing would be found."""
        vectors = self._parts.vectors
        if vectors is None or not vectors.is_on:
            return False
        await vectors.sync()
        names = {
            vectors.model,
            *(
                known.name
                for known in await self._parts.vector_store.models()
                if known.state is not ModelState.PREVIOUS
            ),
        }
        if model.name not in names:
            await self._warn("model_not_used", f"The vectors of {model.name} are left out: it is not in use here.")
            return False
        dimensions = await self._parts.vector_store.dimensions(model.name)
        if dimensions is None and model.name == vectors.model:
            dimensions = vectors.embedder.dimensions
        if dimensions is not None and dimensions != model.dimensions:
            message = f"The vectors of {model.name} are left out: they have {model.dimensions} dimensions, here it is {dimensions}."
            await self._warn("model_not_used", message)
            return False
        return True

    async def _describe(self, portable: _Reader) -> None:
        source_id, fence = self._payload.source_id, self._ctx.fence
        await self._parts.store.knowledge.name_source(fence, source_id, portable.about.title)
        await self._parts.portable.describe(fence, source_id, portable.about.description)
        queries = await portable.queries()
        try:
            await self._parts.saved_queries.put(source_id, queries)
        except errors.WrongState as error:  # it has as many of its own already
            await self._warn("queries_left_out", error.message)

    async def embed(self, stored: dict[str, Any]) -> int:
        """Vectors for what has none yet; for how many texts. Without an embedder that works all is found by words, and made up
        for later."""
        self._pages = self._stored = int(stored["pages"])
        vectors, chunks = self._parts.vectors, 0
        if vectors is None:
            return 0
        try:
            async for done in vectors.embed_missing(self._ctx.fence, self._payload.source_id):
                chunks += done.chunks
                data = {"pages": done.pages, "chunks": done.chunks}
                await self._tell("embedding", EventType.PAGES_EMBEDDED, f"embedded {done.chunks} chunks", data)
        except errors.EmbedError as error:
            await self._warn(error.code, f"{error.message} Pages are still stored and found by words.")
        if self._parts.is_searched:
            await vectors.refresh(self._payload.source_id)
        return chunks

    async def publish(self, stored: dict[str, Any]) -> None:
        """What the file has is what is seen from now on."""
        generations, source_id = self._parts.store.generations, self._payload.source_id
        done = await generations.of_task(source_id, self._ctx.task.task_id)
        if done is not None and done.state is GenerationState.COMPLETE:
            return  # a crash came between this and the task's end
        message = f"{stored['pages']} pages can be searched"
        event = NewEvent(EventType.SOURCE_PUBLISHED, message, {"source_id": source_id})
        progress = self._progress("publishing", message)
        await generations.complete(self._ctx.fence, source_id, AT_ONCE, [event], progress, {"imported": stored})

    def finished(self, message: str) -> Progress:
        return replace(self._progress("complete", message), percentage=100.0)

    async def _tell(self, stage: str, kind: EventType, message: str, data: dict[str, Any]) -> None:
        await self._ctx.report(self._progress(stage, message), NewEvent(kind, message, data))

    async def _warn(self, code: str, message: str) -> None:
        stage = self._ctx.progress.stage
        await self._tell(stage, EventType.WARNING_RAISED, f"{code} · {message}", {"code": code})

    def _progress(self, stage: str, message: str) -> Progress:
        """Checking is a tenth of it, storing most of the rest. It never goes back."""
        pages = self._pages
        percentage = 0.0 if pages is None else 10.0 + 80.0 * self._stored / max(1, pages)
        stages = {str(CrawlStage.STORED): StageCount(self._stored, pages)}
        before = self._ctx.progress
        return Progress(max(before.percentage, min(99.0, percentage)), stage, stages, message)


def _row(bundle: PageBundle) -> FrontierUrl:
    page = bundle.page
    return FrontierUrl(page.url, page.url_key, 0, UrlState.QUEUED, origin=UrlOrigin.START)


class _Reader:
    """A portable file read in one thread, which also closes it: nobody closes it while it is read."""

    def __init__(self, portable: PortableFile, thread: ThreadPoolExecutor) -> None:
        self._portable = portable
        self._thread = thread
        self.about = portable.about

    async def batches(self, owner: Owner) -> AsyncIterator[list[PageBundle]]:
        bundles = self._portable.bundles(owner)
        while batch := await _in(self._thread, lambda: _some(bundles)):
            yield batch

    async def vectors(self, model: Model) -> AsyncIterator[tuple[list[bytes], Any]]:
        found = self._portable.vectors(model)
        while (batch := await _in(self._thread, lambda: next(found, None))) is not None:
            yield batch

    async def queries(self) -> list[Any]:
        return await _in(self._thread, lambda: list(self._portable.queries()))


@contextlib.asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[_Reader]:
    thread, held = ThreadPoolExecutor(1, "import"), contextlib.ExitStack()
    try:
        yield _Reader(await _in(thread, lambda: held.enter_context(open_portable(path))), thread)
    finally:
        thread.submit(held.close)
        thread.shutdown(wait=False)


async def _in(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


def _some(bundles: Iterator[PageBundle]) -> list[PageBundle]:
    """The next few."""
    batch, size = list[PageBundle](), 0
    while len(batch) < PAGES_AT_ONCE and size < BYTES_AT_ONCE and (bundle := next(bundles, None)) is not None:
        batch.append(bundle)
        size += len(bundle.page.markdown) + sum(len(code.code) for code in bundle.code_examples)
    return batch
