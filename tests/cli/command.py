"""The real command as a process of its own: run to its end, or held while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """Only what the command needs: no setting of the machine leaks in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GLEANERY_", "OPENAI_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT / "server"),
        "PYTHONUNBUFFERED": "1",
        "TERM": "xterm-256color",
        "GLEANERY_DATA_DIR": str(data_dir),
        "GLEANERY_ALLOW_ADDRESSES": "127.0.0.1",
        "GLEANERY_EMBEDDER": "none",
        "GLEANERY_EXTRACT_PROCESSES": "1",
        "GLEANERY_GRACE_SECONDS": "60",  # what can pause stops at once, and so long it may write that
        **more,
    }


@asynccontextmanager
async def started(env: dict[str, str], *args: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE, **options}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gleanery", *args, env=env, stdin=asyncio.subprocess.DEVNULL, **pipes
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(env: dict[str, str], *args: str) -> Ended:
    async with started(env, *args) as process:
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())
