"""Fetching one URL over HTTP: own redirects, hard caps, and the only place where aiohttp's errors become ours."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType, TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import LineTooLong
from yarl import URL as YarlUrl

from gleanery import errors
from gleanery.web.body import read_body, read_prefix, short
from gleanery.web.guard import AddressPolicy, AddressRefused, forbidden_sentence, socket_factory
from gleanery.web.urls import host_key, resolve

HTML = "text/html,application/xhtml+xml"
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
MAX_RETRY_AFTER_SECONDS = 3600.0

_MAX_HEADER_BYTES = 32 * 1024
_BINARY_MAGIC = (b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"\x1f\x8b", b"Rar!", b"\x7fELF")
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*|<!--.{0,2000}?-->\s*){0,8}"
    rb"<(?:!doctype\s+html|html|head|body|title|meta|div|h1|p|table|script|style|article|main)\b",
    re.IGNORECASE | re.DOTALL,
)

_NEVER_READ = ("image/", "video/", "audio/", "font/")

MayFollow = Callable[[str], str | None]
IsReadable = Callable[[str, str, bytes], bool]
"""Whether a document of this content type, at this URL, with this body is of a kind that can be read."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may cost: `silence_seconds` is the longest pause between bytes, `total_seconds` spans all hops."""

    connect_seconds: float = 10.0
    silence_seconds: float = 20.0
    total_seconds: float = 60.0
    max_bytes: int = 10 * 1024 * 1024
    max_redirects: int = 5


@dataclass(frozen=True, slots=True)
class Validators:
    """What a site said of the state of a document, to ask whether it has changed (RFC 9110, 13)."""

    etag: str | None
    last_modified: str | None

    def headers(self) -> dict[str, str]:
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Document:
    """What a URL answered with 2xx. `body` is decompressed; `charset` and `content_type` are in lower case.

    `is_unchanged`: the site answered 304 to the validators that it was asked with, and `body` is empty. `robots_tag` has
    its X-Robots-Tag headers, a line each, `link` its Link header; empty without one.
    """

    url: str
    requested_url: str
    status: int
    content_type: str
    charset: str | None
    body: bytes
    etag: str | None
    last_modified: str | None
    elapsed_seconds: float
    redirects: tuple[str, ...]
    is_unchanged: bool = False
    robots_tag: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Hop:
    """One answer that is not an error: the final one, or a redirect to `location`."""

    document: Document | None
    location: str | None


_ReadBody = Callable[[str, aiohttp.ClientResponse], Awaitable[bytes]]


