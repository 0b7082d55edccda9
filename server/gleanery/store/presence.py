"""`Presence` by locked files in the data directory: the kernel lets go of a lock when its process ends, however it ends."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from gleanery import errors

TRIES = 3
TRY_SECONDS = 0.01
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class FilePresence:
    """One file for each worker, in `folder`, locked as long as its process lives."""

    def __init__(self, folder: Path, *, boot_id: Path = BOOT_ID) -> None:
        self._folder = folder
        self._boot_id = boot_id
        self._held: IO[str] | None = None
        self._path: Path | None = None

    async def hold(self, worker_id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._file(worker_id)
        for _ in range(TRIES):
            file = path.open("w")
            if _lock(file) and _is_at(file, path):
                self._held, self._path = file, path
                return
            file.close()
            await asyncio.sleep(TRY_SECONDS)  # it may be someone who just looks whether we live
        raise in_use(worker_id)

    async def release(self) -> None:
        if self._held is None or self._path is None:
            return  # the file may be that of another one, who was refused to us
        self._path.unlink(missing_ok=True)
        self._held.close()
        self._held = None

    async def ended(self, worker_ids: Sequence[str]) -> Sequence[str]:
        return [worker_id for worker_id in worker_ids if not _is_locked(self._file(worker_id))]

    async def gone(self, worker_ids: Sequence[str]) -> Sequence[str]:
        return await self.ended(worker_ids)

    def place(self) -> str:
        """The folder by a name that no other one has, on whatever machine and in whatever container; once somebody has held."""
        at = self._folder.stat()
        return f"{self._machine()}:{at.st_dev}:{at.st_ino}"

    def _machine(self) -> str:
        """Where no boot is told of, the network card. Without one it is another name in each process, and then leases say who lives."""
        try:
            return self._boot_id.read_text().strip()
        except FileNotFoundError:
            return f"{uuid.getnode():012x}"

    def _file(self, worker_id: str) -> Path:
        """Names are the user's: a digest is a file name whatever they hold."""
        return self._folder / f"{hashlib.sha256(worker_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.lock"


def is_used(folder: Path) -> bool:
    """Whether the process of any worker lives that has its file in this folder."""
    return any(map(_is_locked, folder.glob("*.lock")))


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # held; or it can't be told (no file handle left), and then the lease says
    return False


def in_use(worker_id: str) -> errors.InvalidInput:
    return errors.InvalidInput("worker_id", f"a worker {worker_id!r} runs already: take another name")


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    """Not if who held it before has just removed it: nobody would find this lock."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
