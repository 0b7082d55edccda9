"""Which server a command talks to: the named one, the one that runs here, or one of its own."""

from __future__ import annotations

import asyncio
import signal
from argparse import Namespace
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gleanery import config, errors, log
from gleanery.announcement import running_server
from gleanery.cli.client import Client, server_url
from gleanery.cli.exits import Exit


@dataclass(frozen=True)
class Connection:
    """A server that answers. `is_own`: it runs inside this command and ends with it."""

    client: Client
    is_own: bool


def run(work: Coroutine[Any, Any, Exit]) -> Exit:
    """Run the command in a loop. Ctrl-C and SIGTERM cancel it, so that a server of its own shuts down in order."""
    return asyncio.run(_stoppable(work))


async def _stoppable(work: Coroutine[Any, Any, Exit]) -> Exit:
    job, is_terminated = asyncio.current_task(), False
    assert job is not None

    def terminate() -> None:
        nonlocal is_terminated
        is_terminated = True
        job.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await work
    except asyncio.CancelledError:
        if is_terminated:
            return Exit.TERMINATED
        raise


@asynccontextmanager
async def connect(args: Namespace, *, concurrency: int | None) -> AsyncIterator[Connection]:
    """The server for a command. One of its own runs at most `concurrency` tasks at once (None: as set).

    Raises InvalidInput for a bad setting or URL.
    """
    settings = config.load(data_dir=args.data_dir)
    url = await _running_url(args, settings)
    if url is not None:
        async with Client(url, _key(settings)) as client:
            yield Connection(client, is_own=False)
        return
    async with _own_server(args, concurrency) as url, Client(url, _key(settings)) as client:
        yield Connection(client, is_own=True)


@asynccontextmanager
async def connect_running(args: Namespace, hint: str) -> AsyncIterator[Client]:
    """A server that stays when the command has ended. Raises ServerUnreachable saying `hint` when none is known."""
    settings = config.load(data_dir=args.data_dir)
    url = await _running_url(args, settings)
    if url is None:
        raise errors.ServerUnreachable(hint)
    async with Client(url, _key(settings)) as client:
        yield client


def _key(settings: config.Settings) -> str | None:
    return settings.api_keys[0].get_secret_value() if settings.api_keys else None


async def _running_url(args: Namespace, settings: config.Settings) -> str | None:
    """The named server, else the one that runs on the data folder, else None."""
    if args.server is not None:
        return server_url(args.server)
    return await running_server(settings.data_dir)


@asynccontextmanager
async def _own_server(args: Namespace, concurrency: int | None) -> AsyncIterator[str]:
    # Not at the top: this loads the whole server, which one that runs already makes needless.
    from gleanery import app

    settings = config.load(data_dir=args.data_dir, host="127.0.0.1", port=0, worker_concurrency=concurrency)
    # Its log would run through the bars; what goes wrong with the task is told as events.
    log.set_up("error")
    async with app.running(settings) as url:
        yield url
