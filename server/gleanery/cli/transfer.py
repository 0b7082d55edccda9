"""Files from a server and to it, as large as they may be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from gleanery import errors
from gleanery.api import crawl_shapes, wire
from gleanery.cli.client import Client
from gleanery.store.archive import PIECE_BYTES, whole_file

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=3600)
"""A server makes the file before it sends the first of it, and keeps what it is sent before it answers."""


async def download(client: Client, method: str, path: str, target: Path, *, is_replacing: bool = False) -> int:
    """What the route answers with goes to `target`, which is there when all of it is; its bytes.

    Raises ServerRefused, ServerUnreachable, also when the line breaks, WrongState when `target` is there already, and
    StorageError.
    """
    size = 0
    with client.translated():
        async with client.session.request(method, client.base_url + path, timeout=TIMEOUT) as response:
            if response.status >= 400:
                raise _refusal(response.status, await response.text(errors="replace"), client.base_url)
            with whole_file(target, is_replacing=is_replacing) as file:
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    await asyncio.to_thread(file.write, piece)
                    size += len(piece)
    return size


async def upload(client: Client, path: str, source: Path, query: Mapping[str, str]) -> crawl_shapes.CrawlStarted:
    """The file `source` as the body. Raises InvalidInput when it can't be read, ServerRefused, ServerUnreachable."""
    try:
        file = await asyncio.to_thread(source.open, "rb")
    except OSError as error:
        raise errors.InvalidInput("FILE", f"{source} can't be read: {error.strerror}") from None
    with file, client.translated():
        async with client.session.post(
            client.base_url + path,
            params=query,
            data=file,
            headers={"Content-Type": "application/zip"},
            timeout=TIMEOUT,
        ) as response:
            text = await response.text(errors="replace")
    if response.status >= 400:
        raise _refusal(response.status, text, client.base_url)
    return crawl_shapes.CrawlStarted.model_validate_json(text)


def _refusal(status: int, text: str, base_url: str) -> errors.GleaneryError:
    try:
        body = wire.ErrorReply.model_validate_json(text).error
    except ValidationError:
        return errors.ServerUnreachable(f"What answers at {base_url} ({status}) is no gleanery server.")
    return errors.ServerRefused(status, body.code, body.message)
