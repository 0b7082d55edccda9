"""Where a server sits: its data directory, held by it alone, and the address that it listens on."""

from __future__ import annotations

import contextlib
import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path

from gleanery import errors

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server on all addresses finds itself


def make_folder(data_dir: Path) -> None:
    """Raises InvalidInput naming the setting when the directory can't be there."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(data_dir, error) from None


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """The data directory, for this server alone; workers share it. Raises InvalidInput when another server has it."""
    make_folder(data_dir)
    try:
        file = (data_dir / "lock").open("w")
    except OSError as error:
        raise _unusable(data_dir, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.InvalidInput(
                "GLEANERY_DATA_DIR", f"another gleanery server uses {data_dir}; stop it, or take another folder"
            ) from None
        yield


def _unusable(data_dir: Path, error: OSError) -> errors.InvalidInput:
    return errors.InvalidInput("GLEANERY_DATA_DIR", f"{data_dir} can't be used: {error.strerror}")


@contextlib.contextmanager
def listening(host: str, port: int, *, setting: str = "GLEANERY_PORT") -> Iterator[socket.socket]:
    """A bound socket. Raises InvalidInput, with the setting that named the port, for a place that can't be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise errors.InvalidInput(setting, f"can't listen on {host}:{port}: {error.strerror}") from None
        listener.setblocking(False)
        yield listener


def own_address(listener: socket.socket) -> tuple[str, int]:
    """Address and port under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    return _EVERYWHERE.get(host, host), port


def url_of(listener: socket.socket) -> str:
    host, port = own_address(listener)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
