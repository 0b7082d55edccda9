"""`server.json` in the data directory: by it, commands and workers on the same machine find the server that runs there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

_FILE = "server.json"
_ANSWER_SECONDS = 3


@contextmanager
def announced(data_dir: Path, url: str) -> Iterator[None]:
    """While it is open, the server at `url` can be found."""
    file = data_dir / _FILE
    file.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def announced_url(data_dir: Path) -> str | None:
    """The base URL that a server has announced whose process lives; None when there is none."""
    try:
        said = json.loads((data_dir / _FILE).read_text())
        url, pid = str(said["url"]), int(said["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it lives, as another user
        pass
    return url


def announced_address(data_dir: Path) -> tuple[str, int] | None:
    """Address and port of `announced_url`."""
    parts = urlsplit(announced_url(data_dir) or "")
    return (parts.hostname, parts.port) if parts.hostname and parts.port else None


async def running_server(data_dir: Path) -> str | None:
    """The base URL of the server that runs on this data directory; None when there is none or it doesn't answer."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    try:
        url: str = json.loads((data_dir / _FILE).read_text())["url"]
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/health") as response:
            return url if response.status == 200 else None
    except (OSError, ValueError, KeyError, aiohttp.ClientError, TimeoutError):
        return None
