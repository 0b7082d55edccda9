"""A source on its way out (as a portable file, as llms.txt and llms-full.txt) and in again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gleanery import __version__, errors
from gleanery.api import crawl_shapes
from gleanery.api.file_form import FileForm, file_form
from gleanery.api.http import answer, idempotency_of
from gleanery.api.knowledge import check_field
from gleanery.api.route import Query, Route
from gleanery.api.sending import in_slices, made_file, send_file, send_text
from gleanery.engine.submit import Submitter
from gleanery.handlers.crawl.payload import CrawlRequest
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.handlers.import_source import ImportPayload
from gleanery.handlers.upload.folder import UploadFolder
from gleanery.knowledge.llms_out import begin_full, sections_of, write_llms, write_page
from gleanery.knowledge.portable import About, write_portable
from gleanery.model import NewTask, Source, Task, utc_now
from gleanery.store.knowledge_store import KnowledgeStore
from gleanery.store.portable_store import ListedPage, PortableStore

EXPORTS_AT_ONCE = 2
PAGES_AT_ONCE = 20
_RAW = ("application/zip", "application/octet-stream")


class ImportStart(BaseModel):
    """What may be said with the file: in the query, or as fields of the form beside `file`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replace: bool = Field(False, description="Take the place of a source of the same URL.")
    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    webhook_url: str | None = Field(
        None, min_length=1, max_length=2048, description="Called when the task has ended, signed as Standard Webhooks."
    )


class _Asked(ImportStart):
    """All that makes two imports the same to an idempotency key."""

    sha256: str


class ExportApi:
    """The routes out. Files are made in `folder` and go when they are sent."""

    def __init__(self, knowledge: KnowledgeStore, portable: PortableStore, folder: Path) -> None:
        self._knowledge = knowledge
        self._portable = portable
        self._folder = folder
        self._room = asyncio.Semaphore(EXPORTS_AT_ONCE)

    def routes(self) -> Sequence[Route]:
        source = "/api/v1/sources/{source_id}"
        return (
            Route(
                "GET",
                f"{source}/export",
                self.export,
                "The source as one portable file (zip), for another gleanery",
                "sources",
                None,
                errors=(404, 507),
            ),
            Route("GET", f"{source}/llms.txt", self.llms, "Its pages as an llms.txt", "sources", None, errors=(404,)),
            Route(
                "GET",
                f"{source}/llms-full.txt",
                self.llms_full,
                "All of its pages as an llms-full.txt",
                "sources",
                None,
                errors=(404,),
            ),
        )

    async def export(self, request: web.Request) -> web.StreamResponse:
        source_id = request.match_info["source_id"]
        source = await self._knowledge.source(source_id)

        def make(path: Path, check: Any) -> None:
            with self._portable.content(source_id) as content:
                write_portable(content, path, made_by=__version__, now=utc_now(), on_page=check)

        async with self._room, made_file(self._folder, make) as file:
            return await send_file(request, file, f"{_named(source)}-{utc_now():%Y-%m-%d}.gleanery.zip")

    async def llms(self, request: web.Request) -> web.StreamResponse:
        source, pages = await self._portable.site(request.match_info["source_id"])
        sections = await asyncio.to_thread(sections_of, pages)
        lines = write_llms(source.title or source.url, source.description, sections)
        return await send_text(request, in_slices(lines), "text/markdown")

    async def llms_full(self, request: web.Request) -> web.StreamResponse:
        source, pages = await self._portable.site(request.match_info["source_id"])
        return await send_text(request, self._full(source, pages), "text/markdown")

    async def _full(self, source: Source, pages: Sequence[ListedPage]) -> AsyncIterator[str]:
        """All of one generation, also when another takes its place meanwhile."""
        yield begin_full(source.title or source.url, source.description)
        for start in range(0, len(pages), PAGES_AT_ONCE):
            some = pages[start : start + PAGES_AT_ONCE]
            read = [self._knowledge.page(page.page_id, source.generation) for page in some]
            for page in await asyncio.gather(*read):
                yield write_page(page.title, page.url, page.markdown)


class ImportApi:
    """The route in. `check_url` raises InvalidUrl for a webhook URL that may not be called."""

    def __init__(self, submitter: Submitter, folder: UploadFolder, check_url: CheckUrl) -> None:
        self._submitter = submitter
        self._folder = folder
        self._check_url = check_url

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "POST",
                "/api/v1/knowledge/import",
                self.start,
                "Take in a source that another gleanery exported: the file as the body, or as `file` of a form",
                "knowledge",
                crawl_shapes.CrawlStarted,
                status=202,
                query=(
                    Query("replace", "Take the place of a source of the same URL.", "boolean"),
                    Query("priority", "0 to 100, higher runs first.", "integer"),
                    Query("webhook_url", "Called when the task has ended."),
                ),
                errors=(400, 409, 413, 503, 507),
                is_idempotent=True,
            ),
        )

    async def start(self, request: web.Request) -> web.Response:
        is_form = request.content_type == "multipart/form-data"
        if not is_form and request.content_type not in _RAW:
            raise errors.BadRequest(
                f"Send the file as application/zip, or as `file` of multipart/form-data, not {request.content_type}."
            )
        async with file_form(request, self._folder, dict(request.query)) as form:
            await (form.read(request) if is_form else form.read_body(request))
            task = await self._submit(request, form)
        if task.task_id != form.task_id:  # known by its idempotency key
            await self._folder.remove(form.task_id)
        started = crawl_shapes.CrawlStarted(
            success=True,
            task_id=task.task_id,
            progress_id=task.task_id,
            source_id=str(task.payload["source_id"]),
            status=str(task.status),
            message=f"Import of {task.payload['url']} queued. Follow it by its progress_id.",
        )
        return answer(started, status=202, headers={"Location": f"/api/v1/tasks/{task.task_id}"})

    async def _submit(self, request: web.Request, form: FileForm) -> Task:
        written, start = form.written, form.fields(ImportStart)
        if start.webhook_url is not None:
            check_field(self._check_url, "webhook_url", start.webhook_url)
        payload = ImportPayload(
            name=form.name, replace=start.replace, size_bytes=written.size_bytes, sha256=written.sha256
        )
        new = NewTask(
            "import",
            payload.model_dump(mode="json"),
            priority=start.priority,
            webhook_url=start.webhook_url,
            task_id=form.task_id,
        )
        asked = _Asked(**start.model_dump(), sha256=written.sha256)
        return await self._submitter.submit(new, idempotency_of(request, asked))


def check_about(about: About) -> None:
    """What a file says of how its source was crawled must be what a crawl takes: its refresh goes by it. Raises
    InvalidInput."""
    if about.url.startswith("upload:"):
        return
    asked = {**about.options, "url": about.url, "tags": list(about.tags), "knowledge_type": about.knowledge_type}
    try:
        CrawlRequest.model_validate(asked)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise errors.InvalidInput("file", f"manifest.json: source.options.{where}: {first['msg']}") from None


def _named(source: Source) -> str:
    """What its file is called: host and folder of its URL."""
    parts = urlsplit(source.url)
    return f"{parts.netloc}{parts.path}".strip("/") or "source"
