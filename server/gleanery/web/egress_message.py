"""The messages of the browser's proxy, pure: what a request asks for, what of a head goes on, what the proxy says itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ada_url import URL, HostType

REASON_HEADER = "X-Egress-Reason"
"""On every answer that is the proxy's own; a site's header of this name is dropped, so it can be relied on."""

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200

_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,64}\]|[^\s:/?#@\\\[\]]{1,255}):([0-9]{1,5})")
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
_REQUEST_LINE = re.compile(rf"({_NAME}) (\S+) HTTP/1\.[01]")
_STATUS_LINE = re.compile(r"HTTP/1\.[01] ([1-9][0-9]{2})(?: .*)?")
_HEADER = re.compile(rf"({_NAME}):[ \t]*([^\r\n\0]*)")
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-connection", "te", "upgrade"))
# However an answer names them in Connection: without these its end can't be told.
_FRAMING = frozenset(("transfer-encoding", "content-length", "trailer", "host"))


class EgressReason(StrEnum):
    """Why the proxy did not do what it was asked for. The first two are refusals (403), the others failures."""

    ADDRESS_FORBIDDEN = "address_forbidden"
    PORT_FORBIDDEN = "port_forbidden"
    BAD_REQUEST = "bad_request"
    HEAD_TOO_LARGE = "head_too_large"
    HOST_NOT_FOUND = "host_not_found"
    CONNECT_FAILED = "connect_failed"
    BAD_ANSWER = "bad_answer"
    TIMED_OUT = "timed_out"
    TOO_MANY_CONNECTIONS = "too_many_connections"


_ANSWERS = {
    # Constant sentences: what a name resolves to on this network is nothing that a page may read.
    EgressReason.ADDRESS_FORBIDDEN: (403, "Forbidden", "It leads to a private or reserved address."),
    EgressReason.PORT_FORBIDDEN: (403, "Forbidden", "Its port is not one of the web."),
    EgressReason.BAD_REQUEST: (400, "Bad Request", "This is not a request to a proxy for http or https."),
    EgressReason.HEAD_TOO_LARGE: (
        431,
        "Request Header Fields Too Large",
        "Its headers are more or longer than passed.",
    ),
    EgressReason.HOST_NOT_FOUND: (502, "Bad Gateway", "Its name does not resolve."),
    EgressReason.CONNECT_FAILED: (502, "Bad Gateway", "Nobody answers there."),
    EgressReason.BAD_ANSWER: (502, "Bad Gateway", "What was answered is not HTTP."),
    EgressReason.TIMED_OUT: (504, "Gateway Timeout", "It took longer than allowed."),
    EgressReason.TOO_MANY_CONNECTIONS: (503, "Service Unavailable", "Too many connections are open."),
}


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to dial. `host` is as the URL standard spells it, an IPv6 address without brackets."""

    host: str
    port: int
    is_literal: bool


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """What a client wants. `head` goes to the site before the body; a tunnel (CONNECT) has none.

    `body_bytes` is None when the body ends where it says itself, as in chunks. `got_path` is the path of a GET, without its
    query; empty for any other request.
    """

    target: Target
    is_tunnel: bool
    head: bytes = b""
    body_bytes: int | None = None
    got_path: str = ""


