"""The servers that other engines need: PostgreSQL and Redis of the machine, on sockets in a folder, ended with the block."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

PACKAGES = {"postgres": "postgresql", "redis-server": "redis-server"}
START_SECONDS = 20.0
LOOK_SECONDS = 0.05
STOP_SECONDS = 10.0


class NotThere(Exception):
    """A program that is not installed; the message says what to do."""


def find(program: str) -> Path:
    """On the path, else where Debian keeps PostgreSQL's. Raises NotThere."""
    candidates = [Path(found)] if (found := shutil.which(program)) else []
    candidates += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)
    if not candidates:
        package = PACKAGES.get(program, program)
        raise NotThere(f"{program} is not installed (as root --install does it: apt-get install {package})")
    return candidates[0]


def install() -> None:
    """Debian's packages of what is missing, without starting their services. Raises NotThere where that can't be."""
    missing = [package for program, package in PACKAGES.items() if not _is_there(program)]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotThere(f"--install needs root and apt-get; install {' and '.join(missing)} by hand")
    # RUNLEVEL=1 is Debian's way to keep a package's scripts from starting its service.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        subprocess.run(["apt-get", *words], check=True, env=env, stdout=subprocess.DEVNULL)


def _is_there(program: str) -> bool:
    try:
        find(program)
    except NotThere:
        return False
    return True


@contextlib.asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """A fresh PostgreSQL with its defaults, on a socket only; gives a connection string."""
    data, who, programs = folder / "data", _not_root(), find("postgres").resolve().parent
    folder.mkdir()
    if who:
        account = pwd.getpwnam(who["user"])
        os.chown(folder, account.pw_uid, account.pw_gid)
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "bench", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    made = await asyncio.create_subprocess_exec(*initdb, stdout=DEVNULL, stderr=DEVNULL, cwd="/", **who)
    if await made.wait() != 0:
        raise NotThere("PostgreSQL's initdb failed: its folder must be one that its user may enter")
    words = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses="]
    async with _running(words, lambda: _is_postgres_ready(data), signal.SIGINT, **who):
        yield f"host={folder} user=bench dbname=postgres"


@contextlib.asynccontextmanager
async def redis(folder: Path, *options: str) -> AsyncIterator[str]:
    """A fresh Redis with its defaults but for `options`, on a socket only; gives the socket's path."""
    folder.mkdir()
    socket = folder / "redis.sock"
    words = [str(find("redis-server")), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), *options]
    async with _running(words, socket.exists, signal.SIGTERM):
        yield str(socket)


def _not_root() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _is_postgres_ready(data: Path) -> bool:
    pid_file = data / "postmaster.pid"
    return pid_file.exists() and pid_file.read_text().rstrip().endswith("ready")


@contextlib.asynccontextmanager
async def _running(
    words: Sequence[str], is_ready: Callable[[], bool], end: signal.Signals, **who: Any
) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *words, stdout=DEVNULL, stderr=DEVNULL, cwd="/", start_new_session=True, **who
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not is_ready():
                if process.returncode is not None:
                    raise NotThere(f"{words[0]} ended with exit code {process.returncode} when it was started")
                await asyncio.sleep(LOOK_SECONDS)
        yield
    finally:
        await _end(process, end)


async def _end(process: Process, end: signal.Signals) -> None:
    if process.returncode is not None:
        return
    process.send_signal(end)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
