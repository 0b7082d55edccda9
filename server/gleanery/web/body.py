"""Reading the body of an HTTP answer: decompressed in slices, within a cap on both sides of the decompression."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import aiohttp

from gleanery import errors

# Decoded in slices of this size, so that a bomb is noticed early and the loop is never held for long.
_SLICE_BYTES = 256 * 1024
_MAX_MEMBERS = 1024


async def read_body(url: str, response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The decompressed body. Both the bytes on the line and the bytes they make must stay within `max_bytes`."""
    if (response.content_length or 0) > max_bytes:
        raise _too_large(url, max_bytes)
    body = bytearray()
    async with aclosing(_decoded(url, response, max_bytes)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > max_bytes:
                raise _too_large(url, max_bytes)
    return bytes(body)


async def read_prefix(url: str, response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async with aclosing(_decoded(url, response, max_bytes + 2**20)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) >= max_bytes:
                break
    return bytes(body[:max_bytes])


async def _decoded(url: str, response: aiohttp.ClientResponse, max_line_bytes: int) -> AsyncGenerator[bytes, None]:
    inflate = _inflater(url, response)
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        if received > max_line_bytes:
            raise _too_large(url, max_line_bytes)
        if inflate is None:
            yield chunk
            continue
        for piece in inflate.feed(chunk):
            yield piece
            await asyncio.sleep(0)
    if inflate is not None:
        inflate.finish()


def _too_large(url: str, max_bytes: int) -> errors.TooLarge:
    message = f"It is larger than {max_bytes / 2**20:.4g} MiB, the most that is read."
    return errors.TooLarge(url, message, max_bytes=max_bytes)


def _inflater(url: str, response: aiohttp.ClientResponse) -> _Inflater | None:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater(url, encoding)
    raise errors.BrokenBody(url, f"It is compressed with {short(encoding)}, which was not asked for and can't be read.")


class _Inflater:
    """Undoes gzip or deflate in slices, so that memory stays flat whatever the ratio."""

    def __init__(self, url: str, encoding: str) -> None:
        self._url = url
        self._is_deflate = encoding == "deflate"
        self._decoder: zlib._Decompress | None = None
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            # What follows a complete stream is padding, unless it begins another gzip member.
            if self._decoder is None and self._members and (self._is_deflate or data[0] != 0x1F):
                return
            decoder = self._decoder or self._start(data)
            try:
                piece = decoder.decompress(data, _SLICE_BYTES)
            except zlib.error:
                raise errors.BrokenBody(self._url, "Its compressed body is damaged.") from None
            if piece:
                yield piece
            data = decoder.unconsumed_tail
            if decoder.eof:
                self._decoder, data = None, decoder.unused_data

    def _start(self, data: bytes) -> zlib._Decompress:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise errors.BrokenBody(self._url, "Its compressed body is in too many parts.")
        # "deflate" means zlib (RFC 1950), and some servers send it raw: the first byte tells.
        is_raw = self._is_deflate and data[0] & 0x0F != 8
        self._decoder = zlib.decompressobj(-15 if is_raw else 15 if self._is_deflate else 31)
        return self._decoder

    def finish(self) -> None:
        if self._decoder is not None:
            raise errors.BrokenBody(self._url, "Its compressed body ends too early.")


def short(text: str) -> str:
    """A stranger's text in one short line, fit for a message."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 200 else f"{line[:199]}…"
