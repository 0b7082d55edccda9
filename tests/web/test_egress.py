"""The browser's proxy: what it carries, what it refuses, and that nothing makes it dial what it must not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gleanery.web.egress import FORBIDDEN_PORTS, EgressLimits, EgressProxy, chromium_flags
from gleanery.web.egress_message import EgressReason, NoWay, Target, parse_request, rewrite_answer
from gleanery.web.guard import AddressPolicy
from tests.sites import run
from tests.sites.hostile import hostile_site

TOKEN = b"canary-7f3a91"
PUBLIC = AddressPolicy.parse(["127.0.0.2"])
"""127.0.0.2 stands for the public web; the canary sings on 127.0.0.1."""


class Names(AbstractResolver):
    """Answers each name with its addresses of this turn: the last ones stay. Unknown names don't exist."""

    def __init__(self, **turns: list[str]) -> None:
        self.turns = {f"{name}.test": [turn.split() for turn in found] for name, found in turns.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        turns = self.turns.get(host)
        if turns is None:
            raise socket.gaierror(socket.EAI_NONAME, "made up")
        found = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=6, flags=0)
            for address in found
        ]

    async def close(self) -> None:
        pass


class Silence(Names):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        raise AssertionError


@dataclass(slots=True)
class Peer:
    """A bare TCP server: how many connections it got, what it heard, and when the first of them ended."""

    port: int = 0
    connections: int = 0
    heard: bytearray = field(default_factory=bytearray)
    left: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def peer(
    host: str, says: bytes = b"", *, echoes: bool = False, endless: bool = False, hangs_up: bool = False
) -> AsyncIterator[Peer]:
    """A Peer that says this at once, and then listens, says back what it hears, goes on saying it for ever, or says no more."""
    made = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        try:
            writer.write(says)
            if hangs_up:
                writer.write_eof()
            while endless:
                writer.write(says)
                await writer.drain()
            while data := await reader.read(65536):
                made.heard += data
                if echoes:
                    writer.write(data)
        except ConnectionError:
            pass
        finally:
            made.left.set()
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def ask(proxy: EgressProxy, request: str) -> bytes:
    """All that the proxy answers to these lines, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(request.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


def reason(answer: bytes) -> str | None:
    head = answer.partition(b"\r\n\r\n")[0].decode()
    return next((line.split(": ")[1] for line in head.split("\r\n") if line.startswith("X-Egress-Reason: ")), None)


async def refused(proxy: EgressProxy, request: str) -> tuple[int, str | None]:
    """The status and the reason of an answer of the proxy's own."""
    answer = await ask(proxy, request)
    return int(answer.split(b" ")[1]), reason(answer)


# Carry


async def test_plain_http_goes_through() -> None:
    names = Names(docs=["127.0.0.2"])
    async with hostile_site(host="127.0.0.2") as site, EgressProxy(PUBLIC, resolver=names) as proxy:
        port = urlsplit(site.url).port
        answer = await ask(
            proxy,
            f"GET http://docs.test:{port}/ok/1?q=%20 HTTP/1.1\nHost: other.test\nProxy-Connection: keep-alive\n"
            "Proxy-Authorization: Basic eDp5\nConnection: X-Mine\nX-Mine: 1\nTE: trailers\nX-Kept: ü",
        )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"<h1>Page 1</h1>" in answer
    assert site.requests == ["/ok/1?q=%20"]
    asked = {name.lower(): value for name, value in site.headers[0].items()}
    assert asked == {"host": f"docs.test:{port}", "x-kept": "ü", "connection": "close"}
    counts = proxy.counts()
    assert (counts.open_connections, counts.accepted, counts.refused, counts.cut) == (0, 1, {}, {})
    assert counts.received_bytes > 100


@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_go_through(chunked: bool) -> None:
    received: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        received.append(await request.read())
        return web.Response(status=201, text=str(len(received[0])))

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x" * 50_000

    app = web.Application(client_max_size=10**6)
    app.router.add_post("/take", take)
    async with run(app, "127.0.0.2") as url, EgressProxy(PUBLIC) as proxy, aiohttp.ClientSession() as client:
        data = pieces() if chunked else b"x" * 400_000
        async with client.post(f"{url}/take", data=data, proxy=f"http://127.0.0.1:{proxy.port}") as response:
            assert (response.status, await response.text()) == (201, "400000")
    assert received == [b"x" * 400_000]


