"""The pool of warm worker processes for hostile documents: each can be killed, and is, when one takes too long."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any, Self

from gleanery import errors, log
from gleanery.knowledge.extract import CodeExample, ExtractedPage, Heading
from gleanery.knowledge.extract_worker import LENGTH
from gleanery.knowledge.formats import Kind, Part

_log = log.get(__name__)

LONGER = 3.0
"""A document of another format is often a whole book: it gets so many times the time of a page of HTML."""


class ExtractPool:
    """`size` processes that run `formats.read`; open with `async with`. Jobs wait for a free one.

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

    async def extract(self, body: bytes, url: str, charset: str | None, kind: Kind = Kind.HTML) -> tuple[Part, ...]:
        """`formats.read` in a worker: at least one part, of HTML just one. Raises what it raises, and ExtractFailed when
        the worker was too slow or died."""
        seconds = self._timeout_seconds * (1.0 if kind is Kind.HTML else LONGER)
        process = await self._free.get()
        if process is None or process.returncode is not None:
            process = await self._respawn(process)
        try:
            async with asyncio.timeout(seconds):
                replies = await _ask(process, body, url, charset, kind, seconds)
        except TimeoutError:
            await self._retire(process)
            message = f"The document could not be read within {seconds:g} s."
            raise errors.ExtractFailed(url, message, seconds=seconds) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._retire(process)
            raise errors.ExtractFailed(url, "The document brought down the process that read it.") from None
        except BaseException:
            # Cancelled in the middle of an answer: what would come next from this worker belongs to nobody.
            await self._retire(process)
            raise
        self._free.put_nowait(process)
        return tuple(_part(url, reply) for reply in replies)

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


async def _ask(
    process: Process, body: bytes, url: str, charset: str | None, kind: Kind, seconds: float
) -> list[dict[str, Any]]:
    """The answers of a worker to one job: those of a long document one by one, with the loop's other work in between."""
    assert process.stdin is not None
    assert process.stdout is not None
    asked = {"url": url, "charset": charset, "kind": kind, "size": len(body), "seconds": math.ceil(seconds)}
    job = json.dumps(asked).encode()
    process.stdin.writelines((LENGTH.pack(len(job)), job, body))
    await process.stdin.drain()
    replies: list[dict[str, Any]] = []
    while not replies or replies[-1].get("more"):
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        replies.append(json.loads(await process.stdout.readexactly(length)))
        if replies[-1].get("more"):
            await asyncio.sleep(0)
    return replies


def _part(url: str, reply: dict[str, Any]) -> Part:
    if "error" in reply:
        kind = errors.EmptyPage if reply["error"] == errors.EmptyPage.code else errors.ExtractFailed
        details = {name: value for name, value in reply["details"].items() if name != "url"}
        raise kind(url, reply["message"], **details)
    page = {name: _tuples(value) for name, value in reply["page"].items()}
    page["outline"] = tuple(Heading(**heading) for heading in page["outline"])
    page["code_examples"] = tuple(
        CodeExample(**{name: _tuples(value) for name, value in code.items()}) for code in page["code_examples"]
    )
    extracted = ExtractedPage(**page)
    return Part(reply.get("fragment", ""), extracted)


def _tuples(value: Any) -> Any:
    """JSON's lists, and those in them, as the tuples that they were."""
    if not isinstance(value, list):
        return value
    return tuple(_tuples(inner) for inner in value) if value and isinstance(value[0], list) else tuple(value)
