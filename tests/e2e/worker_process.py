"""A real worker in a process of its own, beside a server process or without one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from tests.e2e.server_process import PATIENCE_SECONDS


class WorkerProcess:
    """`gleanery worker --worker-id name` on a data directory. `start` returns what it prints when it is ready."""

    def __init__(self, data_dir: Path, name: str, **settings: str) -> None:
        self.name = name
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("GLEANERY_", "OPENAI_"))},
            "GLEANERY_DATA_DIR": str(data_dir),
            "GLEANERY_ALLOW_ADDRESSES": "127.0.0.1",
            "GLEANERY_EMBEDDER": "none",
            "GLEANERY_EXTRACT_PROCESSES": "1",
            **settings,
        }
        self._process: Process | None = None

    async def start(self, *flags: str) -> str:
        command = (sys.executable, "-m", "gleanery", "worker", "--worker-id", self.name, *flags)
        self._process = await asyncio.create_subprocess_exec(*command, env=self._env, stdout=PIPE, stderr=DEVNULL)
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                said = (await self._process.stdout.readline()).decode().strip()
        except TimeoutError:
            await self.kill()
            raise
        assert said, "the worker ended before it was ready"
        return said

    async def kill(self) -> None:
        """SIGKILL, if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.wait()
