"""The browser's only way to the network: a small HTTP proxy on loopback that dials permitted addresses and no others.

It resolves names itself and dials the very address that was judged, so a name can't change its answer in between.
Chromium follows redirects, loads scripts and opens WebSockets by itself; each is a connection, and each is judged here.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

import aiohappyeyeballs
from ada_url import URL
from aiohttp.abc import AbstractResolver, ResolveResult

from gleanery import log
from gleanery.web.egress_message import (
    MAX_HEAD_BYTES,
    EgressReason,
    NoWay,
    ProxyRequest,
    Target,
    parse_request,
    refusal,
    rewrite_answer,
)
from gleanery.web.guard import AddressPolicy, AddressRefused, socket_factory

# The ports that no browser dials (https://fetch.spec.whatwg.org/#port-blocking): mail, shells, printers, chats…
_BAD_PORTS = """
0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135
137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719
1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080
"""
# Stores that take lines of text for orders, and file shares: nothing that documentation is read from.
_STORE_PORTS = "445 1433 1521 3306 3389 5432 6379 11211 27017"
FORBIDDEN_PORTS = frozenset(int(port) for port in f"{_BAD_PORTS} {_STORE_PORTS}".split())

_MAX_ADDRESSES = 16
_MAX_INTERIM_ANSWERS = 5
_CHUNK_BYTES = 64 * 1024
_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1024 * 1024
_REMEMBERED = 1024

_LOG = log.get(__name__)


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """What one connection may cost; sizes in bytes, both directions together.

    A tunnel lives long: with HTTP/2 it carries every page of a host. `idle_seconds` is the longest silence of both
    ends, also while waiting for an answer; `total_seconds` and `max_bytes` end what never falls silent.
    """

    head_seconds: float = 10.0
    connect_seconds: float = 10.0
    idle_seconds: float = 60.0
    total_seconds: float = 1800.0
    max_bytes: int = 512 * 1024 * 1024
    max_connections: int = 512


@dataclass(frozen=True, slots=True)
class EgressCounts:
    """Since the proxy was opened: `refused` by EgressReason, `cut` by the limit that ended a connection."""

    open_connections: int
    accepted: int
    refused: Mapping[str, int]
    cut: Mapping[str, int]
    received_bytes: int
    sent_bytes: int


def chromium_flags(port: int) -> tuple[str, ...]:
    """The flags without which Chromium has other ways out than the proxy on `port`.

    None of them is `--disable-features`: Chromium heeds only the last one given, and Playwright gives one already.
    """
    return (
        f"--proxy-server=http://127.0.0.1:{port}",
        # Loopback goes through the proxy like everything else, where it is refused.
        "--proxy-bypass-list=<-loopback>",
        # Names are the proxy's to resolve: no prefetch, no lookup of a STUN server, nothing leaves by DNS.
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        # WebRTC may use no UDP but through a proxy, which this one doesn't carry.
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-quic",
    )


class _Names(AbstractResolver):
    """The system's resolver in threads of its own: names that hang hold up the browser, and nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="egress-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        return [
            ResolveResult(hostname=host, host=str(sockaddr[0]), port=port, family=kind, proto=proto, flags=0)
            for kind, _, proto, _, sockaddr in infos
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection, of the client or of the site."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass(slots=True)
class _Meter:
    """One connection's account: each piece that passes puts its end off, until its time or its bytes are spent."""

    clock: asyncio.Timeout
    ends_at: float
    idle_seconds: float
    bytes_left: int
    is_answered: bool
    cut_by: str = "idle_seconds"

    def spend(self, size: int) -> None:
        now = asyncio.get_running_loop().time()
        self.bytes_left -= size
        idle_at = now + self.idle_seconds
        if self.bytes_left < 0:
            self.cut_by, idle_at = "max_bytes", now
        elif idle_at > self.ends_at:
            self.cut_by, idle_at = "total_seconds", self.ends_at
        # Once it has run out there is nothing to put off, and asyncio says so with an error.
        if not self.clock.expired():
            self.clock.reschedule(idle_at)


@dataclass(slots=True)
class _Totals:
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    received_bytes: int = 0
    sent_bytes: int = 0


