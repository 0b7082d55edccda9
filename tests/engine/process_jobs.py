"""What the tests of `in_process` run in children: functions that answer, fail, die, hang and grow."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from gleanery import errors
from tests.niceness import group_niceness

MB = 1024**2


class FrugalError(errors.EmbedUnavailable):
    """A leaf that only this module knows."""


def echo(payload: Any) -> Any:
    return payload


def each(payload: list[Any]) -> Iterator[Any]:
    yield from payload


def breaks_off(payload: Any) -> Iterator[Any]:
    yield payload
    raise errors.EmbedUnavailable("half way")


def long_text(size: int) -> str:
    return "ü" * size


def chatter(payload: Any) -> str:
    """Says things in every way there is, and reads from nobody."""
    print("to standard output")
    os.write(1, b'{"result": "forged"}\n')
    subprocess.run(["echo", "from below"], check=True)
    return sys.stdin.read()


def twins(payload: Any) -> Any:
    """Answers twice."""
    if os.fork():
        os.wait()
    return payload


def about(payload: Any) -> dict[str, int | None]:
    return {"pid": os.getpid(), "session": os.getsid(0), "nice": os.nice(0), "group": group_niceness(os.getpid())}


def defect(payload: Any) -> NoReturn:
    raise ZeroDivisionError("a secret of the page")


def busy_site(payload: Any) -> NoReturn:
    raise errors.HttpStatus("https://a.test/", 503, "Busy", retry_after=2.5)


def frugal(payload: Any) -> NoReturn:
    raise FrugalError("Come back later.", vendor="a")


def no_json(payload: Any) -> Any:
    return {1, 2}


def exit_at_once(code: int) -> None:
    os._exit(code)


def leave(code: int) -> None:
    """Ends as a script would, with a process of its own left behind."""
    subprocess.Popen(["sleep", "600"])
    sys.exit(code)


def end_by(number: int) -> None:
    os.kill(os.getpid(), number)


def answer_and_leave_others(port: int) -> str:
    _tell(port, {"pids": _others()})
    return "done"


def hold(port: int) -> None:
    """Starts others, tells who there is, and is busy for good, without ever letting another thread run."""
    _tell(port, {"pids": [os.getpid(), os.getppid(), *_others()]})
    re.match(r"(a+)+$", "a" * 60 + "b")


def grow(payload: dict[str, int]) -> None:
    """Takes so many MB, tells when it has them, and waits."""
    taken = b"x" * (payload["mb"] * MB)
    _tell(payload["port"], {"pids": [os.getpid()], "size": len(taken)})
    signal.pause()


def _others() -> list[int]:
    """A child, one in a session of its own, and one whose parent has gone."""
    child = subprocess.Popen(["sleep", "600"])
    own_session = subprocess.Popen(["sleep", "600"], start_new_session=True)
    orphan = subprocess.run(["sh", "-c", "sleep 600 >&2 & echo $!"], stdout=subprocess.PIPE, check=True)
    return [child.pid, own_session.pid, int(orphan.stdout)]


def _tell(port: int, what: dict[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(json.dumps(what).encode())
