"""A file with some fields beside it, as clients send it: multipart/form-data, or the file alone as the body."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from urllib.parse import unquote

from aiohttp import BodyPartReader, web
from pydantic import BaseModel, ValidationError

from gleanery import errors
from gleanery.handlers.upload.folder import UploadFolder, Written, clean_name
from gleanery.model import new_id

MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 200
_PIECE_BYTES = 64 * 1024
Fields = TypeVar("Fields", bound=BaseModel)


class FileForm:
    """The fields of one request, and its file in the folder under the id of the task that will read it."""

    def __init__(self, folder: UploadFolder, task_id: str, fields: dict[str, Any]) -> None:
        self._folder = folder
        self._fields = fields
        self.task_id = task_id
        self.name = ""
        self.content_type = ""
        self.charset: str | None = None
        self._written: Written | None = None

    @property
    def written(self) -> Written:
        """Raises InvalidInput where no file was sent."""
        if self._written is None:
            raise errors.InvalidInput("file", "is missing; send the file under this name")
        return self._written

    def fields(self, model: type[Fields]) -> Fields:
        """The other fields as they are meant. Raises InvalidInput."""
        try:
            return model.model_validate(self._fields)
        except ValidationError as error:
            first = error.errors()[0]
            reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
            raise errors.InvalidInput(".".join(map(str, first["loc"])) or "body", reason) from None

    async def read_body(self, request: web.Request) -> None:
        """Take in a file that is the whole body."""
        self._written = await self._folder.write(self.task_id, request.content.iter_chunked(_PIECE_BYTES))

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
        if self._written is not None:
            raise errors.InvalidInput("file", "is there twice; send one file in a request")
        # Browsers escape quotes and line ends in it (WHATWG HTML, multipart/form-data), some clients all there is.
        self.name = clean_name(unquote(part.filename or ""))
        self.content_type, self.charset = _typed(part.headers.get("Content-Type", ""))
        self._written = await self._folder.write(self.task_id, _pieces(part))

    def _add(self, name: str, value: str) -> None:
        if name == "tags":
            self._fields.setdefault("tags", []).extend(tag.strip() for tag in value.split(",") if tag.strip())
        elif name in self._fields:
            raise errors.InvalidInput(name, "is there twice")
        else:
            self._fields[name] = value


@contextlib.asynccontextmanager
async def file_form(
    request: web.Request, folder: UploadFolder, fields: dict[str, Any] | None = None
) -> AsyncIterator[FileForm]:
    """A form to read the request into, `fields` being what is known of it already. Its file is removed again when what is
    done with it raises, or the client goes away. Raises UploadTooLarge before anything is read."""
    if (request.content_length or 0) > folder.max_bytes + MAX_FIELDS * MAX_FIELD_BYTES:
        limit = folder.max_bytes
        raise errors.UploadTooLarge(f"The file is larger than {limit} bytes.", field="file", limit_bytes=limit)
    form = FileForm(folder, new_id("tsk"), fields or {})
    try:
        yield form
    except BaseException:  # also when the client goes away
        await asyncio.shield(folder.remove(form.task_id))
        raise


async def _text(part: BodyPartReader, name: str) -> str:
    """A field's value. Raises InvalidInput when it is too long or not UTF-8."""
    raw = bytearray()
    async for piece in _pieces(part):
        raw += piece
        if len(raw) > MAX_FIELD_BYTES:
            raise errors.InvalidInput(name, f"is longer than {MAX_FIELD_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise errors.InvalidInput(name, "is not UTF-8") from None


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(_PIECE_BYTES):
        yield bytes(piece)


def _typed(header: str) -> tuple[str, str | None]:
    """Media type and charset of a part's Content-Type."""
    media, _, parameters = header.partition(";")
    charset = next(
        (value for name, _, value in (p.partition("=") for p in parameters.split(";")) if name.strip() == "charset"), ""
    )
    return media.strip().lower()[:200], charset.strip(" \"'")[:60] or None
