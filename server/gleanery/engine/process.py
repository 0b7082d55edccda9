"""Work of a handler in a child process: it can be killed at any moment, and its memory is that of the attempt."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from typing import Any, cast

from gleanery import errors, log
from gleanery.engine.handler import TaskContext
from gleanery.engine.process_child import LENGTH

_log = log.get(__name__)

LARGE_BYTES = 50_000
"""An answer from this size on is parsed in a thread."""
LONG_LIST = 20
"""A list is written so many elements at a time."""
END_SECONDS = 5.0
"""How long the child's keeper may take to end everything below it before it is killed itself."""


async def in_process(ctx: TaskContext, function: str, payload: Any) -> Any:
    """What `function`, written `module:name`, gives for `payload` in a fresh Python process; both are JSON.

    The process and all that it starts are killed and reaped when this ends, however it ends: by an answer, an error, a
    cancel, a time-out. They are also killed when this process dies. Their memory counts as the attempt's.

    A function that yields gives a list of what it yielded, once it has ended. A long answer is better told in such pieces:
    parsing holds the interpreter's lock, and with it the loop, for no more than one of them.

    Raises the GleaneryError that the function raised, ProcessFailed for any other exception of it, ProcessDied when the
    process ended without an answer, TypeError for a payload that is no JSON.
    """
    request = await asyncio.to_thread(_request, function, payload)
    # A session of its own keeps a terminal's Ctrl-C away, and gives it a group that can be killed as a whole.
    transport, channel = await asyncio.get_running_loop().subprocess_exec(
        _Channel,
        sys.executable,
        "-m",
        "gleanery.engine.process_child",
        stdin=PIPE,
        stdout=PIPE,
        stderr=None,
        start_new_session=True,
    )
    ctx.memory.add(transport.get_pid())
    try:
        channel.ask(request)
        answer = await channel.answer
    finally:
        try:
            await channel.end()
        finally:
            ctx.memory.remove(transport.get_pid())
    if answer is None:
        raise _died(function, transport.get_returncode())
    reply = _reply(answer) if len(answer) < LARGE_BYTES else await asyncio.to_thread(_reply, answer)
    if "error" in reply:
        raise _error(ctx, function, reply["error"])
    return reply["result"]


class _Channel(asyncio.SubprocessProtocol):
    """Both ends of the talk with one child: a length and a request, then a length and an answer."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[bytearray | None] = loop.create_future()
        """The answer's JSON, None when the process ended without one."""
        self._exited: asyncio.Future[None] = loop.create_future()
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast("asyncio.SubprocessTransport", transport)

    @property
    def _input(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self._process.get_pipe_transport(0))

    def ask(self, request: bytes) -> None:
        """The input stays open: its end is what tells the child that this process is gone."""
        self._input.write(LENGTH.pack(len(request)))
        self._input.write(request)

    def pipe_data_received(self, _: int, data: bytes) -> None:
        if self.answer.done():
            return  # the function forked, and both gave an answer: the first counts
        self._received += data
        if len(self._received) < LENGTH.size:
            return
        end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
        if len(self._received) >= end:
            self.answer.set_result(self._received[LENGTH.size : end])

    def process_exited(self) -> None:
        # The keeper leaves nobody, unless it was killed itself: what it left is in its group still.
        self._kill_group()
        if not self._exited.done():
            self._exited.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        """The process has ended and its pipes are read to their end."""
        if not self.answer.done():
            self.answer.set_result(None)

    async def end(self) -> None:
        """End the process and all below it, and wait until they are gone."""
        if not self._input.is_closing():  # the other side has not gone first
            self._input.abort()
        try:
            async with asyncio.timeout(END_SECONDS):
                await asyncio.shield(self._exited)
        except TimeoutError:
            _log.error("process did not end its own", extra={"pid": self._process.get_pid()})
            self._kill_group()
            await asyncio.shield(self._exited)
        except asyncio.CancelledError:
            self._kill_group()  # nobody waits any more; the loop reaps it
            raise

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of the dead
            os.killpg(self._process.get_pid(), signal.SIGKILL)


def _reply(answer: bytearray) -> dict[str, Any]:
    first, *pieces = bytes(answer).split(b"\n")
    reply: dict[str, Any] = json.loads(first)
    return {"result": list(map(json.loads, pieces))} if "pieces" in reply else reply


def _request(function: str, payload: Any) -> bytes:
    # What can be imported here can be imported there.
    rest = json.dumps({"function": function, "path": sys.path})[1:]
    return b"".join(piece.encode() for piece in ('{"payload":', *_pieces(payload), ",", rest))


def _pieces(value: Any) -> Iterator[str]:
    """JSON in pieces: one call of `dumps` holds the interpreter's lock to its end, and with it the loop."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        yield "{"
        for number, (key, one) in enumerate(value.items()):
            yield f"{',' if number else ''}{json.dumps(key)}:"
            yield from _pieces(one)
        yield "}"
    elif isinstance(value, list | tuple) and len(value) > LONG_LIST:
        yield "["
        for start in range(0, len(value), LONG_LIST):
            yield "," if start else ""
            yield json.dumps(value[start : start + LONG_LIST])[1:-1]
        yield "]"
    else:
        yield json.dumps(value)


def _died(function: str, exit_code: int | None) -> errors.ProcessDied:
    if exit_code is not None and exit_code < 0:
        name = next((known.name for known in signal.Signals if known == -exit_code), f"signal {-exit_code}")
        return errors.ProcessDied(f"The process of {function} was ended by {name}.", function=function, signal=name)
    return errors.ProcessDied(
        f"The process of {function} ended with exit code {exit_code} and without an answer.",
        function=function,
        exit_code=exit_code,
    )


def _error(ctx: TaskContext, function: str, told: dict[str, Any]) -> errors.GleaneryError:
    for name in told["classes"]:
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, errors.GleaneryError):
            return _same(kind, told)
    exception = told["classes"][0]
    _log.error(
        "process failed",
        extra={"task_id": ctx.task.task_id, "function": function, "traceback": told["traceback"]},
    )
    message = f"An unexpected {exception} stopped {function}; the log has its traceback."
    return errors.ProcessFailed(message, function=function, exception=exception)


def _same(kind: type[errors.GleaneryError], told: dict[str, Any]) -> errors.GleaneryError:
    """The error as it was there. Past its own constructor: each leaf's takes something else, and its fields are known."""
    error = kind.__new__(kind)
    errors.GleaneryError.__init__(error, told["message"])
    vars(error).update(told["fields"])
    error.code, error.can_retry = told["code"], told["can_retry"]
    return error