class NoWay(Exception):
    """A request that ends at the proxy, and why."""

    def __init__(self, reason: EgressReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def parse_request(head: bytes) -> ProxyRequest:
    """Understand a request's head, `\\r\\n\\r\\n` included (RFC 9112, 3.2.2 and 3.2.3). Raises NoWay."""
    line, headers = _split_head(head, EgressReason.BAD_REQUEST)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise NoWay(EgressReason.BAD_REQUEST)
    if match[1] == "CONNECT":
        return ProxyRequest(_tunnel_target(match[2]), is_tunnel=True)
    url = _parse_url(match[2]) if match[2][:7].lower() == "http://" else None
    if url is None:
        raise NoWay(EgressReason.BAD_REQUEST)
    kept = [f"{name}: {value}" for name, value in _end_to_end(headers) if name.lower() != "host"]
    lines = [f"{match[1]} {url.pathname}{url.search} HTTP/1.1", f"Host: {url.host}", *kept, "Connection: close"]
    got_path = url.pathname if match[1] == "GET" else ""
    return ProxyRequest(_target(url, int(url.port or 80)), False, _joined(lines), _body_bytes(headers), got_path)


def rewrite_answer(head: bytes) -> bytes | None:
    """The head of a site's answer as the browser gets it, None for one that only announces another (1xx).

    Raises NoWay for what isn't HTTP, and for a site that poses as the proxy by asking for a proxy's password.
    """
    line, headers = _split_head(head, EgressReason.BAD_ANSWER)
    match = _STATUS_LINE.fullmatch(line)
    if match is None or match[1] in ("101", "407"):
        raise NoWay(EgressReason.BAD_ANSWER)
    if match[1][0] == "1":
        return None
    own = {REASON_HEADER.lower(), "alt-svc"}
    kept = [f"{name}: {value}" for name, value in _end_to_end(headers) if name.lower() not in own]
    return _joined([line, *kept, "Connection: close"])


def _split_head(head: bytes, reason: EgressReason) -> tuple[str, list[tuple[str, str]]]:
    """The first line and the headers. A request with a line that is no header is refused, an answer loses the line."""
    line, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    if len(rest) > MAX_HEADERS:
        raise NoWay(EgressReason.HEAD_TOO_LARGE if reason is EgressReason.BAD_REQUEST else reason)
    matches = [_HEADER.fullmatch(text) for text in rest]
    if reason is EgressReason.BAD_REQUEST and None in matches:
        raise NoWay(reason)
    return line, [(match[1], match[2]) for match in matches if match is not None]


def _end_to_end(headers: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The headers that go on: neither hop-by-hop (RFC 9110, 7.6.1) nor meant for a proxy."""
    named = ",".join(value for name, value in headers if name.lower() == "connection").lower()
    dropped = _HOP_BY_HOP | ({token.strip() for token in named.split(",")} - _FRAMING)
    for name, value in headers:
        if name.lower() not in dropped and not name.lower().startswith("proxy-"):
            yield name, value


def _joined(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _body_bytes(headers: list[tuple[str, str]]) -> int | None:
    """How long a request's body is; None when it comes in chunks."""
    lengths = {value.strip() for name, value in headers if name.lower() == "content-length"}
    codings = [value.strip().lower() for name, value in headers if name.lower() == "transfer-encoding"]
    if codings == ["chunked"] and not lengths:
        return None
    length = lengths.pop() if len(lengths) == 1 else "0"
    if codings or lengths or not length.isascii() or not length.isdigit() or len(length) > 15:
        raise NoWay(EgressReason.BAD_REQUEST)
    return int(length)


def _tunnel_target(authority: str) -> Target:
    match = _AUTHORITY.fullmatch(authority)
    url = _parse_url(f"http://{authority}/") if match else None
    if match is None or url is None:
        raise NoWay(EgressReason.BAD_REQUEST)
    return _target(url, int(match[1]))


def _parse_url(text: str) -> URL | None:
    try:
        return URL(text)
    except ValueError:
        return None


def _target(url: URL, port: int) -> Target:
    """ada has undone every spelling of an address by now: 0x7f.1, 2130706433, full-width digits."""
    return Target(url.hostname.strip("[]"), port, url.host_type is not HostType.DEFAULT)


def refusal(reason: EgressReason) -> bytes:
    """The proxy's own answer, whole."""
    status, phrase, sentence = _ANSWERS[reason]
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        f"{REASON_HEADER}: {reason}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(sentence) + 1}",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    return _joined(lines) + f"{sentence}\n".encode()