class Fetcher:
    """An HTTP client that dials only permitted addresses. Use as an async context manager; shared by all crawls.

    No cookies are kept, no proxy of the environment is used. `resolver` and `ssl_context` replace the system's.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        user_agent: str,
        *,
        limits: FetchLimits | None = None,
        resolver: AbstractResolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._limits = limits or FetchLimits()
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            # No cap here: waiting for a free connection would count as time of the site. HostLimiter keeps the measure.
            limit=0,
            resolver=self._resolver,
            use_dns_cache=self._resolver is None,
            ssl=self._ssl_context or True,
            socket_factory=socket_factory(self._policy),
        )
        limits = self._limits
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect_seconds, sock_read=limits.silence_seconds
            ),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(
        self,
        url: str,
        *,
        accept: str = HTML,
        may_follow: MayFollow | None = None,
        is_readable: IsReadable | None = None,
        known: Validators | None = None,
    ) -> Document:
        """The document at the href `url`, after redirects: HTML, or whatever `is_readable`.

        `may_follow(target)` may veto a redirect by returning a reason code. With `known` the answer may be that it
        `is_unchanged`. Raises a FetchError: AddressForbidden,
        HostNotFound, ConnectFailed, TlsFailed, TimedOut, HttpStatus, RedirectLoop, RedirectRefused, TooLarge, NotHtml,
        BrokenBody or EmptyPage.
        """
        read = self._read_html if is_readable is None else self._read_document
        document = await self._follow(url, accept, may_follow, read, known.headers() if known else {})
        if document.is_unchanged:
            return document
        if is_readable is None:
            _check_html_body(url, document)
        else:
            _check_document(url, document, is_readable)
        return document

    async def fetch_any(self, url: str, *, accept: str = "*/*", max_bytes: int | None = None) -> Document:
        """Like `fetch` for a document of any type (sitemaps, feeds, llms.txt), of `max_bytes` if the limits are others for
        it: never NotHtml nor EmptyPage."""

        async def read(url: str, response: aiohttp.ClientResponse) -> bytes:
            return await read_body(url, response, max_bytes or self._limits.max_bytes)

        return await self._follow(url, accept, None, read)

    async def fetch_prefix(self, url: str, max_bytes: int, *, accept: str = "*/*") -> Document:
        """Like `fetch_any`, but what lies behind `max_bytes` is cut off instead of being TooLarge (robots.txt)."""

        async def read(url: str, response: aiohttp.ClientResponse) -> bytes:
            return await read_prefix(url, response, max_bytes)

        return await self._follow(url, accept, None, read)

    async def _read_whole(self, url: str, response: aiohttp.ClientResponse) -> bytes:
        return await read_body(url, response, self._limits.max_bytes)

    async def _read_document(self, url: str, response: aiohttp.ClientResponse) -> bytes:
        content_type = _content_type(response)
        if content_type.startswith(_NEVER_READ):
            raise errors.NotHtml(url, f"It is {short(content_type)}, not a document.", content_type=short(content_type))
        return await self._read_whole(url, response)

    async def _read_html(self, url: str, response: aiohttp.ClientResponse) -> bytes:
        _check_html_type(url, response)
        return await self._read_whole(url, response)

    async def _follow(
        self,
        url: str,
        accept: str,
        may_follow: MayFollow | None,
        read: _ReadBody,
        conditions: Mapping[str, str] = MappingProxyType({}),
    ) -> Document:
        started = time.monotonic()
        visited = [url.partition("#")[0]]
        try:
            async with asyncio.timeout(self._limits.total_seconds):
                while True:
                    # What is known is known of this URL, not of those that it may lead to.
                    headers = {"Accept": accept, **(conditions if len(visited) == 1 else {})}
                    hop = await self._ask(url, visited, headers, read, started)
                    if hop.document is not None:
                        return hop.document
                    visited.append(self._next_hop(url, visited, hop.location, may_follow))
        except TimeoutError:
            message = f"The page did not arrive within {_seconds(self._limits.total_seconds)}."
            raise errors.TimedOut(url, message, seconds=self._limits.total_seconds) from None

    def _next_hop(self, url: str, visited: list[str], location: str | None, may_follow: MayFollow | None) -> str:
        target = resolve(visited[-1], location or "")
        if target is None:
            message = f"It redirects to {short(location or '')}, which is not a web address that can be fetched."
            raise errors.RedirectRefused(url, message, location=short(location or ""), reason="not_a_web_address")
        if target in visited:
            raise errors.RedirectLoop(url, f"Its redirects go in a circle, back to {target}.", redirects=visited[1:])
        if len(visited) > self._limits.max_redirects:
            message = f"It redirects more than {self._limits.max_redirects} times."
            raise errors.RedirectLoop(url, message, redirects=[*visited[1:], target])
        reason = may_follow(target) if may_follow else None
        if reason is not None:
            message = f"It redirects to {target}, which is not part of this crawl ({reason})."
            raise errors.RedirectRefused(url, message, location=target, reason=str(reason))
        return target

    async def _ask(
        self, url: str, visited: list[str], headers: Mapping[str, str], read: _ReadBody, started: float
    ) -> _Hop:
        async with self._answer(url, visited[-1], headers) as response:
            if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
                return _Hop(None, response.headers["Location"])
            is_unchanged = response.status == 304 and len(headers) > 1
            if not (200 <= response.status < 300 or is_unchanged):
                raise _status_error(url, response)
            body = b"" if is_unchanged else await read(url, response)
            document = Document(
                url=visited[-1],
                requested_url=url,
                status=response.status,
                content_type=_content_type(response),
                charset=_charset(response),
                body=body,
                etag=response.headers.get("ETag"),
                last_modified=response.headers.get("Last-Modified"),
                elapsed_seconds=time.monotonic() - started,
                redirects=tuple(visited[1:]),
                is_unchanged=is_unchanged,
                robots_tag="\n".join(response.headers.getall("X-Robots-Tag", ())),
                link=", ".join(response.headers.getall("Link", ())),
            )
            return _Hop(document, None)

    @asynccontextmanager
    async def _answer(self, url: str, target: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("Fetcher is used outside its context")
        try:
            async with self._session.get(
                YarlUrl(target, encoded=True), headers=headers, allow_redirects=False
            ) as response:
                yield response
        except aiohttp.ServerTimeoutError as error:
            raise self._timeout_error(url, target, error) from error
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):  # the total time is up: `_follow` tells it
                raise
            raise translate(url, host_key(target), error) from error

    def _timeout_error(self, url: str, target: str, error: aiohttp.ServerTimeoutError) -> errors.TimedOut:
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            seconds = self._limits.connect_seconds
            return errors.TimedOut(
                url, f"{host_key(target)} did not accept a connection within {_seconds(seconds)}.", seconds=seconds
            )
        seconds = self._limits.silence_seconds
        return errors.TimedOut(url, f"{host_key(target)} sent nothing for {_seconds(seconds)}.", seconds=seconds)


def translate(url: str, host: str, error: Exception) -> errors.FetchError:
    """The FetchError for what aiohttp, a socket, TLS or the resolver raised while asking `host` (as `host_key` gives it)."""
    match error:
        case aiohttp.ClientConnectorDNSError() | UnicodeError() | aiohttp.InvalidURL():
            return _dns_error(url, host, error)
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            message = f"The certificate of {host} is not valid: {short(reason).rstrip('.')}."
            return errors.TlsFailed(url, message, reason=short(reason))
        case aiohttp.ClientSSLError():
            reason = (getattr(error, "reason", None) or "handshake failed").replace("_", " ").lower()
            return errors.TlsFailed(url, f"No secure connection to {host} was possible: {reason}.", reason=reason)
        case aiohttp.ClientConnectorError():
            return _connect_error(url, host, error)
        case aiohttp.ServerDisconnectedError():
            return errors.ConnectFailed(url, f"{host} closed the connection without an answer.")
        case aiohttp.ClientPayloadError():
            return errors.ConnectFailed(url, f"{host} broke off in the middle of the page.")
        case aiohttp.ClientResponseError():
            return _protocol_error(url, host, error)
        case _:
            return errors.ConnectFailed(url, f"The connection to {host} broke.")


def _dns_error(url: str, host: str, error: Exception) -> errors.FetchError:
    os_error = error.os_error if isinstance(error, aiohttp.ClientConnectorDNSError) else None
    if isinstance(os_error, socket.gaierror) and os_error.errno == socket.EAI_AGAIN:
        found = errors.HostNotFound(url, f"The name {host} can't be looked up now: the name server does not answer.")
        found.can_retry = True
        return found
    return errors.HostNotFound(url, f"There is no host {host}: its name does not resolve. Check the spelling.")


def _connect_error(url: str, host: str, error: aiohttp.ClientConnectorError) -> errors.FetchError:
    cause = error.os_error
    if isinstance(cause, AddressRefused):
        return errors.AddressForbidden(url, f"{forbidden_sentence(error.host, cause.address)}.", address=cause.address)
    if isinstance(cause, ConnectionRefusedError):
        return errors.ConnectFailed(url, f"Nothing answers at {host}: the connection was refused.")
    return errors.ConnectFailed(url, f"No connection to {host}: {short(cause.strerror or str(cause)).lower()}.")


def _protocol_error(url: str, host: str, error: aiohttp.ClientResponseError) -> errors.FetchError:
    # aiohttp wraps the parser's error twice; its limit on the number of headers has no class of its own.
    parser_error = error.__cause__ and error.__cause__.__cause__
    if isinstance(parser_error, LineTooLong) or "Too many headers" in error.message:
        return errors.TooLarge(url, f"{host} sent more or longer headers than are read.")
    return errors.BrokenBody(url, f"What {host} answered is not HTTP.")


def _status_error(url: str, response: aiohttp.ClientResponse) -> errors.HttpStatus:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = short(response.reason or "")
    wait = response.headers.get("Retry-After")
    seconds = retry_after_seconds(wait, datetime.now(UTC)) if wait else None
    return errors.HttpStatus(url, response.status, phrase, seconds)


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """What a Retry-After header asks for, in either form (RFC 9110, 10.2.3), from 0 to 3600; None if unreadable."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((aware - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def _content_type(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _charset(response: aiohttp.ClientResponse) -> str | None:
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", response.headers.get("Content-Type", ""), re.IGNORECASE)
    return found[1].lower() if found else None


