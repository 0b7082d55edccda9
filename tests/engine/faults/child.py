"""The tests' side of `process`: starts one, reads what it says, and does to it what it is to be tested with."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 20.0


class Child:
    """A running process; `lines` is what it has said so far."""

    def __init__(self, process: Process, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._process = process
        self._patience = patience_seconds
        self.lines: list[str] = []

    async def line(self) -> str:
        """The next line; empty when it has ended."""
        assert self._process.stdout is not None
        text = (await self._process.stdout.readline()).decode()
        if text.endswith("\n"):  # a killed process may leave half a line
            self.lines.append(text.strip())
            return self.lines[-1]
        return ""

    async def until(self, word: str) -> str:
        """The rest of the next line that begins with the word."""
        async with asyncio.timeout(self._patience):
            while line := await self.line():
                first, _, rest = line.partition(" ")
                if first == word:
                    return rest
        raise AssertionError(f"ended without {word!r}: {self.lines}")

    async def until_logged(self, message: str) -> dict[str, object]:
        """The fields of the next line of its log with that message."""
        async with asyncio.timeout(self._patience):
            while line := await self.line():
                if line.startswith("{") and (fields := json.loads(line))["message"] == message:
                    return dict(fields)
        raise AssertionError(f"ended without logging {message!r}: {self.lines}")

    async def read_for(self, seconds: float) -> None:
        """Take what it says for so long, or until it ends."""
        try:
            async with asyncio.timeout(seconds):
                while await self.line():
                    pass
        except TimeoutError:
            return

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL; what it had said before is in `lines`."""
        if self._process.returncode is None:
            self._process.kill()
        await self.over()

    def go_on(self) -> None:
        """Give it a line to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    def terminate(self) -> None:
        self._process.terminate()

    async def end(self) -> int:
        """SIGTERM, and the exit code."""
        self._process.terminate()
        return await self.over()

    async def over(self) -> int:
        """The exit code, once it has ended by itself."""
        async with asyncio.timeout(self._patience):
            while await self.line():
                pass
            return await self._process.wait()


@asynccontextmanager
async def child(database: Path, *arguments: str) -> AsyncIterator[Child]:
    """A process in that mode, killed afterwards if it still lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.engine.faults.process",
        str(database),
        *arguments,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
        stdin=PIPE,
        stdout=PIPE,
    )
    it = Child(process)
    try:
        yield it
    finally:
        await it.kill()