async def test_a_tunnel_carries_both_ways_until_the_client_leaves() -> None:
    async with peer("127.0.0.2", b"hello ", echoes=True) as echo, EgressProxy(PUBLIC) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        # What a hasty client sends behind the request belongs to the site.
        writer.write(f"CONNECT 127.0.0.2:{echo.port} HTTP/1.1\r\nHost: x\r\n\r\nearly".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        assert await reader.readexactly(11) == b"hello early"
        writer.write(b"late")
        assert await reader.readexactly(4) == b"late"
        writer.close()
        async with asyncio.timeout(60):
            await echo.left.wait()


async def test_what_follows_a_request_is_not_sent_on() -> None:
    async with peer("127.0.0.2", b"HTTP/1.1 200 OK\r\n\r\nbody") as site, EgressProxy(PUBLIC) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        url = f"http://127.0.0.2:{site.port}/"
        writer.write(f"POST {url} HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET {url} HTTP/1.1\r\n\r\n".encode())
        assert await reader.readuntil(b"body") == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody"
        writer.close()
        async with asyncio.timeout(60):
            await site.left.wait()
    assert bytes(site.heard) == (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.2:{site.port}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc".encode()
    )


# Refuse

SPELLINGS = """
127.0.0.1 127.1 0x7f.1 0x7f000001 2130706433 017700000001 0177.0.0.1 %31%32%37.0.0.1 127.0.0.1. 0.0.0.0 0
localhost LOCALHOST localhost. [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1]
[::ffff:0:7f00:1] [64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::]
[fe80::1] [fc00::1] private.test mapped.test nat64.test sixtofour.test several.test zone.test
"""
PRIVATE_NAMES = {
    "private": ["127.0.0.1"],
    "mapped": ["::ffff:127.0.0.1"],
    "nat64": ["64:ff9b::7f00:1"],
    "sixtofour": ["2002:7f00:1::"],
    "several": ["10.0.0.1 127.0.0.1 ::1 not-an-address"],
    "zone": ["fe80::1%lo"],
}


@pytest.mark.parametrize("line", ["GET http://{}/", "CONNECT {}"])
async def test_the_canary_is_out_of_reach(line: str) -> None:
    names = Names(**PRIVATE_NAMES)
    names.turns |= {"localhost": [["127.0.0.1", "::1"]], "localhost.": [["127.0.0.1"]]}
    async with peer("127.0.0.1", TOKEN) as canary, EgressProxy(PUBLIC, resolver=names) as proxy:
        found = {
            host: await refused(proxy, f"{line.format(f'{host}:{canary.port}')} HTTP/1.1") for host in SPELLINGS.split()
        }
        assert proxy.reason(f"http://127.1:{canary.port}/x") is EgressReason.ADDRESS_FORBIDDEN
        assert proxy.reason(f"http://127.0.0.2:{canary.port}/") is None
    assert found == dict.fromkeys(SPELLINGS.split(), (403, "address_forbidden"))
    assert canary.connections == 0
    assert proxy.counts().refused == {"address_forbidden": len(found)}


async def test_a_name_that_changes_its_answer_is_judged_each_time() -> None:
    names = Names(rebind=["127.0.0.2", "127.0.0.1"])
    async with peer("127.0.0.1", TOKEN) as canary, EgressProxy(PUBLIC, resolver=names) as proxy:
        line = f"CONNECT rebind.test:{canary.port} HTTP/1.1"
        # The first answer is permitted, and that address is dialled: nobody listens there on the canary's port.
        assert await refused(proxy, line) == (502, "connect_failed")
        assert await refused(proxy, line) == (403, "address_forbidden")
    assert canary.connections == 0


async def test_of_several_addresses_the_permitted_one_is_dialled() -> None:
    names = Names(both=["127.0.0.1 127.0.0.2"])
    async with peer("127.0.0.2", b"public") as site, EgressProxy(PUBLIC, resolver=names) as proxy:
        canary = await asyncio.start_server(lambda _, writer: writer.write(TOKEN), "127.0.0.1", site.port)
        async with canary:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(f"CONNECT both.test:{site.port} HTTP/1.1\r\n\r\n".encode())
            assert (await reader.readuntil(b"public")).endswith(b"\r\n\r\npublic")
            writer.close()


async def test_this_server_and_the_proxy_are_refused_where_loopback_is_allowed() -> None:
    async with peer("127.0.0.1", TOKEN) as canary:
        loopback = AddressPolicy.parse(["127.0.0.0/8", "::1"])
        policy = AddressPolicy(loopback.allow, own=("127.0.0.1", canary.port))
        async with EgressProxy(policy) as proxy:
            for port in (canary.port, proxy.port):
                for host in ("127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "localhost"):
                    assert await refused(proxy, f"CONNECT {host}:{port} HTTP/1.1") == (403, "address_forbidden")
        async with EgressProxy(AddressPolicy(own=("127.0.0.1", canary.port))) as proxy:
            assert await refused(proxy, f"CONNECT 127.0.0.1:{canary.port} HTTP/1.1") == (403, "address_forbidden")
    assert canary.connections == 0


async def test_only_files_below_the_own_path_are_got_from_this_server() -> None:
    async with peer("127.0.0.1", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as own:
        policy = AddressPolicy(own=("127.0.0.1", own.port))
        async with EgressProxy(policy, own_path="/example/") as proxy:
            base = f"http://127.0.0.1:{own.port}"
            for line in (
                f"GET {base}/api/v1/tasks HTTP/1.1",
                f"GET {base}/example/../api/v1/tasks HTTP/1.1",
                f"GET {base}/example/%2e%2e/api/v1/tasks HTTP/1.1",
                f"POST {base}/example/ HTTP/1.1",
                f"GET http://localhost:{own.port}/example/ HTTP/1.1",
                f"CONNECT 127.0.0.1:{own.port} HTTP/1.1",
            ):
                assert await refused(proxy, line) == (403, "address_forbidden"), line
            assert own.connections == 0
            async with (
                aiohttp.ClientSession(proxy=f"http://127.0.0.1:{proxy.port}") as client,
                client.get(f"{base}/example/index.html") as response,
            ):
                assert (response.status, await response.text()) == (200, "ok")
    assert own.connections == 1


async def test_a_redirect_is_the_browsers_to_follow_and_ours_to_refuse() -> None:
    async with (
        peer("127.0.0.1", TOKEN) as canary,
        hostile_site(host="127.0.0.2") as site,
        EgressProxy(PUBLIC) as proxy,
        aiohttp.ClientSession(proxy=f"http://127.0.0.1:{proxy.port}") as client,
        client.get(f"{site.url}/redirect-to?url=http://0x7f.1:{canary.port}/") as response,
    ):
        text = await response.text()
    assert (response.status, response.headers["X-Egress-Reason"]) == (403, "address_forbidden")
    assert text == "It leads to a private or reserved address.\n"
    assert canary.connections == 0


@pytest.mark.parametrize("port", [0, 22, 25, 6379, 6667, 10080])
async def test_ports_of_other_protocols_are_refused(port: int) -> None:
    async with EgressProxy(PUBLIC) as proxy:
        assert await refused(proxy, f"CONNECT 127.0.0.2:{port} HTTP/1.1") == (403, "port_forbidden")


def test_ports_of_documentation_sites_are_not_refused() -> None:
    assert FORBIDDEN_PORTS.isdisjoint({80, 443, 591, 1313, 3000, 4000, 4321, 5000, 5173, 6006, 8000, 8080, 8443, 9000})


@pytest.mark.parametrize(
    ("request_", "status", "why"),
    [
        ("GET / HTTP/1.1\nHost: 127.0.0.2", 400, "bad_request"),
        ("GET https://127.0.0.2/ HTTP/1.1", 400, "bad_request"),
        ("GET ftp://127.0.0.2/ HTTP/1.1", 400, "bad_request"),
        ("GET file:///etc/passwd HTTP/1.1", 400, "bad_request"),
        ("GET http:///nowhere HTTP/9.9", 400, "bad_request"),
        ("CONNECT 127.0.0.2 HTTP/1.1", 400, "bad_request"),
        ("CONNECT docs.test@127.0.0.1:443 HTTP/1.1", 400, "bad_request"),
        ("CONNECT 127.0.0.2:443/x HTTP/1.1", 400, "bad_request"),
        ("CONNECT 127.0.0.2:99999 HTTP/1.1", 400, "bad_request"),
        ("CONNECT [::1%25lo]:443 HTTP/1.1", 400, "bad_request"),
        ("GET http://127.0.0.2/ HTTP/1.1\nno header", 400, "bad_request"),
        ("GET http://127.0.0.2/ HTTP/1.1\nA: b\n folded", 400, "bad_request"),
        ("POST http://127.0.0.2/ HTTP/1.1\nContent-Length: 1\nContent-Length: 2", 400, "bad_request"),
        ("POST http://127.0.0.2/ HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked", 400, "bad_request"),
        ("GET http://127.0.0.2/ HTTP/1.1" + "\nA: b" * 201, 431, "head_too_large"),
        ("GET http://127.0.0.2/ HTTP/1.1\nA: " + "b" * 70_000, 431, "head_too_large"),
        ("CONNECT nowhere.test:443 HTTP/1.1", 502, "host_not_found"),
        ("GET http://127.0.0.2:1024/ HTTP/1.1", 502, "connect_failed"),
    ],
)
async def test_what_can_not_be_done_is_said(request_: str, status: int, why: str) -> None:
    async with EgressProxy(PUBLIC, resolver=Names()) as proxy:
        assert await refused(proxy, request_) == (status, why)
        assert proxy.counts().refused == {why: 1}


async def test_names_that_no_resolver_takes_do_not_exist() -> None:
    async with EgressProxy(PUBLIC) as proxy:
        assert await refused(proxy, f"CONNECT {'a' * 64}.test:443 HTTP/1.1") == (502, "host_not_found")
        assert await refused(proxy, "CONNECT a..test:443 HTTP/1.1") == (502, "host_not_found")


# Hostile sites


@pytest.mark.parametrize(
    "says",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9,
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 201 + b"\r\n",
    ],
)
async def test_answers_that_are_none(says: bytes) -> None:
    async with peer("127.0.0.2", says) as site, EgressProxy(PUBLIC) as proxy:
        assert await refused(proxy, f"GET http://127.0.0.2:{site.port}/ HTTP/1.1") == (502, "bad_answer")


async def test_a_site_can_not_speak_for_the_proxy() -> None:
    says = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Egress-Reason: address_forbidden\r\nAlt-Svc: h3\r\nA: b\r\n"
    )
    says += b"nonsense\r\n\r\n"
    async with peer("127.0.0.2", says, hangs_up=True) as site, EgressProxy(PUBLIC) as proxy:
        answer = await ask(proxy, f"GET http://127.0.0.2:{site.port}/ HTTP/1.1")
    assert answer == b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n"


async def test_a_silent_site_is_given_up() -> None:
    limits = EgressLimits(idle_seconds=0.1)
    async with peer("127.0.0.2") as site, EgressProxy(PUBLIC, limits=limits) as proxy:
        assert await refused(proxy, f"GET http://127.0.0.2:{site.port}/ HTTP/1.1") == (504, "timed_out")
        assert await ask(proxy, f"CONNECT 127.0.0.2:{site.port} HTTP/1.1") == (
            b"HTTP/1.1 200 Connection established\r\n\r\n"
        )
        assert proxy.counts().cut == {"idle_seconds": 2}


async def test_an_endless_site_is_cut_off() -> None:
    limits = EgressLimits(max_bytes=1_000_000)
    async with peer("127.0.0.2", b"x" * 10_000, endless=True) as site, EgressProxy(PUBLIC, limits=limits) as proxy:
        answer = await ask(proxy, f"CONNECT 127.0.0.2:{site.port} HTTP/1.1")
        # What was read already when the limit was reached is a few pieces of 64 KiB at most.
        assert 700_000 < len(answer) < 1_400_000
        assert proxy.counts().cut == {"max_bytes": 1}


async def test_a_site_that_trickles_for_ever_is_cut_off() -> None:
    limits = EgressLimits(total_seconds=0.3)
    async with hostile_site(host="127.0.0.2") as site, EgressProxy(PUBLIC, limits=limits) as proxy:
        answer = await ask(proxy, f"GET {site.url}/slow HTTP/1.1")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert proxy.counts().cut == {"total_seconds": 1}


async def test_a_reader_that_stops_reading_is_cut_off() -> None:
    limits = EgressLimits(idle_seconds=0.2)
    async with peer("127.0.0.2", b"x" * 65536, endless=True) as site, EgressProxy(PUBLIC, limits=limits) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, limit=1024)
        writer.write(f"CONNECT 127.0.0.2:{site.port} HTTP/1.1\r\n\r\n".encode())
        async with asyncio.timeout(60):
            await site.left.wait()
        assert proxy.counts().cut == {"idle_seconds": 1}
        writer.transport.abort()


