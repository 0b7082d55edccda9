"""A real server in a process of its own, which can be killed and started again on the same port and data."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import weakref
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import aiohttp

PATIENCE_SECONDS = 180
"""What a process may take to start or to end before a test fails, on a machine with other work too."""


class ServerProcess:
    """`gleanery serve` with its own data directory. `start` returns when it answers."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        probe = _bound()
        weakref.finalize(self, probe.close)
        self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GLEANERY_", "OPENAI_"))},
            "GLEANERY_PORT": str(self.port),
            "GLEANERY_DATA_DIR": str(data_dir),
            "GLEANERY_ALLOW_ADDRESSES": "127.0.0.1",
            "GLEANERY_EMBEDDER": "none",
            **settings,
        }
        self._process: Process | None = None

    async def start(self, *flags: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gleanery", "serve", *flags, env=self._env, stdout=PIPE, stderr=DEVNULL
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while line := (await self._process.stdout.readline()).decode():
                    if self.url in line:
                        return
        except TimeoutError:
            await self.kill()  # it would take the time of the tests after this one
            raise
        raise AssertionError("the server ended before it was ready")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def line(self) -> str:
        """The next line that it prints."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            return (await self._process.stdout.readline()).decode().strip()

    async def kill(self) -> None:
        """SIGKILL, if it still runs: no good-bye, no last write."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def strike(self) -> None:
        """SIGKILL, at this very moment; `died` sees to the rest."""
        os.kill(self.pid, signal.SIGKILL)

    async def died(self) -> None:
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.wait()

    async def get(self, path: str) -> dict[str, object]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as reply:
            return dict(await reply.json())


def _bound() -> socket.socket:
    """Keeps a port from everybody but the server, also while that is down: it never listens, and both may use it again."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    return probe
