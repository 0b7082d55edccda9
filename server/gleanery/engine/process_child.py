"""The child of `in_process`: `python -m gleanery.engine.process_child`, a keeper and below it the one that works.

Standard input brings eight bytes of length, big-endian, and a JSON object `{function, payload, path}`; standard output
takes eight bytes of length and `{result}`, `{pieces}` or `{error}`. Of pieces, each has a line of its own after that, which
counts them. What the function prints goes to standard error.

The keeper outlives whatever the function does, also a call that never lets another thread run. When the input ends, since
the attempt is over or the server is gone, it kills and reaps all that is below it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import select
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gleanery.errors import GleaneryError
from gleanery.priority import step_back

LENGTH = struct.Struct(">Q")
NICENESS = 10
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    source, sink = _take_pipes()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # what the function starts and forgets comes to the keeper, and is found
    keeper = os.getpid()
    worker = os.fork()
    if worker == 0:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:  # else it died before the line above
            work(source, sink)
        os._exit(0)
    os.close(sink)
    _exit_like(_keep(worker, source))


def work(source: int, sink: int) -> None:
    """Read the request from one descriptor, write the answer to the other."""
    step_back(NICENESS)
    with os.fdopen(source, "rb") as stream:
        request = json.loads(stream.read(LENGTH.unpack(stream.read(LENGTH.size))[0]))
    reply = answer(request)
    sys.stdout.flush()
    with os.fdopen(sink, "wb") as stream:
        stream.write(LENGTH.pack(len(reply)))
        stream.write(reply)


def answer(request: dict[str, Any]) -> bytes:
    """Call the function. What it raises is part of the answer."""
    sys.path[:] = request["path"]
    try:
        module, _, name = request["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        result = function(request["payload"])
        if isinstance(result, Iterator):
            pieces = [json.dumps(piece) for piece in result]
            return "\n".join([json.dumps({"pieces": len(pieces)}), *pieces]).encode()
        return json.dumps({"result": result}).encode()
    except Exception as error:  # noqa: BLE001 - the function may raise anything: the other side says what becomes of it
        return json.dumps({"error": _told(error)}, default=str, skipkeys=True).encode()


def _told(error: Exception) -> dict[str, Any]:
    told: dict[str, Any] = {"classes": [kind.__name__ for kind in type(error).__mro__]}
    if isinstance(error, GleaneryError):
        own = {"message": error.message, "code": error.code, "can_retry": error.can_retry, "fields": vars(error)}
        return told | own
    return told | {"traceback": "".join(traceback.format_exception(error))}


def _take_pipes() -> tuple[int, int]:
    """The pipes under numbers that the function's own processes don't inherit; prints and reads of its go elsewhere."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _keep(worker: int, source: int) -> int:
    """Wait for the worker's end, or end it with the input. Leaves nobody. Gives its exit code, negative for a signal."""
    threading.Thread(target=_kill_at_the_end_of, args=(source, worker), daemon=True).start()
    # The second way to hear that the server is gone, should somebody else hold the input open.
    signal.signal(signal.SIGTERM, lambda *_: _kill(worker))
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _, status = os.waitpid(worker, 0)
    with contextlib.suppress(ChildProcessError):  # at last: none is left
        while True:
            _end_some()
    return os.waitstatus_to_exitcode(status)


def _kill_at_the_end_of(source: int, worker: int) -> None:
    end = select.poll()
    end.register(source, 0)  # only its end is told: what comes in is for the worker to read
    end.poll()
    _kill(worker)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _end_some() -> None:
    """Kill the keeper's children and reap one; theirs become the keeper's. Raises ChildProcessError without any."""
    if os.waitpid(-1, os.WNOHANG)[0]:
        return
    if sys.platform != "linux":
        os.killpg(0, signal.SIGKILL)  # it doesn't say who they are: end the group with the keeper in it
    children = _children_of(os.getpid())
    for pid in children:
        _kill(pid)
    if children:
        os.waitpid(-1, 0)


def _children_of(parent: int) -> list[int]:
    children = list[int]()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # one that has just gone
            _, _, fields = path.read_text(errors="replace").rpartition(")")
            if int(fields.split()[1]) == parent:
                children.append(int(path.parent.name))
    return children


def _exit_like(code: int) -> None:
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # SIGKILL has no other way
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
