"""The folder where uploaded files wait for their tasks: one file for each, named by the task's id."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import time
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gleanery import errors, log
from gleanery.knowledge.formats.kinds import LOOKED_AT
from gleanery.store.task_store import TaskStore

_log = log.get(__name__)

MAX_NAME_BYTES = 200
SWEEP_SECONDS = 3600.0
ORPHAN_SECONDS = 3600.0
"""A file whose task is unknown may be one that is just being sent: so long it stays."""
_TASK_ID = re.compile(r"tsk_[0-9a-f]{1,64}")
_WRITE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Written:
    """A file as it was kept; `head` is its beginning, a MiB at most."""

    size_bytes: int
    sha256: str
    head: bytes


class UploadFolder:
    """`folder` is made with the first file. Files are no larger than `max_bytes`."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self.max_bytes = max_bytes

    async def write(self, task_id: str, chunks: AsyncIterator[bytes]) -> Written:
        """Keep what comes, durably. Raises UploadTooLarge and StorageError, and leaves nothing behind then."""
        path = self._path(task_id)
        writer = await asyncio.to_thread(_opened, path)
        try:
            async for chunk in _gathered(chunks):
                if writer.size + len(chunk) > self.max_bytes:
                    message = f"The file is larger than {self.max_bytes} bytes."
                    raise errors.UploadTooLarge(message, field="file", limit_bytes=self.max_bytes)
                await asyncio.to_thread(writer.add, chunk)
            await asyncio.to_thread(writer.close)
        except BaseException:
            # Also when the client goes away in the middle.
            writer.discard()
            raise
        return Written(writer.size, writer.digest.hexdigest(), bytes(writer.head))

    async def holds(self, task_id: str) -> bool:
        return await asyncio.to_thread(self._path(task_id).is_file)

    async def read(self, task_id: str) -> bytes | None:
        """The file of this task; None when there is none."""
        try:
            return await asyncio.to_thread(self._path(task_id).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _storage_error(error) from error

    async def remove(self, task_id: str) -> None:
        """Let go of the file, if it is there."""
        await asyncio.to_thread(self._path(task_id).unlink, missing_ok=True)

    async def sweep(self, tasks: TaskStore) -> int:
        """Remove files whose task has ended, and those that no task has and that are not just being sent; how many."""
        removed = 0
        for task_id, age_seconds in await asyncio.to_thread(self._files):
            try:
                is_orphan = (await tasks.get(task_id)).status.is_final
            except errors.NotFound:
                is_orphan = age_seconds > ORPHAN_SECONDS
            if is_orphan:
                await self.remove(task_id)
                removed += 1
        return removed

    async def keep_swept(self, tasks: TaskStore) -> None:
        """`sweep` now and every hour, for good."""
        while True:
            try:
                count = await self.sweep(tasks)
            except (errors.StorageError, OSError):
                _log.exception("uploads not swept")
            else:
                if count:
                    _log.info("uploads swept", extra={"count": count})
            await asyncio.sleep(SWEEP_SECONDS)

    def _path(self, task_id: str) -> Path:
        if not _TASK_ID.fullmatch(task_id):
            raise errors.NotFound("task", task_id)
        return self._folder / task_id

    def _files(self) -> list[tuple[str, float]]:
        """The files with their ages in seconds."""
        if not self._folder.is_dir():
            return []
        now = time.time()
        with os.scandir(self._folder) as entries:
            return [(entry.name, now - entry.stat().st_mtime) for entry in entries if _TASK_ID.fullmatch(entry.name)]


class _Writer:
    """A file that is being written, with what is to be known of it. In threads, one call after the other."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()
        self.head = bytearray()

    def add(self, chunk: bytes) -> None:
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _storage_error(error) from error
        self.size += len(chunk)
        self.digest.update(chunk)
        self.head += chunk[: LOOKED_AT - len(self.head)]

    def close(self) -> None:
        """On disk for good, the folder's entry too."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _storage_error(error) from error

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _opened(path: Path) -> _Writer:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _Writer(path, path.open("xb"))
    except OSError as error:
        raise _storage_error(error) from error


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Larger pieces of the same bytes: a thread's turn costs more than a small write."""
    pending = bytearray()
    async for chunk in chunks:
        pending += chunk
        if len(pending) >= _WRITE_BYTES:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def _storage_error(error: OSError) -> errors.StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return errors.StorageFull("There is no room on the disk for the file.")
    return errors.StorageError(f"The file can't be kept: {os.strerror(error.errno or 0)}.")


def clean_name(sent: str) -> str:
    """A file's name without folders, control and format characters; empty when nothing is left.

    Names are compared as they are shown: NFC, one blank for several. At most 200 bytes, the ending stays.
    """
    name = re.split(r"[/\\]", sent)[-1]
    name = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] != "C" or c == "\t")
    name = " ".join(name.split()).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        stem, dot, ending = name, "", ""
    room = MAX_NAME_BYTES - len(f"{dot}{ending}".encode())
    return f"{stem.encode()[:room].decode('utf-8', 'ignore')}{dot}{ending}"
