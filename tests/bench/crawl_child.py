"""A contender's process: lines to and from it, its CPU time and its memory, children included."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
SAMPLE_SECONDS = 0.2
LONGEST_LINE = 4 * 2**20


class Child:
    """A running module; it speaks in lines of `{"bench": {…}}`, anything else that it prints is passed over."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._psutil = psutil.Process(process.pid)
        self.peak_mb = 0.0

    async def hear(self) -> Mapping[str, Any]:
        """Its next line. Raises RuntimeError when it ends without one."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b'{"bench": '):
                facts: Mapping[str, Any] = json.loads(line)["bench"]
                return facts
        raise RuntimeError(f"a contender ended with exit code {await self._process.wait()}")

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    def cpu_seconds(self) -> Mapping[str, float]:
        """User and system time so far: of the process itself, and of its children, those that ended included."""
        own = self._psutil.cpu_times()
        total = own.children_user + own.children_system
        for child in self._psutil.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                total += times.user + times.system
        return {"main": own.user + own.system, "children": total}

    def memory_mb(self) -> float:
        """Resident memory of the process and its children; what they share is counted for each."""
        total = 0
        for process in (self._psutil, *self._psutil.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 2**20

    async def watch_memory(self) -> None:
        while True:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.peak_mb = max(self.peak_mb, self.memory_mb())
            await asyncio.sleep(SAMPLE_SECONDS)


@contextlib.asynccontextmanager
async def started(python: str, module: str, arguments: Sequence[str], **env: str) -> AsyncIterator[Child]:
    """`python -m module` from the root of the checkout; it ends when its input does, or is killed."""
    process = await asyncio.create_subprocess_exec(
        python,
        "-m",
        module,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        limit=LONGEST_LINE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'server'}{os.pathsep}{ROOT}", **env},
    )
    child = Child(process)
    watching = asyncio.create_task(child.watch_memory())
    try:
        yield child
    finally:
        watching.cancel()
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.communicate(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
