"""Long answers: files that were made for one request, and text that is written as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from gleanery import errors

PIECE_BYTES = 1024 * 1024
PREFIX, LEFT_SECONDS = ".sending-", 24 * 3600
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


class LeftError(Exception):
    """Nobody waits for the file any more."""


@asynccontextmanager
async def made_file(folder: Path, make: Callable[[Path, Callable[[], None]], object]) -> AsyncIterator[BinaryIO]:
    """A file that `make` writes, in a thread, somewhere in `folder`, open to be read. It has no name any more by then, so
    that nothing of it stays whatever becomes of this process.

    `make` gets its path and a function to call now and then, which ends it when the request does.
    """
    left = threading.Event()

    def check() -> None:
        if left.is_set():
            raise LeftError

    def work() -> BinaryIO | None:
        _clear(folder)
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder, ignore_cleanup_errors=True) as own:
            path = Path(own) / "file"
            try:
                make(path, check)
            except LeftError:
                return None
            return path.open("rb")

    job = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        file = await asyncio.shield(job)
    except asyncio.CancelledError:
        left.set()
        job.add_done_callback(_close)
        raise
    assert file is not None  # it was not left
    try:
        yield file
    finally:
        file.close()


def _close(job: asyncio.Future[BinaryIO | None]) -> None:
    """What was made for somebody who has gone meanwhile."""
    if not job.cancelled() and job.exception() is None and (file := job.result()) is not None:
        file.close()


def _clear(folder: Path) -> None:
    """What a server that died while it sent something has left."""
    for left in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


async def send_file(
    request: web.Request, file: BinaryIO, name: str, content_type: str = "application/zip"
) -> web.StreamResponse:
    """The file as an attachment of that name."""
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{file_name(name)}"'})
    response.content_type = content_type
    response.content_length = os.fstat(file.fileno()).st_size
    await response.prepare(request)
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        await response.write(piece)
    await response.write_eof()
    return response


def file_name(text: str) -> str:
    """`text` as the name of a file that any system takes."""
    return _ODD.sub("-", text).strip("-.")[:120] or "file"


async def send_text(request: web.Request, pieces: AsyncIterator[str], content_type: str) -> web.StreamResponse:
    """Text as it comes. Where it breaks off, so does the line: what was sent doesn't look whole."""
    response = web.StreamResponse()
    response.content_type, response.charset = content_type, "utf-8"
    await response.prepare(request)
    try:
        async for piece in pieces:
            await response.write(piece.encode())
    except errors.GleaneryError:
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def in_slices(lines: Iterator[str], count: int = 2_000) -> AsyncIterator[str]:
    """Many lines at a time, put together in a thread."""

    def some() -> str:
        return "".join(line for _, line in zip(range(count), lines, strict=False))

    while text := await asyncio.to_thread(some):
        yield text
