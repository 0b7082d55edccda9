"""`POST /knowledge/upload`: a file, sent as multipart/form-data, becomes a source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, web
from pydantic import Field, ValidationError

from gleanery import errors
from gleanery.api import crawl_shapes
from gleanery.api.http import answer, idempotency_of
from gleanery.api.knowledge import check_field
from gleanery.api.route import Route
from gleanery.engine.submit import Submitter
from gleanery.handlers.crawl.start import CheckUrl
from gleanery.handlers.upload.folder import UploadFolder, Written, clean_name
from gleanery.handlers.upload.handler import UploadPayload, UploadRequest
from gleanery.knowledge.formats import kind_of
from gleanery.model import NewTask, Task, new_id

MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 200
_CHUNK_BYTES = 64 * 1024
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
        if (request.content_length or 0) > self._folder.max_bytes + MAX_FIELDS * MAX_FIELD_BYTES:
            raise _too_large(self._folder.max_bytes)  # before anything of it is read
        form = _Form(self._folder, new_id("tsk"))
        try:
            await form.read(request)
            task = await self._start(request, form)
        except errors.GleaneryError:
            await self._folder.remove(form.task_id)
            raise
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

    async def _start(self, request: web.Request, form: _Form) -> Task:
        if form.written is None:
            raise errors.InvalidInput("file", "is missing; send the file under this name")
        if form.written.size_bytes == 0:
            raise errors.InvalidInput("file", "is empty")
        start = form.start()
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


class _Form:
    """The fields of one request, and its file in the folder."""

    def __init__(self, folder: UploadFolder, task_id: str) -> None:
        self._folder = folder
        self._fields: dict[str, Any] = {}
        self.task_id = task_id
        self.name = ""
        self.content_type = ""
        self.charset: str | None = None
        self.written: Written | None = None

    async def read(self, request: web.Request) -> None:
        """Take in what was sent, in whatever order. Raises BadRequest, InvalidInput, UploadTooLarge and StorageError."""
        try:
            reader = await request.multipart()
            for _ in range(MAX_FIELDS):
                part = await reader.next()
                if part is None:
                    return
                if not isinstance(part, BodyPartReader):
                    raise errors.BadRequest("A part of the form is a form itself.")
                await self._take(part)
        except (ValueError, AssertionError, LookupError) as error:  # what the parser raises on a broken form
            raise errors.BadRequest("The body is not a well-formed multipart/form-data form.") from error
        raise errors.BadRequest(f"The form has more than {MAX_FIELDS} fields.")

    async def _take(self, part: BodyPartReader) -> None:
        name = part.name or ""
        if name != "file":
            self._add(name, await _text(part, name))
            return
        if self.written is not None:
            raise errors.InvalidInput("file", "is there twice; send one file in a request")
        # Browsers escape quotes and line ends in it (WHATWG HTML, multipart/form-data), some clients all there is.
        self.name = clean_name(unquote(part.filename or ""))
        if not self.name:
            raise errors.InvalidInput("file", "has no file name")
        self.content_type, self.charset = _typed(part.headers.get("Content-Type", ""))
        self.written = await self._folder.write(self.task_id, _chunks(part))

    def _add(self, name: str, value: str) -> None:
        if name == "tags":
            self._fields.setdefault("tags", []).extend(tag.strip() for tag in value.split(",") if tag.strip())
        elif name in self._fields:
            raise errors.InvalidInput(name, "is there twice")
        else:
            self._fields[name] = value

    def start(self) -> UploadStart:
        """The fields as they are meant. Raises InvalidInput."""
        try:
            return UploadStart.model_validate(self._fields)
        except ValidationError as error:
            first = error.errors()[0]
            reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
            raise errors.InvalidInput(".".join(map(str, first["loc"])) or "body", reason) from None


async def _text(part: BodyPartReader, name: str) -> str:
    """A field's value. Raises InvalidInput when it is too long or not UTF-8."""
    raw = bytearray()
    async for chunk in _chunks(part):
        raw += chunk
        if len(raw) > MAX_FIELD_BYTES:
            raise errors.InvalidInput(name, f"is longer than {MAX_FIELD_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise errors.InvalidInput(name, "is not UTF-8") from None


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        yield bytes(chunk)


def _typed(header: str) -> tuple[str, str | None]:
    """Media type and charset of a part's Content-Type."""
    media, _, parameters = header.partition(";")
    charset = next(
        (value for name, _, value in (p.partition("=") for p in parameters.split(";")) if name.strip() == "charset"), ""
    )
    return media.strip().lower()[:200], charset.strip(" \"'")[:60] or None


def _too_large(limit: int) -> errors.UploadTooLarge:
    return errors.UploadTooLarge(f"The file is larger than {limit} bytes.", field="file", limit_bytes=limit)
