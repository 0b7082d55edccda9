"""Posting to a stranger's URL: the guard of fetching, no redirects, and of the answer only its status."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL as YarlUrl

from gleanery import errors
from gleanery.web.fetch import retry_after_seconds, translate
from gleanery.web.guard import AddressPolicy, check_host_literal, socket_factory
from gleanery.web.urls import host_key, parse_url

TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PostReply:
    """What was answered. `retry_after` is in seconds, from 0 to 3600; None when none was named."""

    status: int
    retry_after: float | None


class Poster:
    """Posts to permitted addresses only, this server's own is none of them. Use as an async context manager.

    No cookies are kept, no proxy of the environment is used. `resolver` and `ssl_context` replace the system's.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        user_agent: str,
        *,
        total_seconds: float = TOTAL_SECONDS,
        resolver: AbstractResolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = replace(policy, own=None)
        self._user_agent = user_agent
        self._total_seconds = total_seconds
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,
            resolver=self._resolver,
            use_dns_cache=self._resolver is None,
            ssl=self._ssl_context or True,
            socket_factory=socket_factory(self._policy),
            # A kept connection that the receiver closes just now would look like a lost call: a POST isn't sent again.
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostReply:
        """The answer, whatever its status; a redirect is one and is not followed.

        Raises InvalidUrl for what is not a web address, or a FetchError: AddressForbidden, HostNotFound, ConnectFailed,
        TlsFailed, TimedOut, BrokenBody or TooLarge (an answer that is not HTTP, or has endless headers).
        """
        target = self._checked(url)
        reply: PostReply | None = None
        try:
            async with asyncio.timeout(self._total_seconds), self._sent(target, body, headers) as response:
                reply = _reply(response)
                await _read_some(response)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            # Once the status is there the receiver has decided: what becomes of the rest of its answer is no matter.
            if reply is None:
                raise self._failure(url, host_key(target), error) from error
        assert reply is not None
        return reply

    def _checked(self, url: str) -> str:
        target = parse_url(url)
        try:
            check_host_literal(target, self._policy)
        except errors.InvalidUrl as error:
            raise errors.AddressForbidden(url, f"{error.reason}.", host=error.details["host"]) from None
        return target

    def _sent(
        self, target: str, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("Poster is used outside its context")
        return self._session.post(YarlUrl(target, encoded=True), data=body, headers=headers, allow_redirects=False)

    def _failure(self, url: str, host: str, error: Exception) -> errors.FetchError:
        if isinstance(error, TimeoutError):
            seconds = self._total_seconds
            return errors.TimedOut(url, f"{host} did not answer within {seconds:g} seconds.", seconds=seconds)
        return translate(url, host, error)


def _reply(response: aiohttp.ClientResponse) -> PostReply:
    wait = response.headers.get("Retry-After")
    return PostReply(response.status, retry_after_seconds(wait, datetime.now(UTC)) if wait else None)


async def _read_some(response: aiohttp.ClientResponse) -> None:
    """Take what a decent receiver says, so that it isn't cut off while it still writes."""
    received = 0
    async for piece in response.content.iter_any():
        received += len(piece)
        if received >= MAX_ANSWER_BYTES:
            return