def _check_html_type(url: str, response: aiohttp.ClientResponse) -> None:
    content_type = _content_type(response)
    if content_type and content_type not in HTML_TYPES:
        raise errors.NotHtml(url, f"It is {short(content_type)}, not an HTML page.", content_type=short(content_type))


def _check_html_body(url: str, document: Document) -> None:
    if not document.body.strip():
        raise errors.EmptyPage(url, "The page is empty.")
    if document.content_type:
        if looks_binary(document.body, document.charset):
            message = f"It says it is {document.content_type}, but its content is binary."
            raise errors.NotHtml(url, message, content_type=document.content_type)
    elif not _HTML_START.match(document.body[:8192]):
        raise errors.NotHtml(url, "It names no content type and does not look like an HTML page.", content_type="")


def _check_document(url: str, document: Document, is_readable: IsReadable) -> None:
    if not document.body.strip():
        raise errors.EmptyPage(url, "The page is empty.")
    if not is_readable(document.content_type, document.url, document.body):
        named = short(document.content_type)
        says = f"It says it is {named}, but" if named else "It names no content type, and"
        raise errors.NotHtml(url, f"{says} it is no document that can be read.", content_type=named)


def looks_binary(body: bytes, charset: str | None) -> bool:
    """Whether bytes that claim to be HTML are a file of another kind, by magic number or by their NUL bytes."""
    if body.startswith(_BINARY_MAGIC) or (body.startswith(b"RIFF") and body[8:12] in (b"WEBP", b"WAVE", b"AVI ")):
        return True
    is_wide = (charset or "").startswith(("utf-16", "utf-32", "utf16", "utf32", "ucs"))
    if is_wide or body.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<", b"\x00\x00\xfe\xff")):
        return False
    head = body[:4096]
    # A stray NUL happens in text and browsers skip it; one in a hundred bytes is not text.
    return head.count(0) * 100 > len(head)


def _seconds(seconds: float) -> str:
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