async def test_a_silent_client_is_dropped() -> None:
    async with EgressProxy(PUBLIC, limits=EgressLimits(head_seconds=0.1)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET http://127.0.0.2/ HTTP/1.1\r\n")
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()
        assert proxy.counts().refused == {}


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async with EgressProxy(PUBLIC, limits=EgressLimits(connect_seconds=0.1), resolver=Silence()) as proxy:
        assert await refused(proxy, "CONNECT docs.test:443 HTTP/1.1") == (504, "timed_out")


async def test_connections_are_bounded() -> None:
    async with peer("127.0.0.2") as site, EgressProxy(PUBLIC, limits=EgressLimits(max_connections=2)) as proxy:
        line = f"CONNECT 127.0.0.2:{site.port} HTTP/1.1"
        held = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(2)]
        for reader, writer in held:
            writer.write(f"{line}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
        assert await refused(proxy, line) == (503, "too_many_connections")
        for _, writer in held:
            writer.close()


async def test_leaving_ends_every_connection() -> None:
    async with peer("127.0.0.2", b"hello") as site:
        async with EgressProxy(PUBLIC) as proxy:
            port = proxy.port
            tunnel, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"CONNECT 127.0.0.2:{site.port} HTTP/1.1\r\n\r\n".encode())
            await tunnel.readuntil(b"hello")
            silent, other = await asyncio.open_connection("127.0.0.1", port)
        assert proxy.counts().open_connections == 0
        async with asyncio.timeout(60):
            await site.left.wait()
            assert (await tunnel.read(), await silent.read()) == (b"", b"")
        for line in (writer, other):
            line.transport.abort()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises(RuntimeError):
        _ = proxy.port


