"""`POST /knowledge/upload`: a file, sent as multipart/form-data, becomes a source."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from pydantic import Field

from gleanery import errors
from gleanery.api import crawl_shapes
from gleanery.api.file_form import FileForm, file_form
from gleanery.api.http import answer, idempotency_of
from gleanery.api.knowledge import check_field
from gleanery.api.route import Route
from gleanery.engine.submit import Submitter
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.handlers.upload.folder import UploadFolder
from gleanery.handlers.upload.handler import UploadPayload, UploadRequest
from gleanery.knowledge.formats import kind_of
from gleanery.model import NewTask, Task

READABLE = "PDF, DOCX, Markdown, HTML, plain text, a Jupyter notebook or an OpenAPI document"


class UploadStart(UploadRequest):
    """The fields beside `file`; each but the tags at most once. Tags come one a field, or separated by commas."""

    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    webhook_url: str | None = Field(
        None, min_length=1, max_length=2048, description="Called when the task has ended, signed as Standard Webhooks."
    )


class _Asked(UploadStart):
    """All that makes two uploads the same to an idempotency key."""

    name: str
    sha256: str


class UploadApi:
    """The route. `check_url` raises InvalidUrl for a webhook URL that may not be called."""

    def __init__(self, submitter: Submitter, folder: UploadFolder, check_url: CheckUrl) -> None:
        self._submitter = submitter
        self._folder = folder
        self._check_url = check_url

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "POST",
                "/api/v1/knowledge/upload",
                self.upload,
                f"Read a file into the knowledge base: {READABLE}",
                "knowledge",
                crawl_shapes.CrawlStarted,
                status=202,
                errors=(400, 409, 413, 415, 503, 507),
                is_idempotent=True,
            ),
        )

    async def upload(self, request: web.Request) -> web.Response:
        if request.content_type != "multipart/form-data":
            raise errors.BadRequest(f"Send multipart/form-data with a `file`, not {request.content_type}.")
        async with file_form(request, self._folder) as form:
            await form.read(request)
            task = await self._start(request, form)
        if task.task_id != form.task_id:  # known by its idempotency key
            await self._folder.remove(form.task_id)
        started = crawl_shapes.CrawlStarted(
            success=True,
            task_id=task.task_id,
            progress_id=task.task_id,
            source_id=str(task.payload["source_id"]),
            status=str(task.status),
            message=f"Upload of {task.payload['name']} queued. Follow it by its progress_id.",
        )
        return answer(started, status=202, headers={"Location": f"/api/v1/tasks/{task.task_id}"})

    async def _start(self, request: web.Request, form: FileForm) -> Task:
        if not form.name:
            raise errors.InvalidInput("file", "is missing, or has no file name; send it under this name")
        if form.written.size_bytes == 0:
            raise errors.InvalidInput("file", "is empty")
        start = form.fields(UploadStart)
        if start.webhook_url is not None:
            check_field(self._check_url, "webhook_url", start.webhook_url)
        # What a client takes a file for is a guess, often by its name.
        kind = kind_of(form.content_type, form.name, form.written.head) or kind_of("", form.name, form.written.head)
        if kind is None:
            named = form.content_type or "a file without a type"
            raise errors.UnsupportedType(
                f"{form.name} can't be read ({named}); send {READABLE}.", field="file", content_type=form.content_type
            )
        payload = UploadPayload(
            **start.model_dump(include={*UploadRequest.model_fields}),
            name=form.name,
            kind=kind,
            content_type=form.content_type,
            charset=form.charset,
            size_bytes=form.written.size_bytes,
            sha256=form.written.sha256,
        )
        new = NewTask(
            "upload",
            payload.model_dump(mode="json"),
            priority=start.priority,
            webhook_url=start.webhook_url,
            task_id=form.task_id,
        )
        asked = _Asked(**start.model_dump(), name=form.name, sha256=form.written.sha256)
        return await self._submitter.submit(new, idempotency_of(request, asked))
