"""The pool of warm worker processes for hostile HTML: each can be killed, and is, when a page takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Self

from gleanery import errors, log
from gleanery.knowledge.extract import CodeExample, ExtractedPage, Heading
from gleanery.knowledge.extract_worker import LENGTH

_log = log.get(__name__)

NICENESS = 10


class ExtractPool:
    """`size` processes that run `extract_page`; open with `async with`. Jobs wait for a free one.

    One that is not `is_warm` starts its processes when the first pages come.
    """

    def __init__(self, size: int, timeout_seconds: float, *, is_warm: bool = True) -> None:
        self.size = size
        self._is_warm = is_warm
        self._timeout_seconds = timeout_seconds
        self._free: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        self._all: set[Process] = set()

    async def __aenter__(self) -> Self:
        places = range(self.size)
        for process in await asyncio.gather(*(self._spawn() if self._is_warm else _later() for _ in places)):
            self._free.put_nowait(process)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(self._kill(process) for process in tuple(self._all)))

    @property
    def busy(self) -> int:
        """Processes that have a page in hand."""
        return self.size - self._free.qsize()

    async def extract(self, body: bytes, url: str, charset: str | None) -> ExtractedPage:
        """`extract_page` in a worker. Raises what it raises, and ExtractFailed when the worker was too slow or died."""
        process = await self._free.get()
        if process is None or process.returncode is not None:
            process = await self._respawn(process)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await _ask(process, body, url, charset, self._timeout_seconds)
        except TimeoutError:
            await self._retire(process)
            raise errors.ExtractFailed(
                url, f"The page could not be read within {self._timeout_seconds:g} s.", seconds=self._timeout_seconds
            ) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._retire(process)
            raise errors.ExtractFailed(url, "The page brought down the process that read it.") from None
        except BaseException:
            # Cancelled in the middle of an answer: what would come next from this worker belongs to nobody.
            await self._retire(process)
            raise
        self._free.put_nowait(process)
        return _page(url, reply)

    async def _respawn(self, dead: Process | None) -> Process:
        if dead is not None:
            self._all.discard(dead)
        try:
            return await self._spawn()
        except BaseException:
            self._free.put_nowait(None)
            raise

    async def _spawn(self) -> Process:
        # A session of its own keeps a terminal's Ctrl-C away from the workers: they end with their input.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gleanery.knowledge.extract_worker",
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
            limit=1 << 20,
        )
        # Where there are fewer cores than processes, the loop that answers requests comes first.
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        self._all.add(process)
        return process

    async def _retire(self, process: Process) -> None:
        _log.warning("extract worker killed", extra={"pid": process.pid})
        self._free.put_nowait(None)
        await asyncio.shield(self._kill(process))

    async def _kill(self, process: Process) -> None:
        self._all.discard(process)
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _later() -> None:
    """In place of a process that its first page starts."""


async def _ask(process: Process, body: bytes, url: str, charset: str | None, seconds: float) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    job = json.dumps({"url": url, "charset": charset, "size": len(body), "seconds": math.ceil(seconds)}).encode()
    process.stdin.writelines((LENGTH.pack(len(job)), job, body))
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    reply: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
    return reply


def _page(url: str, reply: dict[str, Any]) -> ExtractedPage:
    if "error" in reply:
        kind = errors.EmptyPage if reply["error"] == errors.EmptyPage.code else errors.ExtractFailed
        details = {name: value for name, value in reply["details"].items() if name != "url"}
        raise kind(url, reply["message"], **details)
    page = reply["page"]
    return ExtractedPage(
        **{
            **page,
            "outline": tuple(Heading(**heading) for heading in page["outline"]),
            "links": tuple(page["links"]),
            "code_examples": tuple(
                CodeExample(**{**code, "heading_path": tuple(code["heading_path"])}) for code in page["code_examples"]
            ),
        }
    )