# Messages


@pytest.mark.parametrize(
    ("authority", "target"),
    [
        ("docs.example.org:443", Target("docs.example.org", 443, False)),
        ("127.1:80", Target("127.0.0.1", 80, True)),
        ("[::FFFF:127.0.0.1]:8443", Target("::ffff:7f00:1", 8443, True)),
    ],
)
def test_targets_of_tunnels(authority: str, target: Target) -> None:
    request = parse_request(f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode())
    assert (request.is_tunnel, request.target) == (True, target)


def test_an_answer_may_not_hide_where_it_ends() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: content-length, x-a\r\nContent-Length: 3\r\nX-A: 1\r\nKeep-Alive: 5\r\n\r\n"
    assert rewrite_answer(head) == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("head", [b"\r\n\r\n", b"\0\xff\r\n\r\n", b"GET\r\n\r\n", b"CONNECT :1 HTTP/1.1\r\n\r\n"])
def test_heads_that_are_none(head: bytes) -> None:
    with pytest.raises(NoWay):
        parse_request(head)
    with pytest.raises(NoWay):
        rewrite_answer(head)


def test_the_flags_leave_one_feature_list_to_playwright() -> None:
    flags = chromium_flags(4711)
    assert flags[0] == "--proxy-server=http://127.0.0.1:4711"
    assert not [flag for flag in flags if flag.startswith(("--disable-features", "--enable-features"))]