class EgressProxy:
    """The proxy on a free port of 127.0.0.1. Use as an async context manager; leaving it ends every connection.

    It carries tunnels (CONNECT, for https, wss and ws) and plain http, one request a connection. This server's own
    address is refused even where the policy allows it: what runs here is the script of a stranger. Only below `own_path`,
    where there is nothing but files that everybody may have, it may be got all the same. `resolver` replaces the system's.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        limits: EgressLimits | None = None,
        resolver: AbstractResolver | None = None,
        own_path: str | None = None,
    ) -> None:
        self._own = policy.own
        self._own_path = own_path
        self._make_own_socket = socket_factory(AddressPolicy(own=policy.own))
        self._policy = replace(policy, own=None)
        self._make_socket = socket_factory(self._policy)
        self._limits = limits or EgressLimits()
        self._given_resolver = resolver
        self._resolver: AbstractResolver | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._totals = _Totals()
        self._reasons: OrderedDict[tuple[str, int], EgressReason] = OrderedDict()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        self._resolver = self._given_resolver or _Names()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
        if self._resolver is not None and self._given_resolver is None:
            await self._resolver.close()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1. Raises RuntimeError outside the context."""
        if self._server is None:
            raise RuntimeError("EgressProxy is used outside its context")
        return int(self._server.sockets[0].getsockname()[1])

    def counts(self) -> EgressCounts:
        """What passed and what did not, so far."""
        totals = self._totals
        return EgressCounts(
            open_connections=len(self._tasks),
            accepted=totals.accepted,
            refused=dict(totals.refused),
            cut=dict(totals.cut),
            received_bytes=totals.received_bytes,
            sent_bytes=totals.sent_bytes,
        )

    def reason(self, url: str) -> EgressReason | None:
        """Why the last connection to the host and port of this href came to nothing; None if it didn't.

        Chromium tells of a refused tunnel only that it failed. The last thousand failures are remembered.
        """
        parsed = URL(url)
        port = int(parsed.port or (443 if parsed.protocol in ("https:", "wss:") else 80))
        return self._reasons.get((parsed.hostname.strip("[]"), port))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.transport.abort()
            return
        self._totals.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(_Line(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: _Line) -> None:
        try:
            try:
                if len(self._tasks) > self._limits.max_connections:
                    raise NoWay(EgressReason.TOO_MANY_CONNECTIONS)
                request = await self._read_request(client)
                if request is not None:
                    await self._carry(client, request)
            except NoWay as error:
                self._totals.refused[error.reason] += 1
                await _turn_down(client, error.reason)
        except OSError as error:
            _LOG.debug("A connection of the browser broke", extra={"error": str(error)})
        finally:
            client.writer.transport.abort()

    async def _read_request(self, client: _Line) -> ProxyRequest | None:
        """None for a client that leaves, or says nothing: Chromium opens connections ahead of need."""
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                head = await client.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, TimeoutError):
            return None
        except asyncio.LimitOverrunError:
            raise NoWay(EgressReason.HEAD_TOO_LARGE) from None
        return parse_request(head)

    async def _carry(self, client: _Line, request: ProxyRequest) -> None:
        target = request.target
        try:
            site = await (self._dial_own() if self._is_own_page(request) else self._dial(target))
        except NoWay as error:
            self._remember(target, error.reason)
            raise
        self._reasons.pop((target.host, target.port), None)
        try:
            await self._relay(client, site, request)
        finally:
            site.writer.transport.abort()

    def _remember(self, target: Target, reason: EgressReason) -> None:
        self._reasons[target.host, target.port] = reason
        self._reasons.move_to_end((target.host, target.port))
        if len(self._reasons) > _REMEMBERED:
            self._reasons.popitem(last=False)
        _LOG.debug("The browser was refused", extra={"host": target.host, "port": target.port, "reason": str(reason)})

    # Dial

    def _is_own_page(self, request: ProxyRequest) -> bool:
        target = request.target
        is_own = self._own is not None and target.is_literal and (target.host, target.port) == self._own
        return is_own and self._own_path is not None and request.got_path.startswith(self._own_path)

    async def _dial_own(self) -> _Line:
        assert self._own is not None
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                return await self._connect([self._own[0]], self._own[1], self._make_own_socket)
        except TimeoutError:
            raise NoWay(EgressReason.TIMED_OUT) from None
        except OSError:
            raise NoWay(EgressReason.CONNECT_FAILED) from None

    async def _dial(self, target: Target) -> _Line:
        if target.port in FORBIDDEN_PORTS or target.port > 65535:
            raise NoWay(EgressReason.PORT_FORBIDDEN)
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                addresses = [target.host] if target.is_literal else await self._look_up(target)
                permitted = [address for address in addresses if self._permits(address, target.port)]
                if not permitted:
                    raise NoWay(EgressReason.ADDRESS_FORBIDDEN)
                return await self._connect(permitted[:_MAX_ADDRESSES], target.port, self._make_socket)
        except TimeoutError:
            raise NoWay(EgressReason.TIMED_OUT) from None
        except AddressRefused:
            raise NoWay(EgressReason.ADDRESS_FORBIDDEN) from None
        except OSError:
            raise NoWay(EgressReason.CONNECT_FAILED) from None

    async def _look_up(self, target: Target) -> list[str]:
        assert self._resolver is not None
        try:
            found = await self._resolver.resolve(target.host, target.port, socket.AF_UNSPEC)
        except socket.gaierror as error:
            is_passing = error.errno == socket.EAI_AGAIN
            raise NoWay(EgressReason.CONNECT_FAILED if is_passing else EgressReason.HOST_NOT_FOUND) from None
        except UnicodeError:  # a label that is empty or longer than 63
            raise NoWay(EgressReason.HOST_NOT_FOUND) from None
        return [str(result["host"]) for result in found]

    def _permits(self, address: str, port: int) -> bool:
        """Whether this address, as a resolver spells it, may be dialled: by the policy, and not ourselves."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        form = getattr(parsed, "ipv4_mapped", None) or parsed
        ports = {self.port, self._own[1]} if self._own else {self.port}
        is_ours = port in ports and (form.is_loopback or (self._own is not None and str(form) == self._own[0]))
        return not is_ours and self._policy.permits(address, port)

    async def _connect(
        self, addresses: list[str], port: int, make_socket: Callable[[tuple[Any, ...]], socket.socket]
    ) -> _Line:
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        infos: list[Any] = []
        for address in addresses:
            infos += socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=numeric)
        # The factory is the guard's own: the last to see an address, and the one that makes the socket.
        sock = await aiohappyeyeballs.start_connection(
            infos, happy_eyeballs_delay=0.25, interleave=1, socket_factory=make_socket
        )
        with ExitStack() as stack:
            stack.callback(sock.close)
            reader, writer = await asyncio.open_connection(sock=sock, limit=MAX_HEAD_BYTES)
            stack.pop_all()
        return _Line(reader, writer)

    # Relay

    async def _relay(self, client: _Line, site: _Line, request: ProxyRequest) -> None:
        """Carry bytes both ways until one side leaves or a limit is reached. Raises NoWay before an answer's head."""
        limits = self._limits
        ends_at = asyncio.get_running_loop().time() + limits.total_seconds
        clock = asyncio.timeout(limits.idle_seconds)
        meter = _Meter(clock, ends_at, limits.idle_seconds, limits.max_bytes, is_answered=request.is_tunnel)
        try:
            async with clock:
                if request.is_tunnel:
                    client.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    site.writer.write(request.head)
                await self._both_ways(client, site, request, meter)
                client.writer.close()
                await client.writer.wait_closed()
        except TimeoutError:
            self._totals.cut[meter.cut_by] += 1
            if not meter.is_answered:
                raise NoWay(EgressReason.TIMED_OUT) from None

    async def _both_ways(self, client: _Line, site: _Line, request: ProxyRequest, meter: _Meter) -> None:
        reason: EgressReason | None = None
        async with asyncio.TaskGroup() as group:
            upwards = group.create_task(self._send(client, site, request.body_bytes, meter))
            if not request.is_tunnel:
                reason = await self._pass_head(site, client, meter)
            if reason is None:
                await self._receive(site, client, meter)
            upwards.cancel()
        # A client that left meanwhile took the site along: nothing went wrong, and nobody is there to be told.
        if reason is not None and not client.reader.at_eof():
            raise NoWay(reason)

    async def _send(self, client: _Line, site: _Line, body_bytes: int | None, meter: _Meter) -> None:
        """From the client to the site, no more than the request announced. Who leaves takes the other along."""
        left = body_bytes
        with suppress(OSError):
            while data := await client.reader.read(_CHUNK_BYTES):
                meter.spend(len(data))
                self._totals.sent_bytes += len(data)
                if left is not None:
                    data, left = data[:left], max(left - len(data), 0)
                site.writer.write(data)
                await site.writer.drain()
        site.writer.close()

    async def _pass_head(self, site: _Line, client: _Line, meter: _Meter) -> EgressReason | None:
        """Why there is no answer to pass on; returned, because an error would come out of the group wrapped."""
        try:
            for _ in range(_MAX_INTERIM_ANSWERS):
                head = rewrite_answer(await site.reader.readuntil(b"\r\n\r\n"))
                if head is not None:
                    meter.is_answered = True
                    client.writer.write(head)
                    return None
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, NoWay):
            pass
        return EgressReason.BAD_ANSWER

    async def _receive(self, site: _Line, client: _Line, meter: _Meter) -> None:
        with suppress(OSError):
            while data := await site.reader.read(_CHUNK_BYTES):
                meter.spend(len(data))
                self._totals.received_bytes += len(data)
                client.writer.write(data)
                await client.writer.drain()


async def _turn_down(client: _Line, reason: EgressReason) -> None:
    """Answer with the reason, and hear the client out: closing over what it still sends would lose it the answer."""
    client.writer.write(refusal(reason))
    client.writer.write_eof()
    heard = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while heard < _LINGER_BYTES and (data := await client.reader.read(_CHUNK_BYTES)):
                heard += len(data)
